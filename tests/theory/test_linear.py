"""Theory of linear networks, section 5.1: against regression, Hessians and integrated runs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from support import skewed

from saddle_utils import networks, observables
from saddle_utils.datasets import panel, whitened
from saddle_utils.dynamics import flow
from saddle_utils.networks import initial_units
from saddle_utils.theory import linear
from saddle_utils.theory.linear.path import _rotated


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


def test_suppressed_is_what_the_linear_flow_does_not_grow():
    """(I - P) Theta by an explicit projector, and no part of (q_1; r_1)."""
    net = skewed(4)
    q, _, r = np.linalg.svd(net.syz)
    theta = np.random.default_rng(1).standard_normal((3, 7, 5))
    top = np.concatenate([q[:, 0], r[0]])
    away = theta - theta @ (np.outer(top, top) / 2)
    expected = np.sqrt((away**2).sum((1, 2)))
    np.testing.assert_allclose(linear.suppressed_norm(net, theta), expected, rtol=1e-12)
    assert linear.suppressed_norm(net, np.outer(np.ones(4), top)) < 1e-12


@pytest.mark.parametrize("rank", [0, 1, 2])
def test_the_hessian_at_a_saddle_has_the_predicted_rates(rank):
    """L2: eigenvalues -s~_k, each once for every unit that waits (any covariance)."""
    net, width = skewed(8, 3, 4), 5
    _, e = np.linalg.eigh(net.syz @ np.linalg.solve(net.szz, net.syz.T))
    top = e[:, ::-1][:, :rank]
    theta = np.zeros((width, 7))
    theta[:rank, :3], theta[:rank, 3:] = top.T, np.linalg.solve(net.szz, net.syz.T @ top).T
    assert np.abs(net.field(theta)).max() < 1e-10
    rates = linear.escape_rates(net, list(range(rank)))
    values = np.linalg.eigvalsh(net.jacobian(theta))
    expected = np.sort(np.repeat(rates, width - rank))
    np.testing.assert_allclose(values[values > 1e-6], expected, atol=1e-4)


def test_half_times_and_levels_of_whitened_networks():
    """L3, L4: ten seeds at eps = 1e-3, and the levels of plateaus at 1e-6."""
    net = whitened([6 / 11, 3 / 11, 2 / 11])
    times = np.linspace(0, 60, 6001)
    for seed in range(50, 60):
        start = initial_units(net, 100, 1e-3, seed)
        modes = linear.mode_strengths(flow(net, start, times).theta, 3)
        half = times[np.argmax(modes > np.diag(net.syz) / 2, axis=0)]
        np.testing.assert_allclose(half, linear.whitened_half_times(net, start), rtol=0.05)
    levels, drops = linear.linear_levels(net), linear.leading_log_times(net) * np.log(1e6)
    run = flow(net, initial_units(net, 20, 1e-6, 1), np.linspace(0, 150, 3000))
    np.testing.assert_allclose(drops, 11 / np.array([6, 3, 2]) * np.log(1e6), rtol=1e-12)
    found = observables.measure(run.times, run.losses, min_duration=2).levels
    np.testing.assert_allclose(found[:3], levels[:3], rtol=0.02)


def test_the_times_of_a_curve_end_when_all_is_learned_and_not_long_after():
    strengths = np.array([2.0, 0.5])
    start = initial_units(whitened(strengths), 6, 1e-5, 3)
    times = linear.whitened_times(strengths, start, 77)
    assert times.shape == (77,) and times[0] == 0
    half = linear.whitened_half_times(whitened(strengths), start)
    assert 1.15 * half.max() + 5 < times[-1] < 1.35 * half.max() + 7
    np.testing.assert_allclose(np.diff(times), times[1])


def test_half_times_of_large_weights_are_those_of_the_logistic_equation():
    """Up to a third of the strength at the start; a correlated input, and one mode of each."""
    task = networks.Linear(np.array([[1.5]]), np.array([[0.7]]), 1.5**2 / 0.7)
    for size in (0.1, 0.3, 0.6):
        theta = size * np.ones((1, 2))
        run = solve_ivp(
            lambda t, a: 2 * a * (1.5 - 0.7 * a), (0, 5), [size**2], rtol=1e-10, dense_output=True
        )
        time = linear.first_half_time(task, theta)
        assert run.sol(time)[0] == pytest.approx(1.5 / 0.7 / 2, rel=1e-4)
    white = whitened([1.5])
    np.testing.assert_allclose(
        linear.whitened_half_times(white, 0.6 * np.ones((1, 2))), np.log(1.5 / 0.36 - 1) / 3
    )


def test_dormant_units_are_rotated_mode_by_mode_and_the_small_ones_keep_their_digits():
    """The largest mode is in one unit, the next in two: to 1e-10 of units 1e-12 as large."""
    rng, net = np.random.default_rng(0), whitened([3, 2, 1])
    units = rng.standard_normal((6, 6)) * 10.0 ** np.array([-12, -12, 0, -12, -12, -12])[:, None]
    rotated, size = _rotated(net, np.zeros((1, 6)), units)
    np.testing.assert_allclose(rotated.T @ rotated, units.T @ units, rtol=1e-12)
    before, modes = ((part[:, :3] + part[:, 3:]) / np.sqrt(2) for part in (units, rotated))
    sizes = np.linalg.norm(before, axis=0)
    assert size == pytest.approx(sizes.max())
    below = np.tril(modes[:, np.argsort(-sizes)], -1)
    assert (np.abs(below).max(1) < 1e-10 * np.linalg.norm(rotated, axis=1)).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: linear.theorem4_exponent(panel("fig1d").network), "linear"),
        (lambda: linear.theorem4_exponent(networks.linear(np.eye(2), np.zeros(2))), "nothing"),
        (lambda: linear.suppressed_norm(whitened([2, 1]), np.ones((3, 5))), "features"),
        (lambda: linear.escape_rates(panel("fig1c").network, [0]), "convolution"),
        (lambda: linear.whitened_half_times(skewed(1), np.ones((3, 5))), "whitened"),
        (lambda: linear.whitened_half_times(whitened([2, 1]), np.ones((3, 4))), "half learned"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
