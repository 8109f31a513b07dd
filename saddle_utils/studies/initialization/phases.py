"""The phase diagrams: what is measured in colour, the theory's boundaries dashed."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from scipy.interpolate import make_interp_spline

from ...datasets import figure2_network, power_law
from ...dynamics import Trajectory, flows
from ...notebook import Explorer, Picture, Slider
from ...notebook.colours import BLUE, DASHED, INK, ORANGE
from ...notebook.look import dashed, draw_words, write
from ...theory import wide_limit
from ...theory.linear import linear_levels
from .measure import low_rank_units

COUNTS = LinearSegmentedColormap.from_list("counts", ["#f4f1e4", "#a9d0b4", "#4d9a9c", "#2f5f8a"])
SIZES = LinearSegmentedColormap.from_list(
    "sizes", ["#2f5f8a", "#8fb7cf", "#f7f4ea", "#efb98b", "#c8702f"]
)


def here_figure(
    run: Trajectory, levels: np.ndarray, wide: np.ndarray, kappas: np.ndarray, scales: np.ndarray,
    calm: np.ndarray, here: tuple[float, float],
) -> Figure:  # fmt: skip
    """The loss of a run over the wide limit's, `wide` (T,), beside its place on the phase diagram.

    calm (scales, kappas, 3) as from `wide_limit.calm`; `here` is (kappa, scale) of the run.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), width_ratios=(1.5, 1))
    left.plot(run.times, run.losses / levels[0], color=BLUE)
    dashed(left, run.times, wide / levels[0])
    left.set(ylim=(-0.04, 1.2), xlim=(0, run.times[-1]), xlabel="gradient-flow time")
    left.set(ylabel="loss / loss of no unit")
    draw_words(left, [("this run", BLUE), ("many small units, in closed form", INK)], 1.0)
    _map(right, kappas, scales, (calm < 0.1).sum(-1), COUNTS, (0, 3))
    _draw_regions(right, kappas, scales, calm)
    right.plot(*here, "o", color=ORANGE, mec="white", ms=9, clip_on=False, zorder=5)
    right.set(xlabel="κ", ylabel="initial scale ε", title="plateaus before the last")
    right.set_yticks([1e-8, 1e-6, 1e-4, 1e-2, 1], ["1e-8", "1e-6", "1e-4", ".01", "1"])
    right.minorticks_off()
    return fig


def _edges(values: np.ndarray, log: bool) -> np.ndarray:
    """Edges (n + 1,) of cells around these centres."""
    x = np.log(values) if log else values
    middles = (x[1:] + x[:-1]) / 2
    edges = np.concatenate([[2 * x[0] - middles[0]], middles, [2 * x[-1] - middles[-1]]])
    return np.exp(edges) if log else edges


def _map(ax: Axes, x: np.ndarray, scales: np.ndarray, values: np.ndarray, cmap, limits) -> QuadMesh:
    even = np.allclose(np.diff(x), x[1] - x[0])
    mesh = ax.pcolormesh(
        _edges(x, not even), _edges(scales, True), values, cmap=cmap, norm=Normalize(*limits),
        rasterized=True,
    )  # fmt: skip
    ax.set_yscale("log")
    return mesh


def _boundary(ax: Axes, kappas, scales, values: np.ndarray, levels: Sequence[float]):
    return ax.contour(
        kappas, scales, np.log(values), np.log(levels), colors=INK, linewidths=1.2,
        linestyles=[DASHED],
    )  # fmt: skip


def _draw_regions(ax: Axes, kappas: np.ndarray, scales: np.ndarray, calm: np.ndarray) -> None:
    """The theory's number of plateaus: boundaries, and the number in the middle of its region."""
    for k in range(calm.shape[-1]):
        _boundary(ax, kappas, scales, calm[..., k], [0.1])
    counts = (calm < 0.1).sum(-1)
    for count in np.unique(counts):
        rows, columns = np.nonzero(counts == count)
        row = int(np.median(rows))
        column = int(np.median(columns[rows == row]))
        _name_count(ax, kappas[column], scales[row], count, INK if count < 2 else "white")


def _name_count(ax: Axes, x: float, scale: float, count: int, colour: str) -> None:
    write(ax, x, scale, str(count), colour, fontsize=12, fontweight="bold")


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
    grid = (grid_kappas, grid_scales)
    mesh = _map(axes[0], *grid, found["plateaus"].mean(-1), COUNTS, (0, 3))
    fig.colorbar(mesh, ax=axes[0], orientation="horizontal", ticks=range(4), aspect=26)
    _draw_regions(axes[0], *grid, wide["calm"])
    for ax, name, cmap, limits, levels in (
        (axes[1], "distance", COUNTS.reversed(), (-3, 0), (1e-2, 1e-1)),
        (axes[2], "movement", SIZES, (-3, 3), (1e-1, 1, 1e2)),
    ):
        mesh = _map(ax, *grid, np.log10(middle[name]), cmap, limits)
        bar = fig.colorbar(mesh, ax=ax, orientation="horizontal", aspect=26, extend="both")
        ticks = range(limits[0], limits[1] + 1)
        bar.set_ticks(ticks, labels=[f"$10^{{{t}}}$" if t else "1" for t in ticks])
        lines = _boundary(ax, *grid, wide[name], levels)
        ax.clabel(lines, fmt=lambda v: f"{np.exp(v):.3g}", fontsize=8, inline_spacing=2)
    rich, lazy = grid_scales[0] ** 0.5 * grid_scales[-1], 0.4 * grid_scales[-1]
    write(axes[2], grid_kappas.mean(), rich, "rich: learning makes the kernel")
    write(axes[2], grid_kappas.mean(), lazy, "lazy: the kernel stays")
    titles = ("plateaus before the last", "distance from low rank", "movement of the kernel")
    for ax, title in zip(axes, titles, strict=True):
        ax.set(title=title, xlabel="κ, spread of the singular values")
    axes[0].set_ylabel("initial scale ε")
    alt = (
        "Phase diagram of the linear network over kappa and initial scale: number of "
        "plateaus, distance from low rank and movement of the kernel. Three plateaus at "
        "small scale and large kappa, none above a scale of .01; the theory's dashed "
        "boundaries follow the measured ones."
    )
    at = np.meshgrid(*grid)
    columns = {
        "kappa": at[0], "scale": at[1], "plateaus": found["plateaus"].mean(-1),
        "plateaus_theory": expected, **middle, **{f"{name}_theory": wide[name] for name in middle},
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
    words, boundaries = ("measured", "predicted from the draw"), np.median(critical, axis=1).T
    for ax, counts, title in zip(axes, (shows, told), words, strict=True):
        mesh = _map(ax, np.asarray(tried, dtype=float), few_scales, counts.mean(-1), COUNTS, (0, 3))
        ax.set(xscale="log", xlabel="heads", title=title)
        ax.set_xticks(tried, labels=[str(width) for width in tried])
        ax.minorticks_off()
        for line in boundaries:
            dashed(ax, tried, line, 1.2)
        for count, end, colour in ((0, -2, INK), (3, 3, "white")):
            _name_count(ax, tried[len(tried) // 2], few_scales[end], count, colour)
    axes[0].set(ylabel="initial scale ε", ylim=axes[0].get_ylim())
    bar = fig.colorbar(mesh, ax=axes, ticks=range(4), aspect=30)
    bar.set_label("plateaus before the last, mean over seeds")
    alt = (
        "Phase diagram of attention over heads and initial scale, measured and predicted "
        "from the draw: three plateaus below a scale of about .03, none above about .4; the "
        "boundaries fall with the number of heads."
    )
    heads, scales = np.meshgrid(tried, few_scales)
    counts = {"plateaus": shows.mean(-1).ravel(), "predicted": told.mean(-1).ravel()}
    data = {"heads": heads.ravel(), "scale": scales.ravel(), **counts}
    table = {"heads": tried, **dict(zip("123", boundaries, strict=True))}
    return Picture(fig, "phases_attention", alt, data, {"boundaries": table})


def explorer() -> Explorer:
    """The explorer of the phase diagram: a linear run from any scale, rank and spread of strengths.

    `rank` units are large, all others of the initial scale.
    """
    kappas, scales = np.linspace(0, 2, 21), np.logspace(-8, 0, 25)
    strengths = np.array([power_law(kappa) for kappa in kappas])

    masses = np.logspace(-16, 3, 58)  # width times the square of the scale: all that matters
    found = wide_limit.calm(strengths, np.multiply.outer(masses, np.ones(21)))
    calm = make_interp_spline(np.log(masses), np.log(found), k=1)

    def simulate(kappa: float, init_scale: float, rank: int, width: int, seed: int) -> tuple:
        network, mass = figure2_network("linear", kappa), width * init_scale**2
        s = power_law(kappa)
        theta = low_rank_units(network, width, rank, init_scale, seed)
        end = 1.2 * (wide_limit.times_at(s, mass, 0.5) + 5 / np.hypot(s, mass)).max()
        (run,) = flows(network, theta[None], end)
        learned = wide_limit.modes(s, mass, run.times[:, None])
        wide = ((s - learned) ** 2).sum(1) / 2
        shares = np.exp(calm(np.log(width * scales**2)))
        return run, linear_levels(network), wide, kappas, scales, shares, (kappa, init_scale)

    return Explorer(
        simulate, lambda found: here_figure(*found),
        "Loss over time of a linear network beside its place on the phase diagram",
        {"one large unit": {"rank": 1}, "equal strengths": {"kappa": 0.0},
        "no plateau": {"init_scale": 1.0}},
        kappa=Slider(1.0, 0.0, 2.0, 0.05, label="κ"), init_scale=Slider(1e-6, -8, 0, 0.25, log=True,
        label="initial scale"), rank=Slider(0, 0, 3, label="large units"), width=Slider(50, 6, 500,
        label="units"), seed=Slider(0, 0, 100),
    )  # fmt: skip
