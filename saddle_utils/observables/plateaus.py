"""Plateaus of a loss curve, their levels and ends, and the times of the drops between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.interpolate import CubicHermiteSpline

from ..dynamics import Trajectory
from ..networks import Network

Curves = Sequence[np.ndarray]


@dataclass(frozen=True)
class Staircase:
    """The plateaus of one loss curve, first to last, in the units of time of that curve.

    levels, starts, ends (n,): median loss, beginning and end of each plateau, the initial and the
    final one among them; half_drops (n - 1,): when the loss passes midway between two levels.
    """

    levels: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    half_drops: np.ndarray

    @property
    def middles(self) -> np.ndarray:
        """The middle of each plateau (n,)."""
        return (self.starts + self.ends) / 2

    @property
    def durations(self) -> np.ndarray:
        """Durations (n - 2,) of the plateaus between drops, from half-drop to half-drop."""
        return np.diff(self.half_drops)


def measure(
    times: np.ndarray,
    losses: np.ndarray,
    min_duration: float | None = None,
    flat: float = 0.1,
    min_drop: float = 0.01,
) -> Staircase | list[Staircase]:
    """The `Staircase` of a loss curve (T,), or of each curve of an ensemble (T, n).

    A drop is a peak of the slope -dL/dt across which the loss falls by at least `min_drop` of its
    initial value.  A plateau lies before, between or after drops, where the slope is below `flat`
    times that of the gentler of the two drops beside it, and lasts at least `min_duration` (1/50 of
    the curve unless given).  Its level is the median over time of the loss inside.
    ValueError for fewer than 3 records, values that are not finite, or times that do not increase.
    """
    times, losses = _curve(times, losses)
    if losses.ndim == 2:
        return [measure(times, curve, min_duration, flat, min_drop) for curve in losses.T]  # type: ignore[misc]
    min_duration = np.ptp(times) / 50 if min_duration is None else min_duration
    slope = -np.diff(losses) / np.diff(times)  # of each interval between two times
    peaks = _drops(times, losses, slope, min_drop * losses[0])
    spans = []
    for before, after in pairwise([-1, *peaks, len(slope)]):
        gentler = min((slope[k] for k in (before, after) if 0 <= k < len(slope)), default=np.inf)
        calm = before + 1 + np.flatnonzero(slope[before + 1 : after] < flat * gentler)
        if len(calm) and times[calm[-1] + 1] - times[calm[0]] >= min_duration:
            spans.append((times[calm[0]], times[calm[-1] + 1]))
    starts, ends = np.array(spans).reshape(-1, 2).T
    inside = np.linspace(starts, ends, 201)
    levels = np.median(np.interp(inside, times, losses), axis=0)
    half = [first_times(times, -losses, -(high + low) / 2) for high, low in pairwise(levels)]
    return Staircase(levels, starts, ends, np.array(half, dtype=float))


@np.errstate(divide="ignore", invalid="ignore")  # between the end of a curve and the next one
def count(times: Curves, losses: Curves, flat: float = 0.1, min_drop: float = 0.01) -> np.ndarray:
    """Number of plateaus of any duration that `measure` finds on each of many curves, (curves,).

    Much faster: all curves (T_curve,) are laid end to end.  ValueError as for `measure`.
    """
    pairs = [_curve(*pair) for pair in zip(times, losses, strict=True)]
    if not pairs:
        return np.zeros(0, dtype=int)
    times, losses = zip(*pairs, strict=True)
    lengths = np.array([len(t) for t in times])
    curve = np.repeat(np.arange(len(lengths)), lengths)
    place = np.arange(len(curve)) + curve  # of a point; a curve has one place more than points
    last = np.cumsum(lengths + 1) - 2
    starts, outside = last + 1 - lengths, np.append(last + 1, last + 1 - lengths)
    slope, loss = np.zeros(len(curve) + len(lengths)), np.zeros(len(curve) + len(lengths))
    loss[place] = np.concatenate(losses)
    slope[place[1:]] = -np.diff(loss[place]) / np.diff(np.concatenate(times))
    slope[outside] = 0  # between two curves
    peaks, prominences = _peaks(slope)
    peaks = peaks[prominences >= slope[peaks] / 2]

    # By how much the loss falls: from the flattest interval before a drop to the one behind it.
    bounds = np.union1d(starts, peaks)
    part = np.repeat(np.arange(len(bounds)), np.diff(np.append(bounds, len(slope))))
    flattest = np.minimum.reduceat(slope, bounds)[part] == slope
    edges = np.minimum.reduceat(np.where(flattest, np.arange(len(slope)), len(slope)), bounds)
    ending = np.isin(np.append(bounds[1:], len(slope)), [*starts, len(slope)])
    edges[ending] = last
    drop = np.searchsorted(bounds, peaks)
    least = min_drop * np.repeat(loss[starts], lengths + 1)
    peaks = peaks[loss[edges[drop - 1]] - loss[edges[drop]] >= least[peaks]]

    slope[outside] = np.inf
    bounds = np.union1d(starts, peaks)
    before = slope[bounds]  # the drop at which a part begins; inf where a curve does
    gentler = np.minimum(before, np.append(before[1:], np.inf))
    calm = np.minimum.reduceat(slope, bounds) < flat * gentler
    return np.add.reduceat(calm.astype(int), np.searchsorted(bounds, starts))


def _curve(times: np.ndarray, losses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Times (T,) and losses (T, ...) of `measure` as float64; ValueError if not usable."""
    times, losses = np.asarray(times, dtype=float), np.asarray(losses, dtype=float)
    if times.ndim != 1 or losses.shape[:1] != times.shape or losses.ndim > 2 or len(times) < 3:
        raise ValueError(
            f"times {times.shape} and losses {losses.shape}: wanted (T,) and (T,) or (T, n), T >= 3"
        )
    if not (np.isfinite(losses).all() and np.isfinite(times).all()):
        raise ValueError("the loss curve, or its times, hold values that are not finite")
    if (wrong := np.diff(times) <= 0).any():
        k = int(np.argmax(wrong))
        raise ValueError(
            f"the times must increase: record {k + 1} is at {times[k + 1]:g}, after {times[k]:g}; "
            "sort the records by time and keep one for each time"
        )
    return times, losses


def drop_times(run: Trajectory, levels: Sequence[float]) -> np.ndarray:
    """Times (\\*ensemble, n - 1) at which the losses of a run first pass midway between two levels.

    `levels` (n,) are those of successive plateaus.  nan for a drop that does not happen.
    """
    middles = [(high + low) / 2 for high, low in pairwise(levels)]
    return np.stack([first_times(run.times, -run.losses, -middle) for middle in middles], axis=-1)


def first_times(times: np.ndarray, rising: np.ndarray, level: float) -> np.ndarray:
    """Times (\\*ensemble,) at which curves (T, \\*ensemble) first reach a level; nan if never.

    Linear between two records; a falling curve and its level are given with signs reversed.
    `times` (T,) may be any other quantity that was recorded with the curve.
    """
    above = rising >= level
    k = np.maximum(above.argmax(0), 1)
    low, high = (np.take_along_axis(rising, i[None], 0)[0] for i in (k - 1, k))
    part = np.clip((level - low) / np.where(high == low, 1, high - low), 0, 1)
    with np.errstate(invalid="ignore"):  # curves of runs that never escape begin at inf
        return np.where(above.any(0), times[k - 1] + part * (times[k] - times[k - 1]), np.nan)


def _drops(times: np.ndarray, losses: np.ndarray, slope: np.ndarray, least: float) -> np.ndarray:
    """Indices of peaks of the slope, as prominent as half their height, that take `least`."""
    padded = np.concatenate([[0], slope, [0]])
    peaks, prominences = _peaks(padded)
    peaks = peaks[prominences >= padded[peaks] / 2]
    valleys = [a + int(np.argmin(padded[a : b + 1])) for a, b in pairwise([0, *peaks])]
    edges = np.clip([*valleys, len(losses) - 1], 0, len(losses) - 1)
    taken = losses[edges[:-1]] - losses[edges[1:]]
    return peaks[taken >= least] - 1


def _peaks(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the peaks of a curve, and their prominences."""
    from scipy.signal import find_peaks  # here, for its import is slow

    peaks, found = find_peaks(values, prominence=0)
    return peaks, found["prominences"]


def dense_loss(network: Network, run: Trajectory, finer: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Times and losses (n,) of a gradient flow, interpolated at `finer` points for each record.

    The cubic goes through the losses recorded, with the slopes dL/dt = -|dL/dtheta|^2 there.
    """
    slopes = -(network.field(run.theta) ** 2).sum((-2, -1))
    places = np.arange(len(run.times))
    times = np.interp(np.arange(finer * places[-1] + 1) / finer, places, run.times)
    return times, CubicHermiteSpline(run.times, run.losses, slopes)(times)


def log_slope(scales: np.ndarray, values: np.ndarray) -> float:
    """Least-squares slope of values (n,) against ln(1 / scales), scales (n,)."""
    return float(np.polyfit(-np.log(scales), values, 1)[0])
