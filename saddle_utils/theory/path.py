"""The path of saddles of an ensemble, and the prediction that is read off it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import KroghInterpolator

from ..networks import Network
from ..observables import first_times
from .activations import lowest_order
from .waiting import Drop, Escape, FirstEscape

TIE = {1: 0.9, 2: 0.5, 3: 0.5}  # a rival closer than this is a reason for doubt, by degree
SMALL = 1e-3  # and so is a drop of less than this fraction of the initial loss


@dataclass(frozen=True)
class Prediction:
    """What is known of an ensemble of runs before training.

    Attributes
    ----------
    levels
        loss at the saddles, of which the first has no active unit, and where the fall of a unit of
        rank R is slowest between two of its directions, (runs, drops + 1)
    times
        when the loss is half way between two levels, inf if nothing escapes, (runs, drops)
    recruits
        index of the escaping unit, -1 for linear networks, (runs, drops)
    rivals
        how close the runner-up is, 1 for a tie, see `waiting.Escape`, (runs, drops)
    doubtful
        whether the time of a drop is in doubt, (runs, drops), because at this drop or one before it
        a rival is closer than `TIE`; or the time is negative or not after that of the drop before,
        so that the unit was no longer small at the saddle; or the loss is half way at once; or it
        falls by less than `SMALL`, which the narrow network at rest does not resolve; or rays tear
        (`tearing`)
    after
        when the unit after the last drop escapes, inf if none does, (runs,)
    saddles
        active units at each of the drops + 1 saddles, (runs, units, features)
    falls
        for each drop and run, times and loss of the narrow network
    rests
        whether there are saddles to rest at behind the drops. Where the activation is smooth and of
        order 0 or 1 at zero, units that learn together are no narrow network (Theorem 3): the
        theory has the first drop, and no plateau behind it
    tearing
        of ReLU networks, e-folds of the growth of differences within a ray while it waits for the
        drop, (runs, drops)
    error
        of linear networks, how far the tolerances of the integration may move each time, over the
        time, (runs, drops)
    width
        half of the interval of each time over the time, (runs, drops), see `intervals`
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
    tearing: np.ndarray | None = None
    error: np.ndarray | None = None
    width: np.ndarray | None = None

    @property
    def lower(self) -> np.ndarray:
        """Lower ends of the intervals that hold nine of ten times, (runs, drops)."""
        return self.times * (1 - np.minimum(self.width, 1))

    @property
    def upper(self) -> np.ndarray:
        """Upper ends of the intervals, (runs, drops)."""
        return self.times * (1 + self.width)

    def loss(self, run: int, times: np.ndarray) -> np.ndarray:
        """Predicted loss curve of a run at these times, (T,): the sum of its successive drops."""
        total = np.full(np.shape(times), self.levels[run, 0])
        for falls in self.falls:
            total += np.interp(times, *falls[run]) - falls[run][1][0]
        return total


def degree_at_zero(network: Network) -> int:
    """Degree of dormant units in u: that of phi, or its lowest order at zero."""
    phi = getattr(network, "phi", "identity")  # deep networks: of each layer
    return int(network.degree or lowest_order(phi))


def tie_at(network: Network) -> float:
    """How close a rival gives reason for doubt, see TIE; inf for ReLU, where it falls as well."""
    return TIE.get(degree_at_zero(network), 1.0) if network.smooth else np.inf


def plain_prediction(
    levels: np.ndarray, groups: Sequence[list], after: np.ndarray, rests: bool
) -> Prediction:
    """A prediction without recruits or rivals, from levels (runs, drops + 1) and `half_times`."""
    times, falls = half_times(levels, groups)
    runs, drops = times.shape
    odd = np.isfinite(times) & (-np.diff(levels) < SMALL * levels[:, :1])
    return Prediction(
        levels, times, np.full(times.shape, -1), np.zeros(times.shape),
        np.logical_or.accumulate(odd, axis=1), after,
        [np.zeros((runs, 0, 0))] * (drops + 1), falls, rests,
    )  # fmt: skip


def half_times(
    levels: np.ndarray, groups: Sequence[list]
) -> tuple[np.ndarray, list[list[tuple[np.ndarray, np.ndarray]]]]:
    """Times (runs, drops) when the loss is half way between levels; inf where there is no drop.

    `groups` has for each run its falls in order: how many drops there are up to its end, times, and
    losses.  Drops of one fall have merged; its curve is that of the last of them.
    """
    runs, drops = levels.shape[0], levels.shape[1] - 1
    times, nothing = np.full((runs, drops), np.inf), (np.zeros(1), np.zeros(1))
    falls = [[nothing] * runs for _ in range(drops)]
    for i, fallen in enumerate(groups):
        first = 0
        for last, when, loss in fallen:
            for k in range(first, min(last, drops)):
                middle = (levels[i, k] + levels[i, k + 1]) / 2
                if loss[0] > middle > loss[-1]:
                    times[i, k] = _passage(when, loss, middle)
                falls[k][i] = when[:1], loss[:1]
            if first < drops:
                falls[min(last, drops) - 1][i] = when, loss
            first = last
    return times, falls


def _passage(times: np.ndarray, losses: np.ndarray, level: float) -> float:
    """When a falling loss (T,) first passes a level, by the cubic through four records around."""
    near = int(np.argmax(losses <= level)) + np.arange(-2, 2)
    near = near[(near >= 0) & (near < len(times))]
    if (np.diff(losses[near]) >= 0).any():
        return float(first_times(times, -losses, -level))
    return float(KroghInterpolator(losses[near], times[near])(level))


def doubts(
    network: Network, levels: np.ndarray, times: np.ndarray, rivals: np.ndarray, moves: np.ndarray
) -> np.ndarray:
    """`Prediction.doubtful` but for tearing, of the drops that runs make, `moves` (runs, drops)."""
    before = np.pad(times, ((0, 0), (1, 0)))[:, :-1]  # inf comes after no drop, nor before one
    odd = (times <= before) | ~np.isfinite(times)
    odd |= -np.diff(levels) < SMALL * levels[:, :1]
    odd |= rivals > tie_at(network)
    return np.logical_or.accumulate(odd & moves, axis=1)


class Path:
    """The saddles that an ensemble has come to, and what is dormant there.

    Where a unit is due before the drop before it is over, that drop is repeated with this unit
    among those that fall, from the size that it had when the drop began: they merge.
    """

    def __init__(self, network: Network, theta0: np.ndarray) -> None:
        runs = len(theta0)
        self.network, self.dormant, self.clock = network, theta0, np.zeros(runs)
        self.saddles, self.levels = [theta0[:, :0]], [network.loss(0 * theta0)]
        self.active = self.start = theta0[:, :0]
        self.begin, self.others = np.zeros(runs), theta0
        self.head = np.zeros(runs, dtype=int)  # the first of the drops that have merged
        self.arrival = np.full(runs, -np.inf if network.smooth else np.nan)  # of the last drop
        self.found: list[tuple[np.ndarray, ...]] = []
        self.curves: list[list[tuple[np.ndarray, np.ndarray]]] = []
        self.ahead = np.full((runs, 1), np.nan)  # levels that the last fall has passed already

    @property
    def merged(self) -> np.ndarray:
        """Runs whose next drop has fallen with the last, (runs,)."""
        return ~np.isnan(self.ahead[:, 0])

    def fall(
        self, fall: Callable, first: FirstEscape, off: Escape, moves: np.ndarray, late: np.ndarray
    ) -> None:
        """The drop of the unit that is `off` in the runs that move; with that before it if late."""
        merged, again = self.merged, late[:, None, None]
        wait = np.where(np.isnan(self.arrival), off.time, np.maximum(off.time, 0))
        begin = np.where(late | merged, self.begin, self.clock + wait)
        begin = np.where(moves, begin, np.inf)
        row = first.share[:, None] @ self.others
        unit = np.where((moves & ~merged)[:, None, None], off.unit, 0)
        lead = np.where(again, self.start, self.active) if late.any() else self.active
        start = np.concatenate([lead, np.where(again, row, unit)], axis=1)
        rest = self.others - first.share[..., None] @ row
        others = np.where(again, rest, off.others)
        drop = fall(self.network, start, others)
        passed = np.full((len(moves), 1), np.nan) if drop.passed is None else drop.passed
        if merged.any():
            passed = np.where(merged[:, None], np.roll(self.ahead, -1, 1), passed)
            passed[merged, -1] = np.nan
            drop = _rows(merged, self.fallen, drop)
        self.head = np.where(late | merged, self.head, len(self.curves))
        same = self.found[-1][0] if self.network.smooth and self.found else -1
        recruit = np.where(merged, same, first.recruit)
        self.found.append((recruit, off.rival, self.head, moves))
        self.curves.append([(b + t, loss) for b, (t, loss) in zip(begin, drop.curves, strict=True)])
        if merged.any() and self.network.smooth:  # these may still be repeated
            stay = merged[:, None, None]
            start = np.where(stay, np.concatenate([self.start, 0 * unit], axis=1), start)
            others = np.where(stay, self.others, others)
        self.begin, self.start, self.others = begin, start, others
        self.dormant, self.clock = drop.dormant, begin + drop.duration
        self.arrival = drop.arrival - drop.duration
        self.saddles.append(drop.saddle)
        self.active = drop.saddle if drop.lead is None else drop.lead
        self.ahead, self.fallen = passed, drop
        level = self.network.loss(drop.saddle)
        self.levels.append(np.where(self.merged, passed[:, 0], level))

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
        groups = []
        for i, head in enumerate(heads):  # of falls with one head the last has all of them
            ends = {head[k]: k for k in np.flatnonzero(moves[i])}.values()
            groups.append([(k + 1, *self.curves[k][i]) for k in ends])
        levels = levels[:, : drops + 1]
        times, falls = half_times(levels, groups)
        close, moves = rivals[:, :drops], moves[:, :drops]
        doubtful = doubts(self.network, levels, times, close, moves)
        return Prediction(
            levels, times, recruits[:, :drops], rivals[:, :drops], doubtful,
            after, self.saddles[: drops + 1], falls,
        )  # fmt: skip


def _rows(rows: np.ndarray, this: Drop, other: Drop) -> Drop:
    """The drop that is `this` in some rows (runs,), and the `other` elsewhere."""
    width = max(this.saddle.shape[1], other.saddle.shape[1])
    both = {}
    names = ("saddle", "dormant", "duration", "arrival") + ("lead",) * (other.lead is not None)
    for name in names:
        parts = [getattr(drop, name) for drop in (this, other)]
        if name in ("saddle", "lead"):
            parts = [np.pad(p, ((0, 0), (0, width - p.shape[1]), (0, 0))) for p in parts]
        both[name] = np.where(rows.reshape(-1, *[1] * (parts[0].ndim - 1)), *parts)
    curves = [(this if row else other).curves[i] for i, row in enumerate(rows)]
    return other._replace(**both, curves=curves)
