"""Measurements of the staircase under large learning rates and other update rules.

Each function trains and returns plain arrays.  Times are lr times the number of steps, which is
gradient-flow time for plain gradient descent.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ... import observables
from ...dynamics import (
    Rule,
    RunFailedError,
    Trajectory,
    adam,
    descend,
    flow,
    flows,
    gradient,
    momentum,
    sweep_over,
)
from ...networks import Linear, Network
from ...observables import drop_times, effective_width, first_times
from ...theory.finite_steps import slowdown

RULES: dict[str, Rule] = {"gradient descent": gradient, "momentum": momentum(), "Adam": adam()}
ADAM_EPS = 1e-8  # gradients below it Adam takes as they are, at a rate of lr / ADAM_EPS


class Curves(NamedTuple):
    """A way of training: losses (T, runs) over steps, theory's levels, and flow at its pace.

    `pace` is the gradient-flow time of a step, 0 where it has none.
    """

    title: str
    losses: np.ndarray
    levels: Sequence[float]
    pace: float


class Waits(NamedTuple):
    """Initial `scales` (n,); steps until half is learned, effective width then, and the time that
    gradient flow takes, (n, runs) each.
    """

    scales: np.ndarray
    steps: np.ndarray
    widths: np.ndarray
    flow: np.ndarray


class LearningRates(NamedTuple):
    """Half-drops over the learning rate: `edge` of stability, `lrs` (m,), `flow` (n,) of gradient
    flow and `times` (m, n) of descent, nan where a half-drop is not reached.
    """

    edge: float
    lrs: np.ndarray
    flow: np.ndarray
    times: np.ndarray

    def against(self, rates: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
        """lr times the rate of each of the first drops, and its time over that of flow, flat."""
        ratios = self.times / self.flow
        return np.outer(self.lrs, rates).ravel(), ratios[:, : len(rates)].ravel()


def edge_of_stability(network: Network, theta: np.ndarray) -> float:
    """2 / (largest curvature at theta): the largest lr at which gradient descent settles there."""
    return 2 / float(np.linalg.eigvalsh(-network.jacobian(theta))[-1])


def progress(network: Linear, theta: np.ndarray) -> np.ndarray:
    """How much of each mode is learned, e_k' W Syz' e_k / lambda_k, (\\*ensemble, ranks).

    e_k and lambda_k are eigenvectors and eigenvalues of Syz Szz^-1 Syz', strongest first: 1 where W
    is the solution, for any covariance of the inputs.
    """
    learned = network.syz @ np.linalg.pinv(network.szz, hermitian=True) @ network.syz.T
    values, e = (a[..., ::-1] for a in np.linalg.eigh(learned))
    rank = np.linalg.matrix_rank(network.syz)
    e, covered = e[:, :rank], network.moment_map(theta) @ network.syz.T
    return np.einsum("ak,...ab,bk->...k", e, covered, e) / values[:rank]


def mode_drops(network: Linear, run: Trajectory, modes: int) -> np.ndarray:
    """Times at which half of the loss of each mode is gone, (\\*ensemble, modes).

    Seen by `progress`, for noise on the weights raises the loss but leaves their mean alone: the
    strength of the mode is 1 - 1 / sqrt 2 of its last.
    """
    learned = np.moveaxis(progress(network, run.theta), -1, 0)[:modes]
    return np.stack([first_times(run.times, k, 1 - np.sqrt(0.5)) for k in learned], axis=-1)


def measure_learning_rates(
    network: Network, theta0: np.ndarray, end: float, fractions: Sequence[float], beta: float = 0.0
) -> LearningRates:
    """Half-drop times at `fractions` of the edge of stability, (1 + beta) 2 / curvature.

    The curvature is that of the minimum to which gradient flow leads from theta0 (units, features)
    until time `end`; `beta` is the momentum.
    """
    limit = flow(network, theta0, end, rtol=1e-9)
    levels = observables.measure(limit.times, limit.losses, min_drop=0.02).levels
    edge, waits = edge_of_stability(network, limit.theta[-1]), drop_times(limit, levels)
    lrs = np.asarray(fractions) * (1 + beta) * edge

    def drops(lr: float) -> np.ndarray:
        longest = 1.3 * waits[-1] * slowdown(lr / edge, beta)
        rule = momentum(beta) if beta else gradient
        run = descend(network, theta0, lr, int(longest / lr) + 5, rule=rule)
        return drop_times(run, levels)

    return LearningRates(edge, lrs, waits, np.array(sweep_over(drops, lrs)))


def measure_delays(
    network: Network, draws: np.ndarray, scales: Sequence[float], end: float, lr: float
) -> np.ndarray:
    """Steps by which the first half-drop of gradient descent lags behind flow, (scales, runs).

    From `draws` (runs, units, features) times each scale; flow from the first scale is over at time
    `end`, from the others in proportion to their waits.
    """

    def delay(scale: float, last: float) -> np.ndarray:
        limit = flows(network, scale * draws, last, rtol=1e-8)
        stairs = [observables.measure(run.times, run.losses, min_drop=0.02) for run in limit]
        level = np.array([found.levels[:2].mean() for found in stairs])
        wait = np.array([found.half_drops[0] for found in stairs])
        run = descend(network, scale * draws, lr, int(1.3 * wait.max() / lr))
        return (first_times(run.times, -run.losses, -level) - wait) / lr

    return np.array(sweep_over(delay, scales, horizons(network, scales, end)))


def horizons(network: Network, scales: Sequence[float], end: float) -> np.ndarray:
    """Times that waits from each initial scale take if they take `end` from the first, (scales,).

    In proportion to ln(1 / scale) for units of degree 1, to scale^(1 - p) for degree p > 1.
    """
    ratios = np.asarray(scales) / scales[0]
    if network.degree == 1:
        return end * (1 + np.log(ratios) / np.log(scales[0]))
    return end * ratios ** (1 - network.degree)


def last_losses(
    network: Network, theta0: np.ndarray, lrs: Sequence[float], steps: int = 300, last: int = 60
) -> np.ndarray:
    """Losses of the last steps at each learning rate, (lrs, last); nan where a run diverges."""

    def end(lr: float) -> np.ndarray:
        try:
            return descend(network, theta0, lr, steps).losses[-last:]
        except RunFailedError:
            return np.full(last, np.nan)

    return np.array(sweep_over(end, lrs))


def measure_rule(
    network: Network, draws: np.ndarray, scales: Sequence[float], end: float, rule: str, lr: float
) -> Waits:
    """Steps that one of `RULES` takes until half of what flow learns by its end is learned.

    From `draws` (runs, units, features) times each scale; flow from the first scale is over at time
    `end`, from the others in proportion.  `network` may be `datasets.stacked`, a task a run.
    """

    def at_scale(scale: float, last: float) -> tuple:
        limit = flows(network, scale * draws, last)
        level = (network.zero_loss() + np.array([run.losses[-1] for run in limit])) / 2
        pairs = zip(limit, level, strict=True)
        time = np.array([first_times(run.times, -run.losses, -half) for run, half in pairs])
        longest = {"gradient descent": 1.5, "momentum": 0.5, "Adam": 1.5 * ADAM_EPS}[rule]
        steps = int(longest / lr * time.max()) + 400
        run = descend(network, scale * draws, lr, steps, rule=RULES[rule])
        times = first_times(run.times, -run.losses, -level)
        widths = [
            effective_width(network, run.theta[k, i], reference=run.theta[-1, i])
            for i, k in enumerate(np.searchsorted(run.times, times))
        ]
        return times / lr, widths, time

    found = sweep_over(at_scale, scales, horizons(network, scales, end))
    return Waits(np.asarray(scales), *(np.array(part) for part in zip(*found, strict=True)))
