"""Escapes from saddles: predictions against other integrators, scans, Hessians and training."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from saddle_utils import networks, observables
from saddle_utils.datasets import panel, whitened
from saddle_utils.dynamics import flow
from saddle_utils.networks import initial_units
from saddle_utils.theory import linear, quadratic, relu


def skewed(seed, outputs=2, inputs=3):
    """A linear network with random correlations and a covariance of its own."""
    rng = np.random.default_rng(seed)
    a, syz = rng.standard_normal((inputs, inputs)), rng.standard_normal((outputs, inputs))
    szz = a @ a.T / inputs + 0.1 * np.eye(inputs)
    return networks.Linear(syz, szz, float(np.trace(syz @ np.linalg.solve(szz, syz.T))))


def quadratic_task(s):
    """A quadratic network with E[y Z] = s; its fourth moments do not matter near zero."""
    return networks.Quadratic(s.reshape(1, -1), np.eye(s.size), 1.0)


def blow_up(s, unit, size=1e7, last=1e3):
    """Time at which the unit of Eq. 14 has outgrown `size`, inf if it does not until `last`."""

    def field(t, theta):
        v, u = theta[0], theta[1:]
        return np.concatenate([[u @ s @ u], 2 * v * (s @ u)])

    def outgrown(t, theta):
        return np.linalg.norm(theta) - size

    outgrown.terminal = True
    run = solve_ivp(field, (0, last), unit, "LSODA", rtol=1e-10, atol=1e-12, events=outgrown)
    return run.t_events[0][0] if len(run.t_events[0]) else np.inf


@pytest.mark.parametrize("kind", ["indefinite", "positive", "negative"])
def test_the_escape_time_is_the_blow_up_of_the_ode(kind):
    """Q4, on 60 draws: half of them start downhill, and some never escape."""
    rng = np.random.default_rng({"indefinite": 10, "positive": 11, "negative": 12}[kind])
    counts = {"finite": 0, "trapped": 0, "turned": 0}
    for _ in range(20):
        n = rng.integers(2, 5)
        a = rng.standard_normal((n, n))
        s = {"indefinite": a + a.T, "positive": a @ a.T, "negative": -a @ a.T}[kind]
        unit = rng.standard_normal(n + 1)
        found = quadratic.escape_time(quadratic_task(s), unit[None])[0]
        brute = blow_up(s, unit)
        assert np.isfinite(found) == np.isfinite(brute)
        counts["finite" if np.isfinite(brute) else "trapped"] += 1
        counts["turned"] += np.isfinite(brute) and unit[0] * (unit[1:] @ s @ unit[1:]) < 0
        if np.isfinite(brute):
            assert found == pytest.approx(brute, rel=1e-6)
    assert counts["finite"] >= 12 and counts["turned"] >= 3
    assert (counts["trapped"] == 0) == (kind == "indefinite")


def test_an_escape_time_near_a_turning_point():
    """v all but stops on its way through a saddle, where a quadrature would fail."""
    s = np.diag([1.0, -0.6])
    for excess in (1e-3, 1e-6, -1e-6):
        u = np.array([1.0, 0.9])
        a = np.linspace(-3, 0, 400001)
        dip = -(u[0] ** 2 * (np.exp(4 * a) - 1) + u[1] ** 2 * (np.exp(-2.4 * a) - 1)).min() / 2
        unit = np.array([-np.sqrt(dip + excess), *u])
        found = quadratic.escape_time(quadratic_task(s), unit[None])[0]
        assert found == pytest.approx(blow_up(s, unit), rel=1e-5)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_definite_target_traps_units_beyond_a_threshold(sign):
    """For S > 0 a unit with v < 0 comes back if 2 v^2 < |u|^2, and else never (S < 0: mirrored)."""
    s, u = sign * np.diag([1.0, 0.5]), np.array([0.6, 0.8])
    for share in (0.8, 0.95, 1.05):
        unit = np.array([-sign * share / np.sqrt(2), *u])
        found = quadratic.escape_time(quadratic_task(s), unit[None])[0]
        assert found == pytest.approx(blow_up(s, unit), rel=1e-6)
        assert np.isfinite(found) == (share < 1)


def test_one_eigenvalue_in_closed_form():
    """Balanced, v = |u| / sqrt 2 along one direction: t_inf = 1 / (2 lambda v), at any scale."""
    net = quadratic_task(np.diag([3.0, 0.0, 0.003]))
    units = np.array([[1, np.sqrt(2), 0, 0], [1, 0, 0, np.sqrt(2)], [1, 0, 1, 0], [0, 0, 0, 0]])
    expected = np.array([1 / 6, 1 / 0.006, np.inf, np.inf])
    np.testing.assert_allclose(quadratic.escape_time(net, units), expected, rtol=1e-8)
    np.testing.assert_allclose(quadratic.escape_time(net, 1e-9 * units), 1e9 * expected, rtol=1e-8)


def test_conserved_by_the_full_quadratic_flow():
    """Q2: |u|^2 - 2 v^2 of every unit, through both drops."""
    net = panel("fig1g").network
    start = initial_units(net, 6, 0.3, 5)
    run = flow(net, start, np.linspace(0, 30, 50), rtol=1e-11)
    kept = (run.theta[..., 1:] ** 2).sum(-1) - 2 * run.theta[..., 0] ** 2
    assert run.losses[-1] < 0.05 * run.losses[0]
    assert (np.abs(kept / kept[0] - 1)).max() < 1e-6


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_the_time_of_degree_p(degree):
    """dv = u^p, du = p v u^(p - 1), until 1: slopes of ln t, or of t for p = 1."""
    scales, times = np.array([1e-4, 1e-5, 1e-6]), []
    for scale in scales:

        def reached(t, w):
            return w[0] - 1

        reached.terminal = True
        run = solve_ivp(
            lambda t, w: [w[1] ** degree, degree * w[0] * w[1] ** (degree - 1)],
            (0, 1e14),
            [scale, scale],
            rtol=1e-9,
            atol=1e-12 * scale,
            events=reached,
        )
        times.append(run.t[-1])
    if degree == 1:
        assert observables.log_slope(scales, times) == pytest.approx(1, abs=0.01)
    else:
        exponent = -observables.log_slope(scales, np.log(times))
        assert exponent == pytest.approx(1 - degree, abs=0.02)


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
    rates = np.linalg.svd(linear.projected_correlation(net, rank), compute_uv=False)
    values = np.linalg.eigvalsh(net.jacobian(theta))
    expected = np.sort(np.repeat(rates[: 3 - rank], width - rank))
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
    levels, drops = linear.linear_drops(net, 1e-6)
    run = flow(net, initial_units(net, 20, 1e-6, 1), np.linspace(0, 150, 3000))
    np.testing.assert_allclose(drops, 11 / np.array([6, 3, 2]) * np.log(1e6), rtol=1e-12)
    found = observables.measure(run.times, run.losses, min_duration=2).levels
    np.testing.assert_allclose(found[:3], levels[:3], rtol=0.02)


def test_relu_directions_are_those_of_a_scan():
    """20 random tasks: what a scan over 20,000 angles finds is found, and the rest are maxima too.

    The scan misses maxima narrower than its step, so each found is also tried from close by.
    """
    t = 2 * np.pi * np.arange(20000) / 20000
    for seed in range(20):
        rng = np.random.default_rng(seed)
        samples = (2, 5, 40, 80)[seed % 4]
        net = networks.pointwise(rng.standard_normal((samples, 2)), rng.standard_normal(samples))
        x, y = net.x[0], net.y[0]

        def mean(angle, x=x, y=y):
            u = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
            return np.maximum(u @ x.T, 0) @ y / len(y)

        found = relu.relu_directions(net)
        angles = np.arctan2(found.directions[:, 1], found.directions[:, 0]) % (2 * np.pi)
        np.testing.assert_allclose(mean(angles), found.signs * found.rates, atol=1e-12)
        assert (np.diff(found.rates) <= 0).all()
        h = np.abs(mean(t))
        scanned = t[(h > np.roll(h, 1)) & (h > np.roll(h, -1)) & (h > 1e-9)]
        gaps = np.abs((scanned[:, None] - angles + np.pi) % (2 * np.pi) - np.pi)
        assert (gaps.min(axis=1) < 2 * t[1]).all()
        coarse = t[1] / 2 * np.mean(np.abs(y) * np.linalg.norm(x, axis=1))  # half a step's worth
        assert 0 <= found.rates[0] - h.max() + 1e-15 <= coarse
        for angle, rate in zip(angles, found.rates, strict=True):
            aside = np.abs(mean(angle + np.array([-1, 1]) * 1e-6))
            assert (aside < rate).all()


def test_relu_directions_of_panel_d():
    """The two inputs are orthogonal, so each extremum lies on the kink of the other input."""
    net = panel("fig1d").network
    found = relu.relu_directions(net)
    x = net.x[0] / np.linalg.norm(net.x[0], axis=1, keepdims=True)
    np.testing.assert_allclose(found.directions, x, atol=1e-12)
    np.testing.assert_allclose(found.rates, np.linalg.norm(net.x[0], axis=1) / 2)
    np.testing.assert_array_equal(found.signs, [1, -1])


NOTHING = networks.pointwise(np.eye(2), np.zeros(2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: linear.theorem4_exponent(panel("fig1d").network), "linear"),
        (lambda: linear.theorem4_exponent(networks.linear(np.eye(2), np.zeros(2))), "nothing"),
        (lambda: linear.suppressed_norm(whitened([2, 1]), np.ones((3, 5))), "features"),
        (lambda: linear.projected_correlation(panel("fig1c").network, 1), "convolution"),
        (lambda: linear.projected_correlation(whitened([2, 1]), 3), "rank"),
        (lambda: linear.linear_drops(whitened([2, 1]), 1.5), "between 0 and 1"),
        (lambda: linear.whitened_half_times(skewed(1), np.ones((3, 5))), "whitened"),
        (lambda: linear.whitened_half_times(whitened([2, 1]), np.ones((3, 4))), "half learned"),
        (lambda: quadratic.escape_time(whitened([2, 1]), np.ones((3, 4))), "quadratic"),
        (lambda: quadratic.escape_time(quadratic_task(np.eye(2)), np.ones((3, 4))), "features"),
        (lambda: relu.relu_directions(panel("fig1e").network), "ReLU"),
        (lambda: relu.relu_directions(panel("fig1b").network), "ReLU"),
        (lambda: relu.relu_directions(networks.pointwise(np.eye(2), np.zeros(2))), "vanishes"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
