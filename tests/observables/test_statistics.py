"""Bootstrap errors against what is known in closed form."""

from __future__ import annotations

import numpy as np

from saddle_utils.observables import bootstrap_error


def test_the_error_of_a_mean_is_that_of_its_formula():
    runs = np.random.default_rng(3).standard_normal((400, 2)) * [1.0, 5.0]
    found = bootstrap_error(lambda sample: sample.mean(0), runs, 2000)
    np.testing.assert_allclose(found, runs.std(0) / np.sqrt(400), rtol=0.06)


def test_the_error_of_a_median_falls_with_the_runs_and_is_reproducible():
    rng = np.random.default_rng(4)
    few, many = (bootstrap_error(np.median, rng.standard_normal(n)) for n in (50, 5000))
    np.testing.assert_allclose(many, np.sqrt(np.pi / 2 / 5000), rtol=0.3)
    assert 5 < few / many < 20
    runs = rng.standard_normal(30)
    assert bootstrap_error(np.median, runs) == bootstrap_error(np.median, runs)
