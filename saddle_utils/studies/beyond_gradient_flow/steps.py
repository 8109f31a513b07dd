"""Measurements of the staircase under large learning rates and other update rules.

Each function trains and returns plain arrays.  Times are lr times the number of steps, which is
gradient-flow time for plain gradient descent.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from ... import dynamics, observables
from ...dynamics import descend, flow, flows, sweep_over
from ...networks import Linear, Network
from ...observables import drop_times, first_times
from ...theory.finite_steps import slowdown
from ...theory.relu import relu_directions

RULES = {
    "gradient descent": dynamics.gradient, "momentum": dynamics.momentum(), "Adam": dynamics.adam(),
}  # fmt: skip
LONGEST = {  # that a rule takes over the time of flow; Adam's gradients count below its eps of 1e-8
    "gradient descent": 1.5, "momentum": 0.5, "Adam": 1.5e-8,
}  # fmt: skip


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
    rule = dynamics.momentum(beta) if beta else dynamics.gradient

    def drops(lr: float) -> np.ndarray:
        longest = 1.3 * waits[-1] * slowdown(lr / edge, beta)
        return drop_times(descend(network, theta0, lr, int(longest / lr) + 5, rule=rule), levels)

    return LearningRates(edge, lrs, waits, np.array(sweep_over(drops, lrs)))


def measure_delays(
    network: Network, draws: np.ndarray, scales: Sequence[float], end: float
) -> np.ndarray:
    """Steps by which the first half-drop lags behind flow, at a fifth of the edge, (runs, scales).

    From `draws` (runs, units, features) times each scale; `end` as in `horizons`.
    """

    def delay(unit: np.ndarray, scale: float, last: float) -> float:
        found = measure_learning_rates(network, scale * unit, last, [0.2])
        return (found.times[0, 0] - found.flow[0]) / found.lrs[0]

    settings = list(zip(scales, horizons(network, scales, end), strict=True))
    return np.array([[delay(unit, *setting) for setting in settings] for unit in draws])


def edge_of_stability(network: Network, theta: np.ndarray) -> float:
    """2 / (largest curvature at theta): the largest lr at which gradient descent settles there.

    Each ray of panel 1D's ReLU network is orthogonal to the samples of the others, on the kink,
    where rounding decides what their units add to the Hessian.  But the curvature of balanced units
    is known: twice the rate at which they grew.
    """
    if getattr(network, "phi", None) == "relu":
        return float(1 / relu_directions(network).rates[0])
    return 2 / float(np.linalg.eigvalsh(-network.jacobian(theta))[-1])


def last_losses(
    network: Network, theta0: np.ndarray, lrs: Sequence[float], last: int = 60
) -> np.ndarray:
    """Losses of the last of 300 steps at each rate, (lrs, last); nan where a run diverges."""

    def end(lr: float) -> np.ndarray:
        try:
            return descend(network, theta0, lr, 300).losses[-last:]
        except dynamics.RunFailedError:
            return np.full(last, np.nan)

    return np.array(sweep_over(end, lrs))


def measure_rule(
    network: Network, draws: np.ndarray, scales: Sequence[float], end: float, rule: str, lr: float
) -> pd.DataFrame:
    """Steps that one of `RULES` takes until half of what flow learns by its end is learned.

    A row for each scale and run: scale, run; steps, effective width then, and the time that flow
    takes.  From `draws` (runs, units, features) times each scale; flow is over at the `horizons`.
    `network` may be `stacked`, a task a run.
    """

    def at_scale(scale: float, last: float) -> pd.DataFrame:
        limit = flows(network, scale * draws, last)
        level = (network.zero_loss() + np.array([run.losses[-1] for run in limit])) / 2
        pairs = zip(limit, level, strict=True)
        time = np.array([first_times(run.times, -run.losses, -half) for run, half in pairs])
        steps = int(LONGEST[rule] / lr * time.max()) + 400
        run = descend(network, scale * draws, lr, steps, rule=RULES[rule])
        times = first_times(run.times, -run.losses, -level)
        widths = [
            observables.effective_width(network, run.theta[k, i], reference=run.theta[-1, i])
            for i, k in enumerate(np.searchsorted(run.times, times))
        ]
        found = {"scale": scale, "steps": times / lr, "width": widths, "flow": time}
        return pd.DataFrame(found).rename_axis("run").reset_index()

    found = sweep_over(at_scale, scales, horizons(network, scales, end))
    return pd.concat(found, ignore_index=True)


def horizons(network: Network, scales: Sequence[float], end: float) -> np.ndarray:
    """Times that waits from each initial scale take if they take `end` from the first, (scales,).

    In proportion to ln(1 / scale) for units of degree 1, to scale^(1 - p) for degree p > 1.
    """
    if network.degree == 1:
        return end * np.log(scales) / np.log(scales[0])
    return end * (np.asarray(scales) / scales[0]) ** (1 - network.degree)


def progress(network: Linear, theta: np.ndarray) -> np.ndarray:
    """How much of each mode is learned, e_k' W Syz' e_k / lambda_k, (\\*ensemble, ranks).

    e_k and lambda_k are eigenvectors and eigenvalues of Syz Szz^-1 Syz', strongest first: 1 where W
    is the solution, for any covariance of the inputs.
    """
    learned = network.syz @ np.linalg.pinv(network.szz, hermitian=True) @ network.syz.T
    values, e = (a[..., ::-1] for a in np.linalg.eigh(learned))
    rank = np.linalg.matrix_rank(network.syz)
    e, covered = e[:, :rank], network.moment_map(theta) @ network.syz.T
    return ((covered @ e) * e).sum(-2) / values[:rank]
