"""Figures of what the initial weights do to the plateaus (Figures 2C and 2D), and Figure 2."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.interpolate import PchipInterpolator

from ...notebook import Picture
from ...notebook.look import BLUE, DASHED, INK, ORANGE, RED, dashed, draw_words, shades
from ..figure2 import Curves, draw_curves, draw_data, draw_width


def power(value: float) -> str:
    """A power of ten as one writes it."""
    exponent = np.log10(value)
    return "1" if exponent == 0 else rf"$\mathbf{{10^{{{exponent:.3g}}}}}$"


def low_rank_figure(linear: dict, attention: dict) -> Figure:
    """A large start of rank one, perturbed: loss, distance from the saddle's loss, and the wait.

    Rows for the linear network and for attention, each a dict: "runs" for each of "perturbations",
    the saddle's "level", "rates" of the exponentials at which the loss comes and, if it does, goes,
    "waits", a triple of arrays (predicted, measured, in time) and "times", the ends of two axes.
    """
    fig, axes = plt.subplots(2, 3, figsize=(9, 5.2), width_ratios=(1.25, 1.25, 1))
    names = ("linear network", "linear attention")
    for row, panel, name in zip(axes, (linear, attention), names, strict=True):
        level, zero, last = panel["level"], panel["zero"], panel["runs"][-1]
        colours = shades(len(panel["runs"]))
        for run, colour in zip(panel["runs"], colours, strict=True):
            row[0].plot(run.times, run.losses / zero, color=colour)
            row[1].semilogy(run.times, np.abs(run.losses - level) / zero, color=colour, lw=1.3)
        away = np.abs(last.losses - level) / zero
        turn = int(away.argmin())
        for rate, side in zip(panel["rates"], (slice(0, turn), slice(turn, None)), strict=False):
            _draw_rate(row[1], last.times[side], away[side], rate)
        row[0].axhline(level / zero, color=INK, lw=0.9, ls=DASHED)
        row[0].set(ylabel=f"{name}\n\nloss / loss of no unit", ylim=(-0.03, 1.1))
        row[1].set(ylim=(1e-10, 3), ylabel="|loss − saddle's|")
        for ax, end in zip(row, panel["times"], strict=False):
            ax.set(xlabel="gradient-flow time", xlim=(0, end))
        _draw_waits(row[2], *panel["waits"])
        words = zip(panel["perturbations"], colours, strict=True)
        draw_words(row[0], [(f"δ = {power(p)}", c) for p, c in words], 1.02, 0.085)
    titles = ("a large unit, all others of size δ", "how it comes, and goes", "the wait")
    for ax, title in zip(axes[0], titles, strict=True):
        ax.set_title(title)
    axes[0, 2].set(xlabel="ln(1/δ), from the largest", ylabel="wait × rate s̃, from the first")
    axes[1, 2].set(xlabel="wait, predicted", ylabel="wait, measured", xscale="log", yscale="log")
    return fig


def _draw_rate(ax: Axes, times: np.ndarray, away: np.ndarray, rate: float) -> None:
    """An exponential, dashed, beside a curve: through its point in the middle of the decades."""
    middle = np.sqrt(1e-8 * 1e-2)
    k = int(np.argmin(np.abs(np.log(away / middle))))
    line = away[k] * np.exp(rate * (times - times[k]))
    dashed(ax, times[line < 1], line[line < 1], zorder=4)


def _draw_waits(ax: Axes, predicted: np.ndarray, measured: np.ndarray, in_time: np.ndarray) -> None:
    """Predicted against measured; hollow, runs that do not reach their saddle in time.

    Those far above the others are drawn as triangles at the top.
    """
    good, top = np.broadcast_to(in_time, measured.shape), 1.25 * predicted.max()
    far = measured > top
    style = {"mfc": "none", "mec": RED, "mew": 0.7, "ms": 3.5}
    ax.plot(predicted[~good & ~far], measured[~good & ~far], "o", **style)
    ax.plot(predicted[far], np.full(far.sum(), top), "^", **style)
    ax.plot(predicted[good], measured[good], "o", color=BLUE, ms=3, mec="white", mew=0.3)
    ends = [predicted.min(), predicted.max()]
    dashed(ax, ends, ends, zorder=4)
    if (~good).any():
        draw_words(ax, [("hollow: late", RED), ("at the saddle", RED)], 0.22)


def scales_figure(
    curves: tuple[Curves, Curves], shown: Sequence[float], durations: Sequence[dict]
) -> Figure:
    """Isotropic starts: loss from the scales `shown`, and how long plateaus last from any scale.

    For the linear network and for attention, whose time is shown times its scale.  Each dict has
    "scales", measured "durations" (scales, seeds, 2), and "theory" (scales, 2), dashed.
    """
    fig, axes = plt.subplots(2, 2, figsize=(7.6, 5), height_ratios=(1.15, 1))
    draw_scales(axes[0], *curves, shown)
    for ax, panel in zip(axes[1], durations, strict=True):
        scales = panel["scales"]
        for k, colour in enumerate((BLUE, ORANGE)):
            low, middle, high = np.quantile(panel["durations"][..., k], (0.1, 0.5, 0.9), axis=1)
            ax.fill_between(scales, low, high, color=colour, alpha=0.22, lw=0)
            ax.plot(scales, middle, "o-", color=colour, ms=3, lw=1.2)
            dashed(ax, scales, panel["theory"][:, k], zorder=4)
        ax.set(xscale="log", xlabel="initial scale ε", ylabel="from drop to drop")
    axes[1, 1].set_yscale("log")
    draw_words(axes[1, 0], [("first plateau between drops", BLUE), ("second", ORANGE)], 1.0)
    return fig


def draw_scales(
    axes: Sequence[Axes], linear: Curves, attention: Curves, scales: tuple[Sequence, Sequence]
) -> None:
    """Figure 2D on two axes: losses from some initial scales, attention over time times eps."""
    draw_curves(axes[0], linear, scales[0])
    scaled = []
    for (times, losses), scale in zip(attention, scales[1], strict=True):
        count = len(times)  # records are few in a quick drop
        smooth = np.interp(np.linspace(0, count - 1, 10 * count), np.arange(count), times)
        scaled.append((smooth * scale, PchipInterpolator(times, losses)(smooth)))
    draw_curves(axes[1], scaled, scales[1])
    _label(axes, [[f"ε = {power(e)}" for e in each] for each in scales], "ε")


def draw_ranks(
    axes: Sequence[Axes], linear: Curves, attention: Curves, ranks: Sequence[int], scale: float
) -> None:
    """Figure 2C on two axes: losses from large starts of some ranks, all else perturbed.

    `scale` is the size of the perturbation of the heads; their time is shown times it.
    """
    draw_curves(axes[0], linear, ranks)
    draw_curves(axes[1], [(t * scale, loss) for t, loss in attention], ranks)
    _label(axes, [[f"rank {rank}" for rank in ranks], [f"{rank} large" for rank in ranks]], "δ")


def _label(axes: Sequence[Axes], words: Sequence[Sequence[str]], unit: str) -> None:
    for ax, names in zip(axes, words, strict=True):
        colours = shades(len(names))
        draw_words(ax, list(zip(names, colours, strict=True)), 1.0, 0.085)
    axes[0].set(xlabel="gradient-flow time", title="linear network")
    axes[1].set(xlabel=f"gradient-flow time × {unit}", title="linear attention", ylabel="")


def figure_two(
    width: tuple[Curves, Curves, Sequence[int], float],
    data: tuple[Curves, Curves, Sequence[float], float],
    ranks: tuple[Curves, Curves, Sequence[int], float],
    scales: tuple[Curves, Curves, tuple[Sequence, Sequence]],
    levels: tuple[np.ndarray, np.ndarray],
) -> Figure:
    """Figure 2: what width (A), data (B), low rank (C) and the initial scale (D) do to the drops.

    Each is the arguments of its drawing function, linear network left, attention right; `levels`
    (4,) of the saddles of both, as fractions of the first, are dashed where the data are the same.
    """
    fig, axes = plt.subplots(2, 4, figsize=(8, 4.7), sharey=True)
    draw_width(axes[0, :2], *width)
    draw_data(axes[0, 2:], *data)
    draw_ranks(axes[1, :2], *ranks)
    draw_scales(axes[1, 2:], *scales)
    titles = ("width", "data", "initial rank", "initial scale")
    for letter, title, ax in zip("ABCD", titles, axes[:, ::2].flat, strict=True):
        ax.annotate(f"{letter}  {title}", (-0.1, 1.16), xycoords="axes fraction", fontsize=10.5,
                    fontweight="bold")  # fmt: skip
    for ax in axes[:, 1:].flat:
        ax.set_ylabel("")
    for pair in (axes[0, :2], axes[1, :2], axes[1, 2:]):
        for ax, values in zip(pair, levels, strict=True):
            ax.hlines(values[1:], *ax.get_xlim(), color=INK, lw=0.6, ls=DASHED, zorder=1)
    return fig


def low_rank_start_picture(
    panels: np.ndarray, ten: np.ndarray, few: np.ndarray, predicted: np.ndarray,
    measured: np.ndarray, slopes: np.ndarray, last: np.ndarray, grown: np.ndarray,
) -> Picture:  # fmt: skip
    """Figure 2C: large starts of rank one, and their waits over the perturbation."""
    fig = low_rank_figure(*panels)
    alt = (
        "Loss from one large unit and others of size delta, for a linear network and "
        "attention: no first plateau, then a wait at the saddle of one unit. On a log axis "
        "the loss comes to it as an exponential; the linear network leaves it as another. "
        "Waits lie on the predicted lines."
    )
    return Picture(
        fig, "low_rank_start", alt, {"seed": np.repeat(ten, len(few)), "perturbation": np.tile(few,
        len(predicted)), "predicted": predicted.ravel(), "measured": measured.ravel()},
        {"linear": {"slope": slopes, "last_slope": last, "ln_growth_bound": grown}},
    )  # fmt: skip


def isotropic_start_picture(
    by_scale: tuple[Curves, Curves],
    shown: Sequence[float],
    scales: np.ndarray,
    lasting: np.ndarray,
    theory: np.ndarray,
    head_scales: np.ndarray,
    head_lasting: np.ndarray,
    from_draw: np.ndarray,
) -> Picture:
    """Figure 2D: isotropic starts, and durations of the plateaus over their scale."""
    fig = scales_figure(
        by_scale, shown, [{"scales": scales, "durations": lasting, "theory": theory},
        {"scales": head_scales, "durations": head_lasting, "theory": np.median(from_draw,
        0) / head_scales[:, None]}],
    )  # fmt: skip
    alt = (
        "Loss from isotropic starts of several scales, and the time from drop to drop over "
        "the scale. In the linear network it falls along straight lines in ln(1/eps) and "
        "bends to zero as the wide limit says; in attention it falls as 1/eps."
    )
    return Picture(
        fig, "isotropic_start", alt, {"scale": scales, "first": np.median(lasting[..., 0], 1),
        "second": np.median(lasting[..., 1], 1), "wide_limit_first": theory[:, 0],
        "wide_limit_second": theory[:, 1]},
    )  # fmt: skip


def fig2_picture(
    by_width: np.ndarray, widths: np.ndarray, head_scale: np.ndarray, by_data: np.ndarray,
    kappas: np.ndarray, by_rank: np.ndarray, ranks: np.ndarray, by_scale: np.ndarray,
    shown: np.ndarray, levels: np.ndarray, head_levels: np.ndarray, fixed_norm: np.ndarray,
    numbers: np.ndarray,
) -> Picture:  # fmt: skip
    """Figure 2, panels A to D."""
    fig = figure_two(
        (*by_width, widths, head_scale), (*by_data, kappas, head_scale), (*by_rank, ranks,
        head_scale), (*by_scale, shown), (levels / levels[0], head_levels / head_levels[0]),
    )  # fmt: skip
    alt = (
        "Figure 2. Loss over time of a linear network and of attention: more units shorten "
        "attention's plateaus only; equal strengths remove the linear network's only; each "
        "large unit removes the first plateau left; a larger initial scale weakens all of "
        "them."
    )
    return Picture(fig, "fig2", alt, {"width": widths, "linear_scale": fixed_norm}, numbers)
