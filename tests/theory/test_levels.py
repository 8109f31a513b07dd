"""Predictions against brute force: other optimisers, sampling, and long training."""

from __future__ import annotations

import numpy as np
import pytest

from saddle_utils import networks
from saddle_utils.datasets import panel, whitened
from saddle_utils.dynamics import flow
from saddle_utils.networks import initial_units
from saddle_utils.theory import linear, quadratic, saddles


def test_linear_levels_are_reduced_rank_regression():
    """Any covariance: against the best map of each rank, by alternating least squares."""
    rng = np.random.default_rng(2)
    x = rng.standard_normal((40, 4)) @ rng.standard_normal((4, 4))
    y = x @ rng.standard_normal((4, 3)) + 0.3 * rng.standard_normal((40, 3))
    levels = linear.linear_levels(networks.linear(x, y))
    for rank in range(4):
        u = rng.standard_normal((4, rank))
        for _ in range(600):
            v = np.linalg.lstsq(x @ u, y, rcond=None)[0]
            u = np.linalg.lstsq(x, y @ np.linalg.pinv(v), rcond=None)[0]
        fit = x @ u @ np.linalg.lstsq(x @ u, y, rcond=None)[0] if rank else 0 * y
        assert levels[rank] == pytest.approx(((y - fit) ** 2).sum() / 80, rel=1e-6)


def test_a_convolution_has_no_closed_levels():
    with pytest.raises(ValueError, match="narrow_level"):
        linear.linear_levels(panel("fig1c").network)


def test_attention_levels_are_the_measured_ones():
    """Against Monte Carlo values computed apart: covariance (1, .5, .25), a context of 8."""
    levels = 2 * quadratic.attention_levels(np.diag([1, 0.5, 0.25]), 8)
    np.testing.assert_allclose(levels, [1.75, 1.006, 0.686, 0.561], atol=6e-4)


def test_narrow_levels_of_the_population_are_the_formula():
    c = np.diag([1, 0.5, 0.25])
    computed = saddles.narrow_levels(networks.attention_population(c, 8), 3) * np.trace(c)
    np.testing.assert_allclose(computed, 2 * quadratic.attention_levels(c, 8), atol=1e-6)


@pytest.mark.parametrize("scale", [1e-4, 1e-6])
def test_the_closed_solution_holds_for_random_starts(scale):
    """v and u independent: what decays at once leaves an error that vanishes with the scale."""
    strengths = [3, 1.5, 1]
    start = initial_units(whitened(strengths), 9, scale, 77)
    times = linear.whitened_times(strengths, start, 300)
    run = flow(whitened(strengths), start, times)
    predicted = linear.whitened_loss(strengths, start, times)
    assert np.abs(run.losses - predicted).max() < 1e-2 * scale**0.5 + 1e-6
    assert run.losses[-1] < 0.01 * run.losses[0]


def test_more_modes_than_units_are_refused():
    with pytest.raises(ValueError, match="3 units or more"):
        linear.whitened_modes([3, 2, 1], np.ones((2, 6)), np.array([0.0]))


def test_the_profile_of_one_unit_is_its_best_loss():
    """Against a scan over the amplitude."""
    net = panel("fig1g").network
    for angle in (0.3, 1.2, 2.9):
        u = np.array([np.cos(angle), np.sin(angle)])
        losses = [net.loss(np.array([[a, *u]])) for a in np.linspace(0, 1, 20001)]
        profile = quadratic.one_unit_profile(net, np.array([angle]))[0]
        assert profile == pytest.approx(min(losses), abs=1e-8)


def test_the_escape_unit_grows_fastest():
    """No other unit of its size has a steeper relative growth at zero (Theorem 4)."""
    for name in ("fig1b", "fig1c"):
        net = panel(name).network

        def rate(theta, net=net):
            theta = theta / np.linalg.norm(theta)
            return (theta * net.field(1e-6 * theta)).sum() / 1e-6

        best = rate(linear.escape_unit(net))
        others = np.random.default_rng(0).standard_normal((500, 1, net.n_v + net.n_u))
        assert best >= max(rate(theta) for theta in others)
        assert best == pytest.approx(np.linalg.svd(net.syz.reshape(net.n_v, -1))[1][0], rel=1e-6)
