"""Levels and times of all drops of a run, before training: the path of saddles.

One mechanism for every architecture.  A saddle is a fixed point of a narrow network.  The dormant
units beside it see only its residual; one of them escapes first.  With it the narrow network flows
to its next fixed point, the next plateau, while the dormant units are carried along, and so on
(`waiting`).  Times follow as well, because the dormant units obey equations with a solution:
exponentials for degree 1 (Theorem 4), Eq. 14 for degree 2 (Proposition 5).  All is exact as
eps -> 0, constants included, and nothing is fitted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..networks import Linear, Network, Pointwise, Quadratic
from ..observables import first_times
from . import relu
from .linear.path import first_linear_escape, linear_drop
from .quadratic.path import first_quadratic_escape, quadratic_drop
from .waiting import best_amplitude, learnable_loss, residual_task

LEAST = 1e-6  # of the initial loss: if no unit can decrease it by more, nothing is left to learn
START = {1: 1e-3, 2: 0.2}  # norm at which a unit escapes over its best, for units of this degree
TIE = {1: 0.9, 2: 0.5}  # a rival closer than this is a reason for doubt, for units of this degree
SMALL = 1e-3  # and so is a drop of less than this fraction of the initial loss
FAMILIES = {
    Linear: (first_linear_escape, linear_drop),
    Quadratic: (first_quadratic_escape, quadratic_drop),
    Pointwise: (relu.first_relu_escape, relu.relu_drop),
}


@dataclass(frozen=True)
class Prediction:
    """What is known of an ensemble of runs before training.

    levels : loss at the saddles, of which the first has no active unit, (runs, drops + 1)
    times : when the loss is half way between two levels, inf if nothing escapes, (runs, drops)
    recruits : index of the escaping unit, -1 for linear networks, (runs, drops)
    rivals : how close the runner-up is, 1 for a tie, see `waiting.Escape`, (runs, drops)
    doubtful : whether the time of a drop is in doubt, (runs, drops), because at this drop or one
        before it a rival is closer than `TIE`; or the time is negative or not after that of the
        drop before, so that the unit was no longer small at the saddle; or the loss is half way at
        once; or it falls by less than `SMALL`, which the narrow network at rest does not resolve
    after : when the unit after the last drop escapes, inf if none does, (runs,)
    saddles : active units at each of the drops + 1 saddles, (runs, units, features)
    falls : for each drop and run, times and loss of the narrow network
    """

    levels: np.ndarray
    times: np.ndarray
    recruits: np.ndarray
    rivals: np.ndarray
    doubtful: np.ndarray
    after: np.ndarray
    saddles: list[np.ndarray]
    falls: list[list[tuple[np.ndarray, np.ndarray]]]

    def loss(self, run: int, times: np.ndarray) -> np.ndarray:
        """Predicted loss curve of a run at these times, (T,): the sum of its successive drops."""
        total = np.full(np.shape(times), self.levels[run, 0])
        for above, falls in zip(self.levels[run], self.falls, strict=False):
            total += np.interp(times, *falls[run], left=above) - above
        return total


def predict(network: Network, theta0: np.ndarray, drops: int) -> Prediction:
    """Levels, order and times of the first drops, from data and initial weights alone.

    Parameters
    ----------
    network : linear (fully-connected or convolutional), quadratic or attention with one output, or
        ReLU; with data for each run, (runs, ...), see `networks.stacked`
    theta0 : initial units (runs, units, features)
    drops : number of drops; where less is left to learn, or a linear unit would escape a thousand
        times slower than the largest curvature, they have times of inf

    Raises
    ------
    ValueError : another family of networks, data of one run alone, or units that do not fit
    """
    theta0 = np.asarray(network.check(theta0), dtype=float)
    escape, fall = _family(network, theta0, drops)
    saddles, levels, found = [theta0[:, :0]], [network.loss(0 * theta0)], []
    dormant, clock = theta0, np.zeros(len(theta0))
    latest, doubt = np.zeros(len(theta0)), np.zeros(len(theta0), dtype=bool)
    for count in range(drops + 1):
        rest = residual_task(network, saddles[-1])
        learns = learnable_loss(rest) > LEAST * levels[0]
        first = escape(rest, np.where(learns[:, None, None], dormant, 0))
        size, taken = best_amplitude(rest, first.direction)
        off = first.at(START[network.degree] * size)
        alive = np.isfinite(off.time) & (taken > LEAST * levels[0]) & (count < theta0.shape[1])
        clock = np.where(alive, clock + off.time, np.inf)
        if count == drops:
            break
        unit = np.where(alive[:, None, None], off.unit, 0)
        drop = fall(network, np.concatenate([saddles[-1], unit], axis=1), off.others)
        curves = [(begin + t, loss) for begin, (t, loss) in zip(clock, drop.curves, strict=True)]
        level = network.loss(drop.saddle)
        half = _half_times(curves, (levels[-1] + level) / 2)
        odd = (half <= latest) | ~np.isfinite(half) | (levels[-1] - level < SMALL * levels[0])
        odd |= off.rival > TIE[network.degree]
        latest, doubt = np.where(alive, half, np.inf), doubt | (alive & odd)
        found.append((latest, first.recruit, off.rival, doubt, curves))
        dormant, clock = drop.dormant, clock + drop.duration
        saddles.append(drop.saddle)
        levels.append(level)
    *columns, falls = zip(*found, strict=True)
    table = [np.stack(column, axis=1) for column in (levels, *columns)]
    return Prediction(*table, clock, saddles, list(falls))


def _family(network: Network, theta0: np.ndarray, drops: int) -> tuple:
    """The functions of FAMILIES for this network; ValueError as in `predict`."""
    if theta0.ndim != 3 or drops < 1:
        raise ValueError(f"wanted units (runs, units, features), not {theta0.shape}, and a drop")
    family = next((f for f in FAMILIES if isinstance(network, f)), None)
    if family is None or getattr(network, "phi", "relu") != "relu":
        raise ValueError("wanted a linear, quadratic or ReLU network")
    if network.runs(np.arange(len(theta0))) is network:
        raise ValueError("the network holds the data of one run: stack as many as there are runs")
    return FAMILIES[family]


def _half_times(curves: list[tuple[np.ndarray, np.ndarray]], middles: np.ndarray) -> np.ndarray:
    """When each curve passes its middle, (runs,); inf if it starts below it."""
    half = [
        first_times(times, -losses, -middle) if losses[0] > middle else np.inf
        for (times, losses), middle in zip(curves, middles, strict=True)
    ]
    return np.nan_to_num(np.array(half, dtype=float), nan=np.inf)
