"""The phase diagrams: what is measured in colour, the theory's boundaries dashed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from ...dynamics import Trajectory
from ...notebook import Picture
from ...notebook.look import BLUE, DASHED, INK, ORANGE, dashed, draw_words

COUNTS = LinearSegmentedColormap.from_list("counts", ["#f4f1e4", "#a9d0b4", "#4d9a9c", "#2f5f8a"])
SIZES = LinearSegmentedColormap.from_list(
    "sizes", ["#2f5f8a", "#8fb7cf", "#f7f4ea", "#efb98b", "#c8702f"]
)


def linear_phases_figure(
    kappas: np.ndarray,
    scales: np.ndarray,
    found: Mapping[str, np.ndarray],
    theory: Mapping[str, np.ndarray],
) -> Figure:
    """Plateaus, distance from low rank and movement of the kernel over kappa and initial scale.

    found (scales, kappas, seeds) by name as from `phases.linear_phases`, and the theory's
    (scales, kappas): "calm" (..., 3), "distance" and "movement", drawn as contours.
    """
    fig, axes = plt.subplots(1, 3, figsize=(9, 3.5), sharey=True)
    grid = (kappas, scales)
    mesh = _map(axes[0], *grid, found["plateaus"].mean(-1), COUNTS, (0, 3))
    fig.colorbar(mesh, ax=axes[0], orientation="horizontal", ticks=range(4), aspect=26)
    for k in range(theory["calm"].shape[-1]):
        _boundary(axes[0], *grid, theory["calm"][..., k], [0.1])
    _name_counts(axes[0], *grid, (theory["calm"] < 0.1).sum(-1))
    for ax, name, limits, levels in (
        (axes[1], "distance", (-3, 0), (1e-2, 1e-1)),
        (axes[2], "movement", (-3, 3), (1e-1, 1, 1e2)),
    ):
        middle = np.log10(np.median(found[name], axis=-1))
        cmap = COUNTS.reversed() if name == "distance" else SIZES
        mesh = _map(ax, *grid, middle, cmap, limits)
        bar = fig.colorbar(mesh, ax=ax, orientation="horizontal", aspect=26, extend="both")
        ticks = range(limits[0], limits[1] + 1)
        bar.set_ticks(ticks, labels=[f"$10^{{{t}}}$" if t else "1" for t in ticks])
        lines = _boundary(ax, *grid, theory[name], levels)
        ax.clabel(lines, fmt=lambda v: f"{np.exp(v):.3g}", fontsize=8, inline_spacing=2)
    middle = kappas.mean()
    for scale, word in ((scales[0] ** 0.5 * scales[-1], "rich: learning makes the kernel"),
                        (0.4 * scales[-1], "lazy: the kernel stays")):  # fmt: skip
        axes[2].text(middle, scale, word, ha="center", va="center", color=INK)
    titles = ("plateaus before the last", "distance from low rank", "movement of the kernel")
    for ax, title in zip(axes, titles, strict=True):
        ax.set(title=title, xlabel="κ, spread of the singular values")
    axes[0].set_ylabel("initial scale ε")
    return fig


def attention_phases_figure(
    widths: Sequence[int], scales: np.ndarray, measured: np.ndarray, predicted: np.ndarray,
    boundaries: np.ndarray,
) -> Figure:  # fmt: skip
    """Plateaus of attention over heads and initial scale, measured and predicted run by run.

    measured and predicted (scales, widths, seeds); boundaries (3, widths) are the scales below
    which most draws have the first, second and third plateau, dashed.
    """
    fig, axes = plt.subplots(1, 2, figsize=(7.4, 3.3), sharey=True)
    words = ("measured", "predicted from the draw")
    for ax, counts, title in zip(axes, (measured, predicted), words, strict=True):
        mesh = _map(ax, np.asarray(widths, dtype=float), scales, counts.mean(-1), COUNTS, (0, 3))
        ax.set(xscale="log", xlabel="heads", title=title)
        ax.set_xticks(widths, labels=[str(w) for w in widths])
        ax.minorticks_off()
        for line in boundaries:
            dashed(ax, widths, line, 1.2)
        for count, end, colour in ((0, -2, INK), (3, 3, "white")):
            style = {"ha": "center", "va": "center", "fontsize": 12, "fontweight": "bold"}
            ax.text(widths[len(widths) // 2], scales[end], str(count), color=colour, **style)
    axes[0].set(ylabel="initial scale ε", ylim=axes[0].get_ylim())
    bar = fig.colorbar(mesh, ax=axes, ticks=range(4), aspect=30)
    bar.set_label("plateaus before the last, mean over seeds")
    return fig


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
    counts = (calm < 0.1).sum(-1)
    _map(right, kappas, scales, counts, COUNTS, (0, 3))
    _name_counts(right, kappas, scales, counts)
    for k in range(calm.shape[-1]):
        _boundary(right, kappas, scales, calm[..., k], [0.1])
    right.plot(*here, "o", color=ORANGE, mec="white", ms=9, clip_on=False, zorder=5)
    right.set(xlabel="κ", ylabel="initial scale ε", title="plateaus before the last")
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


def _name_counts(ax: Axes, kappas, scales, counts: np.ndarray) -> None:
    """The theory's number of plateaus, written in the middle of its region."""
    for count in np.unique(counts):
        rows, columns = np.nonzero(counts == count)
        row = int(np.median(rows))
        column = int(np.median(columns[rows == row]))
        ax.text(kappas[column], scales[row], str(count), ha="center", va="center", fontsize=12,
                fontweight="bold", color=INK if count < 2 else "white")  # fmt: skip


def phases_linear_picture(
    grid_kappas: np.ndarray,
    grid_scales: np.ndarray,
    found: Mapping[str, np.ndarray],
    wide: Mapping[str, np.ndarray],
    expected: np.ndarray,
    middle: np.ndarray,
) -> Picture:
    """Phase diagram of the linear network, measured, with the boundaries of the wide limit."""
    fig = linear_phases_figure(grid_kappas, grid_scales, found, wide)
    alt = (
        "Phase diagram of the linear network over kappa and initial scale: number of "
        "plateaus, distance from low rank and movement of the kernel. Three plateaus at "
        "small scale and large kappa, none above a scale of .01; the theory's dashed "
        "boundaries follow the measured ones."
    )
    return Picture(
        fig, "phases_linear", alt, {"kappa": np.tile(grid_kappas, 40),
        "scale": np.repeat(grid_scales, 40), "plateaus": found["plateaus"].mean(-1).ravel(),
        "plateaus_theory": expected.ravel(), **{name: middle[name].ravel() for name in middle},
        **{f"{name}_theory": wide[name].ravel() for name in middle}}
    )  # fmt: skip


def phases_attention_picture(
    tried: Sequence[int], few_scales: np.ndarray, shows: np.ndarray, told: np.ndarray,
    critical: np.ndarray,
) -> Picture:  # fmt: skip
    """Phase diagram of attention, measured and predicted from the draws."""
    fig = attention_phases_figure(tried, few_scales, shows, told, np.median(critical, axis=1).T)
    alt = (
        "Phase diagram of attention over heads and initial scale, measured and predicted "
        "from the draw: three plateaus below a scale of about .03, none above about .4; the "
        "boundaries fall with the number of heads."
    )
    return Picture(
        fig,
        "phases_attention",
        alt,
        {
            "heads": np.tile(tried, len(few_scales)),
            "scale": np.repeat(few_scales, len(tried)),
            "plateaus": shows.mean(-1).ravel(),
            "predicted": told.mean(-1).ravel(),
        },
        {
            "boundaries": {
                "heads": tried,
                **dict(zip("123", np.median(critical, axis=1).T, strict=True)),
            }
        },
    )
