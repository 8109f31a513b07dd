"""Runs on the grid of the phase diagrams: plateaus, distance to low rank, change of the kernel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import maximum_filter, minimum_filter

from ... import observables
from ...datasets import figure2_network, power_law
from ...dynamics import Trajectory, flows, sweep_over
from ...networks import Linear, initial_units, stacked
from ...theory import quadratic, wide_limit
from ...theory.linear import linear_levels


def linear_phases(
    kappas: np.ndarray, scales: np.ndarray, width: int, seeds: Sequence[int]
) -> dict[str, np.ndarray]:
    """Linear networks of Figure 2 over initial scale and kappa, (scales, kappas, seeds) each.

    "plateaus" before the last, "distance" from low rank (`rank_distance`) and "movement" of the
    kernel (`kernel_movement`).  All settings share their draws of the units.  They train reduced:
    R of Theta = O R has the same map, singular values and kernel at all times, in a few units.
    """
    strengths = np.array([power_law(kappa) for kappa in kappas])
    nets = stacked([figure2_network("linear", kappa) for kappa in kappas for _ in seeds])
    draws = initial_units(figure2_network("linear"), width, 1.0, seeds)
    levels = np.repeat(
        [linear_levels(figure2_network("linear", kappa)) for kappa in kappas], len(seeds), 0
    )

    def row(scale: float) -> tuple[np.ndarray, ...]:
        mass = width * scale**2
        ends = wide_limit.times_at(strengths, mass, 0.5) + 4 / np.hypot(strengths, mass)
        theta = np.tile(nets.reduce(scale * draws)[1], (len(kappas), 1, 1))
        runs = flows(nets, theta, np.repeat(1.2 * ends.max(1), len(seeds)))
        counts = observables.count([r.times for r in runs], [r.losses for r in runs], min_drop=1e-3)
        last_units = np.stack([run.theta[-1] for run in runs])
        movement = kernel_movement(nets, theta, last_units)
        return counts - 1, rank_distance(runs, levels), movement

    found = zip(*sweep_over(row, scales), strict=True)
    shape, names = (len(scales), len(kappas), len(seeds)), ("plateaus", "distance", "movement")
    return {name: np.reshape(part, shape) for name, part in zip(names, found, strict=True)}


def attention_phases(
    widths: Sequence[int], scales: np.ndarray, seeds: Sequence[int], kappa: float = 1.0
) -> np.ndarray:
    """Plateaus before the last of attention over initial scale and heads, (scales, widths, seeds).

    The prediction is the number of `quadratic.critical_scales` above the scale.
    """
    network = figure2_network("attention", kappa)

    def plateaus(width: int) -> np.ndarray:
        draws = initial_units(network, width, 1.0, seeds)
        theta = (scales[:, None, None, None] * draws).reshape(-1, *draws.shape[1:])
        last = quadratic.head_waits(network, draws).sum(-1)
        ends = 1.3 * last / scales[:, None] + 60
        runs = flows(network, theta, ends.ravel(), rtol=1e-4)
        counts = observables.count([r.times for r in runs], [r.losses for r in runs])
        return counts.reshape(len(scales), -1) - 1

    return np.stack(sweep_over(plateaus, widths), axis=1)


def rank_distance(runs: Sequence[Trajectory], levels: np.ndarray) -> np.ndarray:
    """Largest relative distance from the saddles' low rank on the way, (runs,).

    At the r-th half-drop, when the loss first passes the middle of levels r - 1 and r, the distance
    of the units from the manifold of rank r (Theorem 3, iv), (sum_{k > r} sigma_k^2)^(1/2) over
    their norm; the largest for r below the last.  levels (runs, ranks + 1).
    """
    ranks = levels.shape[1] - 2
    middles = (levels[:, :ranks] + levels[:, 1 : ranks + 1]) / 2
    units = np.stack([at_losses(run, row) for run, row in zip(runs, middles, strict=True)])
    squares = np.linalg.svd(units, compute_uv=False) ** 2  # (runs, ranks, features)
    far = [squares[:, r, r + 1 :].sum(-1) / squares[:, r].sum(-1) for r in range(ranks)]
    return np.sqrt(np.max(far, axis=0))


def at_losses(run: Trajectory, losses: np.ndarray) -> np.ndarray:
    """The units when the loss first passes each of these values, (values, units, features).

    Linear between two records; the first ones if the loss starts below, the last if it never falls
    so far.
    """
    after = np.minimum((run.losses[:, None] > losses).sum(0), len(run.losses) - 1)
    before = np.maximum(after - 1, 0)
    high, low = run.losses[before], run.losses[after]
    share = np.clip((high - losses) / np.where(high > low, high - low, 1), 0, 1)[:, None, None]
    return (1 - share) * run.theta[before] + share * run.theta[after]


def kernel_movement(network: Linear, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Relative change |K_end - K_start| / |K_start| of the neural tangent kernel, (\\*ensemble,).

    Of f = sum_i v_i (u_i . x) the kernel is K(x, z) = (x' A z) I + (x . z) B with A = U'U, B = V'V.
    On white inputs that is the matrix A (x) I + I (x) B, of squared Frobenius norm
    n_v |A|^2 + n_u |B|^2 + 2 tr A tr B.
    """

    def parts(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        v, u = network.split(theta)
        return u.mT @ u, v.mT @ v

    def norm(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        squares = (n * (m**2).sum((-2, -1)) for n, m in ((network.n_v, a), (network.n_u, b)))
        return np.sqrt(sum(squares) + 2 * np.einsum("...ii", a) * np.einsum("...ii", b))

    first, last = parts(start), parts(end)
    return norm(last[0] - first[0], last[1] - first[1]) / norm(*first)


def within_a_cell(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Whether what was found on a grid (scales, kappas) is expected within one cell around."""
    return (found >= minimum_filter(expected, 3)) & (found <= maximum_filter(expected, 3))
