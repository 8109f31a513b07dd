"""The prediction of an ensemble, read off the walk of each of its runs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import KroghInterpolator

from ..networks import Network
from ..observables import first_times
from .waiting import Walk, degree_at_zero

TIE = {1: 0.9, 2: 0.5, 3: 0.5}  # a rival closer than this is a reason for doubt, by degree
SMALL = 1e-3  # and so is a drop of less than this fraction of the initial loss


@dataclass(frozen=True)
class Prediction:
    """What is known of an ensemble of runs before training.

    Attributes
    ----------
    levels
        loss at the saddles, of which the first has no active unit, and where the fall of a unit of
        rank R is slowest between two of its directions, (runs, drops + 1); nan where the path
        cannot be followed so far
    times
        when the loss is half way between two levels, inf if nothing escapes, (runs, drops); nan
        where the path cannot be followed so far, because a narrow network gets stuck
    recruits
        index of the escaping unit, -1 where none escapes by itself, (runs, drops)
    rivals
        how close the runner-up is, 1 for a tie, see `waiting.Escape`, (runs, drops)
    doubtful
        whether the time of a drop is in doubt, (runs, drops), because at this drop or one before it
        a rival is closer than `TIE`; or the time is negative or not after that of the drop before,
        so that the unit was no longer small at the saddle; or the loss is half way at once; or it
        falls by less than `SMALL`, which the narrow network at rest does not resolve; or rays tear
        (`tearing`); or the path cannot be followed so far
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
        of ReLU networks, by how much differences within a ray have grown while it waits for the
        drop, over its size, (runs, drops)
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


def tie_at(network: Network) -> float:
    """How close a rival gives reason for doubt, see TIE; inf for ReLU, where it falls as well."""
    return TIE.get(degree_at_zero(network), 1.0) if network.smooth else np.inf


def gather(network: Network, walks: Sequence[Walk], drops: int, rests: bool) -> Prediction:
    """The prediction of so many drops, from the walk of each run."""
    runs = len(walks)
    levels, times = np.full((runs, drops + 1), np.nan), np.full((runs, drops), np.nan)
    recruits, rivals = np.full((runs, drops), -1), np.zeros((runs, drops))
    doubtful, nothing = np.zeros((runs, drops), dtype=bool), (np.zeros(1), np.zeros(1))
    falls = [[nothing] * runs for _ in range(drops)]
    for i, walk in enumerate(walks):
        known = walk.levels[: drops + 1]
        levels[i, : len(known)] = known
        count = min(walk.falls[-1][0], drops) if walk.falls else 0
        times[i, :count], curves = _half_times(walk, count)
        for k, curve in curves.items():
            falls[k][i] = curve
        recruits[i, : len(walk.recruits)] = walk.recruits[:drops]
        rivals[i, : len(walk.rivals)] = walk.rivals[:drops]
        doubtful[i, :count] = _doubts(walk, times[i, :count], rivals[i, :count] > tie_at(network))
        if walk.lost is None:
            levels[i, len(known) :], times[i, count:] = known[-1], np.inf
        else:
            doubtful[i, walk.lost :] = True
    doubtful, after = np.logical_or.accumulate(doubtful, axis=1), [walk.after for walk in walks]
    saddles = [
        _together([walk.saddles[min(k, len(walk.saddles) - 1)] for walk in walks])
        for k in range(drops + 1)
    ]
    return Prediction(
        levels, times, recruits, rivals, doubtful, np.array(after), saddles, falls, rests
    )


def _half_times(
    walk: Walk, count: int
) -> tuple[np.ndarray, dict[int, tuple[np.ndarray, np.ndarray]]]:
    """Times (count,) when the loss is half way between levels, inf if it is so at once; and the
    curves of the drops: of drops that have merged, that of the last is the whole."""
    times, curves, first = np.full(count, np.inf), {}, 0
    for last, when, loss in walk.falls:
        for k in range(first, min(last, count)):
            middle = (walk.levels[k] + walk.levels[k + 1]) / 2
            if loss[0] > middle > loss[-1]:
                times[k] = _passage(when, loss, middle)
            curves[k] = (when, loss) if k == min(last, count) - 1 else (when[:1], loss[:1])
        first = last
    return times, curves


def _passage(times: np.ndarray, losses: np.ndarray, level: float) -> float:
    """When a falling loss (T,) first passes a level, by the cubic through four records around."""
    near = int(np.argmax(losses <= level)) + np.arange(-2, 2)
    near = near[(near >= 0) & (near < len(times))]
    if (np.diff(losses[near]) >= 0).any():
        return float(first_times(times, -losses, -level))
    return float(KroghInterpolator(losses[near], times[near])(level))


def _doubts(walk: Walk, times: np.ndarray, tied: np.ndarray) -> np.ndarray:
    """`Prediction.doubtful` of the drops that a run makes, (drops,), but for tearing."""
    if not len(times):
        return tied
    levels = np.array(walk.levels[: len(times) + 1])
    odd = (np.diff(times, prepend=0) <= 0) | ~np.isfinite(times)
    odd |= -np.diff(levels) < SMALL * levels[0]
    begun = abs(walk.falls[0][2][0] - levels[0]) > (levels[0] - levels[1]) / 2
    return odd | tied | begun


def _together(units: Sequence[np.ndarray]) -> np.ndarray:
    """Units (units, features) of all runs, with zeros where a run has fewer, (runs, units, f)."""
    found = np.zeros((len(units), max(len(of_run) for of_run in units), units[0].shape[1]))
    for row, of_run in zip(found, units, strict=True):
        row[: len(of_run)] = of_run
    return found
