"""Gradient flow of deep linear networks: staircases, escape from the origin, balanced starts."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ...dynamics import Trajectory, escapes, flow
from ...networks import DeepLinear, pack
from ...observables import first_times, imbalance, passage_time, rank_ratios
from ...theory import deep_linear as theory

STRENGTHS = (1.0, 0.5, 0.25)  # of the target of rank three
SIZE, HIDDEN = 10, 12  # inputs and outputs, and hidden width, of its networks
LATEST = 2000.0  # when runs end that have not come to the loss at which they are to end


def initial_weights(
    network: DeepLinear, scales: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Gaussian weights (runs, 1, weights) of these standard deviations (runs,)."""
    return rng.standard_normal((len(scales), 1, network.n_u)) * np.asarray(scales)[:, None, None]


def descend_to(network: DeepLinear, theta: np.ndarray, level: float) -> list[Trajectory]:
    """Gradient flow of each start (runs, 1, weights), until its loss is `level` of that of map 0.

    At its own steps, to a relative accuracy of 1e-5.
    """
    level *= network.zero_loss()
    return [flow(network, start, LATEST, 1e-5, level=level) for start in theta]


def stable_step(
    depth: int, width: int, gamma: float, strength: float = 1.0, inputs: int = 0
) -> float:
    """A step of descent that is stable, half the longest: at the minimum, and from N(0, w^-gamma).

    Of a target of this largest singular value; the kernel of the start is estimated.  `inputs` (and
    outputs) count where they are not few beside the width.
    """
    start = 2.0 ** (depth - 2) * width ** ((1 - gamma) * (depth - 1))
    start *= (1 + np.sqrt(inputs / width)) ** 2
    return 1 / (depth * max(strength ** (2 - 2 / depth), start))


def target_network(depth: int) -> DeepLinear:
    """The network of this depth, 10 x 10, whose target has the singular values `STRENGTHS`."""
    return theory.whitened([SIZE, *[HIDDEN] * (depth - 1), SIZE], STRENGTHS)


def rank_losses(strengths: tuple[float, ...] = STRENGTHS) -> np.ndarray:
    """Losses of the best maps of rank 0, 1, ... over that of rank 0."""
    squares = np.square(strengths)
    return 1 - np.concatenate([[0], np.cumsum(squares)]) / squares.sum()


def staircase(
    depth: int, scale: float, seed: int, runs: int, level: float = 1e-5
) -> list[Trajectory]:
    """Runs of the `target_network` from Gaussian weights of this scale, down to a level."""
    net = target_network(depth)
    theta = initial_weights(net, np.full(runs, scale), np.random.default_rng([seed, depth]))
    return descend_to(net, theta, level)


def plateaus(run: Trajectory) -> tuple[np.ndarray, np.ndarray]:
    """Where a run is slowest between two drops: levels over the first loss, and the records.

    (ranks - 1,) each, from rank 1 on.
    """
    levels, losses = rank_losses(), run.losses / run.losses[0]
    slope = -np.diff(losses) / np.diff(run.times)
    middle = (losses[1:] + losses[:-1]) / 2
    spans = pairwise((levels[1:] + levels[:-1]) / 2)
    slowest = [
        np.where((middle < high) & (middle > low), slope, np.inf).argmin() for high, low in spans
    ]
    return middle[slowest], np.array(slowest)


def plateau_errors(found: Sequence[Trajectory]) -> np.ndarray:
    """Relative deviation of the plateaus of all runs from the rank-r losses, (runs, ranks - 1)."""
    return np.array([plateaus(run)[0] for run in found]) / rank_losses()[1:-1] - 1


def alignment(depth: int, scales: np.ndarray, seed: int, runs: int = 10) -> np.ndarray:
    """sigma_2 / sigma_1 of each layer on the first plateau, median of runs, (scales, layers)."""
    net, out = target_network(depth), []
    for scale in scales:
        found = staircase(depth, float(scale), seed, runs)
        states = np.stack([run.theta[plateaus(run)[1][0]] for run in found])
        out.append(np.median(rank_ratios(net, states), axis=0))
    return np.array(out)


def layer_overlaps(depth: int, scale: float, seed: int, runs: int = 10) -> np.ndarray:
    """Overlap of the leading directions of neighbouring layers after the first drop, (runs,).

    The least over layers of |u_1(W_l) . v_1(W_(l+1))|, with the target's r_1 and q_1 at the ends.
    """
    found = staircase(depth, scale, seed, runs, 1.05 * rank_losses()[1])
    weights = target_network(depth).weights(np.stack([run.theta[-1] for run in found]))
    parts = [np.linalg.svd(w) for w in weights]
    first, last = abs(parts[0][2][:, 0, 0]), abs(parts[-1][0][:, 0, 0])
    inner = [abs((a[0][..., 0] * b[2][:, 0]).sum(-1)) for a, b in pairwise(parts)]
    return np.min([first, last, *inner], axis=0)


def escape_times(depth: int, norms: np.ndarray, seed: int, draws: int = 3) -> dict[str, np.ndarray]:
    """Times at which half of a rank-one target is learned, from the origin, by gradient flow.

    Keys: aligned (norms,), from balanced aligned weights of rank one, of these norms |theta|;
    predicted (norms,), `theory.mode_time`; random (draws, norms), from Gaussian weights of the same
    norms; optimal (norms,), the optimal escape; drift (norms,), of the imbalance of the aligned.
    """
    net = theory.whitened([3, *[4] * (depth - 1), 3], (1.0,))
    unit = theory.balanced_start(net.sizes, np.ones(1), np.random.default_rng([seed, depth, 1]))
    unit = pack(unit) / np.sqrt(depth)
    predicted = [theory.mode_time(norm / np.sqrt(depth), 1.0, depth) for norm in norms]
    ends = 1.1 * np.array(predicted)
    runs = [flow(net, norm * unit, end, 1e-9) for norm, end in zip(norms, ends, strict=True)]
    rngs = [np.random.default_rng([seed, depth, k]) for k in range(draws)]
    random = np.stack([rng.standard_normal((1, net.n_u)) for rng in rngs])
    random /= np.linalg.norm(random, axis=-1, keepdims=True)
    starts = (random[:, None] * norms[:, None, None]).reshape(-1, 1, net.n_u)
    return {
        "norms": norms,
        "aligned": np.array([passage_time(net, run, 0.125) for run in runs]),
        "predicted": np.array(predicted),
        "random": escapes(net, starts, 0.125)[0].reshape(draws, -1),
        "optimal": theory.optimal_escape_time(norms, 1.0, depth),
        "drift": np.array([imbalance_drift(net, run.theta) for run in runs]),
    }


def imbalance_drift(net: DeepLinear, theta: np.ndarray) -> float:
    """Largest change of W_(l+1)' W_(l+1) - W_l W_l' along a run (T, 1, weights)."""
    return float(max(np.abs(b - b[0]).max() for b in imbalance(net, theta)))


def balanced_drops(depth: int, start: float, seed: int) -> dict[str, np.ndarray]:
    """Drops of a balanced aligned start of rank three: measured by flow, and predicted.

    Keys: times, losses, predicted losses (T,); measured, expected (3,), the times at which each
    mode is half learned; drift, as in `escape_times`.
    """
    net = theory.whitened([5, *[6] * (depth - 1), 5], STRENGTHS)
    values = start * np.array([1.0, 0.9, 0.8])
    weights = theory.balanced_start(net.sizes, values, np.random.default_rng([seed, depth, 2]))
    expected = [theory.mode_time(p, s, depth) for p, s in zip(values, STRENGTHS, strict=True)]
    times = np.linspace(0, 1.2 * expected[-1], 2001)
    found = flow(net, pack(weights), times, rtol=1e-7).theta  # 4e-5 of the loss: bound 1e-4
    learned = np.diagonal(net.output(found), axis1=-2, axis2=-1)[:, :3] / STRENGTHS
    return {
        "times": times, "losses": net.loss(found), "measured": first_times(times, learned, 0.5),
        "predicted": theory.balanced_losses(net.output(found[0]), net.syz, depth, times),
        "expected": np.array(expected), "drift": imbalance_drift(net, found),
    }  # fmt: skip
