"""Notebook 02: a ReLU network learns one ray, on the line one kink, at a time (Figure 1D).

Units that point in one direction, a ray, act as a single unit (Theorem 3 iii).  On the line, where
a unit has u = (weight, bias), a ray is a kink of the learned function: kinks can be seen and
counted.  In the plane, the first drops of random tasks are compared with the ReLU analogue of
Theorem 4 (`theory.relu`).  The runs of Figure 1D are those of `figure1`.
"""

from collections.abc import Sequence
from itertools import chain

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..datasets import panel
from ..dynamics import Trajectory, descend, flow, sweep_over
from ..networks import Network, Pointwise, build, initial_units, pointwise
from ..notebook import Explorer, Picture, Slider
from ..notebook.colours import BLUE, FAINT, INK, RED
from ..notebook.look import agreement_figure, draw_levels, draw_loss, draw_words
from ..observables import Staircase, clusters, effective_width, first_times, log_slope, measure
from ..theory.relu import ReluDirections, relu_directions
from . import figure1


def leaky_widths(width: int, init_scale: float, seeds: Sequence[int]) -> list[tuple[int, ...]]:
    """Effective widths on the plateaus of panel D's task with leaky ReLU units, those that occur.

    Of gradient flow from each seed, for 1.1 times the epochs of the panel for each plateau.
    """
    paper = panel("fig1d")
    net, found = build("leaky_relu", paper.x, paper.y), set()
    for start in initial_units(net, width, init_scale, seeds):
        times = np.linspace(0, 2.2 * paper.epochs_from(init_scale) * paper.step, 2001)
        run = flow(net, start, times)
        stairs, end = measure(run.times, run.losses, min_drop=0.02), run.theta[-1]
        widths = [effective_width(net, run.at(t), reference=end) for t in stairs.middles]
        found.add(tuple(int(w) for w in widths))
    return sorted(found)


def panel_explorer() -> Explorer:
    """Explorer of panel D; `angle` is that between the two inputs, in degrees."""
    angle = Slider(90.0, 10.0, 170.0, 5.0, label="angle of inputs")
    return figure1.panel_explorer("fig1d", angle=angle)


def zigzag() -> Pointwise:
    """ReLU network with u = (weight, bias) on a zigzag: 21 points of [-2, 2], of mean square 1."""
    inputs = np.linspace(-2, 2, 21)
    targets = np.interp(inputs, (-2, 0.26, 1.12, 1.34, 2), (0.73, -0.54, -0.52, 0.15, 0.47))
    return pointwise(_with_bias(inputs), targets / np.sqrt(np.mean(targets**2)))


def _with_bias(inputs: np.ndarray) -> np.ndarray:
    return np.stack([inputs, np.ones_like(inputs)], axis=1)


def kinks(
    network: Network, theta: np.ndarray, tau: float = 0.02, reference: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Positions and bends (n,) of the kinks of a ReLU network on the line, between its samples.

    Every cluster of active units (`observables.clusters`, from theta (units, 3), `tau` and
    `reference`) has its kink at -bias / weight, and the bend is the change of slope there, the sum
    of v |weight| over its units.  Bends below `tau` times the largest do not count.
    """
    v, u = network.split(theta)
    labels = clusters(network, theta, tau, reference)
    member = labels == np.arange(labels.max() + 1)[:, None]  # (clusters, units)
    bends, places = v[:, 0] * np.abs(u[:, 0]), -u[:, 1] / np.where(u[:, 0] == 0, np.inf, u[:, 0])
    bend, size = member @ bends, member @ np.abs(bends)
    position = member @ (np.abs(bends) * places) / np.where(size == 0, 1, size)
    samples = network.x[0, :, 0]
    inside = (size > 0) & (samples.min() < position) & (position < samples.max())
    keep = inside & (np.abs(bend) > tau * np.max(np.abs(bend[inside]), initial=0))
    order = np.argsort(position[keep])
    return position[keep][order], bend[keep][order]


def kink_counts(
    network: Network, runs: Trajectory, stairs: Sequence[Staircase]
) -> list[tuple[int, ...]]:
    """Number of kinks in the middle of every plateau, a tuple for each run of an ensemble."""
    ends = runs.theta[-1]
    return [
        tuple(len(kinks(network, runs.at(t)[k], reference=ends[k])[0]) for t in found.middles)
        for k, found in enumerate(stairs)
    ]


def relu_kinks_picture(
    network: Network, runs: Trajectory, stairs: Sequence[Staircase], levels: Sequence[float]
) -> Picture:
    """Loss of the first run of an ensemble on the line, and the function at each of its plateaus.

    `stairs` are those of all runs, `levels` the best losses of 0, 1, 2, ... units over the initial.
    """
    run, names = runs.member(0), [f"plateau {k}" for k in range(len(stairs[0].levels))]
    fig = plt.figure(figsize=(9, 3.8))
    axes = fig.subplot_mosaic([["loss"] * len(names), names], height_ratios=(1, 1.15))
    draw_levels(axes["loss"], levels, run.times[-1])
    losses = run.losses / network.zero_loss()
    draw_loss(axes["loss"], run.times, losses, stairs[0].middles)
    draw_words(axes["loss"], [("dashed: the best network of 0, 1, 2, 3 units", INK)], top=0.85)
    for name, middle in zip(names, stairs[0].middles, strict=True):
        _draw_function(axes[name], network, run.at(middle), run.theta[-1])
    alt = (
        "Loss of a ReLU network that fits a zigzag, with four plateaus, and the learned "
        "function at each: flat, then with one, two and three kinks, ever closer to the data."
    )
    return Picture(fig, "relu_kinks", alt, {"time": run.times, "loss": losses})


def _draw_function(ax: Axes, network: Network, now: np.ndarray, end: np.ndarray) -> None:
    """The function that units `now` compute on the line, over the data; its kinks are counted."""
    (position, _), grid = kinks(network, now, reference=end), np.linspace(-2, 2, 401)
    ax.plot(network.x[0, :, 0], network.y[0], "o", color=FAINT, ms=3)
    ax.plot(grid, network.predict(now, _with_bias(grid))[0], color=BLUE)
    bent = network.predict(now, _with_bias(position))[0]
    ax.plot(position, bent, "D", color=RED, mec="white", ms=6)
    title = f"{len(position)} kink{'s' * (len(position) != 1)}"
    ax.set_title(title, color=RED, fontweight="bold", loc="center")
    ax.set(ylim=(-1.9, 2.1), xticks=(-2, 0, 2), yticks=(), xlabel="input")
    ax.spines["left"].set_visible(False)


def line_explorer() -> Explorer:
    """Explorer of the regression on the line: the function that is learned, over time."""
    network = zigzag()

    def simulate(width: int, init_scale: float, seed: int) -> Trajectory:
        return descend(network, initial_units(network, width, init_scale, seed), 0.05, 4400, 10)

    def draw(run: Trajectory, progress: float) -> Figure:
        fig, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3), width_ratios=(1.4, 1))
        k = round(progress * (len(run.times) - 1))
        draw_loss(left, run.times, run.losses / network.zero_loss(), run.times[k])
        _draw_function(right, network, run.theta[k], run.theta[-1])
        return fig

    sliders = {
        "init_scale": Slider(1e-8, -8, -0.5, 0.25, log=True, label="initial scale"),
        "width": Slider(50, 1, 100),
        "seed": Slider(1, 0, 100),
        "progress": Slider(0.25, 0.0, 1.0, 0.01, view=True, label="time shown"),
    }
    alt = "Loss over time beside the function that the network has learned at the time chosen"
    presets = {"no plateau": {"init_scale": 10**-0.5}, "one unit": {"width": 1}}
    return Explorer(simulate, draw, alt, presets, **sliders)


def measure_first_drops(
    seed: int, count: int, scales: Sequence[float]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """First drops of random ReLU tasks, 40 points of the plane: what theory says, and descent does.

    A row for each task: slope of the time of the drop in ln(1 / eps), "predicted" 1 / U_1 and
    "measured"; "rival" U_2 / U_1, how close the second rate of growth is to the first; "served",
    whether any unit aligns with the first direction.  And a row for each other direction: exponent
    in eps of the size of its units at that time, "predicted" 1 - U_k / U_1 and "measured".
    """

    def first_drop(k: int) -> tuple[dict, list[dict]]:
        rng = np.random.default_rng([seed, k])
        net = pointwise(rng.standard_normal((40, 2)), rng.standard_normal(40))
        theory = relu_directions(net)
        times, norms = measure_first_drop(net, scales, seed=seed + k)
        others = [
            {"predicted": 1 - rate / theory.rates[0], "measured": -log_slope(scales, np.log(sizes))}
            for rate, sizes in zip(theory.rates[1:], norms.T[1:], strict=True) if sizes.min() > 0
        ]  # fmt: skip
        slopes = {"predicted": theory.first_time, "measured": log_slope(scales, times)}
        return {**slopes, "rival": 1 - theory.exponent, "served": norms[0, 0] > 0}, others

    tasks, others = zip(*sweep_over(first_drop, range(count)), strict=True)
    return pd.DataFrame(tasks), pd.DataFrame([*chain(*others)])


def measure_first_drop(
    network: Pointwise, scales: Sequence[float], width: int = 20, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Times (scales,) of the first drop of a ReLU network in the plane, and norms of its units.

    A time is when the loss has taken half of what one unit along the first of `relu_directions`
    can learn, U_1^2 / (4 E[sigma^2]); nan if it never does.  The norms (scales, directions) are
    those of the units that are aligned with each direction then, 0 if none are.  Prediction:
    ln(1 / eps) / U_1 and eps^(1 - U_k / U_1), if some unit aligns with the first.

    The start is balanced, |v_i| = |u_i|, of scale eps for each of `scales`.  Gradient descent takes
    steps of .005 / U_1, small because units slide along kinks.
    """
    found, scales = relu_directions(network), np.asarray(scales, dtype=float)
    rate, best = found.rates[0], found.directions[0]
    energy = np.mean(np.maximum(network.x[0] @ best, 0) ** 2)
    draw = initial_units(network, width, 1.0, seed)
    draw[:, 0] = np.sign(draw[:, 0]) * np.linalg.norm(draw[:, 1:], axis=1)
    level = network.zero_loss() - rate**2 / (4 * energy)
    runs = [
        descend(network, scale * draw, 0.005 / rate, int((3 - np.log(scale)) / 0.005), every=5)
        for scale in scales
    ]
    times = np.array([first_times(run.times, -run.losses, -level) for run in runs])
    smallest = scales.argmin()
    halfway = -np.log(scales[smallest]) / (2 * rate)  # turned, and not yet learned
    aligned = _aligned(found, np.sign(draw[:, 0]), runs[smallest].at(halfway)[:, 1:])
    ends = [run.at(time) for run, time in zip(runs, times, strict=True)]
    norms = [[np.linalg.norm(t[aligned == k]) for k in range(len(found.rates))] for t in ends]
    return times, np.array(norms)


def _aligned(found: ReluDirections, signs: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Direction with which each unit is aligned, to a cosine of .99; -1 if none.

    It must be of the sign with which v began, `signs` (units,): balanced gradient flow keeps
    |v_i| = |u_i| and so the sign of v.  Units that nothing draws shrink until finite steps turn
    their v over, and are late wherever they go then.
    """
    cosine = u @ found.directions.T / np.linalg.norm(u, axis=1, keepdims=True)
    cosine[signs[:, None] != found.signs] = -1
    return np.where(cosine.max(1) > 0.99, cosine.argmax(1), -1)


def first_drops_picture(drops: pd.DataFrame, others: pd.DataFrame, clear: pd.Series) -> Picture:
    """Predicted against measured: slopes of the times, hollow where not `clear`, and exponents.

    The tables are those of `measure_first_drops`.
    """
    slopes = drops[["predicted", "measured"]]
    panels = [
        {"title": "first drop", "label": "slope in ln(1/ε)", "good": clear, **slopes},
        {"title": "other directions", "label": "exponent in ε", **others},
    ]
    alt = (
        f"Predicted against measured for {len(clear)} random ReLU tasks: slope of the first time "
        "in ln(1/eps), and the exponents of the sizes of units in all other directions; nearly all "
        "on the diagonal."
    )
    data = {**slopes, "clear": clear}
    return Picture(agreement_figure(panels), "relu_escape", alt, data, {"exponents": others})
