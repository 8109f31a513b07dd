"""Measurements on a loss curve: plateaus, their levels and ends, and the drops between them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.signal import find_peaks


@dataclass(frozen=True)
class Staircase:
    """The plateaus of one loss curve, first to last, in the units of time of that curve.

    levels, starts, ends (n,): median loss, beginning and end of each plateau, the initial and the
    final one among them; half_drops (n - 1,): when the loss passes the midpoint between two levels.
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
        """Time from each half-drop to the next (n - 2,): what theory predicts for a plateau."""
        return np.diff(self.half_drops)


def measure(
    times: np.ndarray,
    losses: np.ndarray,
    min_duration: float | None = None,
    flat: float = 0.1,
    min_drop: float = 0.01,
) -> Staircase | list[Staircase]:
    """Plateaus of a loss curve (T,), or of each curve of an ensemble (T, n).

    A plateau lasts at least `min_duration` (1/50 of the curve unless given) with a slope below
    `flat` times the median peak slope of the abrupt drops; its level is the median loss inside.
    Neighbours that differ by less than `min_drop` times the initial loss are one plateau.

    Raises ValueError for curves and times that do not fit, or losses that are not finite.
    """
    times, losses = np.asarray(times, dtype=float), np.asarray(losses, dtype=float)
    if times.ndim != 1 or losses.shape[:1] != times.shape or losses.ndim > 2 or len(times) < 3:
        raise ValueError(
            f"times {times.shape} and losses {losses.shape}: wanted (T,) and (T,) or (T, n), T >= 3"
        )
    if not np.isfinite(losses).all():
        raise ValueError("the loss curve holds values that are not finite")
    if losses.ndim == 2:
        return [measure(times, curve, min_duration, flat, min_drop) for curve in losses.T]  # type: ignore[misc]

    min_duration = np.ptp(times) / 50 if min_duration is None else min_duration
    slope = -np.diff(losses) / np.diff(times)  # of each interval between two times
    level = flat * _abrupt(slope)
    edges = np.flatnonzero(np.diff(np.concatenate([[True], slope >= level, [True]])))
    spans = [
        (a, b)
        for a, b in zip(edges[::2], edges[1::2], strict=True)
        if times[b] - times[a] >= min_duration
    ]

    def median(span: tuple[int, int]) -> float:  # in time, however unevenly it was recorded
        inside = np.linspace(times[span[0]], times[span[1]], 201)
        return float(np.median(np.interp(inside, times, losses)))

    merged: list[tuple[int, int]] = []
    for a, b in spans:
        near = merged and (abs(median(merged[-1]) - median((a, b))) < min_drop * losses[0])
        merged = [*merged[:-1], (merged[-1][0], b)] if near else [*merged, (a, b)]
    levels = np.array([median(span) for span in merged])
    half = [_crossing(times, losses, (high + low) / 2) for high, low in pairwise(levels)]
    starts, ends = (times[[span[i] for span in merged]] for i in (0, 1))
    return Staircase(levels, starts, ends, np.array(half))


def _abrupt(slope: np.ndarray) -> float:
    """Median peak slope of the abrupt drops: peaks of at least a tenth of the steepest."""
    padded = np.concatenate([[0], slope, [0]])
    peaks, _ = find_peaks(padded, height=padded.max() / 10, prominence=padded.max() / 10)
    return float(np.median(padded[peaks])) if len(peaks) else np.inf


def _crossing(times: np.ndarray, losses: np.ndarray, value: float) -> float:
    """First time at which the loss is at or below a value, between two times by interpolation."""
    k = int(np.argmax(losses <= value))
    return float(np.interp(-value, -losses[k - 1 : k + 1], times[k - 1 : k + 1])) if k else times[0]
