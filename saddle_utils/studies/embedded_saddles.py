"""Notebook 06: Theorem 1, narrow networks as saddles of wide ones, and runs between them."""

from collections.abc import Sequence
from functools import cache
from itertools import combinations
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm
from matplotlib.patheffects import withStroke

from .. import networks, observables
from ..datasets import random_tasks, whitened
from ..dynamics import flow
from ..networks import Linear, initial_units
from ..notebook import Explorer, Picture, Slider
from ..notebook.colours import BLUE, FAINT, GREEN, INK, ORANGE, RED, shades
from ..notebook.look import draw_map, draw_words, note
from ..theory import saddles
from ..theory.linear import escape_rates, linear_saddle, mode_projector
from .figure1 import PanelRun


def embeddings(seed: int) -> np.ndarray:
    """Theorem 1 on `random_tasks`: gradient, map error, promised (1 or 0), (tasks, 4, 3).

    A fixed point of one unit (linear networks: of two where the rank allows) is embedded.  Where
    the theorem promises nothing, "scaled" is tried with the factors 2 and 1/2, "combined" is nan.
    """
    rng, table = np.random.default_rng([seed, 1]), []
    for name in random_tasks(seed):
        net, narrow = narrow_task(name, seed)
        for construction in saddles.CONSTRUCTIONS:
            try:
                wide, promised = saddles.embed(net, narrow, construction, rng), 1.0
            except ValueError:
                wide, promised = saddles.split(net, narrow, 0, 2.0, 0.5), 0.0
            row = [saddles.gradient_norm(net, wide), saddles.map_error(net, wide, narrow), promised]
            table.append(row if promised or construction == "scaled" else [np.nan, np.nan, 0.0])
    return np.array(table).reshape(-1, len(saddles.CONSTRUCTIONS), 3)


def negatives(seed: int) -> dict[str, float]:
    """What must fail: the gradient of a scaled tanh unit, the map error of a ReLU unit with a
    negative factor, and the steepest slope that autograd misses at a ReLU unit with u = 0.

    With u_H = 0 and v_H = g v the slope along a unit direction d is -v_H . E[r sigma(d . x)].
    """
    (tanh, one), (relu, two) = narrow_task("tanh", seed), narrow_task("ReLU", seed)
    zero = saddles.split(relu, two, 0, 0.0, 0.7)
    directions = np.random.default_rng([seed, 2]).standard_normal((200, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    seen = np.maximum(directions @ relu.x[0].T, 0)
    slopes = seen @ (relu.y - relu.output(zero)).T @ zero[-1, :3] / relu.samples
    return {
        "tanh": float(saddles.gradient_norm(tanh, saddles.split(tanh, one, 0, 2.0, 0.5))),
        "relu_negative": saddles.map_error(relu, saddles.split(relu, two, 0, -1.0, 0.7), two),
        "relu_zero": float(np.abs(slopes).max()),
    }


def further_points(seed: int) -> list[float]:
    """Gradient and map error at fixed points that Theorem 1 does not list, largest of each.

    Linear: u_H in the kernel of the residual matrix G, v_H = 0.  ReLU: a unit that is dead on all
    samples, with any v_H.
    """
    rng = np.random.default_rng([seed, 3])
    x, y = rng.standard_normal((30, 4)), rng.standard_normal((30, 2))
    net = networks.linear(x, y)
    narrow = saddles.fixed_point(net, 1, seed)
    kernel = np.linalg.svd(net.residual(net.moment_map(narrow)))[2][-1]
    dark = networks.pointwise(np.abs(x), y)  # every -u with u > 0 is dead on these
    alive = saddles.fixed_point(dark, 1, seed)
    dead = np.concatenate([rng.standard_normal(2), -np.abs(rng.standard_normal(4))])
    cases = [(net, narrow, np.concatenate([[0, 0], kernel])), (dark, alive, dead)]
    wide = [(n, t, np.concatenate([t, unit[None]])) for n, t, unit in cases]
    return [
        max(float(saddles.gradient_norm(n, w)) for n, _, w in wide),
        max(saddles.map_error(n, w, t) for n, t, w in wide),
    ]


def hessian_prediction(seed: int, rank: int, width: int) -> list[float]:
    """Negative Hessian eigenvalues at a saddle of this rank against -s~_k, each width - rank times.

    Largest deviation and difference of the counts, for a linear task of general covariance.
    """
    net = random_tasks(seed)["linear"]
    modes = list(range(rank))
    values = saddles.spectrum(net, linear_saddle(net, modes, width, seed))
    predicted = -np.repeat(escape_rates(net, modes), width - rank)
    negative = values[values < -1e-6]
    count = len(negative) - len(predicted)
    gap = np.abs(negative - predicted).max() if count == 0 and len(predicted) else 0.0
    return [gap, float(count)]


def visited_modes(net: Linear, width: int, init_scale: float, seed: int) -> list[list[int]]:
    """Modes learned on each plateau of a run by gradient flow, in order, from their strengths."""
    start = initial_units(net, width, init_scale, seed)
    slowest = escape_rates(net, list(range(min(net.syz.shape) - 1)))[0]
    run = flow(net, start, np.linspace(0, 2 * np.log(1 / init_scale) / slowest + 8, 1500))
    stairs = observables.measure(run.times, run.losses, min_duration=run.times[-1] / 100)
    count = min(net.syz.shape)
    target = net.syz @ np.linalg.pinv(net.szz, hermitian=True)
    parts = [mode_projector(net, [k]) @ target for k in range(count)]
    seen = [net.moment_map(run.at(middle)) for middle in stairs.middles]
    return [
        [k for k, part in enumerate(parts) if (m * part).sum() > (part**2).sum() / 2] for m in seen
    ]


def walk_of(run: PanelRun, tau: float = 0.02, every: int = 20) -> dict[str, Any]:
    """A run of Figure 1 as a walk between its fixed points of width 0, 1 and 2.

    Keys: title, epochs (T,), saddle index (T,), gaps (T, 3), the distances from the fixed points as
    fractions of the norm of the last, plateau (start, end); narrow_gradient, that of the plateau's
    fixed point merged to the network of its width narrow_width; and point_index, the saddle index
    at the three fixed points.
    """
    net, end, stairs = run.panel.network, run.trajectory.theta[-1], run.staircase
    points = [np.zeros_like(end)]
    for middle in stairs.middles[1:]:
        points.append(saddles.polish(net, saddles.collapse(net, run.units_at(middle), tau, end)))
    narrow = saddles.merge(net, points[1], tau, end)
    path, points = run.trajectory.theta[::every], np.stack(points)
    gaps = np.linalg.norm(path[:, None] - points, axis=(2, 3)) / np.linalg.norm(points[-1])
    return {
        "title": run.panel.title, "epochs": run.epochs[::every], "gaps": gaps,
        "index": saddles.saddle_index(net, path), "point_index": saddles.saddle_index(net, points),
        "plateau": (stairs.starts[1], stairs.ends[1]), "narrow_width": len(narrow),
        "narrow_gradient": float(saddles.gradient_norm(net, narrow)),
    }  # fmt: skip


@cache  # what must fail is tried on the same
def narrow_task(name: str, seed: int, draws: int = 20) -> tuple[networks.Network, np.ndarray]:
    """The first draw of a random task whose narrow network has a minimum off the kinks, and it.

    About one ReLU task in twelve has none: its one-unit minima lie where a sample is on a kink.
    The narrow network has one unit, or two if it is linear and of rank three.
    """
    for draw in range(draws):
        net = random_tasks(seed, draw)[name]
        width = 2 if isinstance(net, Linear) and min(net.n_v, net.n_u) > 2 else 1
        try:
            return net, saddles.fixed_point(net, width, seed)
        except ValueError:
            continue
    raise ValueError(f"no draw of {name!r} from seed {seed} has a smooth narrow minimum")


def theorem1_picture(
    gradients: np.ndarray, names: Sequence[str], constructions: Sequence[str], allowed: np.ndarray
) -> Picture:
    """Worst gradient of a wide network at embedded points, (names, constructions), as a table.

    nan where undefined; `allowed` says where Theorem 1 promises a fixed point; elsewhere the number
    is framed in red.
    """
    fig, ax = plt.subplots(figsize=(7.4, 0.42 * len(names) + 0.9))
    table = pd.DataFrame(np.maximum(gradients, 1e-18), names, constructions)
    style = {"norm": LogNorm(1e-17, 10), "cmap": shades(dark_first=True), "alpha": 0.85}
    words = [[f"{g:.0f}" if g > 0.5 else f"{g:.0e}" for g in row] for row in gradients]
    draw_map(ax, table, np.array(words), **style)
    for i, j in np.argwhere(np.isfinite(gradients) & (allowed == 0)):
        frame = plt.Rectangle((j + 0.03, i + 0.06), 0.94, 0.88, fill=False, ec=RED, lw=2)
        ax.add_patch(frame)
    ax.tick_params(labeltop=True, labelbottom=False)
    words = "gradient at the embedded point; framed: not promised by the theorem; blank: not tried"
    ax.set_xlabel(words, fontsize=8)
    alt = (
        "Table of gradients at embedded points: rounding wherever Theorem 1 promises a fixed "
        "point, of order one where a unit that is not homogeneous of degree 1 is scaled."
    )
    columns = dict(zip(constructions, gradients.T, strict=True))
    return Picture(fig, "theorem1", alt, {"architecture": names, **columns})


def hierarchy_picture(task: Linear, way: Sequence[Sequence[int]], width: int = 3) -> Picture:
    """The fixed maps of a linear network by rank and loss, with saddle index at this width.

    Lines join maps that differ by one mode; `way` (lists of modes) are those that a run passes.
    """
    count = min(task.syz.shape)
    fig, ax = plt.subplots(figsize=(7.4, 3.6))
    points = {
        modes: linear_saddle(task, list(modes), width)
        for rank in range(count + 1) for modes in combinations(range(count), rank)
    }  # fmt: skip
    place = {m: (len(m), float(task.loss(theta)) / task.zero_loss()) for m, theta in points.items()}
    for modes, (x, y) in place.items():
        for more in place:
            if len(more) == len(modes) + 1 and set(modes) < set(more):
                ax.plot([x, place[more][0]], [y, place[more][1]], color=FAINT, lw=0.8, zorder=1)
    stops = np.array([place[tuple(m)] for m in way])
    ax.plot(*stops.T, color=ORANGE, lw=4, zorder=2, alpha=0.9)
    note(ax, "the run", stops[:2].mean(0), ORANGE, (-10, -6), ha="right")
    for modes, (x, y) in place.items():
        index = saddles.saddle_index(task, points[modes])
        what, colour = (f"index {index}", INK) if index else ("minimum", GREEN)
        ax.plot(x, y, "o", color="white", mec=colour, mew=1.6, ms=9, zorder=3)
        name = _set_name(modes)
        style = {"va": "baseline", "fontsize": 8.5, "fontweight": "normal"}
        style["path_effects"] = [withStroke(linewidth=3, foreground="white")]
        note(ax, f"{name}  {what}", (x, y), colour, (9, 4), **style)
    ax.set(xlabel="rank: width of the narrow network", ylabel="loss / initial loss")
    ax.set(xticks=range(count + 1), xlim=(-0.15, count + 0.75))
    alt = (
        f"{len(points)} fixed points of a linear network by rank and loss, with their saddle "
        f"index; the run passes {', then '.join(_set_name(modes) for modes in way)}."
    )
    modes = [" ".join(str(m + 1) for m in stage) for stage in way]
    return Picture(fig, "hierarchy", alt, {"stage": range(len(way)), "modes": modes})


def _set_name(modes: Sequence[int]) -> str:
    return "{" + ", ".join(str(m + 1) for m in modes) + "}" if modes else "silent"


def walks_picture(walks: Sequence[dict]) -> Picture:
    """Runs as walks: distance to the fixed points of width 0, 1, 2 and the saddle index, by epoch.

    Each walk (`walk_of`) has the keys title, epochs, gaps (T, 3), index (T,), plateau (start, end).
    """
    fig, axes = plt.subplots(
        4, 3, figsize=(9, 6.2), height_ratios=(2, 1, 2, 1), sharex=True, layout="none"
    )  # twelve axes: the layout solver would take longer than the picture
    fig.subplots_adjust(left=0.065, right=0.98, bottom=0.065, top=0.965, hspace=0.27, wspace=0.25)
    words = [("to width 0", FAINT), ("to width 1", BLUE), ("to width 2", GREEN)]
    draw_words(axes[0, 0], words, top=0.38, x=0.75)
    for k, walk in enumerate(walks):
        top, bottom = axes[2 * (k // 3), k % 3], axes[2 * (k // 3) + 1, k % 3]
        for ax in (top, bottom):
            ax.axvspan(*walk["plateau"], color="#eeeeee", lw=0)
        for gap, (_, colour) in zip(walk["gaps"].T, words, strict=True):
            top.semilogy(walk["epochs"], np.maximum(gap, 1e-9), color=colour)
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


def explorer() -> Explorer:
    """The explorer of the saddles of a linear network with three modes, and a run's way."""

    def simulate(first: float, second: float, third: float, seed: int) -> tuple[Linear, list]:
        task = whitened([first, second, third])
        return task, visited_modes(task, 3, 1e-6, seed)

    alt = "Fixed points of a linear network by rank and loss, and those that a run passes"
    return Explorer(
        simulate, lambda found: hierarchy_picture(*found).figure, alt,
        {"a tie": {"third": 2.0}, "far apart": {"second": 1.5, "third": 0.5}},
        first=Slider(3.0, 0.5, 4.0, 0.1), second=Slider(2.0, 0.5, 4.0, 0.1),
        third=Slider(1.2, 0.5, 4.0, 0.1), seed=Slider(0, 0, 100),
    )  # fmt: skip
