"""Notebook 07: Theorem 3, relations among units that training keeps, and how near runs stay."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from ..datasets import Panel, panel
from ..dynamics import Trajectory, descend, flow
from ..networks import Network, build, initial_units
from ..notebook import Explorer, Picture, Slider
from ..notebook.colours import BLUE, DASHED, FAINT, GREEN, INK, ORANGE, PURPLE, RED, shades
from ..notebook.look import dashed, draw_words, note
from ..theory import manifolds
from ..theory.manifolds import Relation

FLOOR = 1e-18  # below this a distance is drawn here: a logarithmic axis has no zero


def relations(units: int) -> dict[str, Relation]:
    """The relations among the first units that the notebook and its figure compare, by formula."""
    mixed = np.array([0, 1, -0.5, *[0] * units])[:units]
    return {
        r"$\theta_1=\theta_2$": manifolds.equal(units, 0, 1),
        r"$\theta_1=0$": manifolds.silent(units, 0),
        r"$\theta_1=2\,\theta_2$": manifolds.proportional(units, 0, 1, 2),
        r"$\theta_1=-\theta_2$": manifolds.proportional(units, 0, 1, -1, -1),
        r"$v_1=v_2,\ u_1=-u_2$": manifolds.proportional(units, 0, 1, 1, -1),
        r"$v_1=4v_2,\ u_1=2u_2$": manifolds.proportional(units, 0, 1, 4, 2),
        r"$\theta_1=\theta_2-\frac{1}{2}\theta_3$": manifolds.dependent(units, 0, mixed),
    }


def random_task(architecture: str, seed: int, samples: int = 40, features: int = 3) -> Network:
    """A network on random data of general covariance, labels with an odd and an even part."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((samples, features)) @ rng.standard_normal((features, features))
    x /= np.sqrt((x**2).sum(1).mean())
    y = x @ rng.standard_normal((features, 2)) + (x * x) @ rng.standard_normal((features, 2))
    return build(architecture, x, y)


def drift(
    network: Network, among: Mapping[str, Relation], width: int, seed: int, time: float = 5.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Descend from a random start on each manifold: how far does the run get from it?

    Returns times (T,), distances (T, relations), and the speeds (relations,) at which the starts
    are left: at first the distance is speed times t.
    The start is the point of the manifold nearest to random units: the first three with |v| = 1
    and |u| = 2, for the relations are among these and the shape of phi must matter, the others
    small.  The manifolds are linear, so a step of descent keeps what the flow keeps.
    """
    theta = initial_units(network, width, 1 / np.sqrt(width), seed)
    for half, size in zip(network.split(theta), (1, 2), strict=True):
        half[:3] *= size / np.linalg.norm(half[:3], axis=1, keepdims=True)
    start = np.stack([manifolds.project(network, relation, theta) for relation in among.values()])
    run = descend(network, start, 0.02, round(time / 0.02), every=2, reduce=False)

    def away(points: np.ndarray) -> np.ndarray:
        pairs = zip(among.values(), np.moveaxis(points, -3, 0), strict=True)
        return np.stack([manifolds.distance(network, *pair) for pair in pairs], axis=-1)

    # the manifold is a linear space, so the part of the field across it is the field's distance
    return run.times, away(run.theta), away(network.field(start))


def manifolds_kept_picture(
    times: np.ndarray, far: Mapping[str, np.ndarray], speeds: Mapping[str, np.ndarray],
    kept: Mapping[str, Sequence[bool]], among: Mapping[str, Relation],
) -> Picture:  # fmt: skip
    """Distance from each manifold (rows) by activation (columns): median of the tasks, and all.

    Distances `far` (tasks, T, relations), `speeds` (tasks, relations) and whether theory says that
    the manifold is invariant, (relations,), by architecture; `among` are the relations by formula.
    Dashed: how fast it is left at first.
    """
    fig, axes = plt.subplots(
        len(among), len(far), figsize=(9, 6.6), sharex=True, sharey=True, layout="none"
    )  # twenty-eight axes: the layout solver would take longer than the picture
    fig.subplots_adjust(left=0.19, right=0.99, bottom=0.07, top=0.965, hspace=0.16, wspace=0.08)
    for column, (name, found) in zip(axes.T, far.items(), strict=True):
        column[0].set_title(name, loc="center", fontweight="bold")
        column[-1].set_xlabel("gradient-flow time")
        for k, ax in enumerate(column):
            colour, word = (BLUE, "kept") if kept[name][k] else (ORANGE, "left")
            lines = np.maximum(found[:, 1:, k], FLOOR)
            ax.fill_between(times[1:], lines.min(0), lines.max(0), color=colour, lw=0, alpha=0.35)
            ax.plot(times[1:], np.median(lines, axis=0), color=colour)
            if not kept[name][k]:
                early = times[1:][times[1:] < 0.5]
                dashed(ax, early, early * np.median(speeds[name][:, k]))
            word = word if found[:, :, k].any() else "kept, exactly"
            draw_words(ax, [(word, colour)], 0.5, x=0.97, va="center")
    axes[0, 0].set(xscale="log", yscale="log", ylim=(FLOOR / 5, 50), xlim=(times[1], times[-1]))
    axes[0, 0].set(yticks=(1e-16, 1e-8, 1))
    axes[0, 0].minorticks_off()
    fig.text(0.18, 0.985, "distance from", ha="right", va="center", fontsize=8)
    for ax, label in zip(axes[:, 0], among, strict=True):
        ax.set_ylabel(label, rotation=0, ha="right", va="center", labelpad=8)
    alt = (
        "Distance from the manifolds of seven relations over time for linear, ReLU, "
        "quadratic and tanh units: at rounding level where theory says that a relation is "
        "kept, of order .1 elsewhere."
    )
    worst = {name: np.median(found.max(1), axis=0) for name, found in far.items()}
    return Picture(fig, "manifolds_kept", alt, {"relation": list(among), **worst})


def manifolds_rank_picture(grid: np.ndarray, values: np.ndarray, low: np.ndarray) -> Picture:
    """Singular values of the units over time, from starts of full rank and of rank two.

    values and low (runs, T, features) on the time `grid`; drawn are those of the first run, and,
    dashed, their geometric mean.
    """
    fig, axes = plt.subplots(1, 2, figsize=(9, 3))
    titles = ("a Gaussian start: full rank", "a start of rank two")
    for ax, found, title in zip(axes, (values[0], low[0]), titles, strict=True):
        real = found[0] > 1e-12 * found[0, 0]
        for k, colour in enumerate(shades(found.shape[1], dark_first=True)):
            line, colour = np.maximum(found[:, k], FLOOR), colour if real[k] else FAINT
            ax.plot(grid, line, color=colour, lw=1.6 if real[k] else 0.7)
            note(ax, rf"$\sigma_{k + 1}$" if real[k] else "", (grid[-1], line[-1]), colour)
        if real.all():
            mean = np.exp(np.log(found).mean(1))
            dashed(ax, grid, mean)
            note(ax, "geometric mean", (grid[-1], mean[-1]))
        else:
            draw_words(ax, [("all others: rounding", FAINT)], top=0.3)
        ax.set(yscale="log", xlabel="gradient-flow time", xlim=(0, grid[-1]), title=title)
    axes[0].set_ylabel("singular values of the units")
    alt = (
        "Singular values of the units of a linear network over time. From a Gaussian start "
        "all five stay positive with a constant geometric mean; from a start of rank two "
        "only two ever do."
    )
    columns = {f"gaussian_{k}": values[0, :, k] for k in range(5)}
    columns |= {f"rank_two_{k}": low[0, :, k] for k in range(2)}
    return Picture(fig, "manifolds_rank", alt, {"time": grid, **columns})


def manifolds_near_picture(
    run: Trajectory, away: np.ndarray, bound: np.ndarray, entered: Sequence[int], relu: Trajectory,
    relu_bound: np.ndarray, relu_entered: Sequence[int],
) -> Picture:  # fmt: skip
    """Distance of linear runs from their rank-one manifolds, and norms of the units of a ReLU run.

    away and bounds (T, seeds), `entered` the index at which each run enters its plateau.  Dashed:
    the growth bound of the first run, counted from the start and again from the plateau.
    """
    fig, axes = plt.subplots(2, 2, figsize=(9, 4.4), sharex="col", height_ratios=(3, 1))
    (left, right), relu, start = axes[0], relu.member(0), relu_entered[0]
    left.plot(run.times, np.linalg.norm(run.theta, axis=(-2, -1)), color=FAINT, lw=0.5, alpha=0.7)
    left.plot(run.times, away, color=BLUE, lw=0.5, alpha=0.5)
    norms = np.linalg.norm(relu.theta, axis=-1)
    largest = norms[start].argmax()
    second = np.where(norms[start] < 0.1 * norms[start, largest], norms[-1], 0).argmax()
    right.plot(relu.times, norms, color=FAINT, lw=0.6)
    right.plot(relu.times, norms[:, largest], color=GREEN, lw=2.6, alpha=0.8)
    for (top, loss), each, line, factor, k in (
        (axes[:, 0], run, away[:, 0], bound[:, 0], entered[0]),
        (axes[:, 1], relu, norms[:, second], relu_bound[:, 0], start),
    ):
        top.plot(each.times, line, color=BLUE, lw=2.6, alpha=0.7)
        dashed(top, each.times, line[0] * factor, 1.1)
        again = line[k] * factor[k:] / factor[k]
        top.plot(each.times[k:], again, color=RED, lw=1.3, ls=DASHED)
        top.set(yscale="log", ylim=(line.min() / 8, 30), xlim=(0, each.times[-1]))
        loss.plot(each.times, each.losses / each.losses[0], color=BLUE, lw=1, alpha=0.7)
        loss.set(ylim=(-0.04, 1.07), xlabel="gradient-flow time")
    left.set_title("linear: distance from the manifold of rank one")
    right.set_title("ReLU: norms of the units")
    bounds = [("bound, from the start", INK), ("bound, from the plateau", RED)]
    words = [("size of all units", FAINT), ("distance from the manifold", BLUE)]
    draw_words(left, words + bounds, top=0.38)
    words = [("a unit of the first ray", GREEN), ("a unit that waits", BLUE)]
    draw_words(right, [*words, ("the other units", FAINT), *bounds], top=0.58)
    axes[1, 0].set_ylabel("loss / initial")
    alt = (
        "Distance from the manifold of rank one on a linear network's way, and norms of the "
        "units of a ReLU network, over time, below their bounds; from the plateau on the "
        "bound is attained."
    )
    data = {"time": run.times, "distance": away[:, 0], "bound": away[0, 0] * bound[:, 0]}
    return Picture(fig, "manifolds_near", alt, data)


def manifolds_conserved_picture(
    b: Panel, d: Panel, tanh: Sequence[Network], width: int, seed: int
) -> Picture:
    """Units of runs in the plane of |v| and |u|, and the hyperbolas |u|^2 - p |v|^2 = c, dashed.

    One axes for each network, twelve units at most.
    """
    kinds = {"linear": b.network, "ReLU": d.network, "quadratic": panel("fig1g").network,
             "tanh, not conserved": tanh[0]}  # fmt: skip
    fig, axes = plt.subplots(1, len(kinds), figsize=(9, 2.7))
    runs = []
    for ax, (name, network), degree in zip(axes, kinds.items(), (1, 1, 2, 1), strict=True):
        start = initial_units(network, width, 0.3, seed)
        runs.append(flow(network, start, np.linspace(0, 20, 401), 1e-8, False))
        halves = network.split(runs[-1].theta)
        v, u = (np.linalg.norm(half[..., :12, :], axis=-1) for half in halves)
        top = 1.08 * max(v.max(), u.max())
        along = np.linspace(0, top, 400)[:, None]
        square = u[0] ** 2 - degree * v[0] ** 2 + degree * along**2
        ax.plot(v, u, color=BLUE, lw=2.6, alpha=0.55)
        dashed(ax, along, np.sqrt(np.where(square > 0, square, np.nan)), 0.7)
        ax.plot(v[0], u[0], "o", color=BLUE, mec="white", mew=0.5, ms=4)
        ax.set(xlim=(0, top), ylim=(0, top), aspect="equal", xlabel="$|v_i|$", title=name)
    axes[0].set_ylabel("$|u_i|$")
    alt = (
        "Every unit of four networks in the plane of |v| and |u|: linear, ReLU, quadratic "
        "units move along hyperbolas, dashed; tanh units leave them."
    )
    data = {"time": runs[0].times, "loss": runs[0].losses}
    return Picture(fig, "manifolds_conserved", alt, data)


def explorer() -> Explorer:
    """The explorer of Theorem 3: which networks keep v_1 = a v_2, u_1 = b u_2 on a random task."""
    names = {"linear": "linear", "relu": "ReLU", "quadratic": "quadratic", "tanh": "tanh"}

    def simulate(gamma_v: float, gamma_u: float, width: int, seed: int) -> tuple:
        relation, distances = manifolds.proportional(width, 0, 1, gamma_v, gamma_u), {}
        for architecture, name in names.items():
            task = random_task(architecture, seed)
            times, away, _ = drift(task, {"": relation}, width, seed)
            word = "kept" if manifolds.is_invariant(task, relation) else "left"
            distances[f"{name}: {word}"] = away[:, 0]
        return times, distances

    def draw(found: tuple) -> Figure:
        times, distances = found
        fig, ax = plt.subplots(figsize=(6.4, 3), layout="none")
        fig.subplots_adjust(left=0.1, right=0.78, bottom=0.16, top=0.95)
        words = list(zip(distances, (BLUE, ORANGE, GREEN, PURPLE), strict=True))
        for name, colour in words:
            ax.plot(times, np.maximum(distances[name], FLOOR), color=colour, lw=2)
        draw_words(ax, words, 0.95, 0.1, x=1.03, ha="left", fontsize=9)
        ax.set(yscale="log", ylim=(FLOOR / 5, 50), xlim=(0, times[-1]), xlabel="gradient-flow time")
        ax.set(ylabel="distance", yticks=(1e-16, 1e-8, 1))
        return fig

    return Explorer(
        simulate, draw,
        "Distance over time from the relation chosen, for linear, ReLU, quadratic and tanh units",
        {"equal units": {"gamma_v": 1.0, "gamma_u": 1.0},
        "opposite units": {"gamma_v": -1.0, "gamma_u": -1.0},
        "two ratios": {"gamma_v": 3.0, "gamma_u": -0.5}},
        gamma_v=Slider(2.0, -3.0, 3.0, 0.5, label="v₁ / v₂"),
        gamma_u=Slider(2.0, -3.0, 3.0, 0.5, label="u₁ / u₂"),
        width=Slider(12, 2, 50), seed=Slider(0, 0, 100),
    )  # fmt: skip
