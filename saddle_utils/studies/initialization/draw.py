"""Figures of what the initial weights do to the plateaus (Figures 2C and 2D), and Figure 2."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from scipy.interpolate import PchipInterpolator

from ...notebook import Picture
from ...notebook.colours import BLUE, DASHED, INK, ORANGE, RED, shades
from ...notebook.look import dashed, draw_levels, draw_words
from ..figure2 import Curves, draw_both, draw_curves

Pair = tuple[Curves, Curves]  # of the linear network and of attention


def power(value: float) -> str:
    """A power of ten as one writes it."""
    exponent = np.log10(value)
    return "1" if exponent == 0 else rf"$\mathbf{{10^{{{exponent:.3g}}}}}$"


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


def low_rank_start_picture(
    panels: Sequence[dict], ten: Sequence[int], few: np.ndarray, predicted: np.ndarray,
    measured: np.ndarray, slopes: np.ndarray, last: np.ndarray, grown: np.ndarray,
) -> Picture:  # fmt: skip
    """A large start of rank one, perturbed: loss, distance from the saddle's loss, and the wait.

    `panels` for the linear network and for attention, each a dict: "runs" for each of
    "perturbations", the saddle's "level", "rates" of the exponentials at which the loss comes and,
    if it does, goes, "waits", a triple of arrays (predicted, measured, in time) and "times", the
    ends of two axes.  The rest is for the tables: waits (seeds, few) of attention, and slopes.
    """
    fig, axes = plt.subplots(2, 3, figsize=(9, 5.2), width_ratios=(1.25, 1.25, 1))
    for row, panel, name in zip(axes, panels, ("linear network", "linear attention"), strict=True):
        level, zero = panel["level"], panel["zero"]
        colours = shades(len(panel["runs"]))
        for run, colour in zip(panel["runs"], colours, strict=True):
            away = np.abs(run.losses - level) / zero
            row[0].plot(run.times, run.losses / zero, color=colour)
            row[1].semilogy(run.times, away, color=colour, lw=1.3)
        turn = int(away.argmin())  # of the last, with the smallest perturbation
        for rate, side in zip(panel["rates"], (slice(0, turn), slice(turn, None)), strict=False):
            _draw_rate(row[1], run.times[side], away[side], rate)
        draw_levels(row[0], [level / zero])
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
    alt = (
        "Loss from one large unit and others of size delta, for a linear network and "
        "attention: no first plateau, then a wait at the saddle of one unit. On a log axis "
        "the loss comes to it as an exponential; the linear network leaves it as another. "
        "Waits lie on the predicted lines."
    )
    waits = {"predicted": predicted.ravel(), "measured": measured.ravel()}
    data = {"seed": np.repeat(ten, len(few)), "perturbation": np.tile(few, len(predicted)), **waits}
    linear = {"slope": slopes, "last_slope": last, "ln_growth_bound": grown}
    return Picture(fig, "low_rank_start", alt, data, {"linear": linear})


def isotropic_start_picture(
    by_scale: Pair, shown: tuple[Sequence, Sequence], scales: np.ndarray, lasting: np.ndarray,
    theory: np.ndarray, head_scales: np.ndarray, head_lasting: np.ndarray, from_draw: np.ndarray,
) -> Picture:  # fmt: skip
    """Isotropic starts: loss from the scales `shown`, and how long plateaus last from any scale.

    For the linear network, durations `lasting` (scales, seeds, 2) and dashed `theory` (scales, 2);
    for attention, `head_lasting` and the medians of `from_draw` (seeds, 2) over its scale.
    """
    fig, axes = plt.subplots(2, 2, figsize=(7.6, 5), height_ratios=(1.15, 1))
    draw_scales(axes[0], *by_scale, shown)
    head_theory = np.median(from_draw, 0) / head_scales[:, None]
    panels = ((scales, lasting, theory), (head_scales, head_lasting, head_theory))
    for ax, (at, durations, expected) in zip(axes[1], panels, strict=True):
        for k, colour in enumerate((BLUE, ORANGE)):
            low, middle, high = np.quantile(durations[..., k], (0.1, 0.5, 0.9), axis=1)
            ax.fill_between(at, low, high, color=colour, alpha=0.22, lw=0)
            ax.plot(at, middle, "o-", color=colour, ms=3, lw=1.2)
            dashed(ax, at, expected[:, k], zorder=4)
        ax.set(xscale="log", xlabel="initial scale ε", ylabel="from drop to drop")
    axes[1, 1].set_yscale("log")
    draw_words(axes[1, 0], [("first plateau between drops", BLUE), ("second", ORANGE)], 1.0)
    alt = (
        "Loss from isotropic starts of several scales, and the time from drop to drop over "
        "the scale. In the linear network it falls along straight lines in ln(1/eps) and "
        "bends to zero as the wide limit says; in attention it falls as 1/eps."
    )
    names = ("first", "second", "wide_limit_first", "wide_limit_second")
    columns = dict(zip(names, [*np.median(lasting, 1).T, *theory.T], strict=True))
    return Picture(fig, "isotropic_start", alt, {"scale": scales, **columns})


def draw_scales(axes: Sequence[Axes], linear: Curves, attention: Curves, scales: tuple) -> None:
    """Figure 2D on two axes: losses from some initial scales, attention over time times eps."""
    scaled = []
    for (times, losses), scale in zip(attention, scales[1], strict=True):
        count = len(times)  # records are few in a quick drop
        smooth = np.interp(np.linspace(0, count - 1, 10 * count), np.arange(count), times)
        scaled.append((smooth * scale, PchipInterpolator(times, losses)(smooth)))
    _draw_pair(axes, linear, scaled, [[f"ε = {power(e)}" for e in each] for each in scales], "ε")


def _draw_pair(
    axes: Sequence[Axes], linear: Curves, attention: Curves, words: Sequence, unit: str
) -> None:
    """Curves of both networks named by `words`, attention's over time times `unit`."""
    for ax, curves, names in zip(axes, (linear, attention), words, strict=True):
        draw_curves(ax, curves, names)
        draw_words(ax, list(zip(names, shades(len(names)), strict=True)), 1.0, 0.085)
    axes[0].set(xlabel="gradient-flow time", title="linear network")
    axes[1].set(xlabel=f"gradient-flow time × {unit}", title="linear attention", ylabel="")


def fig2_picture(
    by_width: Pair, widths: Sequence[int], head_scale: float, by_data: Pair,
    kappas: Sequence[float], by_rank: Pair, ranks: Sequence[int], by_scale: Pair,
    shown: tuple[Sequence, Sequence], levels: np.ndarray, head_levels: np.ndarray,
    fixed_norm: np.ndarray, numbers: Mapping[str, Mapping],
) -> Picture:  # fmt: skip
    """Figure 2: what width (A), data (B), low rank (C) and the initial scale (D) do to the drops.

    Curves of the linear network left, of attention right over time times its scale or, for large
    starts of some `ranks`, times the size of the perturbation; `levels` (4,) of the saddles of both
    are dashed where the data are the same.
    """
    fig, axes = plt.subplots(2, 4, figsize=(8, 4.7), sharey=True)
    draw_both(axes[0, :2], *by_width, widths, "units", head_scale)
    draw_both(axes[0, 2:], *by_data, kappas, "κ", head_scale)
    scaled = [(times * head_scale, loss) for times, loss in by_rank[1]]
    words = [[f"rank {rank}" for rank in ranks], [f"{rank} large" for rank in ranks]]
    _draw_pair(axes[1, :2], by_rank[0], scaled, words, "δ")
    draw_scales(axes[1, 2:], *by_scale, shown)
    titles = ("width", "data", "initial rank", "initial scale")
    style = {"xycoords": "axes fraction", "fontsize": 10.5, "fontweight": "bold"}
    for letter, title, ax in zip("ABCD", titles, axes[:, ::2].flat, strict=True):
        ax.annotate(f"{letter}  {title}", (-0.1, 1.16), **style)
    for ax in axes[:, 1:].flat:
        ax.set_ylabel("")
    for pair in (axes[0, :2], axes[1, :2], axes[1, 2:]):
        for ax, values in zip(pair, (levels, head_levels), strict=True):
            ends = ax.get_xlim()
            ax.hlines(values[1:] / values[0], *ends, color=INK, lw=0.6, ls=DASHED, zorder=1)
    alt = (
        "Figure 2. Loss over time of a linear network and of attention: more units shorten "
        "attention's plateaus only; equal strengths remove the linear network's only; each "
        "large unit removes the first plateau left; a larger initial scale weakens all of "
        "them."
    )
    return Picture(fig, "fig2", alt, {"width": widths, "linear_scale": fixed_norm}, numbers)
