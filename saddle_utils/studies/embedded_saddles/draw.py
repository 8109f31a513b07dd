"""Figures of embedded saddles: Theorem 1 as a table, runs as walks, the hierarchy of saddles."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from ...networks import Linear
from ...notebook import Picture
from ...notebook.colours import BLUE, FAINT, GREEN, INK, ORANGE, RED, shades
from ...notebook.look import note, write
from ...theory.linear import linear_saddle
from ...theory.saddles import saddle_index


def hierarchy_figure(network: Linear, width: int, visited: Sequence[Sequence[int]]) -> Figure:
    """The fixed maps of a linear network by rank and loss, with saddle index at this width.

    Lines join maps that differ by one mode; `visited` (lists of modes) is the way of a run.
    """
    count = min(network.syz.shape)
    fig, ax = plt.subplots(figsize=(7.4, 3.6))
    place = {}
    for modes in (s for r in range(count + 1) for s in combinations(range(count), r)):
        theta = linear_saddle(network, list(modes), width)
        place[modes] = (len(modes), float(network.loss(theta)) / network.zero_loss())
    for modes, (x, y) in place.items():
        for more in place:
            if len(more) == len(modes) + 1 and set(modes) < set(more):
                ax.plot([x, place[more][0]], [y, place[more][1]], color=FAINT, lw=0.8, zorder=1)
    way = np.array([place[tuple(modes)] for modes in visited])
    ax.plot(*way.T, color=ORANGE, lw=4, zorder=2, alpha=0.9)
    for modes, (x, y) in place.items():
        index = saddle_index(network, linear_saddle(network, list(modes), width))
        what, colour = (f"index {index}", INK) if index else ("minimum", GREEN)
        ax.plot(x, y, "o", color="white", mec=colour, mew=1.6, ms=9, zorder=3)
        name = "{" + ", ".join(str(m + 1) for m in modes) + "}" if modes else "silent"
        style = {"va": "baseline", "fontsize": 8.5, "fontweight": "normal"}
        note(ax, f"{name}  {what}", (x, y), colour, (9, 4), **style)
    ax.set(xlabel="rank: width of the narrow network", ylabel="loss / initial loss")
    ax.set(xticks=range(count + 1), xlim=(-0.15, count + 0.75))
    return fig


def theorem1_picture(
    gradients: np.ndarray, names: Sequence[str], constructions: Sequence[str], allowed: np.ndarray
) -> Picture:
    """Worst gradient of a wide network at embedded points, (names, constructions), as a table.

    nan where undefined; `allowed` says where Theorem 1 promises a fixed point; elsewhere the number
    is framed in red.
    """
    fig, ax = plt.subplots(figsize=(7.4, 0.42 * len(names) + 0.9))
    shown = np.where(np.isfinite(gradients), np.maximum(gradients, 1e-18), np.nan)
    style = {"norm": LogNorm(1e-17, 10), "cmap": shades(dark_first=True), "alpha": 0.85}
    ax.imshow(shown, aspect="auto", **style)
    for (i, j), value in np.ndenumerate(gradients):
        if np.isfinite(value):
            colour = "white" if value < 1e-9 else INK
            write(ax, j, i, f"{value:.0e}", colour, fontsize=8.5, fontweight="bold")
            if not allowed[i, j]:
                frame = plt.Rectangle((j - 0.47, i - 0.44), 0.94, 0.88, fill=False, ec=RED, lw=2)
                ax.add_patch(frame)
    ax.set_xticks(range(len(constructions)), constructions)
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
    ax.spines[:].set_visible(False)
    ax.set_xlabel("gradient at the embedded point; framed: not promised by the theorem", fontsize=8)
    alt = (
        "Table of gradients at embedded points: rounding wherever Theorem 1 promises a fixed "
        "point, of order one where a unit that is not homogeneous of degree 1 is scaled."
    )
    columns = dict(zip(constructions, gradients.T, strict=True))
    return Picture(fig, "theorem1", alt, {"architecture": names, **columns})


def hierarchy_picture(task: Linear, way: Sequence[Sequence[int]]) -> Picture:
    """The fixed points of a linear network by rank and loss, and those a run passes."""
    fig = hierarchy_figure(task, 3, way)
    alt = (
        "Eight fixed points of a linear network by rank and loss, with saddle index 9 to 0; "
        "the run passes silent, {1}, {1, 2} and {1, 2, 3}."
    )
    modes = [" ".join(str(m + 1) for m in stage) for stage in way]
    return Picture(fig, "hierarchy", alt, {"stage": range(len(way)), "modes": modes})


def walks_picture(walks: Sequence[dict]) -> Picture:
    """Runs as walks: distance to the fixed points of width 0, 1, 2 and the saddle index, by epoch.

    Each walk (`walk_of`) has the keys title, epochs, gaps (T, 3), index (T,), plateau (start, end).
    """
    fig, axes = plt.subplots(4, 3, figsize=(9, 6.2), height_ratios=(2, 1, 2, 1), sharex=True)
    for k, walk in enumerate(walks):
        top, bottom = axes[2 * (k // 3), k % 3], axes[2 * (k // 3) + 1, k % 3]
        for ax in (top, bottom):
            ax.axvspan(*walk["plateau"], color="#eeeeee", lw=0)
        for width, (gap, colour) in enumerate(
            zip(walk["gaps"].T, (FAINT, BLUE, GREEN), strict=True)
        ):
            top.semilogy(walk["epochs"], np.maximum(gap, 1e-9), color=colour)
            if k == 0:
                near = int(np.argmin(gap))
                offset, side = (((24, 2), "left"), ((0, -9), "center"), ((-6, -4), "right"))[width]
                place = walk["epochs"][near], max(gap[near], 1e-9)
                note(top, f"to width {width}", place, colour, offset, va="baseline", ha=side)
        top.set(title=walk["title"], xlim=(0, 2000))
        bottom.step(walk["epochs"], walk["index"], color=RED, where="post")
        bottom.set(ylim=(-0.08 * walk["index"].max(), 1.15 * walk["index"].max()))
    for ax, word in zip(axes[:, 0], ("distance", "index") * 2, strict=True):
        ax.set_ylabel(word)
    for ax in axes[-1]:
        ax.set_xlabel("epoch")
    alt = (
        "Six runs: the distance to the fixed points of width 0, 1 and 2 over epochs falls "
        "and rises in turn, nearest to width 1 on the plateau; the saddle index falls "
        "towards zero."
    )
    nearest = {walk["title"]: walk["gaps"][:, 1] for walk in walks}
    return Picture(fig, "walks", alt, {"epoch": walks[0]["epochs"], **nearest})
