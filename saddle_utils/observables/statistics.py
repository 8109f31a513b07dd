"""Sampling errors of statistics over runs, from which claims take their tolerance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def bootstrap_error(
    statistic: Callable[[np.ndarray], np.ndarray], runs: np.ndarray, draws: int = 200, seed: int = 0
) -> np.ndarray:
    """Standard error of a statistic over runs, in the shape that the statistic has.

    The standard deviation of `statistic(sample)` over `draws` samples of as many runs, drawn with
    replacement from `runs` (n, ...).
    """
    rng = np.random.default_rng(seed)
    places = rng.integers(0, len(runs), (draws, len(runs)))
    return np.std([statistic(runs[place]) for place in places], axis=0)
