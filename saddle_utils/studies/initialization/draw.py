"""Figures of what the initial weights do to the plateaus (2C and 2D), and phase diagrams.

What is measured is in colour, theory dashed.
"""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from ...datasets import figure2_network, power_law
from ...dynamics import flows
from ...notebook import Explorer, Picture, Slider
from ...notebook.colours import BLUE, DASHED, INK, ORANGE, RED, shades
from ...notebook.look import dashed, draw_band, draw_levels, draw_words, write
from ...observables import first_times
from ...theory import wide_limit
from ..figure2 import Pair, draw_both, power
from .measure import low_rank_units

COUNTS = LinearSegmentedColormap.from_list("counts", ["#f4f1e4", "#a9d0b4", "#4d9a9c", "#2f5f8a"])
SIZES = LinearSegmentedColormap.from_list(
    "sizes", ["#2f5f8a", "#8fb7cf", "#f7f4ea", "#efb98b", "#c8702f"]
)


def _draw_waits(ax: Axes, predicted: np.ndarray, measured: np.ndarray, in_time: np.ndarray) -> None:
    """Predicted against measured; hollow, runs that do not reach their saddle in time.

    Those far above the others are drawn as triangles at the top.
    """
    good, top = np.broadcast_to(in_time, measured.shape), 1.25 * predicted.max()
    for some, mark in ((~good & (measured <= top), "o"), (measured > top, "^")):
        style = {"mfc": "none", "mec": RED, "mew": 0.7, "ms": 3.5}
        ax.plot(predicted[some], np.minimum(measured[some], top), mark, **style)
    ax.plot(predicted[good], measured[good], "o", color=BLUE, ms=3, mec="white", mew=0.3)
    ends = [predicted.min(), predicted.max()]
    dashed(ax, ends, ends, zorder=4)
    if not good.all():
        words = ["hollow: late", "at the saddle"]
        words += ["triangle: above"] * bool((measured > top).any())
        draw_words(ax, [(word, RED) for word in words], 0.31)


def low_rank_start_picture(
    panels: Sequence[dict], ten: Sequence[int], few: np.ndarray, slopes: np.ndarray,
    last: np.ndarray, grown: np.ndarray,
) -> Picture:  # fmt: skip
    """A large start of rank one, perturbed: loss, distance from the saddle's loss, and the wait.

    `panels` for the linear network and for attention, each a dict: "runs" for each of
    "perturbations", the saddle's "level", the loss "zero" of no unit, "rates" of the exponentials
    at which the loss comes and, if it does, goes, "waits", a triple of arrays (predicted, measured,
    in time) and "times", the ends of two axes.  The rest is for the tables: seeds and perturbations
    of attention's waits, and slopes.
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
            times, curve = run.times[side], away[side]
            k = int(np.argmin(np.abs(np.log(curve / 1e-5))))  # a line through its middle
            line = curve[k] * np.exp(rate * (times - times[k]))
            dashed(row[1], times[line < 1], line[line < 1], zorder=4)
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
    predicted, measured, _ = panels[1]["waits"]
    waits = {"predicted": predicted.ravel(), "measured": measured.ravel()}
    data = {"seed": np.repeat(ten, len(few)), "perturbation": np.tile(few, len(ten)), **waits}
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
    words = [[f"ε = {power(scale)}" for scale in each] for each in shown]
    draw_both(axes[0], by_scale, shown[1], words)
    head_theory = np.median(from_draw, 0) / head_scales[:, None]
    panels = ((scales, lasting, theory), (head_scales, head_lasting, head_theory))
    for ax, (at, durations, expected) in zip(axes[1], panels, strict=True):
        bands = np.quantile(durations, (0.1, 0.5, 0.9), axis=1)
        for k, colour in enumerate((BLUE, ORANGE)):
            draw_band(ax, at, bands[..., k], colour)
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


def _map(
    ax: Axes, x: Sequence[float], scales: np.ndarray, values: np.ndarray, low: float, high: float,
    cmap: LinearSegmentedColormap = COUNTS,
) -> QuadMesh:  # fmt: skip
    """Values (scales, x) in colour over x and the logarithm of the scales."""
    ax.set_ylabel("log₁₀ of the initial scale ε")
    style = {"cmap": cmap, "vmin": low, "vmax": high, "rasterized": True}
    return ax.pcolormesh(x, np.log10(scales), values, **style)


def _draw_regions(ax: Axes, kappas: np.ndarray, scales: np.ndarray, calm: np.ndarray) -> None:
    """The theory's number of plateaus: boundaries, and the number in the middle of its region."""
    lines = first_times(np.log10(scales), np.log(calm), np.log(0.1))  # (kappas, drops)
    dashed(ax, kappas, np.where(calm[0] < 0.1, lines, np.nan), 1.2)  # contours take ten times that
    counts = (calm < 0.1).sum(-1)
    for count in np.unique(counts):
        rows, columns = np.nonzero(counts == count)
        row = int(np.median(rows))
        column = int(np.median(columns[rows == row]))
        _name_count(ax, kappas[column], scales[row], count)


def _name_count(ax: Axes, x: float, scale: float, count: int) -> None:
    colour = INK if count < 2 else "white"
    write(ax, x, np.log10(scale), str(count), colour, fontsize=12, fontweight="bold")


def phases_linear_picture(
    grid_kappas: np.ndarray, grid_scales: np.ndarray, found: Mapping[str, np.ndarray],
    wide: Mapping[str, np.ndarray], expected: np.ndarray, middle: Mapping[str, np.ndarray],
) -> Picture:  # fmt: skip
    """Plateaus, distance from low rank and movement of the kernel over kappa and initial scale.

    found (scales, kappas, seeds) by name as from `linear_phases`, `middle` its medians,
    and the wide limit's (scales, kappas): "calm" (..., 3), and "distance" and "movement", drawn as
    contours; `expected` plateaus.
    """
    fig, axes = plt.subplots(1, 3, figsize=(9, 3.5), sharey=True)
    grid, plateaus = (grid_kappas, grid_scales), found["plateaus"].mean(-1)
    mesh = _map(axes[0], *grid, plateaus, 0, 3)
    fig.colorbar(mesh, ax=axes[0], orientation="horizontal", ticks=range(4), aspect=26)
    _draw_regions(axes[0], *grid, wide["calm"])
    for ax, name, cmap, high, levels in (
        (axes[1], "distance", COUNTS.reversed(), 0, (1e-2, 1e-1)),
        (axes[2], "movement", SIZES, 3, (1e-1, 1, 1e2)),
    ):
        mesh = _map(ax, *grid, np.log10(middle[name]), -3, high, cmap)
        bar = fig.colorbar(mesh, ax=ax, orientation="horizontal", aspect=26, extend="both")
        ticks = range(-3, high + 1)
        bar.set_ticks(ticks, labels=[f"$10^{{{t}}}$" if t else "1" for t in ticks])
        style = {"colors": INK, "linewidths": 1.2, "linestyles": [DASHED]}
        logs = np.log10(grid_scales), np.log(wide[name]), np.log(levels)
        lines = ax.contour(grid_kappas, *logs, **style)
        ax.clabel(lines, fmt=lambda v: f"{np.exp(v):.3g}", fontsize=8, inline_spacing=2)
    write(axes[2], grid_kappas.mean(), -4, "rich: learning makes the kernel")
    write(axes[2], grid_kappas.mean(), -0.4, "lazy: the kernel stays")
    titles = ("plateaus before the last", "distance from low rank", "movement of the kernel")
    for ax, title in zip(axes, titles, strict=True):
        ax.set(title=title, xlabel="κ, spread of the singular values")
        ax.label_outer()
    alt = (
        "Phase diagram of the linear network over kappa and initial scale: number of "
        "plateaus, distance from low rank and movement of the kernel. Three plateaus at "
        "small scale and large kappa, none above a scale of .01; the theory's dashed "
        "boundaries follow the measured ones."
    )
    kappas, scales = np.meshgrid(*grid)
    columns = {
        "kappa": kappas, "scale": scales, "plateaus": plateaus, "plateaus_theory": expected,
        **middle, **{f"{name}_theory": wide[name] for name in middle},
    }  # fmt: skip
    flat = {name: column.ravel() for name, column in columns.items()}
    return Picture(fig, "phases_linear", alt, flat)


def phases_attention_picture(
    tried: Sequence[int], few_scales: np.ndarray, shows: np.ndarray, told: np.ndarray,
    critical: np.ndarray,
) -> Picture:  # fmt: skip
    """Plateaus of attention over heads and initial scale, measured and predicted run by run.

    shows and told (scales, widths, seeds); critical (widths, seeds, 3) are the scales below which a
    draw has the first, second and third plateau, their medians dashed.
    """
    fig, axes = plt.subplots(1, 2, figsize=(7.4, 3.3), sharey=True)
    shares = {"measured": shows.mean(-1), "predicted from the draw": told.mean(-1)}
    boundaries, places = np.median(critical, axis=1).T, range(len(tried))
    for ax, (title, share) in zip(axes, shares.items(), strict=True):
        mesh = _map(ax, places, few_scales, share, 0, 3)
        ax.set(xlabel="heads", title=title)
        ax.set_xticks(places, tried)
        ax.label_outer()
        for line in boundaries:
            dashed(ax, places, np.log10(line), 1.2)
        for count, end in ((0, -2), (3, 3)):
            _name_count(ax, len(tried) // 2, few_scales[end], count)
    axes[0].set(ylim=(np.log10(few_scales[0]), np.log10(few_scales[-1])))
    words = ("dashed: below it", "half of the draws", "have the plateau")
    draw_words(axes[0], [(word, "white") for word in words], 0.32)
    bar = fig.colorbar(mesh, ax=axes, ticks=range(4), aspect=30)
    bar.set_label("plateaus before the last, mean over seeds")
    alt = (
        "Phase diagram of attention over heads and initial scale, measured and predicted "
        "from the draw: three plateaus below a scale of about .03, none above about .4; the "
        "boundaries fall with the number of heads."
    )
    heads, scales = np.meshgrid(tried, few_scales)
    columns = {
        "heads": heads, "scale": scales, "plateaus": shows.mean(-1), "predicted": told.mean(-1)
    }  # fmt: skip
    data = {name: column.ravel() for name, column in columns.items()}
    table = {"heads": tried, **dict(zip("123", boundaries, strict=True))}
    return Picture(fig, "phases_attention", alt, data, {"boundaries": table})


def explorer() -> Explorer:
    """The explorer of the phase diagram: a linear run from any scale, rank and spread of strengths.

    Its loss over that of the wide limit, beside its place on the diagram.  `rank` units are large,
    all others of the initial scale.
    """
    kappas, masses = np.linspace(0, 2, 21), np.logspace(-15.5, 3, 30)  # H eps^2, at any width
    strengths = np.array([power_law(kappa) for kappa in kappas])
    calm = wide_limit.calm(strengths, masses[:, None] + 0 * kappas)

    def simulate(kappa: float, init_scale: float, rank: int, width: int, seed: int) -> tuple:
        network, s, mass = figure2_network("linear", kappa), power_law(kappa), width * init_scale**2
        theta = low_rank_units(network, width, rank, init_scale, seed)
        end = 1.2 * (wide_limit.times_at(s, mass, 0.5) + 5 / np.hypot(s, mass)).max()
        (run,) = flows(network, theta[None], end)
        wide = ((s - wide_limit.modes(s, mass, run.times[:, None])) ** 2).sum(1) / 2
        losses = np.array([run.losses, wide]) / network.zero_loss()
        return run.times, losses, np.sqrt(masses / width), (kappa, np.log10(init_scale))

    def draw(found: tuple) -> Figure:
        times, (loss, wide), scales, here = found
        rows = (scales > 10**-8.3) & (scales < 10**0.3)
        fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), width_ratios=(1.5, 1))
        left.plot(times, loss, color=BLUE)
        dashed(left, times, wide)
        left.set(ylim=(-0.04, 1.2), xlim=(0, times[-1]), xlabel="gradient-flow time")
        left.set(ylabel="loss / loss of no unit")
        draw_words(left, [("this run", BLUE), ("many small units, in closed form", INK)], 1.0)
        _map(right, kappas, scales[rows], (calm[rows] < 0.1).sum(-1), 0, 3)
        _draw_regions(right, kappas, scales[rows], calm[rows])
        right.plot(*here, "o", color=ORANGE, mec="white", ms=9, clip_on=False, zorder=5)
        right.set(xlabel="κ", title="plateaus before the last", ylim=(-8, 0))
        right.set(xticks=(0, 1, 2), yticks=(-8, -4, 0))  # a tick costs what a curve does
        left.set(yticks=(0, 0.5, 1))
        return fig

    return Explorer(
        simulate, draw,
        "Loss over time of a linear network beside its place on the phase diagram",
        {"one large unit": {"rank": 1}, "equal strengths": {"kappa": 0.0},
        "no plateau": {"init_scale": 1.0}},
        kappa=Slider(1.0, 0.0, 2.0, 0.05, label="κ"), init_scale=Slider(1e-6, -8, 0, 0.25, log=True,
        label="initial scale"), rank=Slider(0, 0, 3, label="large units"), width=Slider(50, 6, 500,
        label="units"), seed=Slider(0, 0, 100),
    )  # fmt: skip
