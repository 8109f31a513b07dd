"""Runs of monomial networks with the spectrum of their Jacobian, and learning coefficients."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import networks, observables
from ...dynamics import flow, flows
from ...theory import saddles
from ...theory.subnetworks import monomial_jacobian

ARCHITECTURE = {2: "quadratic", 3: "cubic"}  # monomials whose networks have compiled engines
STRENGTHS = (3.0, 2.0, 1.0)  # of the target sum_k s_k x_k^d of the runs
SMALL = 1e-3  # of the largest singular value: what is below counts as zero in a run


def task(degree: int, inputs: int, seed: int, samples: int = 150) -> tuple[np.ndarray, np.ndarray]:
    """Inputs (samples, inputs) on a sphere and labels sum_k s_k x_k^d, for degree 2 or 3."""
    x = np.random.default_rng([seed, 5]).standard_normal((samples, inputs))
    x *= np.sqrt(inputs) / np.linalg.norm(x, axis=1, keepdims=True)
    return x, x**degree @ np.array(STRENGTHS[:inputs])


def spectra(
    degree: int, width: int, init_scale: float, seeds: Sequence[int], task_seed: int
) -> list[dict[str, Any]]:
    """Runs of the monomial network by gradient flow, with the spectrum of the Jacobian.

    Keys: times and middles, those of the plateaus, in units of init_scale^(1 - d); losses and
    levels, over the first loss; widths and ranks, the effective width and the number of singular
    values above `SMALL` in the middle of each plateau behind the first drop; and, for the first run
    only, values (T, 3 width), the singular values over the largest.
    """
    x, y = task(degree, len(STRENGTHS), task_seed)
    net, unit = networks.build(ARCHITECTURE[degree], x, y), init_scale ** (1 - degree)
    runs = flows(net, networks.initial_units(net, width, init_scale, seeds), 40 * unit, 1e-4)
    found = []
    for run in runs:
        stairs = observables.measure(run.times, run.losses, min_duration=1e-3 * unit)
        states = np.stack([run.at(middle) for middle in stairs.middles[1:]])
        found.append(
            {"times": run.times / unit, "middles": stairs.middles / unit,
            "losses": run.losses / run.losses[0], "levels": stairs.levels / run.losses[0],
            "widths": observables.effective_width(net, states, reference=states[-1:]),
            "ranks": (singular_values(states, x, degree) > SMALL).sum(-1)}
        )  # fmt: skip
    found[0]["values"] = singular_values(runs[0].theta, x, degree)
    return found


def singular_values(theta: np.ndarray, x: np.ndarray, degree: int) -> np.ndarray:
    """Singular values over the largest of the Jacobian at units (\\*ensemble, units, 1 + n)."""
    weights = [theta[..., 1:], theta[..., :1].mT]
    values = np.linalg.svd(monomial_jacobian(weights, x.T, degree), compute_uv=False)
    return values / values[..., :1]


def embedded(degree: int, seed: int) -> tuple[float, int, int]:
    """A narrow network's minimum inside a wider one (Theorem 1), for three random losses.

    The largest gradient at the wide point, and the rank of the Jacobian there and at the narrow
    minimum (equal, each the largest of the losses): a subnetwork, and a fixed point of each loss.
    """
    gradients, wide_ranks, narrow_ranks = [], [], []
    for k in range(3):
        rng = np.random.default_rng([seed, 6, k])
        x, y = rng.standard_normal((60, 3)), rng.standard_normal(60)
        net = networks.build(ARCHITECTURE[degree], x, y)
        narrow = saddles.fixed_point(net, 1, seed + k)
        for construction in ("copy", "silent"):
            wide = saddles.embed(net, narrow, construction, rng)
            gradients.append(float(saddles.gradient_norm(net, wide)))
            wide_ranks.append(int((singular_values(wide, x, degree) > 1e-8).sum()))
        narrow_ranks.append(int((singular_values(narrow, x, degree) > 1e-8).sum()))
    return max(gradients), max(wide_ranks), max(narrow_ranks)


def full_rank_saddle(offset: float, init_scale: float) -> dict[str, np.ndarray]:
    """A single quadratic unit that starts near the weaker axis of 2 x_1^2 + x_2^2, and lingers.

    Keys: times; losses, over the first; second, the second singular value over the first; gradient,
    its norms; levels, of the plateaus; middle, the record in the middle of that between the drops;
    index, the number of directions of descent there.
    """
    angles = np.pi * (np.arange(40) + 0.5) / 40
    x = np.sqrt(2) * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    net = networks.build("quadratic", x, x**2 @ [2.0, 1.0])
    run = flow(net, init_scale * np.array([[1.0, offset, 1.0]]), 0.5 / init_scale)
    stairs = observables.measure(run.times, run.losses, min_duration=1.0)
    middle = np.searchsorted(run.times, stairs.middles[1])
    return {
        "times": run.times, "losses": run.losses / run.losses[0],
        "second": singular_values(run.theta, x, 2)[:, 1], "middle": middle,
        "gradient": saddles.gradient_norm(net, run.theta), "levels": stairs.levels,
        "index": saddles.saddle_index(net, run.theta[middle]),
    }  # fmt: skip


def volumes(inputs: int, degree: int, eps: np.ndarray, seed: int) -> np.ndarray:
    """Volume of weights (v, u) of a neuron with excess loss below eps over the function 0, (eps,).

    As a share of |v| < 1, |u| < 1.  The loss is the mean square of the neuron at twelve random
    inputs; u is random, its length stratified, and the integral over v is exact.
    """
    rng, draws = np.random.default_rng([seed, 7, inputs, degree]), 100_000
    direction = rng.standard_normal((draws, inputs))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    length = ((np.arange(draws) + rng.random(draws)) / draws) ** (1 / inputs)
    x = rng.standard_normal((inputs, 12))
    reach = length ** (2 * degree) * np.mean((direction @ x) ** (2 * degree), axis=1)
    return np.array([np.minimum(np.sqrt(e / reach), 1).mean() for e in eps])


def plateau_volumes(eps: np.ndarray, seed: int) -> np.ndarray:
    """The same for a quadratic network of two units in the plane at the function of one, x_1^2.

    The first unit is free: it takes what it can, and leaves the smallest eigenvalue m of the
    matrix e_1 e_1' - v u u', an excess loss m^2.  The volume of first units with less than eps
    goes as the square of its radius, eps - m^2.
    """
    rng, draws = np.random.default_rng([seed, 8]), 400_000
    v, angle = rng.uniform(-0.5, 0.5, draws), 2 * np.pi * rng.random(draws)
    square = rng.random(draws)  # |u|^2 of a random point of the disc
    trace, determinant = 1 - v * square, -v * square * np.sin(angle) ** 2
    smallest = determinant / (trace / 2 + np.sqrt(trace**2 / 4 - determinant))
    return np.array([np.maximum(e - smallest**2, 0).mean() for e in eps])
