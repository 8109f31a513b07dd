"""Notebook 02: a ReLU network learns one ray, on the line one kink, at a time (Figure 1D).

A task on the line, on which kinks can be seen and counted, and the first drops of random tasks
in the plane against the ReLU analogue of Theorem 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .. import datasets, networks
from ..dynamics import Trajectory, descend, flow
from ..networks import Network, Pointwise, initial_units, pointwise
from ..notebook import Explorer, Picture, Slider, look
from ..notebook.look import BLUE, FAINT, INK, RED, draw_levels, draw_words
from ..observables import Staircase, clusters, effective_width, first_times, log_slope, measure
from ..theory import relu
from . import figure1


@dataclass(frozen=True)
class Line:
    """One-dimensional regression: inputs (P,), targets (P,) and the ReLU network with a bias."""

    inputs: np.ndarray
    targets: np.ndarray
    network: Network


def line() -> Line:
    """A zigzag on 21 points of [-2, 2], of mean square 1; the units have u = (weight, bias)."""
    inputs = np.linspace(-2, 2, 21)
    targets = np.interp(inputs, (-2, 0.26, 1.12, 1.34, 2), (0.73, -0.54, -0.52, 0.15, 0.47))
    targets /= np.sqrt(np.mean(targets**2))
    with_bias = np.stack([inputs, np.ones_like(inputs)], axis=1)
    return Line(inputs, targets, networks.pointwise(with_bias, targets))


def kinks(
    network: Network, theta: np.ndarray, low: float, high: float, tau: float = 0.05,
    reference: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Kinks in (low, high) of a ReLU network on the line, u = (weight, bias): positions, bends.

    The bend is the change of slope, sum of v |w| over the units of a ray; rays that bend the
    function less than `tau` times the largest bend in the interval do not count.
    """
    v, u = network.split(theta)
    labels = clusters(network, theta, tau, reference)
    found = []
    for k in range(labels.max() + 1):
        bend = np.where(labels == k, v[:, 0] * np.abs(u[:, 0]), 0)
        if np.abs(bend).sum() > 0:
            weight = np.abs(bend) / np.abs(bend).sum()
            position = -np.sum(weight * u[:, 1] / np.where(u[:, 0] == 0, np.inf, u[:, 0]))
            found.append((position, bend.sum()))
    position, bend = np.array(sorted(found)).reshape(-1, 2).T
    inside = (position > low) & (position < high)
    position, bend = position[inside], bend[inside]
    keep = np.abs(bend) > tau * np.max(np.abs(bend), initial=0)
    return position[keep], bend[keep]


def kinks_figure(task: Line, run: Trajectory, stairs: Staircase, levels: Sequence[float]) -> Figure:
    """Loss of a one-dimensional regression over time, and the function learned at each plateau."""
    names = [f"plateau {k}" for k in range(len(stairs.levels))]
    fig = plt.figure(figsize=(9, 3.8))
    axes = fig.subplot_mosaic([["loss"] * len(names), names], height_ratios=(1, 1.15))
    draw_levels(axes["loss"], levels, run.times[-1])
    axes["loss"].plot(run.times, run.losses / task.network.zero_loss(), color=BLUE)
    axes["loss"].set(xlim=(0, run.times[-1]), xlabel="gradient-flow time", ylabel="loss / initial")
    draw_words(axes["loss"], [("dashed: the best network of 0, 1, 2, 3 units", INK)], top=0.85)
    for name, level, middle in zip(names, stairs.levels, stairs.middles, strict=True):
        axes["loss"].plot(middle, level, "o", color=BLUE, mec="white", ms=7, clip_on=False)
        draw_function(axes[name], task, run.at(middle), run.theta[-1])
    return fig


def line_snapshot(task: Line, run: Trajectory, progress: float) -> Figure:
    """Loss over time beside the function learned at `progress` (0 to 1) of the run."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3), width_ratios=(1.4, 1))
    k, losses = round(progress * (len(run.times) - 1)), run.losses / task.network.zero_loss()
    left.plot(run.times, losses, color=BLUE)
    left.plot(run.times[k], losses[k], "o", color=BLUE, mec="white", ms=7, clip_on=False)
    left.set(
        xlim=(0, run.times[-1]),
        ylim=(-0.04, 1.07),
        xlabel="gradient-flow time",
        ylabel="loss / initial loss",
    )
    draw_function(right, task, run.theta[k], run.theta[-1])
    return fig


def draw_function(ax: Axes, task: Line, now: np.ndarray, end: np.ndarray) -> None:
    """The function of a ReLU network on the line over its data, kinks marked and counted."""
    position, _ = kinks(task.network, now, -2, 2, 0.02, end)

    def learned(x: np.ndarray) -> np.ndarray:
        return task.network.predict(now, np.stack([x, np.ones_like(x)], axis=1))[0]

    grid = np.linspace(-2, 2, 401)
    ax.plot(task.inputs, task.targets, "o", color=FAINT, ms=3)
    ax.plot(grid, learned(grid), color=BLUE)
    ax.plot(position, learned(position), "D", color=RED, mec="white", ms=6)
    ax.set_title(
        f"{len(position)} kink{'s' * (len(position) != 1)}",
        color=RED,
        fontweight="bold",
        loc="center",
    )
    ax.set(ylim=(-1.9, 2.1), xticks=(-2, 0, 2), yticks=(), xlabel="input")
    ax.spines["left"].set_visible(False)


def line_explorer() -> Explorer:
    """The explorer of the regression on the line: the function that is learned, over time."""
    task = line()

    def simulate(width: int, init_scale: float, seed: int) -> Trajectory:
        start = initial_units(task.network, width, init_scale, seed)
        return descend(task.network, start, 0.05, 4400, every=10)

    def draw(run: Trajectory, progress: float) -> Figure:
        return line_snapshot(task, run, progress)

    alt = "Loss over time beside the function that the network has learned at the time chosen"
    return Explorer(
        simulate, draw, alt, init_scale=Slider(1e-8, -8, -0.5, 0.25, log=True,
        label="initial scale"), width=Slider(50, 1, 100), seed=Slider(1, 0, 100),
        progress=Slider(0.25, 0.0, 1.0, 0.01, view=True, label="time shown"),
    )  # fmt: skip


def measure_relu(
    network: Pointwise, scales: Sequence[float], width: int = 20, seed: int = 0,
    fineness: float = 0.005,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """First drop of a ReLU network in the plane from balanced units, |v_i| = |u_i|.

    Times (scales,) at which the loss has taken half of what one unit along the first of
    `relu_escape.relu_directions` could learn, U_1^2 / (4 E[sigma^2]), nan if it never does; and the
    norms then (scales, directions) of the units that serve each direction, 0 if none do.
    The predictions are ln(1 / eps) / U_1 and norms eps^(1 - U_k / U_1), if some unit serves the
    first.  By gradient descent with lr = `fineness` / U_1, for units may slide along kinks.
    """
    found, scales = relu.relu_directions(network), np.asarray(scales, dtype=float)
    rate, best = found.rates[0], found.directions[0]
    energy = np.mean(np.maximum(network.x[0] @ best, 0) ** 2)
    draw = initial_units(network, width, 1.0, seed)
    draw[:, 0] = np.sign(draw[:, 0]) * np.linalg.norm(draw[:, 1:], axis=1)
    lr = fineness / rate
    steps = int((np.log(1 / scales.min()) + 3) / fineness)
    run = descend(network, scales[:, None, None] * draw, lr, steps, every=5)
    level = network.zero_loss() - rate**2 / (4 * energy)
    times = first_times(run.times, -run.losses, -level)
    serving = _serving(found, run.at(np.nanmax(times) / 2)[scales.argmin()])  # turned, not learned
    ends = [run.at(time)[i] for i, time in enumerate(times)]
    norms = [[np.linalg.norm(t[serving == k]) for k in range(len(found.rates))] for t in ends]
    return times, np.array(norms)


def relu_study(seed: int, count: int, scales: Sequence[float], width: int = 20) -> dict:
    """`measure_relu` on random planar tasks (40 samples, random labels) against its predictions.

    Arrays: "rival" U_2 / U_1 (count,), "served" whether some unit serves the first direction
    (count,), "slope" of the first time in ln(1 / eps), predicted 1 / U_1 and measured (count, 2),
    and for all other directions that units serve "exponent" 1 - U_k / U_1 and measured (n, 2).
    """
    scales, found = np.asarray(scales), {"rival": [], "slope": [], "served": [], "exponent": []}
    for k in range(count):
        rng = np.random.default_rng([seed, k])
        net = pointwise(rng.standard_normal((40, 2)), rng.standard_normal(40))
        theory = relu.relu_directions(net)
        times, norms = measure_relu(net, scales, width, seed + k)
        found["rival"].append(1 - theory.exponent)
        found["slope"].append((theory.first_time, log_slope(scales, times)))
        found["served"].append(bool(norms[0, 0] > 0))
        pairs = zip(theory.rates[1:] / theory.rates[0], norms.T[1:], strict=True)
        found["exponent"] += [
            (1 - ratio, -log_slope(scales, np.log(norm))) for ratio, norm in pairs if norm.min() > 0
        ]
    return {key: np.array(values) for key, values in found.items()}


def _serving(found: relu.ReluDirections, theta: np.ndarray) -> np.ndarray:
    """Which direction each unit serves, the nearest of its sign within a cosine of .99; else -1."""
    cosine = theta[:, 1:] @ found.directions.T / np.linalg.norm(theta[:, 1:], axis=1, keepdims=True)
    cosine[np.sign(theta[:, :1]) != found.signs] = -1
    return np.where(cosine.max(1) > 0.99, cosine.argmax(1), -1)


def fig1d_picture(paper_run: np.ndarray, ensemble: np.ndarray, levels: np.ndarray) -> Picture:
    """Figure 1D: a run of the ReLU network, other seeds, and the levels of theory (3,)."""
    fig = figure1.panel_figure(paper_run, ensemble, levels)
    alt = (
        "Figure 1D. The loss falls in two steps with a plateau at one half, on the paper's "
        "curve; the weights lie on one ray at the plateau and on two orthogonal rays at the "
        "end."
    )
    return Picture(
        fig, "fig1d", alt, figure1.panel_curves(paper_run),
        {"weights": figure1.panel_weights(paper_run)},
    )  # fmt: skip


def relu_kinks_picture(
    task: np.ndarray, runs: np.ndarray, stairs: np.ndarray, narrow: np.ndarray, losses: np.ndarray
) -> Picture:
    """Loss of the regression on the line, and the function learned on each plateau."""
    fig = kinks_figure(task, runs.member(0), stairs[0], narrow)
    alt = (
        "Loss of a ReLU network that fits a zigzag, with four plateaus, and the learned "
        "function at each: flat, then with one, two and three kinks, ever closer to the data."
    )
    return Picture(fig, "relu_kinks", alt, {"time": runs.times, "loss": losses[:, 0]})


def relu_escape_picture(clear: np.ndarray, study: np.ndarray) -> Picture:
    """Predicted against measured slopes and exponents of `relu_study`."""
    fig = look.agreement_figure(
        [{"title": "first drop", "label": "slope in ln(1/ε)", "good": clear,
        "predicted": study["slope"][:, 0], "measured": study["slope"][:, 1]},
        {"title": "directions that wait", "label": "exponent in ε",
        "predicted": study["exponent"][:, 0], "measured": study["exponent"][:, 1]}],
    )  # fmt: skip
    alt = (
        "Predicted against measured for 24 random ReLU tasks: slope of the first time in "
        "ln(1/eps), and the suppression exponents of all other directions; nearly all on the "
        "diagonal."
    )
    return Picture(
        fig,
        "relu_escape",
        alt,
        {"predicted": study["slope"][:, 0], "measured": study["slope"][:, 1], "clear": clear},
        {"exponents": dict(zip(("predicted", "measured"), study["exponent"].T, strict=True))},
    )


def panel_explorer() -> Explorer:
    """Explorer of panel D; `angle` is that between the two inputs, in degrees."""
    return figure1.panel_explorer(
        "fig1d", angle=Slider(90.0, 10.0, 170.0, 5.0, label="angle of inputs")
    )


def leaky_widths(width: int, init_scale: float, seeds: Sequence[int]) -> list[tuple[int, ...]]:
    """Effective widths on the plateaus of panel D's task with leaky units, those that occur.

    Of gradient flow from each seed, for 1.1 times the epochs of the panel for each plateau.
    """
    paper = datasets.panel("fig1d")
    net, found = networks.build("leaky_relu", paper.x, paper.y), set()
    for start in initial_units(net, width, init_scale, seeds):
        times = np.linspace(0, 2.2 * paper.epochs_from(init_scale) * paper.step, 2001)
        run = flow(net, start, times)
        stairs, end = measure(run.times, run.losses, min_drop=0.02), run.theta[-1]
        widths = [effective_width(net, run.at(t), reference=end) for t in stairs.middles]
        found.add(tuple(int(w) for w in widths))
    return sorted(found)
