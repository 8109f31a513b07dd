"""What width and data do to the drops of Figure 2, measured in ensembles of runs.

Every function takes the `name` of a network of `datasets.figure2`, and settings that broadcast to
(n,): the exponents `kappas` of its strengths, numbers of units `widths` and initial `scales`.
Times are gradient-flow times.  The k-th drop is the moment at which the loss passes the middle
between the saddles with k - 1 and k features learned; nan if it never does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .. import plateaus
from ..datasets import figure2, power_law, stacked
from ..ensembles import flows
from ..networks import Linear, Network, initial_units
from ..theory import attention_levels
from ..theory.waiting import curve
from ..trajectories import Trajectory

QUANTILES = (0.1, 0.5, 0.9)  # of a band over seeds


@dataclass(frozen=True)
class Sweep:
    """An ensemble at each setting.

    times (n, seeds, 3) : of the three drops
    drops (n, seeds) : how many one sees, between the plateaus that `plateaus.count` finds
    curves : times and losses (T,), as fractions of that at zero, of a typical run at each setting,
        the one whose drops are nearest to the medians
    """

    times: np.ndarray
    drops: np.ndarray
    curves: list[tuple[np.ndarray, np.ndarray]]

    @property
    def band(self) -> np.ndarray:
        """The `QUANTILES` of the times over seeds, (3, n, 3)."""
        return band(self.times)

    @property
    def medians(self) -> np.ndarray:
        """Median times of the drops over seeds, (n, 3)."""
        return self.band[1]

    @property
    def durations(self) -> np.ndarray:
        """Median times from each drop to the next, (n, 2)."""
        return band(np.diff(self.times))[1]


def band(times: np.ndarray) -> np.ndarray:
    """The `QUANTILES` over seeds of times (n, seeds, drops), (3, n, drops); nan is for ever."""
    late = np.where(np.isnan(times), np.inf, times)
    found = np.quantile(late, QUANTILES, axis=1, method="inverted_cdf")
    return np.where(np.isfinite(found), found, np.nan)


def levels(name: str, kappa: float) -> np.ndarray:
    """Losses of the saddles with 0 to 3 features learned, (4,) (`theory.attention_levels`).

    On white inputs a mode takes s^2 / 2 of the loss with it, where phi is quadratic s^2 / 4.
    """
    s = power_law(kappa)
    if name == "attention":
        return attention_levels(np.diag(np.sqrt(s)), 31)
    gains = s**2 / (4 if name == "quadratic" else 2)
    return gains.sum() - np.concatenate([[0], np.cumsum(gains)])


def total_norm(scale: float, width: int, widths: ArrayLike) -> np.ndarray:
    """Scales at which all `widths` start with the norm of `width` units of this scale, H eps^2."""
    return scale * np.sqrt(width / np.asarray(widths, dtype=float))


def starts(
    name: str, kappas: Sequence[float], width: int, scales: Sequence[float], seeds: Sequence[int]
) -> tuple[Network, np.ndarray]:
    """Network and initial units (n * seeds, units, features) of every seed at settings (n,).

    The units of a linear network come reduced (`Linear.reduce`).
    """
    nets = [figure2(name, kappa) for kappa in kappas]
    theta = np.concatenate([initial_units(nets[0], width, scale, seeds) for scale in scales])
    theta = nets[0].reduce(theta)[1]
    return stacked([net for net in nets for _ in seeds]), theta


def train(
    name: str, kappas: Sequence[float], width: int, scales: Sequence[float], seeds: Sequence[int]
) -> list[list[Trajectory]]:
    """Gradient flow of every seed at settings (n,) of one width, n lists of trajectories."""
    network, theta = starts(name, kappas, width, scales, seeds)
    slowest, scales = np.array([power_law(k)[-1] for k in kappas]), np.asarray(scales)
    if network.degree == 1:
        ends = (15 - np.log(width * scales**2)) / (2 * slowest)
    else:
        ends = 60 / (slowest * scales)
    rtol = 1e-8 if isinstance(network, Linear) else 1e-4  # for times good to 1e-3
    runs = flows(network, theta, np.repeat(ends, len(seeds)), rtol)
    return [runs[k : k + len(seeds)] for k in range(0, len(runs), len(seeds))]


def sweep(
    name: str, kappas: ArrayLike, widths: ArrayLike, scales: ArrayLike, seeds: Sequence[int]
) -> Sweep:
    """An ensemble of gradient flows at each setting: when it drops, and how often."""
    kappas, widths, scales = np.broadcast_arrays(*np.atleast_1d(kappas, widths, scales))
    times = np.empty((len(widths), len(seeds), 3))
    drops, curves = np.zeros(times.shape[:2], dtype=int), {}
    for width in np.unique(widths):
        members = np.flatnonzero(widths == width)
        found = train(name, kappas[members], int(width), scales[members], seeds)
        for k, runs in zip(members, found, strict=True):
            saddles = levels(name, kappas[k])
            times[k] = [plateaus.drop_times(run, saddles) for run in runs]
            typical = runs[_nearest(times[k])]
            moments, losses = curve(figure2(name, kappas[k]), typical, finer=4)
            curves[k] = (moments, losses / saddles[0])
            moved = [i for i, run in enumerate(runs) if len(run.times) > 2]  # not all ReLUs dead
            counts = plateaus.count([runs[i].times for i in moved], [runs[i].losses for i in moved])
            drops[k, moved] = counts - 1
    return Sweep(times, drops, [curves[k] for k in range(len(widths))])


def _nearest(times: np.ndarray) -> int:
    """The run whose drops (seeds, drops) are nearest to the medians, where these are known."""
    middle = band(times[None])[1, 0]
    off = np.abs(times / middle - 1)[:, np.isfinite(middle)]
    return int(np.where(np.isnan(off), np.inf, off).sum(1).argmin())
