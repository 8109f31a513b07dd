"""Large starts of low rank and what they wait (Figure 2C); runs on the grid of phase diagrams."""

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import maximum_filter, minimum_filter

from ... import observables
from ...datasets import figure2_network, power_law
from ...dynamics import Trajectory, flows, sweep_over
from ...networks import Attention, Linear, Network, initial_units
from ...observables import drop_times, standard_error
from ...theory import linear, quadratic, wide_limit
from ...theory.linear import linear_levels
from ...theory.manifolds import growth_bound
from ..figure2 import figure2_levels

SIZE = 1.0  # norm of a large unit


def low_rank_units(
    network: Network, width: int, rank: int, perturbation: float, seed: int = 0
) -> np.ndarray:
    """`rank` units of norm `SIZE` in random directions, all others N(0, perturbation^2).

    Shape (units, features); the large units of a seed are the same at any width.  For a linear
    network that is any start of this rank, up to a rotation of the hidden space, which changes
    nothing.  ValueError for more large units than there are.
    """
    if not 0 <= rank <= width:
        raise ValueError(f"{rank} large units of {width}: wanted 0 to {width}")
    few, all_units = (
        network.draw(np.random.default_rng([seed, k]), count)
        for k, count in enumerate((max(rank, 1), width))
    )
    large = SIZE * few / np.linalg.norm(few, axis=1, keepdims=True)
    return np.concatenate([large[:rank], perturbation * all_units[rank:]])


def low_rank_starts(
    network: Network, width: int, rank: int, perturbations: Sequence[float], seeds: Sequence[int]
) -> np.ndarray:
    """`low_rank_units` for all seeds and perturbations, (seeds * perturbations, units, features).

    The perturbations of a seed share its draw.  The starts of a linear network come reduced: R of
    Theta = O R has the same map, and the same singular values, at all times.
    """
    theta = np.stack([
        low_rank_units(network, width, rank, perturbation, seed)
        for seed in seeds for perturbation in perturbations
    ])  # fmt: skip
    return network.reduce(theta)[1]


def low_rank_runs(
    name: str, width: int, rank: int, perturbation: float, seeds: Sequence[int]
) -> list[Trajectory]:
    """Gradient flow of a network of `figure2` from `low_rank_units`, for long enough to learn."""
    network = figure2_network(name)
    theta = low_rank_starts(network, width, rank, [perturbation], seeds)
    waiting = -np.log(perturbation) if network.degree == 1 else 10 / perturbation
    return flows(network, theta, (1.2 * waiting + 50) / power_law(1.0)[-1])


def low_rank_curves(
    name: str, width: int, ranks: Sequence[int], perturbation: float, seeds: Sequence[int]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """A typical run from each rank, the one of median total time: times and losses (T,).

    The losses are fractions of that at zero.
    """
    found = figure2_levels(name, 1.0)

    def typical(rank: int) -> tuple[np.ndarray, np.ndarray]:
        runs = low_rank_runs(name, width, rank, perturbation, seeds)
        totals = [drop_times(run, found)[-1] for run in runs]
        run = runs[np.argsort(totals)[(len(runs) - 1) // 2]]
        return run.times, run.losses / found[0]

    return sweep_over(typical, ranks)


def exact_runs(
    network: Network, rank: int, seeds: Sequence[int], end: float, rtol: float = 1e-6
) -> list[Trajectory]:
    """Gradient flow from exactly this rank, of the large units alone: the others stay at zero."""
    return flows(network, low_rank_starts(network, rank, rank, [0], seeds), end, rtol)


def growth_on_the_way(network: Linear, rank: int, runs: Sequence[Trajectory]) -> np.ndarray:
    """By how much, at most, a perturbation grows until `exact_runs` reach their saddle, (runs,).

    ln of the growth bound of Theorem 3's manifold, the integral of |G|, up to when the loss is
    above the saddle's by less than a thousandth of the step to the next; inf if it never is.  A
    start near another saddle, of the same rank or a lower one, stays there for a while.
    """
    level, lower = linear_levels(network)[rank : rank + 2]
    near = level + 0.001 * (level - lower)
    return np.array([
        np.interp(-near, -run.losses, np.log(growth_bound(network, run)), right=np.inf)
        for run in runs
    ])  # fmt: skip


def linear_waits(
    network: Linear, width: int, rank: int, perturbations: np.ndarray, seeds: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """When a linear network leaves the saddle of this rank, (seeds, perturbations), times its rate.

    From `low_rank_units`: the time at which the loss passes the middle between that saddle and the
    next, nan if it does not, times the rate s~, the largest of its `escape_rates`: the slope in
    ln(1 / perturbation) is to be 1, once a run arrives before its perturbation can leave.  The
    second array, (seeds,), is `growth_on_the_way`.
    """
    rate = linear.escape_rates(network, list(range(rank)))[0]
    ends = (1.3 * np.log(1 / perturbations) + 50) / rate
    theta = low_rank_starts(network, width, rank, perturbations, seeds)
    pair = linear_levels(network)[rank : rank + 2]
    times = [drop_times(run, pair)[0] for run in flows(network, theta, np.tile(ends, len(seeds)))]
    growth = growth_on_the_way(network, rank, exact_runs(network, rank, seeds, 100 / rate))
    return rate * np.reshape(times, (len(seeds), -1)), growth


def attention_waits(
    network: Attention, width: int, rank: int, perturbations: np.ndarray, levels: np.ndarray,
    seeds: Sequence[int],
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """When attention leaves the saddle of `rank` large heads, predicted and measured, (seeds, p).

    Predicted is the first escape of the small heads from what the large ones leave to learn (Eq.
    14), from the draw alone.  levels (modes + 1,) of the loss (`theory.attention_levels`).
    """
    draws = low_rank_starts(network, width, rank, [1.0], seeds)[:, rank:]
    alone = quadratic.first_escape(quadratic.residual_attention(network, rank), draws)[1]
    predicted = alone[:, None] / perturbations
    theta = low_rank_starts(network, width, rank, perturbations, seeds)
    runs = flows(network, theta, 1.5 * predicted.ravel() + 100)
    measured = [drop_times(run, levels[rank : rank + 2])[0] for run in runs]
    return predicted, np.array(measured).reshape(predicted.shape)


def approach_rate(network: Network, theta: np.ndarray) -> float:
    """Rate at which the loss of narrow networks comes down to that of a minimum theta.

    Twice the smallest eigenvalue of the Hessian there that is not zero (symmetries are): what is
    left of the loss decays as exp(- rate t).  Of units (units, features).
    """
    curvatures = np.linalg.eigvalsh(-network.jacobian(theta))
    return float(2 * curvatures[curvatures > 1e-6 * curvatures[-1]].min())


def decay_rate(run: Trajectory, level: float) -> float:
    """Rate at which the loss of a run approaches a level, from 1e-9 to 1e-12 of the way: there
    only the slowest direction is left."""
    above = (run.losses - level) / (run.losses[0] - level)
    late = (above < 1e-9) & (above > 1e-12)
    return float(-np.polyfit(run.times[late], np.log(above[late]), 1)[0])


def exponent(scales: np.ndarray, durations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Exponents with which median durations (scales, seeds, plateaus) go with the scale, and the
    bootstrap errors of these over seeds, (plateaus,) each."""

    def fitted(by_seed: np.ndarray) -> np.ndarray:
        return np.polyfit(np.log(scales), np.log(np.median(by_seed, 0)), 1)[0]

    by_seed = durations.swapaxes(0, 1)
    return fitted(by_seed), standard_error(fitted, by_seed, rng=np.random.default_rng(0))


def linear_phases(
    kappas: np.ndarray, scales: np.ndarray, width: int, seeds: Sequence[int]
) -> dict[str, np.ndarray]:
    """Linear networks of Figure 2 over initial scale and kappa, (scales, kappas, seeds) each.

    "plateaus" before the last, "distance" from low rank (`rank_distance`) and "movement" of the
    kernel (`kernel_movement`).  All settings share their draws of the units.  They train reduced:
    R of Theta = O R has the same map, singular values and kernel at all times, in a few units.
    """
    start = _scaled_starts(figure2_network("linear"), width, scales, seeds)
    mass = width * scales[:, None] ** 2

    def column(kappa: float) -> tuple[np.ndarray, ...]:
        network, strengths = figure2_network("linear", kappa), power_law(kappa)
        ends = wide_limit.times_at(strengths, mass, 0.5) + 4 / np.hypot(strengths, mass)
        runs = flows(network, start, np.repeat(1.2 * ends.max(1), len(seeds)))
        counts = observables.count([r.times for r in runs], [r.losses for r in runs], min_drop=1e-3)
        movement = kernel_movement(network, start, np.stack([run.theta[-1] for run in runs]))
        return counts - 1, rank_distance(runs, figure2_levels("linear", kappa)), movement

    found = zip(*sweep_over(column, kappas), strict=True)
    shape, names = (len(kappas), len(scales), len(seeds)), ("plateaus", "distance", "movement")
    return {
        name: np.reshape(part, shape).swapaxes(0, 1)
        for name, part in zip(names, found, strict=True)
    }


def attention_phases(
    widths: Sequence[int], scales: np.ndarray, seeds: Sequence[int], kappa: float = 1.0
) -> np.ndarray:
    """Plateaus before the last of attention over initial scale and heads, (scales, widths, seeds).

    The prediction is the number of `quadratic.critical_scales` above the scale.
    """
    network = figure2_network("attention", kappa)

    def plateaus(width: int) -> np.ndarray:
        last = quadratic.head_waits(network, initial_units(network, width, 1.0, seeds)).sum(-1)
        ends = 1.3 * last / scales[:, None] + 60
        start = _scaled_starts(network, width, scales, seeds)
        runs = flows(network, start, ends.ravel(), rtol=1e-4)
        counts = observables.count([r.times for r in runs], [r.losses for r in runs])
        return counts.reshape(len(scales), -1) - 1

    return np.stack(sweep_over(plateaus, widths), axis=1)


def _scaled_starts(
    network: Network, width: int, scales: np.ndarray, seeds: Sequence[int]
) -> np.ndarray:
    """The units of all seeds at all scales, (scales * seeds, units, features), reduced."""
    units = initial_units(network, width, 1.0, seeds)
    starts = np.multiply.outer(scales, units).reshape(-1, *units.shape[1:])
    return network.reduce(starts)[1]


def rank_distance(runs: Sequence[Trajectory], levels: np.ndarray) -> np.ndarray:
    """Largest relative distance from the saddles' low rank on the way, (runs,).

    At the r-th half-drop, when the loss first passes the middle of levels r - 1 and r, the distance
    of the units from the manifold of rank r (Theorem 3, iv), (sum_{k > r} sigma_k^2)^(1/2) over
    their norm; the largest for r below the last.  levels (ranks + 1,).
    """
    middles = (levels[1:-1] + levels[:-2]) / 2  # (ranks,)
    units = np.stack([_units_at(run, middles) for run in runs])
    squares = np.linalg.svd(units, compute_uv=False) ** 2  # (runs, ranks, features)
    tails = squares[..., ::-1].cumsum(-1)[..., ::-1]  # of all from the k-th on
    return np.sqrt((np.diagonal(tails, 1, 1, 2) / tails[..., 0]).max(1))


def _units_at(run: Trajectory, losses: np.ndarray) -> np.ndarray:
    """Units (n, units, features) when the loss of a flow first has these values, or at its end."""
    k = np.clip(np.searchsorted(-run.losses, -losses), 1, len(run.losses) - 1)
    before, after = run.losses[k - 1], run.losses[k]
    part = np.clip((before - losses) / np.where(before > after, before - after, 1), 0, 1)
    start, end = run.theta[k - 1], run.theta[k]
    return start + part[:, None, None] * (end - start)


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
