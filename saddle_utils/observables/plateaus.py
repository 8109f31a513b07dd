"""Plateaus of a loss curve, their levels and ends, and the times of the drops between them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import scipy

from ..dynamics import Trajectory
from ..networks import Network
from .evidence import Span, believed, level_and_fall
from .records import axis, checked, is_geometric, refuse_untidy, tidy
from .segments import Blocks, blocks, with_fit, without_pulses
from .staircase import Staircase, recurrence, with_slopes

Curves = Sequence[np.ndarray]


def measure(
    times: np.ndarray,
    losses: np.ndarray,
    min_duration: float | None = None,
    flat: float = 0.1,
    min_drop: float = 0.01,
    time: str = "auto",
) -> Staircase | list[Staircase]:
    """The `Staircase` of any loss curve (T,), or of each curve of an ensemble (T, n).

    A drop is a peak of the slope -dL/dt across which the loss falls by at least `min_drop` of its
    initial value.  A plateau lies before, between or after drops, where the slope is below `flat`
    times that of the gentler of the two drops beside it, and lasts at least `min_duration` (1/50 of
    the curve unless given).  Its level is the median over time of the loss inside.  Rises that
    recover within 1/50 of the curve are no part of it, and a plateau ends where the loss rises for
    good.  A curve with noise is first fitted by pieces, as many as the noise that it shows allows
    (`segments`), and only plateaus for which there is proof are kept (`evidence`).
    `time` is the axis on which durations count, "linear" or "log" (`min_duration` is then a
    difference of natural logs); "auto" is "log" for records that are spaced so.
    Records may be out of order, repeated, or missing: see `Staircase.notes`.  A loss that is not
    finite from some time on ends the curve there, with a warning.
    ValueError for fewer than 3 records that can be used, or another `time`.
    """
    times, losses = checked(times, losses)
    if losses.ndim == 2:
        return [measure(times, c, min_duration, flat, min_drop, time) for c in losses.T]  # type: ignore[misc]
    times, losses, notes = tidy(times, losses)
    scale = ("log" if is_geometric(times) else "linear") if time == "auto" else time
    x = axis(times, scale)
    least = min_drop * (losses[0] if losses[0] > 0 else np.ptp(losses))
    rule = Rule(float(np.ptp(x) / 50 if min_duration is None else min_duration), flat, least)
    find = _clean if is_clean(times, losses, least) else _noisy
    found = find(x, times, losses, rule)
    period = recurrence(found.half_drops, times[0], found.time_errors)
    return replace(found, scale=scale, notes=notes, period=period)


@dataclass(frozen=True)
class Rule:
    """What counts as a plateau and as a drop: the numbers of `measure`, `least` as a loss."""

    min_duration: float
    flat: float
    least: float

    def spans(self, x: np.ndarray, times: np.ndarray, losses: np.ndarray) -> list[Span]:
        """First and last record of each plateau of a curve without noise, at places x (T,)."""
        tame = without_pulses(losses, max(1, len(losses) // 50))
        lowest = np.minimum.accumulate(tame)
        slope = -np.diff(lowest) / np.diff(times)  # of each interval between two times
        spans = []
        for before, after in pairwise([-1, *_drops(times, lowest, slope, self.least), len(slope)]):
            beside = [slope[k] for k in (before, after) if 0 <= k < len(slope)]
            gentler = min(beside, default=np.inf)
            calm = before + 1 + np.flatnonzero(slope[before + 1 : after] < self.flat * gentler)
            if not len(calm):
                continue
            first, last = int(calm[0]), int(calm[-1]) + 1
            risen = tame[first : last + 1] - lowest[first : last + 1] > self.least
            if risen[-1]:  # for good, before any other drop
                last = first + int(np.append(np.flatnonzero(~risen), 0).max())
            if last > first and x[last] - x[first] >= self.min_duration:
                spans.append((first, last))
        return spans


def _clean(x: np.ndarray, times: np.ndarray, losses: np.ndarray, rule: Rule) -> Staircase:
    """The staircase of a curve without noise: the rule itself, straight lines between records."""
    spans = np.array(rule.spans(x, times, losses), dtype=int).reshape(-1, 2)
    starts, ends = times[spans].T
    inside = np.linspace(*x[spans].T, 201)
    levels = np.median(np.interp(inside, x, losses), axis=0)
    lowest = np.minimum.accumulate(without_pulses(losses, max(1, len(losses) // 50)))
    half = [first_times(times, -lowest, -(high + low) / 2) for high, low in pairwise(levels)]
    half = np.array(half, dtype=float)
    after = np.clip(np.searchsorted(times, half), 1, len(times) - 1)
    spacing = times[after] - times[after - 1]
    found = Staircase(levels, starts, ends, half, time_errors=spacing / np.sqrt(12))
    return with_slopes(found, times, losses, np.zeros(len(levels)), rule.least)


def _noisy(x: np.ndarray, times: np.ndarray, losses: np.ndarray, rule: Rule) -> Staircase:
    """The staircase of a noisy curve: of the pieces that fit it, as far as there is proof of it."""
    most = int(np.clip(8 * np.ptp(x) / max(rule.min_duration, 1e-300), 400, 1600))
    b = with_fit(blocks(x, times, losses, most, rule.least / 50))
    spans = believed(b, rule.spans(b.x, b.times, b.fit), rule.least, log=x is not times)
    level = [level_and_fall(b, *span)[0] for span in spans]
    levels, errors = np.array(level).reshape(-1, 2).T
    first, last = np.array(spans, dtype=int).reshape(-1, 2).T
    single = b.noise * np.sqrt(b.counts)  # noise of one record
    noise = np.array([np.median(single[i : j + 1]) for i, j in spans])
    drops = [
        _half_drop(b, times, losses, pair, middle, drop)
        for pair, middle, drop in zip(
            pairwise(spans), (levels[1:] + levels[:-1]) / 2, -np.diff(levels), strict=True
        )
    ]
    half, time_errors = np.array(drops, dtype=float).reshape(-1, 2).T
    found = Staircase(
        levels, times[b.edges[first]], times[b.edges[last + 1] - 1], half, errors, time_errors
    )
    return with_slopes(found, times, losses, noise, rule.least)


def _half_drop(
    b: Blocks, times: np.ndarray, losses: np.ndarray, spans: tuple[Span, Span],
    middle: float, size: float,
) -> tuple[float, float]:  # fmt: skip
    """When the loss passes `middle` between two plateaus, and the standard error of that time.

    It is where the sum of what lies above the middle is largest.  Its error is that of the maximum
    of a random walk on a parabola (Chernoff's distribution, standard deviation .513) where the drop
    is wide, and of one on a wedge (Yao 1987, variance 26) where it is sharp.
    """
    (_, j), (p, _) = spans
    first, last = (b.edges[(i + k + side) // 2] for (i, k), side in zip(spans, (0, 2), strict=True))
    above = np.clip(losses[first:last] - middle, -size, size)
    k = min(first + int(np.argmax(np.cumsum(above))), len(times) - 2)
    spacing = times[k + 1] - times[k]
    noise = np.max((b.noise * np.sqrt(b.counts))[j : p + 1])
    width = max(b.times[p] - b.times[j], spacing)
    slope = size / width
    error = max(
        0.513 * np.cbrt(4 * noise**2 * spacing / slope**2), 5.1 * (noise / size) ** 2 * spacing
    )
    return (times[k] + times[k + 1]) / 2, float(np.hypot(spacing / np.sqrt(12), error))


def is_clean(times: np.ndarray, losses: np.ndarray, least: float) -> bool:
    """Whether the slope of a curve (T,) can be read off its records without asking for noise.

    So it is if the loss does not rise but for spikes, by 1e-4 of `least` on average and by `least`
    in all at most, and if its slope has few peaks: 200 at most, for a curve in few digits has more;
    and one for ten records, or 3, for a short noisy curve may happen to fall all the way.
    """
    rises = np.sort(np.maximum(np.diff(losses), 0))[: -max(1, len(losses) // 50)]
    if rises.mean() > 1e-4 * least or rises.sum() > least:
        return False
    slope = -np.diff(without_pulses(losses, max(1, len(losses) // 50))) / np.diff(times)
    inner, height = slope[1:-1], max(least / np.ptp(times), 1e-300)
    return bool(
        ((inner > slope[:-2]) & (inner >= slope[2:]) & (inner >= height)).sum()
        <= min(200, max(3, len(times) // 10))
    )


@np.errstate(divide="ignore", invalid="ignore")  # between the end of a curve and the next one
def count(times: Curves, losses: Curves, flat: float = 0.1, min_drop: float = 0.01) -> np.ndarray:
    """Number of plateaus of any duration that `measure` finds on each of many curves, (curves,).

    Much faster: all curves (T_curve,) are laid end to end.  They must be clean: ValueError for
    fewer than 3 records, values that are not finite, or times that do not increase.
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
    """Times and losses (T,) of `count` as float64; ValueError if not usable."""
    times, losses = checked(times, losses)
    refuse_untidy(times, losses)
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
    height = least / np.ptp(times) if len(times) > 20_000 else None  # below it too little falls
    peaks, prominences = _peaks(padded, height)
    peaks = peaks[prominences >= padded[peaks] / 2]
    valleys = [a + int(np.argmin(padded[a : b + 1])) for a, b in pairwise([0, *peaks])]
    edges = np.clip([*valleys, len(losses) - 1], 0, len(losses) - 1)
    taken = losses[edges[:-1]] - losses[edges[1:]]
    return peaks[taken >= least] - 1


def _peaks(values: np.ndarray, height: float | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the peaks of a curve, of those that reach `height`, and their prominences."""
    from scipy.signal import find_peaks  # here, for its import is slow

    peaks, found = find_peaks(values, height=height, prominence=0)
    return peaks, found["prominences"]


def dense_loss(network: Network, run: Trajectory, finer: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Times and losses (n,) of a gradient flow, interpolated at `finer` points for each record.

    The cubic goes through the losses recorded, with the slopes dL/dt = -|dL/dtheta|^2 there.
    """
    slopes = -(network.field(run.theta) ** 2).sum((-2, -1))
    places = np.arange(len(run.times))
    times = np.interp(np.arange(finer * places[-1] + 1) / finer, places, run.times)
    return times, scipy.interpolate.CubicHermiteSpline(run.times, run.losses, slopes)(times)


def passage_time(network: Network, run: Trajectory, level: float) -> float:
    """When the loss of a gradient flow first passes a level, to the accuracy of the run, or nan.

    The time as a function of the loss, interpolated through the four records around with the slopes
    dt/dL = -1 / |dL/dtheta|^2 there: of order eight, where `dense_loss` is of order four.
    """
    if not run.losses[0] > level >= run.losses.min():
        return np.nan
    behind = int(np.argmax(run.losses <= level))
    near = slice(max(behind - 2, 0), behind + 2)
    losses, speed = run.losses[near], (network.field(run.theta[near]) ** 2).sum((-2, -1))
    if (np.diff(losses) >= 0).any():
        return float(first_times(run.times, -run.losses, -level))
    values = np.stack([run.times[near], -1 / speed], axis=1).ravel()
    return float(scipy.interpolate.KroghInterpolator(np.repeat(losses, 2), values)(level))


def log_slope(scales: np.ndarray, values: np.ndarray) -> float:
    """Least-squares slope of values (n,) against ln(1 / scales), scales (n,)."""
    return float(np.polyfit(-np.log(scales), values, 1)[0])


def exponent(scales: np.ndarray, times: np.ndarray) -> float:
    """Exponent k of times t = c + C scale^k at three scales in geometric sequence.

    0 is a logarithm.  From the ratio of the two differences, to which a constant does not matter;
    nan where a time is.
    """
    first, second = np.diff(times)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.log(np.abs(second / first)) / np.log(scales[1] / scales[0]))
