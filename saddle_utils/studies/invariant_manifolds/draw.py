"""Figures of Theorem 3: manifolds kept and left, rank, growth off a manifold, what is conserved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ... import datasets
from ...dynamics import Trajectory, flow
from ...networks import Network, initial_units
from ...notebook import Picture
from ...notebook.look import (
    BLUE,
    DASHED,
    FAINT,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    RED,
    dashed,
    draw_words,
    shades,
)

FLOOR = 1e-18  # below this a distance is drawn here: a logarithmic axis has no zero


def relations_figure(
    times: np.ndarray, distances: Mapping[str, np.ndarray], speeds: Mapping[str, np.ndarray],
    kept: Mapping[str, Sequence[bool]], relations: Sequence[str],
) -> Figure:  # fmt: skip
    """Distance from each manifold (rows) by activation (columns): median of the tasks, and all.

    distances (tasks, T, relations), speeds (tasks, relations) and whether theory says that the
    manifold is invariant, (relations,), by architecture.  Dashed: how fast it is left at first.
    """
    fig, axes = plt.subplots(
        len(relations), len(distances), figsize=(9, 6.6), sharex=True, sharey=True, layout="none"
    )  # twenty-eight axes: the layout solver would take longer than the picture
    fig.subplots_adjust(left=0.19, right=0.99, bottom=0.07, top=0.965, hspace=0.16, wspace=0.08)
    for column, (name, found) in zip(axes.T, distances.items(), strict=True):
        column[0].set_title(name, loc="center", fontweight="bold")
        column[-1].set_xlabel("gradient-flow time")
        for k, ax in enumerate(column):
            colour = BLUE if kept[name][k] else ORANGE
            lines = np.maximum(found[:, 1:, k], FLOOR)
            ax.fill_between(times[1:], lines.min(0), lines.max(0), color=colour, lw=0, alpha=0.35)
            ax.plot(times[1:], np.median(lines, axis=0), color=colour)
            if not kept[name][k]:
                early = times[1:][times[1:] < 0.5]
                slope = early * np.median(speeds[name][:, k])
                dashed(ax, early, slope)
            word = "kept" if kept[name][k] else "left"
            word = "kept, exactly" if not found[:, :, k].any() else word
            style = {"transform": ax.transAxes, "ha": "right", "va": "center", "fontsize": 8}
            ax.text(0.97, 0.5, word, color=colour, weight="bold", **style)
    axes[0, 0].set(xscale="log", yscale="log", ylim=(FLOOR / 5, 50), xlim=(times[1], times[-1]))
    axes[0, 0].set(yticks=(1e-16, 1e-8, 1))
    axes[0, 0].minorticks_off()
    for ax, label in zip(axes[:, 0], relations, strict=True):
        ax.set_ylabel(label, rotation=0, ha="right", va="center", labelpad=8)
    return fig


def rank_figure(runs: Sequence[Trajectory], titles: Sequence[str]) -> Figure:
    """Singular values of the units over time, one axes a run; dashed, their geometric mean."""
    fig, axes = plt.subplots(1, len(runs), figsize=(9, 3))
    for ax, run, title in zip(axes, runs, titles, strict=True):
        values = np.linalg.svd(run.theta, compute_uv=False)
        real = values[0] > 1e-12 * values[0, 0]
        mean = np.exp(np.log(values[:, real]).mean(1))
        labels = []
        for k, colour in enumerate(shades(values.shape[1], dark_first=True)):
            line, colour = np.maximum(values[:, k], FLOOR), colour if real[k] else FAINT
            ax.plot(run.times, line, color=colour, lw=1.6 if real[k] else 0.7)
            labels += [(line[-1], rf"$\sigma_{k + 1}$", colour)] if real[k] else []
        if real.all():
            dashed(ax, run.times, mean)
            labels.append((mean[-1], "geometric\nmean", INK))
        else:
            word = "all others: rounding"
            ax.text(
                0.5, 0.27, word, transform=ax.transAxes, ha="center", color=FAINT, weight="bold"
            )
        ax.set(yscale="log", xlabel="gradient-flow time", xlim=(0, run.times[-1]), title=title)
        _at_the_end(ax, labels)
    axes[0].set_ylabel("singular values of the units")
    return fig


def near_figure(
    run: Trajectory, away: np.ndarray, bound: np.ndarray, entered: Sequence[int], relu: Trajectory,
    relu_bound: np.ndarray, relu_entered: int,
) -> Figure:  # fmt: skip
    """Distance of linear runs from their rank-one manifolds, and norms of the units of a ReLU run.

    away and bound (T, seeds), `entered` the index at which each run enters its plateau.  Dashed:
    the growth bound, counted from the start and, for the first run, again from the plateau.
    """
    fig, axes = plt.subplots(2, 2, figsize=(9, 4.4), sharex="col", height_ratios=(3, 1))
    (left, right), (loss, relu_loss) = axes
    left.plot(run.times, np.linalg.norm(run.theta, axis=(-2, -1)), color=FAINT, lw=0.5, alpha=0.7)
    left.plot(run.times, away, color=BLUE, lw=0.5, alpha=0.5)
    left.plot(run.times, away[:, 0], color=BLUE, lw=2.6, alpha=0.7)
    _bounds(left, run.times, away[:, 0], bound[:, 0], entered[0])
    left.set_title("linear: distance from the manifold of rank one")
    words = [
        ("size of all units", FAINT),
        ("distance from the manifold", BLUE),
        ("bound, from the start", INK),
        ("bound, from the plateau", RED),
    ]
    _words_below(left, words, 0.02)
    norms = np.linalg.norm(relu.theta, axis=-1)
    largest = norms[relu_entered].argmax()
    waits = norms[relu_entered] < 0.1 * norms[relu_entered, largest]
    second = np.where(waits, norms[-1], 0).argmax()
    right.plot(relu.times, norms, color=FAINT, lw=0.6)
    right.plot(relu.times, norms[:, largest], color=GREEN, lw=2.6, alpha=0.8)
    right.plot(relu.times, norms[:, second], color=BLUE, lw=2.6, alpha=0.7)
    _bounds(right, relu.times, norms[:, second], relu_bound, relu_entered)
    right.set_title("ReLU: norms of the units")
    words = [
        ("a unit of the first ray", GREEN), ("a unit that waits", BLUE), ("the other units", FAINT),
        ("bound, from the start", INK), ("bound, from the plateau", RED),
    ]  # fmt: skip
    _words_below(right, words, 0.13)
    loss.plot(run.times, run.losses / run.losses[0], color=BLUE, lw=0.7, alpha=0.6)
    relu_loss.plot(relu.times, relu.losses / relu.losses[0], color=BLUE)
    for ax in (loss, relu_loss):
        ax.set(ylim=(-0.04, 1.07), xlabel="gradient-flow time")
    loss.set_ylabel("loss / initial")
    left.set_xlim(0, run.times[-1])
    right.set_xlim(0, relu.times[-1])
    return fig


def conserved_figure(
    networks: Mapping[str, Network], runs: Mapping[str, Trajectory], degrees: Mapping[str, int]
) -> Figure:
    """Units of a run in the plane of |v| and |u|, and the hyperbolas |u|^2 - p |v|^2 = c, dashed.

    One axes for each network, twelve units at most; `degrees` says which p to draw.
    """
    fig, axes = plt.subplots(1, len(networks), figsize=(9, 2.7))
    for ax, (name, network) in zip(axes, networks.items(), strict=True):
        degree, theta = degrees[name], runs[name].theta
        v, u = (np.linalg.norm(half[..., :12, :], axis=-1) for half in network.split(theta))
        top = 1.08 * max(v.max(), u.max())
        constants = u[0] ** 2 - degree * v[0] ** 2
        along = np.linspace(0, top, 400)[:, None]
        square = constants + degree * along**2
        ax.plot(v, u, color=BLUE, lw=2.6, alpha=0.55)
        dashed(ax, along, np.sqrt(np.where(square > 0, square, np.nan)), 0.7)
        ax.plot(v[0], u[0], "o", color=BLUE, mec="white", mew=0.5, ms=4)
        ax.set(xlim=(0, top), ylim=(0, top), aspect="equal", xlabel="$|v_i|$", title=name)
    axes[0].set_ylabel("$|u_i|$")
    return fig


def choice_figure(
    times: np.ndarray, distances: Mapping[str, np.ndarray], kept: Mapping[str, bool]
) -> Figure:
    """Distance from one relation over time for several activations, (T,) each; for the explorer."""
    fig, ax = plt.subplots(figsize=(6.4, 3), layout="none")
    fig.subplots_adjust(left=0.1, right=0.78, bottom=0.16, top=0.95)
    colours = (BLUE, ORANGE, GREEN, PURPLE)
    for line, colour in zip(distances.values(), colours, strict=True):
        ax.plot(times, np.maximum(line, FLOOR), color=colour, lw=2)
    for row, (name, colour) in enumerate(zip(distances, colours, strict=True)):
        word = f"{name.replace('relu', 'ReLU')}: {'kept' if kept[name] else 'left'}"
        ax.text(1.03, 0.9 - 0.1 * row, word, color=colour, transform=ax.transAxes, weight="bold")
    ax.set(yscale="log", ylim=(FLOOR / 5, 50), xlim=(0, times[-1]), xlabel="gradient-flow time")
    ax.set(ylabel="distance", yticks=(1e-16, 1e-8, 1))
    return fig


def _bounds(
    ax: Axes, times: np.ndarray, line: np.ndarray, factor: np.ndarray, entered: int
) -> None:
    """The growth bound of one line from the start, and again from the plateau."""
    dashed(ax, times, line[0] * factor, 1.1)
    again = line[entered] * factor[entered:] / factor[entered]
    ax.plot(times[entered:], again, color=RED, lw=1.3, ls=DASHED)
    ax.set(yscale="log", ylim=(line.min() / 8, 30))


def _words_below(ax: Axes, words: Sequence[tuple[str, object]], bottom: float) -> None:
    """Name what is drawn in the lower right corner, where growth leaves room."""
    draw_words(ax, words, top=0.09 * len(words) + bottom)


def _at_the_end(ax: Axes, labels: Sequence[tuple[float, str, object]]) -> None:
    """Name lines at their right ends (a logarithmic axis), moved apart where they would touch."""
    low, high = np.log(ax.get_ylim())
    below = -1.0
    for y, text, colour in sorted(labels, key=lambda label: label[0]):
        below = max((np.log(y) - low) / (high - low), below + (0.1 if "\n" in text else 0.07))
        style = {"va": "center", "color": colour, "weight": "bold", "linespacing": 0.9}
        ax.text(1.01, below, text, transform=ax.transAxes, **style)
        below += 0.03 if "\n" in text else 0


def manifolds_kept_picture(
    times: np.ndarray,
    far: Mapping[str, np.ndarray],
    speeds: Mapping[str, np.ndarray],
    kept: Mapping[str, Sequence[bool]],
    among: np.ndarray,
) -> Picture:
    """Distances of runs from the manifolds of seven relations, for four activations."""
    fig = relations_figure(times, far, speeds, kept, list(among))
    alt = (
        "Distance from the manifolds of seven relations over time for linear, ReLU, "
        "quadratic and tanh units: at rounding level where theory says that a relation is "
        "kept, of order .1 elsewhere."
    )
    return Picture(
        fig,
        "manifolds_kept",
        alt,
        {"relation": list(among), **{name: np.median(far[name].max(1), axis=0) for name in far}},
    )


def manifolds_rank_picture(
    full_rank: np.ndarray, rank_two: np.ndarray, grid: np.ndarray, values: np.ndarray,
    low: np.ndarray,
) -> Picture:  # fmt: skip
    """Singular values of the units over time, from starts of full rank and of rank two."""
    titles = ("a Gaussian start: full rank", "a start of rank two")
    fig = rank_figure([full_rank[0], rank_two[0]], titles)
    alt = (
        "Singular values of the units of a linear network over time. From a Gaussian start "
        "all five stay positive with a constant geometric mean; from a start of rank two "
        "only two ever do."
    )
    return Picture(
        fig, "manifolds_rank", alt, {"time": grid, **{f"gaussian_{k}": values[0, :,
        k] for k in range(5)}, **{f"rank_two_{k}": low[0, :, k] for k in range(2)}}
    )  # fmt: skip


def manifolds_near_picture(
    run: Trajectory, away: np.ndarray, bound: np.ndarray, entered: Sequence[int], relu: np.ndarray,
    relu_bound: np.ndarray, relu_entered: np.ndarray,
) -> Picture:  # fmt: skip
    """How near two runs of Figure 1 stay to their manifolds, below the growth bound."""
    fig = near_figure(run, away, bound, entered, relu.member(0), relu_bound[:, 0], relu_entered[0])
    alt = (
        "Distance from the manifold of rank one on a linear network's way, and norms of the "
        "units of a ReLU network, over time, below their bounds; from the plateau on the "
        "bound is attained."
    )
    return Picture(
        fig,
        "manifolds_near",
        alt,
        {"time": run.times, "distance": away[:, 0], "bound": away[0, 0] * bound[:, 0]},
    )


def manifolds_conserved_picture(
    b: np.ndarray, d: np.ndarray, tanh: np.ndarray, width: np.ndarray, seed: np.ndarray
) -> Picture:
    """Paths of units in the plane of |v| and |u|, on the curves that conservation allows."""
    kinds = {
        "linear": b.network,
        "ReLU": d.network,
        "quadratic": datasets.panel("fig1g").network,
        "tanh, not conserved": tanh[0],
    }
    large = {name: initial_units(net, width, 0.3, seed) for name, net in kinds.items()}
    paths = {
        n: flow(net, large[n], np.linspace(0, 20, 401), 1e-8, False) for n, net in kinds.items()
    }
    powers = dict(zip(kinds, (1, 1, 2, 1), strict=True))
    fig = conserved_figure(kinds, paths, powers)
    alt = (
        "Every unit of four networks in the plane of |v| and |u|: linear, ReLU, quadratic "
        "units move along hyperbolas, dashed; tanh units leave them."
    )
    return Picture(
        fig,
        "manifolds_conserved",
        alt,
        {"time": paths["linear"].times, "loss": paths["linear"].losses},
    )
