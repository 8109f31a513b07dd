"""What a loss curve is found to be: plateaus, and the drops between them."""

from dataclasses import dataclass, field, replace

import numpy as np


@dataclass(frozen=True)
class Staircase:
    """The plateaus of one loss curve, first to last, in the units of time of that curve.

    levels, starts, ends (n,): median loss, beginning and end of each plateau, the initial and the
    final one among them; level_errors (n,) their standard errors; slopes, slope_errors (n,): of the
    loss in the middle half of each, and rests (n,): whether it truly rests, which is that at this
    slope the loss would change by less than a twentieth of the smaller drop beside it, give or
    take two standard errors, within the plateau.
    half_drops, time_errors (n - 1,): when the loss passes midway between two levels, and the
    standard error; a record that is missing there, or comes late, counts as one.
    noise (n,): standard deviation of a record on each plateau.
    scale: "linear" or "log", the axis of time on which durations were compared.
    period: time after which drops recur, as at the ends of epochs; None if they do not.
    notes: what was mended or found doubtful in the records, in words.
    """

    levels: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    half_drops: np.ndarray
    level_errors: np.ndarray = field(default_factory=lambda: np.zeros(0))
    time_errors: np.ndarray = field(default_factory=lambda: np.zeros(0))
    slopes: np.ndarray = field(default_factory=lambda: np.zeros(0))
    slope_errors: np.ndarray = field(default_factory=lambda: np.zeros(0))
    rests: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=bool))
    noise: np.ndarray = field(default_factory=lambda: np.zeros(0))
    scale: str = "linear"
    period: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def middles(self) -> np.ndarray:
        """The middle of each plateau (n,)."""
        return (self.starts + self.ends) / 2

    @property
    def durations(self) -> np.ndarray:
        """Durations (n - 2,) of the plateaus between drops, from half-drop to half-drop."""
        return np.diff(self.half_drops)

    @property
    def sizes(self) -> np.ndarray:
        """By how much the loss falls in each drop (n - 1,)."""
        return -np.diff(self.levels)

    @property
    def size_errors(self) -> np.ndarray:
        """Standard errors of the sizes (n - 1,)."""
        return np.hypot(self.level_errors[1:], self.level_errors[:-1])

    def __str__(self) -> str:
        """A line for each plateau and each drop, in the order of the curve."""
        lines = []
        for k, level in enumerate(self.levels):
            if 0 < k:
                late, off = (  # to one digit, 10 rather than 1e+01
                    float(f"{errors[k - 1]:.1g}") for errors in (self.time_errors, self.size_errors)
                )
                lines.append(
                    f"  drop at {self.half_drops[k - 1]:.5g} +- {late:g}"
                    f" by {self.sizes[k - 1]:.4g} +- {off:g}"
                )
            rests = "rests" if self.rests[k] else "creeps"
            lines.append(f"{level:.4g} from {self.starts[k]:.5g} to {self.ends[k]:.5g}, {rests}")
        if self.period is not None:
            lines.append(f"the drops recur every {self.period:.5g}")
        return "\n".join([*lines, *self.notes]) or "no plateau"


def with_slopes(
    found: Staircase, times: np.ndarray, losses: np.ndarray, noise: np.ndarray, least: float
) -> Staircase:
    """The staircase with slopes of its plateaus and what follows from them.

    From the records of the middle half of each plateau; noise (n,) is that of one record there.
    `least` stands for the drop beside a plateau where there is none.
    """
    slopes, errors = np.zeros(len(noise)), np.zeros(len(noise))
    for k, (start, end) in enumerate(zip(found.starts, found.ends, strict=True)):
        quarter = (end - start) / 4
        first, last = np.searchsorted(times, [start + quarter, end - quarter])
        if last - first < 3:
            first, last = np.searchsorted(times, start), np.searchsorted(times, end, "right")
        t = times[first:last] - times[first:last].mean()
        squares = (t**2).sum()
        slopes[k] = (t * losses[first:last]).sum() / squares
        errors[k] = noise[k] / np.sqrt(squares)
    sizes = found.sizes if len(found.half_drops) else np.array([least])
    beside = np.minimum(np.append(sizes, np.inf), np.append(np.inf, sizes))[: len(noise)]
    change = (np.abs(slopes) - 2 * errors) * (found.ends - found.starts)
    level_errors = found.level_errors if len(found.level_errors) else np.zeros(len(noise))
    return replace(
        found, level_errors=level_errors, slopes=slopes, slope_errors=errors,
        rests=change <= 0.05 * beside, noise=noise,
    )  # fmt: skip


def recurrence(drops: np.ndarray, beginning: float, errors: np.ndarray) -> float | None:
    """The time after which drops (n,) recur, or None.

    At least three waits in a row must be equal within 2% or three standard errors; that from the
    `beginning` of the curve counts if it is equal to the others.
    """
    if len(drops) < 3:
        return None
    period = float(np.median(np.diff(drops)))
    waits = np.diff(drops)
    allowed = np.maximum(0.02 * period, 3 * np.hypot(errors[1:], errors[:-1]))
    from_start = abs(drops[0] - beginning - period) <= max(0.02 * period, 3 * errors[0])
    if (np.abs(waits - period) > np.minimum(allowed, 0.1 * period)).any():
        return None
    return period if len(waits) + from_start >= 3 else None
