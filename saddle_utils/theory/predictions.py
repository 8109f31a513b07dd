"""Levels and times of all drops of a run, before training: the path of saddles.

One mechanism for every architecture.  A saddle is a fixed point of a narrow network.  The dormant
units beside it see only its residual; one of them escapes first.  With it the narrow network flows
to its next fixed point, the next plateau, while the dormant units are carried along, and so on
(`waiting`).  Times follow as well, because the dormant units obey equations with a solution:
exponentials for degree 1 (Theorem 4), Eq. 14 for degree 2 (Proposition 5).  All is exact as
eps -> 0, constants included, and nothing is fitted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..networks import Linear, Network, Pointwise, Quadratic
from ..observables import first_times
from . import pointwise_path, relu
from .activations import lowest_order
from .linear.path import first_linear_escape, linear_drop
from .quadratic.path import first_quadratic_escape, quadratic_drop
from .waiting import Escape, FirstEscape, best_amplitude, learnable_loss, residual_task

LEAST = 1e-6  # of the initial loss: if no unit can decrease it by more, nothing is left to learn
START = {
    1: 1e-3,
    2: 0.2,
    3: 0.2,
}  # norm at which a unit escapes over its best, for units of this degree
TIE = {
    1: 0.9,
    2: 0.5,
    3: 0.5,
}  # a rival closer than this is a reason for doubt, for units of this degree
SMALL = 1e-3  # and so is a drop of less than this fraction of the initial loss
FAMILIES = {
    Linear: (first_linear_escape, linear_drop),
    Quadratic: (first_quadratic_escape, quadratic_drop),
    Pointwise: (relu.first_relu_escape, relu.relu_drop),
}
POWERS = (pointwise_path.first_power_escape, pointwise_path.power_drop)
ORDERS = {
    0: (pointwise_path.mean_drop, None),
    1: (pointwise_path.ray_drop, None),
    2: POWERS,
    3: POWERS,
}  # of smooth activations, by their lowest order at zero


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
    rests : whether there are saddles to rest at behind the drops.  Where the activation is smooth
        and of order 0 or 1 at zero, units that learn together are no narrow network (Theorem 3):
        the theory has the first drop, and no plateau behind it
    """

    levels: np.ndarray
    times: np.ndarray
    recruits: np.ndarray
    rivals: np.ndarray
    doubtful: np.ndarray
    after: np.ndarray
    saddles: list[np.ndarray]
    falls: list[list[tuple[np.ndarray, np.ndarray]]]
    rests: bool = True

    def loss(self, run: int, times: np.ndarray) -> np.ndarray:
        """Predicted loss curve of a run at these times, (T,): the sum of its successive drops."""
        total = np.full(np.shape(times), self.levels[run, 0])
        for falls in self.falls:
            total += np.interp(times, *falls[run]) - falls[run][1][0]
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
    if fall is None:
        return _one_drop(*escape(network, theta0), drops)
    degree = _degree(network)
    path, after = _Path(network, theta0), np.full(len(theta0), np.inf)
    for count in range(max(drops, theta0.shape[1]) + 1):
        rest = residual_task(network, path.saddles[-1])
        learns = (learnable_loss(rest) > LEAST * path.levels[0]) & (count < theta0.shape[1])
        first = escape(rest, np.where(learns[:, None, None], path.dormant, 0))
        size, taken = best_amplitude(rest, first.direction, degree)
        off = first.at(START[degree] * size)
        due = np.isfinite(off.time) & (taken > LEAST * path.levels[0]) & learns
        late = due & (off.time < path.arrival) & (count > 0)
        if count == drops:
            after = np.where(due, path.clock + np.maximum(off.time, 0), np.inf)
        if count >= drops:
            due = late = late & path.changes(drops)
            if not late.any():
                break
        path.fall(fall, first, off, due, late)
    return path.prediction(drops, after)


def _family(network: Network, theta0: np.ndarray, drops: int) -> tuple:
    """The functions of FAMILIES for this network; ValueError as in `predict`."""
    if theta0.ndim != 3 or drops < 1:
        raise ValueError(f"wanted units (runs, units, features), not {theta0.shape}, and a drop")
    found = next((f for kind, f in FAMILIES.items() if isinstance(network, kind)), None)
    if isinstance(network, Pointwise) and network.phi != "relu":
        found = ORDERS.get(lowest_order(network.phi)) if network.smooth else None
    if found is None:
        raise ValueError(
            f"nothing is known in advance of {getattr(network, 'phi', type(network).__name__)}: "
            "wanted a network that is linear, quadratic with one output, ReLU, or whose activation "
            "is smooth and of order 0 to 3 at zero"
        )
    if network.runs(np.arange(len(theta0))) is network:
        raise ValueError("the network holds the data of one run: stack as many as there are runs")
    return found


def _degree(network: Network) -> int:
    """Degree of dormant units in u: that of phi, or its lowest order at zero."""
    return int(network.degree or lowest_order(network.phi))  # type: ignore[attr-defined]


def _one_drop(
    levels: np.ndarray, begin: np.ndarray, curves: list[tuple[np.ndarray, np.ndarray]], drops: int
) -> Prediction:
    """The prediction of a first drop behind which there is no saddle to rest at."""
    runs = len(begin)
    shown = [(b + t, loss) for b, (t, loss) in zip(begin, curves, strict=True)]
    times = np.full((runs, drops), np.inf)
    for i, (at, loss) in enumerate(shown):
        if np.isfinite(begin[i]) and loss[0] > levels[i].mean():
            times[i, 0] = first_times(at, -loss, -levels[i].mean())
    times = np.where(np.isnan(times), np.inf, times)
    flat = [[(b[:1], loss[-1:]) for b, loss in shown]] * (drops - 1)
    nobody, rest = np.full((runs, drops), -1), levels[:, 1:].repeat(drops - 1, axis=1)
    doubtful = np.isfinite(times) & (np.diff(levels) > -SMALL * levels[:, :1])
    return Prediction(
        np.concatenate([levels, rest], axis=1), times, nobody, np.zeros((runs, drops)), doubtful,
        np.full(runs, np.inf), [np.zeros((runs, 0, 0))] * (drops + 1), [shown, *flat], False,
    )  # fmt: skip


class _Path:
    """The saddles that an ensemble has come to, and what is dormant there.

    Where a unit is due before the drop before it is over, that drop is repeated with this unit
    among those that fall, from the size that it had when the drop began: they merge.
    """

    def __init__(self, network: Network, theta0: np.ndarray) -> None:
        runs = len(theta0)
        self.network, self.dormant, self.clock = network, theta0, np.zeros(runs)
        self.saddles, self.levels = [theta0[:, :0]], [network.loss(0 * theta0)]
        self.begin, self.start, self.others = np.zeros(runs), theta0[:, :0], theta0
        self.head = np.zeros(runs, dtype=int)  # the first of the drops that have merged
        self.arrival = np.full(runs, -np.inf)  # when the last drop is over, by the clock
        self.late = np.full(theta0.shape[:2], np.nan)  # and the direction in which it is
        self.found: list[tuple[np.ndarray, ...]] = []
        self.curves: list[list[tuple[np.ndarray, np.ndarray]]] = []

    def fall(
        self, fall: Callable, first: FirstEscape, off: Escape, moves: np.ndarray, late: np.ndarray
    ) -> None:
        """The drop of the unit that is `off` in the runs that move; with that before it if late."""
        again, on = late[:, None, None], moves[:, None, None]
        wait = np.where(np.isnan(self.arrival), off.time, np.maximum(off.time, 0))
        begin = np.where(late, self.begin, self.clock + wait)
        begin = np.where(moves, begin, np.inf)
        share = np.where(np.isnan(self.late), first.share, self.late)
        row = share[:, None] @ self.others
        unit = np.where(again, row, np.where(on, off.unit, 0))
        lead = np.where(again, self.start, self.saddles[-1])
        rest = self.others - share[..., None] @ row
        start, others = np.concatenate([lead, unit], axis=1), np.where(again, rest, off.others)
        drop = fall(self.network, start, others)
        self.head = np.where(late, self.head, len(self.curves))
        self.found.append((first.recruit, off.rival, self.head, moves))
        self.curves.append([(b + t, loss) for b, (t, loss) in zip(begin, drop.curves, strict=True)])
        self.begin, self.start, self.others = begin, start, others
        self.dormant, self.clock = drop.dormant, begin + drop.duration
        self.arrival, self.late = drop.arrival - drop.duration, drop.late
        self.saddles.append(drop.saddle)
        self.levels.append(self.network.loss(drop.saddle))

    def changes(self, drops: int) -> np.ndarray:
        """Whether a unit that is late can change any of so many drops, (runs,).

        It cannot if the loss was half way of the last one while the unit was still small.
        """
        middle = (self.levels[drops] + self.levels[drops - 1]) / 2
        return np.array(
            [
                not np.any(losses[times < clock] < half)
                for (times, losses), clock, half in zip(
                    self.curves[-1], self.clock, middle, strict=True
                )
            ]
        )

    def prediction(self, drops: int, after: np.ndarray) -> Prediction:
        """What is predicted of so many drops."""
        levels = np.stack(self.levels, axis=1)
        recruits, rivals, heads, moves = (np.stack(c, 1) for c in zip(*self.found, strict=True))
        times, falls = np.full(moves.shape, np.inf), [list(curves) for curves in self.curves]
        middles = (levels[:, 1:] + levels[:, :-1]) / 2
        for i, k in np.argwhere(moves[:, :drops]):
            last = np.flatnonzero(heads[i] == heads[i, k])[-1]
            curve = self.curves[last][i]
            if curve[1][0] > middles[i, k]:
                times[i, k] = first_times(curve[0], -curve[1], -middles[i, k])
            ends = k == drops - 1 or k == last
            falls[k][i] = curve if ends else (curve[0][:1], curve[1][:1])
        times = np.where(np.isnan(times), np.inf, times)[:, :drops]
        odd = (np.diff(times, prepend=0) <= 0) | ~np.isfinite(times)
        odd |= -np.diff(levels)[:, :drops] < SMALL * levels[:, :1]
        odd |= rivals[:, :drops] > TIE[_degree(self.network)]
        doubtful = np.logical_or.accumulate(odd & moves[:, :drops], axis=1)
        return Prediction(
            levels[:, : drops + 1], times, recruits[:, :drops], rivals[:, :drops], doubtful,
            after, self.saddles[: drops + 1], falls[:drops],
        )  # fmt: skip
