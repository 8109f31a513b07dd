"""Records of a loss as they come out of a log, made a curve: in order, one a time, and finite."""

import warnings

import numpy as np

from ..networks.base import real


def checked(times: np.ndarray, losses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Times (T,) and losses (T,) or (T, n) as float64.  ValueError for other shapes, for T < 3, and
    for what are no real numbers."""
    times, losses = (real(a, "times and losses must be real numbers") for a in (times, losses))
    if times.ndim != 1 or losses.shape[:1] != times.shape or losses.ndim > 2 or len(times) < 3:
        raise ValueError(
            f"times {times.shape} and losses {losses.shape}: wanted (T,) and (T,) or (T, n), T >= 3"
        )
    return times, losses


def refuse_untidy(times: np.ndarray, losses: np.ndarray) -> None:
    """ValueError unless all records are finite and their times increase."""
    if not (np.isfinite(losses).all() and np.isfinite(times).all()):
        raise ValueError("the loss curve, or its times, hold values that are not finite")
    if (wrong := np.diff(times) <= 0).any():
        k = int(np.argmax(wrong))
        raise ValueError(
            f"the times must increase: record {k + 1} is at {times[k + 1]:g}, after {times[k]:g}; "
            "sort the records by time and keep one for each time"
        )


def tidy(times: np.ndarray, losses: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """A curve: times (T,) that increase and finite losses (T,), and notes of what was mended.

    Records without a time are left out, the others sorted.  A loss that is not finite from some
    time on ends the curve there, with a warning; elsewhere such a record counts as missing.
    Records of one time are averaged.  ValueError if fewer than 3 records are left.
    """
    notes = []
    if not (timed := np.isfinite(times)).all():
        notes.append(f"{_records((~timed).sum())} without a finite time left out")
        times, losses = times[timed], losses[timed]
    if (np.diff(times) < 0).any():
        notes.append("records were out of order: sorted by time")
        order = np.argsort(times, kind="stable")
        times, losses = times[order], losses[order]
    finite = np.isfinite(losses)
    if len(finite) and not finite[-1]:
        last = np.flatnonzero(finite)[-1] + 1 if finite.any() else 0
        notes.append(
            f"the loss is {losses[last]:g} from time {times[last]:g} on: the curve ends there"
        )
        warnings.warn(notes[-1], stacklevel=3)
        times, losses, finite = times[:last], losses[:last], finite[:last]
    if not finite.all():
        first = times[np.argmin(finite)]
        notes.append(
            f"{_records((~finite).sum())} without a finite loss left out, the first at {first:g}"
        )
        times, losses = times[finite], losses[finite]
    if (np.diff(times) == 0).any():
        unique, place, counts = np.unique(times, return_inverse=True, return_counts=True)
        notes.append(f"{_records(len(times) - len(unique))} of a time seen before: averaged")
        times, losses = unique, np.bincount(place, losses) / counts
    if len(times) < 3:
        raise ValueError(
            f"{_records(len(times))} left, wanted at least 3, at different times, "
            "before the loss ceases to be finite; " + "; ".join(notes)
        )
    return times, losses, tuple(notes)


def _records(count: int) -> str:
    return f"{count} record" + "s" * int(count != 1)


def is_geometric(times: np.ndarray) -> bool:
    """Whether records (T,) are spaced evenly in log time rather than in time, over two decades."""
    positive = times[times > 0]
    if len(positive) < 8 or len(positive) < len(times) - 1 or positive[-1] < 100 * positive[0]:
        return False
    even, geometric = (np.diff(t) for t in (positive, np.log(positive)))
    return bool(
        np.std(geometric) / np.mean(geometric) < 0.5 * np.std(even) / np.mean(even)
        and np.std(geometric) < np.mean(geometric)
    )


def axis(times: np.ndarray, scale: str) -> np.ndarray:
    """Where records (T,) stand on an axis of "linear" or "log" time.

    A record at time 0 stands on a log axis as far before the first later one as that from the next.
    ValueError for another scale, and for negative times on a log axis.
    """
    if scale == "linear":
        return times
    if scale != "log":
        raise ValueError(f'time="{scale}": wanted "auto", "linear" or "log"')
    if times[0] < 0:
        raise ValueError(f"a log axis needs times of 0 or more, and the first is {times[0]:g}")
    x = np.log(np.where(times > 0, times, 1))
    if times[0] == 0:
        x[0] = 2 * x[1] - x[2]
    return x
