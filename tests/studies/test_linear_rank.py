"""Tests of the study `linear_rank`."""

from __future__ import annotations

import numpy as np
import pytest
from support import relative, skewed

from saddle_utils import networks, observables
from saddle_utils.datasets import covariance_tasks, whitened
from saddle_utils.networks import initial_units
from saddle_utils.studies import linear_rank
from saddle_utils.theory import linear


@pytest.mark.parametrize("ratio", [0.75, 0.5, 0.25])
def test_suppression_is_theorem_4(ratio):
    """L1, over four decades."""
    net, scales = whitened([1, ratio, ratio / 2]), np.logspace(-7, -3, 5)
    held = linear_rank.measure_suppression(net, scales, seed=9)
    assert linear.theorem4_exponent(net) == pytest.approx(1 - ratio)
    assert -observables.log_slope(scales, np.log(held)) == pytest.approx(1 - ratio, abs=0.03)


@pytest.mark.parametrize("seed", [602, 603, 605])
def test_durations_of_a_general_covariance_tend_to_the_limit(seed):
    """The second plateau, by decades of eps: slow where the first mode must rotate (seed 603)."""
    net, scales = skewed(seed), np.logspace(-10, -2, 9)
    s, rates = np.linalg.svd(net.syz, compute_uv=False), linear.escape_rates(net, [0])
    limit = (1 - s[1] / s[0]) / rates[0]
    np.testing.assert_allclose(linear.leading_log_times(net), [1 / s[0], 1 / s[0] + limit])
    drops = linear_rank.measure_linear_drops(net, scales, seed=seed, rtol=1e-10)
    first, second = -np.diff([drops[:, 0], drops[:, 1] - drops[:, 0]], axis=1) / np.log(10)
    assert first[0] == pytest.approx(1 / s[0], rel=1e-3)
    assert abs(second[0] - limit) < 0.2 * abs(second[-1] - limit)
    white = 1 / s[1] - 1 / s[0]
    assert abs(second[0] - limit) < 0.1 * abs(second[0] - white)  # the naive rule is refuted


def test_the_first_unit_turns_from_the_fastest_direction_to_the_first_saddle():
    """By hand: the second input explains more than the first, which is stronger but larger."""
    across = networks.Linear(np.diag([2, 1.5]), np.diag([4.0, 1]), 4.0)
    (slanted,) = covariance_tasks(3, 1)
    explained, e = np.linalg.eigh(slanted.syz @ np.linalg.solve(slanted.szz, slanted.syz.T))
    cosine = np.linalg.svd(slanted.syz)[0][:, 0] @ e[:, -1]
    angles, ratios = linear_rank.turns([whitened([2, 1]), across, slanted])
    assert angles[:2] == pytest.approx([0, 90], abs=1e-5)
    assert np.cos(np.radians(angles[2])) == pytest.approx(abs(cosine))
    assert ratios == pytest.approx([1 / 4, 1 / 2.25, explained[0] / explained[1]])


def test_the_third_drop_of_a_general_covariance():
    """The recursion behind `leading_log_times`, where 1 / s_k is off by a tenth or more."""
    rng = np.random.default_rng(502)
    x = rng.standard_normal((60, 4)) @ rng.standard_normal((4, 4))
    y = x @ rng.standard_normal((4, 3)) + 0.3 * rng.standard_normal((60, 3))
    net = networks.linear(x / np.sqrt((x**2).mean()), y)
    drops = linear_rank.measure_linear_drops(net, [1e-10, 1e-9], seed=7, rtol=1e-10)
    slopes = (drops[0] - drops[1]) / np.log(10)
    np.testing.assert_allclose(slopes, linear.leading_log_times(net), rtol=1e-3)
    naive = 1 / np.linalg.svd(net.syz, compute_uv=False)
    assert relative(slopes[2:], naive[2:]) > 0.08


@pytest.mark.parametrize("seed", [31, 32, 33])
def test_the_first_half_time_at_any_covariance(seed):
    """Within .5% of gradient flow, where the leading log alone is off by more than 3%."""
    for net in covariance_tasks(seed, 3):
        pairs = linear_rank.measure_first_half_times(net, [1e-3, 1e-6], 20, seed)
        np.testing.assert_allclose(pairs[:, 0], pairs[:, 1], rtol=5e-3)
        leading = np.log([1e3, 1e6]) * linear.leading_log_times(net)[0]
        assert (np.abs(leading / pairs[:, 1] - 1) > 0.03).all()
    white = whitened([2.0, 1.0])
    start = initial_units(white, 9, 1e-4, seed)
    assert linear.first_half_time(white, start) == pytest.approx(
        linear.whitened_half_times(white, start)[0], rel=1e-12
    )
