"""Sampling errors against formulas, laws and many samples of known laws."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, kstest, norm

from saddle_utils.observables import kolmogorov, kolmogorov_bound, least_share, standard_error


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


def test_kolmogorov_tells_a_right_law_from_a_wrong_one():
    rng = np.random.default_rng(2)
    x = rng.standard_normal(40)
    exact = kstest(x, norm.cdf).statistic * np.sqrt(40)
    assert kolmogorov(x, norm.cdf) == pytest.approx(exact, rel=1e-12)
    right = [kolmogorov(x, norm.cdf) for x in rng.standard_normal((300, 50))]
    assert max(right) < kolmogorov_bound() < kolmogorov_bound(5) < 2.3
    assert np.mean(np.array(right) > 0.8276) == pytest.approx(0.5, abs=0.12)  # the limit's median
    shifted = [kolmogorov(x + 1, norm.cdf) for x in rng.standard_normal((100, 50))]
    assert np.mean(np.array(shifted) > kolmogorov_bound()) > 0.9
    assert kolmogorov(np.full(9, np.nan), norm.cdf) == pytest.approx(3)


def test_values_that_never_come_count_against_the_law():
    sample = np.array([0.5, np.nan, np.nan, np.nan])
    rare = kolmogorov(sample, lambda t: 0.25 * np.clip(t, 0, 1))
    assert rare == pytest.approx(2 * 0.125)
    assert kolmogorov(sample, lambda t: np.clip(t, 0, 1)) == pytest.approx(2 * 0.75)


def test_a_law_known_from_few_values_allows_for_more():
    rng = np.random.default_rng(3)
    found = []
    for x, y in zip(rng.random((300, 50)), rng.random((300, 50)), strict=True):
        found.append(kolmogorov(x, lambda t, y=y: (y[:, None] <= t).mean(0), known=50.0))
    assert np.mean(np.array(found) > 0.8276) == pytest.approx(0.45, abs=0.12)
