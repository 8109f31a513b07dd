"""Gradient descent of ensembles of deep linear networks, each run at its own step size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ...dynamics import descend
from ...networks.deep import Backpropagation


@dataclass(frozen=True)
class Descent:
    """Runs of gradient descent: times and losses (T, runs), theta at the end (runs, 1, weights).

    `seen` (chunks, ...) is what `probe` returned at the start of each chunk of steps.
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


def products(network: Backpropagation, weights: Sequence[np.ndarray]) -> tuple[list, list]:
    """P_l = W_L ... W_(l+1) behind each layer, and Q_l = W_(l-1) ... W_1 before it."""
    behind, before = [np.eye(network.sizes[-1])], [np.eye(network.sizes[0])]
    for w in weights[:0:-1]:
        behind.insert(0, behind[0] @ w)
    for w in weights[:-1]:
        before.append(w @ before[-1])
    return behind, before


def curvature(network: Backpropagation, theta: np.ndarray) -> np.ndarray:
    """An upper bound of the operator norm of the Hessian, (runs,), for Szz = I.

    sum_l |P_l|^2 |Q_l|^2 + 2 |G| sum_(l < m) |P_m| |W_(m-1) ... W_(l+1)| |Q_l|, with P_l and Q_l
    the products behind and before layer l, and the norm between bounded by those of the layers.
    """
    weights = network.weights(theta)
    behind, before = products(network, weights)
    p, q, n = ([np.linalg.norm(m, 2, (-2, -1)) for m in ms] for ms in (behind, before, weights))
    gap = np.linalg.norm(network.residual(weights[-1] @ before[-1]), axis=(-2, -1))
    pairs = combinations(range(len(weights)), 2)
    cross = sum(p[m] * np.prod(n[k + 1 : m], axis=0) * q[k] for k, m in pairs)
    return sum(a**2 * b**2 for a, b in zip(p, q, strict=True)) + 2 * gap * cross


def train(
    network: Backpropagation, theta: np.ndarray, steps: int, probe: Callable, chunk: int = 10,
    end: float = 0.0,
) -> Descent:  # fmt: skip
    """Gradient descent with steps of .7 / `curvature`, renewed for every chunk of steps.

    Where weights grow fast, a chunk moves them by .4 of their norm at most.  `probe` maps theta
    (runs, 1, weights) to an array to be kept.  Ends before `steps` when the losses of all runs are
    below `end` times those of the first step.
    """
    times, losses, seen, now = [], [], [], np.zeros(len(theta))
    for _ in range(0, steps, chunk):
        size, pull = (np.linalg.norm(a, axis=(-2, -1)) for a in (theta, network.field(theta)))
        step = np.minimum(0.7 / curvature(network, theta), 0.4 * size / (chunk * pull + 1e-300))
        seen.append(probe(theta))

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
