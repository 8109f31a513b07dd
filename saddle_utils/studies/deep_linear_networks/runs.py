"""Runs of deep linear networks, each at its own step size: staircases, escape from the origin."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from ...dynamics import descend, flow
from ...networks.deep import Backpropagation, DeepLinear, pack
from ...observables import first_times, imbalance
from ...theory import deep_linear as theory

STRENGTHS = (1.0, 0.5, 0.25)  # of the target of rank three
SIZE, HIDDEN = 10, 12  # inputs and outputs, and hidden width, of its networks


@dataclass(frozen=True)
class Descent:
    """Runs of gradient descent: times and losses (T, runs), theta at the end (runs, 1, weights).

    `seen` (chunks, ...) is what was probed at the start of each chunk of steps.
    """

    times: np.ndarray
    losses: np.ndarray
    theta: np.ndarray
    seen: np.ndarray


def initial_weights(
    network: Backpropagation, scales: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Gaussian weights (runs, 1, weights) of these standard deviations (runs,)."""
    return rng.standard_normal((len(scales), 1, network.n_u)) * np.asarray(scales)[:, None, None]


def curvature(network: Backpropagation, theta: np.ndarray) -> np.ndarray:
    """An upper bound of the operator norm of the Hessian, (runs,), for Szz = I.

    sum_l |P_l|^2 |Q_l|^2 + 2 |G| sum_(l < m) |P_m| |W_(m-1) ... W_(l+1)| |Q_l|, with P_l and Q_l
    the products behind and before layer l, and the norm between bounded by those of the layers.
    """
    weights = network.weights(theta)
    behind, before, value = theory.products(weights)
    p, q, n = ([operator_norm(m) for m in ms] for ms in (behind, before, weights[1:-1]))
    gap = np.linalg.norm(network.residual(value), axis=(-2, -1))
    pairs = combinations(range(len(weights)), 2)
    cross = sum(p[m] * np.prod(n[k : m - 1], axis=0) * q[k] for k, m in pairs)
    return sum(a**2 * b**2 for a, b in zip(p, q, strict=True)) + 2 * gap * cross


def operator_norm(matrix: np.ndarray) -> np.ndarray:
    """Largest singular value of matrices (..., rows, columns), from the smaller Gram matrix."""
    tall = matrix if matrix.shape[-2] > matrix.shape[-1] else matrix.mT
    return np.sqrt(np.linalg.eigvalsh(tall.mT @ tall)[..., -1])


def train(
    network: Backpropagation, theta: np.ndarray, steps: int, chunk: int, end: float,
    probe: Callable[[Backpropagation, np.ndarray], np.ndarray] | None = None,
) -> Descent:  # fmt: skip
    """Gradient descent with steps of .7 / `curvature`, renewed for every chunk of steps.

    Where weights grow fast, a chunk moves them by .4 of their norm at most.  `probe` maps theta
    (runs, 1, weights) to an array to be `seen`.  Ends before `steps` when the losses of all runs
    are below `end` times those of the first step.
    """
    times, losses, seen, now = [], [], [], np.zeros(len(theta))
    for _ in range(0, steps, chunk):
        size, pull = (np.linalg.norm(a, axis=(-2, -1)) for a in (theta, network.field(theta)))
        step = np.minimum(0.7 / curvature(network, theta), 0.4 * size / (chunk * pull + 1e-300))
        seen.append(probe(network, theta) if probe else 0)

        def rule(field: np.ndarray, state: None, step: np.ndarray = step) -> tuple:
            return field * step[:, None, None], None

        run = descend(network, theta, 1.0, chunk, rule=rule)
        times.append(now + np.arange(chunk)[:, None] * step)
        losses.append(run.losses[:-1])
        now, theta = now + chunk * step, run.core[-1]
        if (run.losses[-1] < end * losses[0][0]).all():
            break
    times.append(now[None])
    losses.append(run.losses[-1:])
    return Descent(np.concatenate(times), np.concatenate(losses), theta, np.array(seen))


def map_values(network: Backpropagation, theta: np.ndarray) -> np.ndarray:
    """Singular values of the map, (runs, values)."""
    return np.linalg.svd(network.output(theta), compute_uv=False)


def layer_values(network: Backpropagation, theta: np.ndarray) -> np.ndarray:
    """Singular values of every layer, the largest ten, (layers, runs, 10)."""
    weights = network.weights(theta)
    return np.array([np.linalg.svd(w, compute_uv=False)[..., :SIZE] for w in weights])


def target_network(depth: int) -> DeepLinear:
    """The network of this depth, 10 x 10, whose target has the singular values `STRENGTHS`."""
    return theory.whitened([SIZE, *[HIDDEN] * (depth - 1), SIZE], STRENGTHS)


def rank_losses(strengths: tuple[float, ...] = STRENGTHS) -> np.ndarray:
    """Losses of the best maps of rank 0, 1, ... over that of rank 0."""
    squares = np.square(strengths)
    return 1 - np.concatenate([[0], np.cumsum(squares)]) / squares.sum()


def staircase(depth: int, scale: float, seed: int, runs: int, steps: int = 6000) -> Descent:
    """Runs from Gaussian weights of this scale, with the singular values of their layers."""
    net = target_network(depth)
    theta = initial_weights(net, np.full(runs, scale), np.random.default_rng([seed, depth]))
    return train(net, theta, steps, 5, 1e-5, layer_values)


def plateaus(found: Descent) -> tuple[np.ndarray, np.ndarray]:
    """Where curves are flattest between two drops: levels over the first loss, and the records.

    (ranks - 1, runs) each, from rank 1 on.
    """
    levels, losses = rank_losses(), found.losses / found.losses[0]
    slope = -np.diff(losses, axis=0) / np.diff(found.times, axis=0)
    middle = (losses[1:] + losses[:-1]) / 2
    spans = pairwise((levels[1:] + levels[:-1]) / 2)
    flattest = [
        np.where((middle < high) & (middle > low), slope, np.inf).argmin(0) for high, low in spans
    ]
    return np.take_along_axis(middle, np.array(flattest), 0), np.array(flattest)


def plateau_errors(found: Descent) -> np.ndarray:
    """Relative deviation of the plateaus of all runs from the rank-r losses, (ranks - 1, runs)."""
    return plateaus(found)[0] / rank_losses()[1:-1, None] - 1


def alignment(depth: int, scales: np.ndarray, seed: int, runs: int = 10) -> np.ndarray:
    """sigma_2 / sigma_1 of each layer on the first plateau, median of runs, (scales, layers)."""
    out = []
    for scale in scales:
        found = staircase(depth, float(scale), seed, runs, 2500)
        values = found.seen[plateaus(found)[1][0] // 5, :, range(runs)]
        out.append(np.median(values[..., 1] / values[..., 0], axis=0))
    return np.array(out)


def layer_overlaps(depth: int, scale: float, seed: int, runs: int = 10) -> np.ndarray:
    """Overlap of the leading directions of neighbouring layers after the first drop, (runs,).

    The least over layers of |u_1(W_l) . v_1(W_(l+1))|, with the target's r_1 and q_1 at the ends.
    """
    net = target_network(depth)
    theta = initial_weights(net, np.full(runs, scale), np.random.default_rng([seed, depth]))
    end = 1.05 * rank_losses()[1]
    weights = net.weights(train(net, theta, 6000, 5, end).theta)
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
    found = {name: [] for name in ("aligned", "predicted", "random", "optimal", "drift")}
    for norm in norms:
        layer = norm / np.sqrt(depth)
        time = theory.mode_time(layer, 1.0, depth)
        times = np.linspace(0, 1.1 * time, 2001)
        run = flow(net, pack([m * layer for m in unit]), times, rtol=1e-9)
        found["aligned"].append(first_times(run.times, -run.losses, -0.125))
        found["predicted"].append(time)
        found["random"].append([_random_escape(net, norm, [seed, depth, k]) for k in range(draws)])
        found["optimal"].append(theory.optimal_escape_time(norm, 1.0, depth))
        found["drift"].append(imbalance_drift(net, run.theta))
    return {"norms": norms, **{name: np.array(values).T for name, values in found.items()}}


def _random_escape(net: DeepLinear, norm: float, seed: list[int]) -> float:
    theta = np.random.default_rng(seed).standard_normal((1, 1, net.n_u))
    found = train(net, theta * norm / np.linalg.norm(theta), 20_000, 2, end=0.2)
    return float(first_times(found.times[:, 0], -found.losses[:, 0], -0.125))


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
    found = flow(net, pack(weights), times, rtol=1e-9).theta
    learned = np.diagonal(net.output(found), axis1=-2, axis2=-1)[:, :3] / STRENGTHS
    return {
        "times": times, "losses": net.loss(found), "measured": first_times(times, learned, 0.5),
        "predicted": theory.balanced_losses(net.output(found[0]), net.syz, depth, times),
        "expected": np.array(expected), "drift": imbalance_drift(net, found),
    }  # fmt: skip
