"""What theory says of the drops of Figure 2 over width and data, to be set against `figure2.sweep`.

Settings and times are those of `figure2`.
"""

from collections.abc import Sequence
from functools import cache, partial

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import chi2, kstest

from ...datasets import figure2_network, power_law
from ...dynamics import sweep_over
from ...networks import initial_units, stacked
from ...theory import quadratic, wide_limit
from ...theory.predictions import predict
from ..figure2 import QUANTILES

SERVING = 3 / 8 + 1 / (4 * np.pi)  # E[(u + v)^2 / 2; u > 0, u + v > 0] of normal u and v


def linear_drops(kappas: ArrayLike, widths: ArrayLike, scales: ArrayLike) -> np.ndarray:
    """The `QUANTILES` of all drops of "linear" and "conv", (3, n, 3), in closed form.

    What grows of N(0, eps^2) units along mode k, and is orthogonal to the modes before it, has the
    strength a_k(0) = eps^2 / 2 times a chi^2 of H + 1 - k (Bartlett's decomposition of a Wishart
    matrix); then modes are logistic (section 5.1).  nan where there are more modes than units.
    """
    kappas, widths, scales = np.broadcast_arrays(*np.atleast_1d(kappas, widths, scales))
    free = widths[:, None] - np.arange(3)
    late = 1 - np.array(QUANTILES)[:, None, None]  # what starts large is early
    masses = scales[:, None] ** 2 * chi2.ppf(late, np.maximum(free, 1))  # (3, n, 3)
    strengths = np.broadcast_to([power_law(kappa) for kappa in kappas], masses.shape)
    return np.where(free > 0, wide_limit.half_drops(strengths, masses), np.nan)


def relu_drops(kappas: ArrayLike, widths: ArrayLike, scales: ArrayLike) -> np.ndarray:
    """Bounds on the mean-field drops of "relu", early and late, (2, n, 3).

    Only units with u > 0 and u + v > 0 grow along a mode, 3 in 8, and a_k(0) is eps^2 / 2 times
    H `SERVING` in the mean: the early bound.  Units that have learned a mode are held back from
    others, not entirely; without them all, a_k(0) is (5/8)^(k - 1) of that: the late bound.
    """
    kappas, widths, scales = np.broadcast_arrays(*np.atleast_1d(kappas, widths, scales))
    left = np.array([1, 5 / 8])[:, None, None] ** np.arange(3)
    masses = left * (SERVING * widths * scales**2)[:, None]  # (2, n, 3)
    strengths = np.broadcast_to([power_law(kappa) for kappa in kappas], masses.shape)
    return wide_limit.half_drops(strengths, masses)


def lone_waits(name: str, kappa: float, units: int = 20_000) -> np.ndarray:
    """Times at which single units of "attention" or "quadratic" escape, of scale 1, (units,).

    In order; from scale eps they are 1 / eps as long (Proposition 5).  inf for those that never do.
    Good to 1e-4, where a law from so many draws is good to a hundredth.
    """
    net = figure2_network(name, kappa)
    return np.sort(quadratic.escape_time(net, initial_units(net, units, 1.0, 0), rtol=1e-5))


def first_drop_law(waits: np.ndarray, width: int, times: np.ndarray) -> np.ndarray:
    """Probability that the first of H units of scale 1 has escaped at these times, in their shape.

    Until the first is out units wait independently (Proposition 5).  So if one waits longer than t
    with probability S(t), known from `lone_waits`, the first of H does with S(t)^H.
    """
    surviving = 1 - np.searchsorted(waits, times) / len(waits)
    return 1 - surviving**width


def first_drop_band(waits: np.ndarray, widths: Sequence[int]) -> np.ndarray:
    """The `QUANTILES` of `first_drop_law`, (3, widths, 1).

    The quantile q of the first of H is the quantile 1 - (1 - q)^(1 / H) of one.
    """
    shares = 1 - (1 - np.array(QUANTILES)[:, None]) ** (1 / np.asarray(widths))
    return np.quantile(waits, shares)[..., None]


def law_distance(waits: np.ndarray, width: int, times: np.ndarray) -> float:
    """Kolmogorov's distance between first drops (seeds,), times eps, and `first_drop_law`.

    Of n seeds it exceeds 2 / sqrt n once in 1500 times if the law is right.
    """
    late = np.where(np.isnan(times), np.inf, times)
    return float(kstest(late, lambda t: first_drop_law(waits, width, t)).statistic)


def drawn_drops(
    name: str, kappas: ArrayLike, widths: ArrayLike, scales: ArrayLike, seeds: Sequence[int]
) -> np.ndarray:
    """Times of all drops from the draws alone, by `predictions.predict`, (n, seeds, 3)."""
    settings = np.broadcast_arrays(*np.atleast_1d(kappas, widths, scales))
    return np.array(sweep_over(partial(_drawn, name, tuple(seeds)), *settings))


@cache  # some settings are asked for twice
def _drawn(name: str, seeds: Sequence[int], kappa: float, width: int, scale: float) -> np.ndarray:
    network = figure2_network(name, kappa)
    theta = initial_units(network, width, scale, seeds)
    with np.errstate(over="ignore"):  # after the last drop nothing is left to leave for
        return predict(stacked([network] * len(seeds)), theta, 3).times
