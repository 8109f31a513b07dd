"""Staircases of deep linear networks, and their escape from the origin."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from ... import observables
from ...dynamics import flow
from ...networks.deep import DeepLinear, pack
from ...theory import deep_linear as theory
from .train import Descent, initial_weights, train

STRENGTHS = (1.0, 0.5, 0.25)  # of the target of rank three
SIZE, HIDDEN = 10, 12  # inputs and outputs, and hidden width, of its networks


def target_network(depth: int, strengths: tuple[float, ...] = STRENGTHS) -> DeepLinear:
    """The network of this depth, 10 x 10, whose target has these singular values."""
    return theory.whitened([SIZE, *[HIDDEN] * (depth - 1), SIZE], strengths)


def rank_losses(strengths: tuple[float, ...] = STRENGTHS) -> np.ndarray:
    """Losses of the best maps of rank 0, 1, ... over that of rank 0."""
    squares = np.square(strengths)
    return 1 - np.concatenate([[0], np.cumsum(squares)]) / squares.sum()


def spectra(network: DeepLinear) -> Any:
    """A probe: singular values of every layer, the largest ten, (layers, runs, 10)."""

    def probe(theta: np.ndarray) -> np.ndarray:
        weights = network.weights(theta)
        return np.array([np.linalg.svd(w, compute_uv=False)[..., :SIZE] for w in weights])

    return probe


def staircase(depth: int, scale: float, seed: int, runs: int, steps: int = 6000) -> Descent:
    """Runs from Gaussian weights of this scale, with the singular values of their layers."""
    net = target_network(depth)
    theta = initial_weights(net, np.full(runs, scale), np.random.default_rng([seed, depth]))
    return train(net, theta, steps, spectra(net), chunk=5, end=1e-5)


def plateaus(times: np.ndarray, losses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where a loss curve (T,) is flattest between two drops: its levels over the first loss, and
    the records, one for each rank below the target's, the first excepted."""
    levels, losses = rank_losses(), losses / losses[0]
    slope, middle = -np.diff(losses) / np.diff(times), (losses[1:] + losses[:-1]) / 2
    edges, records = (levels[1:] + levels[:-1]) / 2, []
    for high, low in pairwise(edges):
        inside = np.flatnonzero((middle < high) & (middle > low))
        records.append(inside[np.argmin(slope[inside])] if len(inside) else 0)
    return middle[records], np.array(records)


def plateau_errors(found: Descent) -> np.ndarray:
    """Relative deviation of the plateaus of all runs from the rank-r losses, (runs, ranks - 1)."""
    curves = zip(found.times.T, found.losses.T, strict=True)
    return np.array([plateaus(*curve)[0] for curve in curves]) / rank_losses()[1:-1] - 1


def alignment(depth: int, scales: np.ndarray, seed: int, runs: int = 10) -> np.ndarray:
    """sigma_2 / sigma_1 of each layer on the first plateau, median of runs, (scales, layers)."""
    out = []
    for scale in scales:
        found = staircase(depth, float(scale), seed, runs, 2500)
        ratio = []
        for i in range(runs):
            record = plateaus(found.times[:, i], found.losses[:, i])[1][0]
            values = found.seen[record // 5, :, i]
            ratio.append(values[:, 1] / values[:, 0])
        out.append(np.median(ratio, axis=0))
    return np.array(out)


def layer_overlaps(depth: int, scale: float, seed: int, runs: int = 10) -> np.ndarray:
    """Overlap of the leading directions of neighbouring layers after the first drop, (runs,).

    The least over layers of |u_1(W_l) . v_1(W_(l+1))|, with the target's r_1 and q_1 at the ends.
    """
    net = target_network(depth)
    theta = initial_weights(net, np.full(runs, scale), np.random.default_rng([seed, depth]))
    end = 1.05 * rank_losses()[1]
    weights = net.weights(train(net, theta, 6000, np.size, 5, end).theta)
    parts = [np.linalg.svd(w) for w in weights]
    first, last = abs(parts[0][2][:, 0, 0]), abs(parts[-1][0][:, 0, 0])
    inner = [abs((a[0][..., 0] * b[2][:, 0]).sum(-1)) for a, b in pairwise(parts)]
    return np.min([first, last, *inner], axis=0)


def escape_times(depth: int, norms: np.ndarray, seed: int, draws: int = 3) -> dict[str, np.ndarray]:
    """Times at which half of a rank-one target is learned, from the origin, by gradient flow.

    Keys: aligned (norms,), from balanced aligned weights of rank one, of these norms |theta|;
    predicted (norms,), `theory.mode_time`; random (draws, norms), from Gaussian weights of the same
    norms; optimal (norms,), the optimal escape; drift, of W_(l+1)' W_(l+1) - W_l W_l' along the
    aligned runs.
    """
    net = theory.whitened([3, *[4] * (depth - 1), 3], (1.0,))
    rng = np.random.default_rng([seed, depth, 1])
    unit = theory.balanced_start(net.sizes, np.ones(1), rng)
    aligned, drift = [], []
    for norm in norms:
        start = pack([m * norm / np.sqrt(depth) for m in unit])
        expected = theory.mode_time(norm / np.sqrt(depth), 1.0, depth)
        run = flow(net, start, np.linspace(0, 1.1 * expected, 2001), rtol=1e-9)
        aligned.append(observables.first_times(run.times, -run.losses, -0.125))
        drift.append(imbalance_drift(net, run.theta))
    random = np.array([[_random_escape(net, norm, [seed, depth, k]) for norm in norms]
                       for k in range(draws)])  # fmt: skip
    layers = norms / np.sqrt(depth)
    return {
        "norms": norms, "aligned": np.array(aligned), "random": random,
        "predicted": np.array([theory.mode_time(p, 1.0, depth) for p in layers]),
        "optimal": np.array([theory.optimal_escape_time(n, 1.0, depth) for n in norms]),
        "drift": np.array(drift),
    }  # fmt: skip


def _random_escape(net: DeepLinear, norm: float, seed: list[int]) -> float:
    theta = np.random.default_rng(seed).standard_normal((1, 1, net.n_u))
    found = train(net, theta * norm / np.linalg.norm(theta), 20_000, np.size, 2, end=0.2)
    return float(observables.first_times(found.times[:, 0], -found.losses[:, 0], -0.125))


def imbalance_drift(net: DeepLinear, theta: np.ndarray) -> float:
    """Largest change of `observables.imbalance` along a run (T, 1, weights)."""
    return float(max(np.abs(b - b[0]).max() for b in observables.imbalance(net, theta)))


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
    modes = np.moveaxis(np.diagonal(net.output(found), axis1=-2, axis2=-1), -1, 0)[:3]
    half = [observables.first_times(times, m, s / 2) for m, s in zip(modes, STRENGTHS, strict=True)]
    product = weights[0]
    for w in weights[1:]:
        product = w @ product
    return {
        "times": times, "losses": net.loss(found), "measured": np.array(half),
        "predicted": theory.balanced_losses(product, net.syz, depth, times),
        "expected": np.array(expected), "drift": imbalance_drift(net, found),
    }  # fmt: skip
