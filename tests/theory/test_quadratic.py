"""Theory of quadratic networks and attention, section 5.2: against the ODE and sampling."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import solve_ivp
from scipy.signal import find_peaks

from saddle_utils import networks, observables
from saddle_utils.datasets import figure2_network, other_tasks, panel, prediction_tasks, whitened
from saddle_utils.dynamics import flow, flows
from saddle_utils.networks import initial_units
from saddle_utils.observables import drop_times
from saddle_utils.studies import initialization
from saddle_utils.studies.figure2 import figure2_levels
from saddle_utils.theory import divergence, quadratic, saddles
from saddle_utils.theory.predictions import predict
from saddle_utils.theory.quadratic import attention

ATTENTION = figure2_network("attention")


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


def test_attention_levels_are_the_measured_ones():
    """Against Monte Carlo values computed apart: covariance (1, .5, .25), a context of 8."""
    levels = 2 * quadratic.attention_levels(np.diag([1, 0.5, 0.25]), 8)
    np.testing.assert_allclose(levels, [1.75, 1.006, 0.686, 0.561], atol=6e-4)


def test_narrow_levels_of_the_population_are_the_formula():
    c = np.diag([1, 0.5, 0.25])
    computed = saddles.narrow_levels(networks.attention_population(c, 8), 3) * np.trace(c)
    np.testing.assert_allclose(computed, 2 * quadratic.attention_levels(c, 8), atol=1e-6)


def test_the_profile_of_one_unit_is_its_best_loss():
    """Against a scan over the amplitude."""
    net = panel("fig1g").network
    for angle in (0.3, 1.2, 2.9):
        u = np.array([np.cos(angle), np.sin(angle)])
        losses = [net.loss(np.array([[a, *u]])) for a in np.linspace(0, 1, 20001)]
        profile = quadratic.one_unit_profile(net, np.array([angle]))[0]
        assert profile == pytest.approx(min(losses), abs=1e-8)


def test_units_alone_are_those_of_the_ode():
    """Eq. 14 for units of two networks at once, up to close before the first diverges."""
    net = prediction_tasks(907, 2)["quadratic"]
    theta = 1e-3 * initial_units(net, 6, 1.0, range(2))
    time = 0.98 * quadratic.escape_time(net, theta).min(-1)
    found = quadratic.dormant_units(net, theta, time)
    for k in range(2):
        s = net.matrix(net.syz)[k, 0]

        def field(t, flat, s=s):
            v, u = flat[:1], flat[1:]
            return np.concatenate([[u @ s @ u], 2 * v * (s @ u)])

        for unit, result in zip(theta[k], found[k], strict=True):
            run = solve_ivp(field, (0, time[k]), unit, "LSODA", rtol=1e-10, atol=1e-14)
            np.testing.assert_allclose(result, run.y[:, -1], rtol=1e-5, atol=1e-9)
    first = [divergence.first_divergence(net.runs(k), theta[k], 2) for k in range(2)]
    units, times = quadratic.first_escape(net, theta)
    assert [run.recruit for run in first] == units.tolist()
    assert_allclose([run.end for run in first], times, rtol=1e-8)
    assert_allclose([run.before(0.02 * run.end) for run in first], found, rtol=1e-5)


def test_heads_wait_as_long_as_their_draw_says():
    """All three drops of 6 draws at 1e-5, and twice as long from half the size."""
    draws = initial_units(ATTENTION, 6, 1.0, range(6))
    waits = quadratic.head_waits(ATTENTION, draws)
    assert_allclose(quadratic.head_waits(ATTENTION, draws / 2), 2 * waits, rtol=1e-6)
    runs = flows(ATTENTION, 1e-5 * draws, 1.2e5 * waits.sum(1), 1e-5)
    measured = [drop_times(run, figure2_levels("attention", 1.0)) for run in runs]
    assert_allclose(1e-5 * np.diff(measured, prepend=0), waits, rtol=0.03)


def test_a_head_settles_along_the_closed_curve():
    y = attention.SHARES[::50]
    run = solve_ivp(
        lambda t, y: y**2 * (1 - y**3), (attention.TIMES[0], 2), y[:1], rtol=1e-10, atol=1e-12,
        dense_output=True,
    )  # fmt: skip
    early = attention.TIMES[::50] < 2
    assert_allclose(run.sol(attention.TIMES[::50][early])[0], y[early], rtol=1e-5)


@pytest.mark.parametrize("drop", [0, 1])
def test_a_plateau_shows_from_the_wait_that_is_needed(drop):
    """Balanced heads on two modes, one after the other by 0.9 and 1.1 of what is needed."""
    rates = np.linalg.svd(ATTENTION.syz.reshape(3, 3))[1]
    needed = quadratic.visible_wait(ATTENTION)[drop]
    for share in (0.9, 1.1):
        theta = np.zeros((2, 7))
        for row, mode, escape in ((0, drop, 300.0), (1, drop + 1, 300.0 + share * needed)):
            theta[row, [0, 1 + mode, 4 + mode]] = 1 / (rates[mode] * escape)
        run = flows(ATTENTION, theta[None], 500.0)[0]
        assert observables.count([run.times], [run.losses]) - 2 == (share > 1)


def test_critical_scales_say_which_plateaus_show():
    """The first by the slope at the start, against a run of one head; all by counting plateaus."""
    draws = initial_units(ATTENTION, 4, 1.0, range(8))
    critical = quadratic.critical_scales(ATTENTION, draws)
    head = np.zeros((1, 1, 7))
    head[..., [0, 1, 4]] = 0.05
    fine = flows(ATTENTION, head, 100.0, 1e-10)[0]  # steps small enough to meet the peak
    peak = (ATTENTION.field(fine.theta) ** 2).sum((1, 2)).max()
    lone = quadratic.residual_attention(ATTENTION, 0)
    starts = critical[:, :1, None] * draws
    assert_allclose((lone.field(starts) ** 2).sum((1, 2)) / peak, 0.1, rtol=0.02)
    scales = np.array([1e-3, 1e-2, 2.0])
    found = initialization.attention_phases([4], scales, range(8))[:, 0]
    assert np.mean(found == (scales[:, None, None] < critical).sum(-1)) > 0.9
    assert not found[2].any() and found[0].min() == 3


def test_the_level_between_two_ranks_of_a_head_is_where_the_wide_run_is_slowest():
    """Also where its second direction grows before the first has settled.

    In one of the tasks the two fall as one: the run is nowhere slowest between them, and the next
    drop is of another head.
    """
    some = np.array([0, 8, 10, 23])
    net = other_tasks(918, 24)["rank-2 heads"].runs(some)
    theta0 = 1e-5 * initial_units(net, 6, 1.0, some)
    plan, measured = predict(net, theta0, 2), []
    for k, run in enumerate(flows(net, theta0, plan.times[:, 0] + 30, 1e-8)):
        slope = (net.runs(np.array([k])).field(run.theta) ** 2).sum((1, 2))
        measured.append(run.losses[find_peaks(-slope)[0]] / run.losses[0])
    same, levels = plan.recruits[:, 0] == plan.recruits[:, 1], plan.levels / plan.levels[:, :1]
    assert same.tolist() == [True, False, True, True]
    for k in np.flatnonzero(same):
        assert np.abs(measured[k] - levels[k, 1]).min() < 0.002
    assert not ((measured[1] > levels[1, 1] + 0.01) & (measured[1] < 0.99)).any()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: quadratic.escape_time(whitened([2, 1]), np.ones((3, 4))), "quadratic"),
        (lambda: quadratic.escape_time(quadratic_task(np.eye(2)), np.ones((3, 4))), "features"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
