"""Tests of the study `relu_kinks`."""

from __future__ import annotations

import numpy as np
import pytest

from saddle_utils import networks, observables
from saddle_utils.datasets import panel
from saddle_utils.studies import relu_kinks
from saddle_utils.studies.relu_kinks import kinks, line
from saddle_utils.theory import relu
from saddle_utils.theory.saddles import narrow_levels


@pytest.mark.parametrize("seed", [2006, 2020])
def test_relu_units_obey_the_analogue_of_theorem_4(seed):
    """R1: slope of the first time, and the exponent of every direction that units serve."""
    rng, scales = np.random.default_rng(seed), np.logspace(-8, -4, 5)
    net = networks.pointwise(rng.standard_normal((40, 2)), rng.standard_normal(40))
    found = relu.relu_directions(net)
    times, norms = relu_kinks.measure_relu(net, scales, seed=seed)
    served = (norms > 0).all(axis=0)
    assert served[:2].all()
    assert observables.log_slope(scales, times) == pytest.approx(found.first_time, rel=0.03)
    exponents = [-observables.log_slope(scales, np.log(n)) for n in norms[:, served].T]
    assert exponents[1] == pytest.approx(found.exponent, rel=0.03)
    np.testing.assert_allclose(exponents, 1 - found.rates[served] / found.rates[0], atol=0.01)


def test_kinks_are_where_the_function_bends():
    """Against second differences of the function on a fine grid."""
    task = line()
    theta = np.array([[1.0, 1, 0.5], [2.0, 0.5, 0.25], [-1.5, 1, -1.0], [1.0, 1, 9.0]])
    position, bend = kinks(task.network, theta, -2, 2)
    np.testing.assert_allclose(position, [-0.5, 1.0])
    np.testing.assert_allclose(bend, [2, -1.5])
    grid = np.linspace(-2, 2, 4001)
    f = task.network.predict(theta, np.stack([grid, np.ones_like(grid)], axis=1))[0]
    bends = np.diff(f, 2) / (grid[1] - grid[0])
    seen = np.flatnonzero(np.abs(bends) > 0.1)
    np.testing.assert_allclose(grid[seen + 1], position, atol=2e-3)
    np.testing.assert_allclose(bends[seen], bend, rtol=1e-6)


def test_leaky_units_are_recruited_one_by_one_though_one_would_do():
    p = panel("fig1d")
    assert narrow_levels(networks.build("leaky_relu", p.x, p.y), 1)[1] < 1e-9
    assert relu_kinks.leaky_widths(30, 1e-6, [400, 401]) == [(0, 1, 2)]
