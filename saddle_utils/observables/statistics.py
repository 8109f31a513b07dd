"""Sampling errors of what is measured over the runs of an ensemble.

A median, a share of runs or a slope of medians over n seeds is itself random.  A claim about it
takes its tolerance from here: four standard errors, or a chance `CHANCE` to fail although it holds.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import bdtr

CHANCE = 1e-3


def standard_error(
    statistic: Callable[..., ArrayLike], *samples: np.ndarray, rng: np.random.Generator,
    axis: int = 0, draws: int = 400,
) -> np.ndarray:  # fmt: skip
    """Bootstrap standard error of a statistic of runs, in its own shape and unit.

    It is the standard deviation of `statistic(*samples)` over `draws` sets of as many runs, drawn
    from those given with replacement.  `axis` of every array of `samples` counts the runs, which
    are drawn together: what belongs to one seed stays together.
    """
    runs = samples[0].shape[axis]
    picks = rng.integers(runs, size=(draws, runs))
    found = [statistic(*(np.take(part, pick, axis) for part in samples)) for pick in picks]
    return np.std(np.array(found, dtype=float), axis=0, ddof=1)


def least_share(share: float, runs: int) -> float:
    """Share that at least so many of `runs` independent runs show, but for a chance of `CHANCE`.

    It is the quantile of the binomial law with `share`, the share of all possible runs.
    """
    chances = bdtr(np.arange(runs + 1), runs, share)  # of at most so many runs
    return int(np.searchsorted(chances, CHANCE)) / runs
