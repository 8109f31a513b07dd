"""Pairs of digits: what theory says of each before training, and runs of both networks (Fig. 3)."""

from collections.abc import Sequence
from itertools import combinations, pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd

from ... import networks
from ...datasets import Images
from ...dynamics import Trajectory, descend, flow, flows, sweep_over
from ...networks import Linear, Network, initial_units, stacked
from ...observables import Staircase, drop_times, first_times, measure
from ...theory.predictions import Prediction, predict

PAIRS = list(combinations(range(10), 2))
LEAST = 1e-8  # variance, relative to the largest, below which an input is left out of Szz^-1
DEPTH = {8: 5, 28: 8}  # powers of Szz, by the side of the images: errors of 1e-5 of the loss
RATE = 0.5  # of a ReLU network: its learning rate times the root of the largest variance; plateaus
# last .4% longer than at half of that
RECORDS = 400


class Task(NamedTuple):
    """A linear network on some digits, in the inputs that its gradient can reach.

    `network` sees these inputs, (pixels, n) of them in `basis`; `strengths` are the singular values
    of Syz, `left` those that are left when the first mode is learned (s~_1, ...), `modes` the
    eigenvalues lambda_k of B, `levels` the losses of the saddles of rank 0, 1, ..., and `turn` the
    angle between q_1 and e_1 in degrees, by which the first mode turns while it learns.
    """

    network: Linear
    basis: np.ndarray
    strengths: np.ndarray
    left: np.ndarray
    modes: np.ndarray
    levels: np.ndarray
    turn: float


class Run(NamedTuple):
    """A trained network, recorded at `times` (T,).

    losses (T,); singular, the top three singular values of the first layer (T, 3); right, the share
    of images classified correctly, and same, the share that get the commonest answer, (T,) each;
    weights, the first layer in pixels, (T, units, pixels); stairs, the plateaus of the loss.
    """

    times: np.ndarray
    losses: np.ndarray
    singular: np.ndarray
    right: np.ndarray
    same: np.ndarray
    weights: np.ndarray
    stairs: Staircase


def reachable_inputs(network: Linear, depth: int) -> np.ndarray:
    """Orthonormal basis (n_u, n) of the inputs that the gradient reaches, n <= outputs (depth + 1).

    The first layer moves along the rows of G = Syz - W Szz only (Eq. 9), and W along those of G and
    of what it was: the rows of Syz, Syz Szz, Syz Szz^2, ..., a Krylov space.  A network restricted
    to it has the same loss curve but for what the initial weights outside of it read, of order eps,
    and for the powers above `depth`, whose part falls geometrically.
    """
    last = np.linalg.qr(network.syz.T)[0]
    basis = last
    for _ in range(min(depth, network.n_u // last.shape[1] - 1)):
        last = network.szz @ last
        for _ in range(2):  # once more, for the first time leaves rounding errors
            last = np.linalg.qr(last - basis @ (basis.T @ last))[0]
        basis = np.concatenate([basis, last], axis=1)
    return basis


def digit_task(images: Images, digits: Sequence[int], depth: int | None = None) -> Task:
    """The `Task` of telling these digits apart (Eq. 9, Lemma 6).

    Strengths and modes count the principal components of the inputs (uncentred) of a variance above
    LEAST times the largest, so that Szz is invertible: pixels that are black on all images are not.
    """
    network = networks.linear(*images.of(digits))
    basis = reachable_inputs(network, DEPTH.get(images.side, 14) if depth is None else depth)
    small = Linear(network.syz @ basis, basis.T @ network.szz @ basis, network.syy)
    variances, axes = np.linalg.eigh(network.szz)
    kept = variances > LEAST * variances[-1]
    syz = network.syz @ axes[:, kept]
    values, modes = np.linalg.eigh(syz / variances[kept] @ syz.T)  # of B = Syz Szz^-1 Syz'
    values, first = values[::-1], modes[:, -1]
    q, strengths, _ = np.linalg.svd(syz, full_matrices=False)
    left = np.linalg.svd(syz - np.outer(first, first @ syz), compute_uv=False)[:-1]
    levels = (network.syy - np.append(0, np.cumsum(values))) / 2
    turn = float(np.degrees(np.arccos(min(abs(q[:, 0] @ first), 1))))
    return Task(small, basis, strengths, left, values, levels, turn)


def leading_log(task: Task, init_scale: float, whitened: bool = False) -> float:
    """Duration of the plateau of one unit to leading logarithm, (1 - s_2 / s_1) / s~_1 ln(1 / eps).

    With `whitened`, s_2 in place of s~_1: what it would be for whitened inputs, and what it is if
    the first unit has no time to turn from q_1 to e_1.
    """
    rate = task.strengths[1] if whitened else task.left[0]
    wait = 1 - task.strengths[1] / task.strengths[0]
    return float(wait / rate * np.log(1 / init_scale))


def predicted(tasks: Sequence[Task], width: int, init_scale: float, seed: int) -> Prediction:
    """`theory.predict` for both drops of each task, from data and initial weights."""
    return predict(
        stacked([task.network for task in tasks]), starts(tasks, width, init_scale, seed), 2
    )


def starts(tasks: Sequence[Task], width: int, init_scale: float, seed: int) -> np.ndarray:
    """Initial units of each task in as many units as features (`Linear.reduce`), (tasks, n, n)."""
    theta = (initial_units(task.network, width, init_scale, seed) for task in tasks)
    return np.stack([task.network.reduce(t)[1] for task, t in zip(tasks, theta, strict=True)])


def train_linear(
    images: Images, digits: Sequence[int], width: int, init_scale: float, seed: int, end: float,
    records: int = RECORDS,
) -> Run:  # fmt: skip
    """Gradient flow of the linear network on these digits up to time `end`, by its moments."""
    task = digit_task(images, digits)
    theta = starts([task], width, init_scale, seed)[0]
    run = flow(task.network, theta, np.linspace(0, end, records + 1))
    x, y = images.of(digits)
    v, u = task.network.split(run.theta)
    return _recorded(run, u @ task.basis.T, y, lambda k: (x @ task.basis) @ u[k].T @ v[k])


def train_relu(
    images: Images, digits: Sequence[int], width: int, init_scale: float, seed: int, end: float,
    device: str = "cpu",
) -> Run:  # fmt: skip
    """Gradient descent of the ReLU network on these digits up to time `end`, on all images."""
    x, y = images.of(digits)
    network = networks.pointwise(x, y)
    run = _descend(network, width, init_scale, seed, end, device)
    _, u = network.split(run.theta)
    return _recorded(run, u, y, lambda k: network.output(run.theta[k]).T)


def relu_drops(
    images: Images, pairs: Sequence, width: int, init_scale: float, seed: int, ends: np.ndarray,
    device: str = "cpu",
) -> np.ndarray:  # fmt: skip
    """Times of the first two drops of a ReLU network on each pair, (pairs, 2); nan if not seen."""

    def drops(pair: Sequence[int], end: float) -> np.ndarray:
        x, y = images.of(pair)
        network = networks.pointwise(x[:, x.any(0)], y)  # a weight on a black pixel never counts
        run = _descend(network, width, init_scale, seed, end, device)
        half = measure(run.times, run.losses).half_drops[:2]
        return np.append(half, np.full(2 - len(half), np.nan))

    return np.array(sweep_over(drops, pairs, ends))


def linear_drops(
    tasks: Sequence[Task], theory: Prediction, width: int, init_scale: float, seeds: Sequence[int]
) -> np.ndarray:
    """Times at which runs pass the middles of predicted levels, (seeds, tasks, 2)."""
    network, found = stacked([task.network for task in tasks]), []
    for seed in seeds:
        theta = starts(tasks, width, init_scale, seed)
        runs = flows(network, theta, 1.5 * theory.times[:, 1])
        found.append([drop_times(*pair) for pair in zip(runs, theory.levels, strict=True)])
    return np.array(found)


def table(
    tasks: Sequence[Task], theory: Prediction, measured: np.ndarray, relu: np.ndarray,
    init_scale: float,
) -> pd.DataFrame:  # fmt: skip
    """Table 1, a row for each of PAIRS, in the order of the tasks.

    Columns: "pair"; s_1, s_2, s~_1 ("s1", "s2", "left"); "gap", (lambda_1 - lambda_2) / lambda_1;
    "turn" in degrees; durations of the plateau between the drops: "leading_log" and "whitened"
    (`leading_log`), "predicted", "measured" and "relu".
    """
    spans = {"predicted": theory.times, "measured": measured, "relu": relu}
    return pd.DataFrame({
        "pair": [f"{a}/{b}" for a, b in PAIRS],
        "s1": [task.strengths[0] for task in tasks],
        "s2": [task.strengths[1] for task in tasks],
        "left": [task.left[0] for task in tasks],
        "gap": [1 - task.modes[1] / task.modes[0] for task in tasks],
        "turn": [task.turn for task in tasks],
        "leading_log": [leading_log(task, init_scale) for task in tasks],
        "whitened": [leading_log(task, init_scale, whitened=True) for task in tasks],
    }).assign(**{name: np.diff(times, axis=1)[:, 0] for name, times in spans.items()})  # fmt: skip


def rises(run: Run) -> np.ndarray:
    """Half-rises of the first two singular values, and begin and end of their drops, (2, 3) times.

    A singular value has risen by half when it passes half of what it is at the middle of the
    plateau behind its drop; a drop lasts from a tenth to nine tenths of what the loss falls.
    """
    rows, levels = [], run.stairs.levels
    for k, (high, low) in enumerate(pairwise(levels[:3])):
        full = np.interp(run.stairs.middles[k + 1], run.times, run.singular[:, k])
        begin, end = (
            first_times(run.times, -run.losses, part * (high - low) - high) for part in (0.1, 0.9)
        )
        rows.append((first_times(run.times, run.singular[:, k], full / 2), begin, end))
    return np.array(rows)


def third(run: Run, time: float) -> float:
    """Largest ratio of the third to the first singular value up to a time, once the first is up.

    It is up from the half-rise on: before, all are as small as they began.
    """
    since = (run.times >= run.stairs.half_drops[0]) & (run.times <= time)
    return float((run.singular[since, 2] / run.singular[since, 0]).max())


def directions(run: Run, time: float, count: int) -> np.ndarray:
    """Top right singular vectors of the first layer at a time, as images, (count, pixels)."""
    weights = run.weights[np.searchsorted(run.times, time)]
    vectors = np.linalg.svd(weights, full_matrices=False)[2][:count]
    return vectors * np.sign(vectors[np.arange(count), np.abs(vectors).argmax(1)])[:, None]


def _descend(
    network: Network, width: int, init_scale: float, seed: int, end: float, device: str
) -> Trajectory:
    """Gradient descent on all images up to time `end`, at RATE, with about RECORDS records."""
    x = network.x[0]
    lr = RATE / np.linalg.norm(x / np.sqrt(len(x)), 2)
    steps, theta = int(np.ceil(end / lr)), initial_units(network, width, init_scale, seed)
    return descend(network, theta, lr, steps, max(steps // RECORDS, 1), device=device)


def _recorded(run: Trajectory, weights: np.ndarray, y: np.ndarray, outputs) -> Run:
    """The `Run` of a trajectory, `outputs` giving those (samples, digits) at a record."""
    answers = np.stack([outputs(k).argmax(1) for k in range(len(run.times))])
    right = (answers == y.argmax(1)).mean(1)
    counts = np.stack([(answers == k).mean(1) for k in range(y.shape[1])])
    singular = np.linalg.svd(weights, compute_uv=False)[:, :3]
    stairs = measure(run.times, run.losses)
    return Run(run.times, run.losses, singular, right, counts.max(0), weights, stairs)
