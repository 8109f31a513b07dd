"""Sampling errors against formulas, laws and many samples of known laws."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from saddle_utils.observables import least_share, standard_error


def test_the_standard_error_of_a_mean_and_of_a_median():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 4000))
    mean = standard_error(lambda a: a.mean(1), x, rng=rng, axis=1)
    np.testing.assert_allclose(mean, x.std(1) / np.sqrt(4000), rtol=0.12)
    median = standard_error(lambda a: np.median(a, 1), x, rng=rng, axis=1)
    np.testing.assert_allclose(median, np.sqrt(np.pi / 2 / 4000), rtol=0.2)


def test_what_belongs_to_one_run_stays_together():
    rng = np.random.default_rng(1)
    x = rng.standard_normal(300)
    together = standard_error(lambda a, b: (a - b).mean(), x, x + 1, rng=rng)
    assert together == pytest.approx(0, abs=1e-15)
    again = [standard_error(np.mean, x, rng=np.random.default_rng(5)) for _ in range(2)]
    assert again[0] == again[1]


def test_a_share_falls_short_as_seldom_as_it_says():
    bound = least_share(0.8, 50)
    assert 0.55 < bound < 0.7 and least_share(1.0, 50) == 1
    assert binom.cdf(50 * bound - 1, 50, 0.8) < 1e-3 <= binom.cdf(50 * bound, 50, 0.8)
