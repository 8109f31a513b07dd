"""Initial weights: the wide limit, waits of heads, low-rank starts, the phase diagrams."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import solve_ivp

from saddle_utils import observables
from saddle_utils.datasets import covariance_tasks, figure2_network, power_law
from saddle_utils.dynamics import flow, flows
from saddle_utils.networks import Linear, initial_units
from saddle_utils.observables import drop_times
from saddle_utils.studies import initialization
from saddle_utils.studies.figure2 import figure2_levels
from saddle_utils.theory import quadratic, wide_limit
from saddle_utils.theory.linear import linear_levels, projected_correlation

S = np.array([1.3, 0.6, 0.2])
NET = Linear(np.diag(S), np.eye(3), float((S**2).sum()))
ATTENTION = figure2_network("attention")


def wide_run(mass: float):
    """Units sqrt(m) times orthonormal columns: the limit of many units, with six."""
    end = 1.2 * (wide_limit.times_at(S, mass, 0.5) + 5 / np.hypot(S, mass)).max()
    return flows(NET, np.sqrt(mass) * np.eye(6)[None], end, 1e-9)[0]


@pytest.mark.parametrize("mass", [1e-12, 1e-4, 0.3, 40.0])
def test_the_wide_limit_is_a_network_of_orthogonal_units(mass):
    run = wide_run(mass)
    a = wide_limit.modes(S, mass, run.times[:, None])
    v, u = NET.split(run.theta)
    assert_allclose(np.diagonal(v.mT @ u, axis1=1, axis2=2), a, atol=1e-6)
    assert_allclose(((S - a) ** 2).sum(1) / 2, run.losses, atol=2e-6)
    slope = wide_limit.slopes(S, mass, run.times[:, None]).sum(1)
    assert_allclose(slope, (NET.field(run.theta) ** 2).sum((1, 2)), atol=1e-5 * slope.max())
    half = wide_limit.half_drops(S, np.array(mass))
    assert_allclose(half, drop_times(run, linear_levels(NET)), rtol=0.02)  # between two records
    saddles = linear_levels(NET)[None]
    assert_allclose(
        initialization.rank_distance([run], saddles), wide_limit.distance(S, mass), rtol=0.01
    )
    moved = initialization.kernel_movement(NET, run.theta[0], run.theta[-1])
    assert_allclose(moved, wide_limit.movement(S, mass), rtol=1e-3)
    assert (
        observables.count([run.times], [run.losses]) - 1 == (wide_limit.calm(S, mass) < 0.1).sum()
    )


def test_times_invert_modes_and_small_masses_are_logistic():
    fractions = np.array([[0.0], [1e-6], [0.5], [0.999]])
    for mass in (1e-10, 1e-3, 3.0):
        times = wide_limit.times_at(S, mass, fractions)
        assert_allclose(wide_limit.modes(S, mass, times), fractions * S, rtol=1e-6, atol=1e-15)
    assert_allclose(wide_limit.times_at(S, 1e-10, 0.5), np.log(2 * S / 1e-10) / (2 * S), rtol=1e-9)


@pytest.mark.parametrize("mass", [1e-3, 0.05, 0.18, 0.25, 3.0])
def test_the_first_drop_is_as_calm_as_the_slope_on_a_fine_grid(mass):
    """Of one mode: the lowest slope before its last peak, over that; 1 if it only falls."""
    grid = np.linspace(0, wide_limit.times_at(1.0, mass, 0.99), 20_001)
    slopes = wide_limit.slopes(1.0, mass, grid)
    peak = max(np.flatnonzero(np.diff(slopes) > 0), default=-1) + 1
    expected = slopes[: peak + 1].min() / slopes[peak]
    assert wide_limit.calm(np.ones(1), np.array(mass))[0] == pytest.approx(expected, rel=1e-3)
    assert (peak == 0) == (mass > 24**-0.5)


@pytest.mark.parametrize("kappa", [0.7, 1.0, 2.0])
def test_the_closed_boundary_is_near_that_of_the_wide_limit(kappa):
    """Scanned numerically, the mass at which a plateau disappears; in ln m to a tenth."""
    s = power_law(kappa)
    masses = np.geomspace(1e-25, 1e-2, 2000)
    calm = wide_limit.calm(np.tile(s, (2000, 1)), masses)[:, 1:] < 0.1
    scanned = [masses[column].max() for column in calm.T]
    assert_allclose(np.log(wide_limit.critical_mass(s)), np.log(scanned), rtol=0.1)
    assert wide_limit.critical_mass(np.ones(3)) == pytest.approx([0, 0])


def test_lazy_movement_is_the_mean_over_random_maps():
    """The formula against a brute force average over Gaussian maps W, of ten units, K = 2 and 3."""
    rng = np.random.default_rng(0)
    for k, width in ((2, 10), (3, 10)):
        w = rng.standard_normal((40_000, k, k)) / np.sqrt(width)  # for m = 1
        a, b = -w.mT @ w / 2, -w @ w.mT / 2
        moved = np.einsum("nij,kl->nikjl", a, np.eye(k)) + np.einsum("nkl,ij->nikjl", b, np.eye(k))
        rms = np.sqrt((moved**2).sum((1, 2, 3, 4)).mean()) / (2 * k)
        assert wide_limit.lazy_movement(k, width) == pytest.approx(rms, rel=0.02)


def test_the_kernel_is_that_of_the_jacobian():
    """K(x, z) = sum over all weights of df(x) df(z)', on the inputs e_1 to e_3, by differences."""
    rng = np.random.default_rng(1)

    def kernel(theta):
        def output(flat):
            v, u = NET.split(flat.reshape(theta.shape))
            return (v.mT @ u).ravel()

        steps = 1e-6 * np.eye(theta.size)
        jacobian = [(output(theta.ravel() + d) - output(theta.ravel() - d)) / 2e-6 for d in steps]
        return np.transpose(jacobian) @ np.array(jacobian)

    one, two = rng.standard_normal((2, 5, 6))
    expected = np.linalg.norm(kernel(two) - kernel(one)) / np.linalg.norm(kernel(one))
    assert initialization.kernel_movement(NET, one, two) == pytest.approx(expected, rel=1e-6)


def test_counts_are_those_of_measure():
    rng, times, losses = np.random.default_rng(2), [], []
    for n in rng.integers(3, 60, 400):
        times.append(np.cumsum(rng.exponential(size=n)))
        drops = rng.exponential(size=n) ** 4 * rng.integers(0, 2, n)
        losses.append(np.cumsum(drops)[::-1] + 0.1)
    for knobs in ({"flat": 0.3, "min_drop": 0.2}, {}):
        one_by_one = [
            len(observables.measure(t, loss, 0, **knobs).levels)
            for t, loss in zip(times, losses, strict=True)
        ]
        assert_allclose(observables.count(times, losses, **knobs), one_by_one)
    assert len(set(one_by_one)) > 5
    with pytest.raises(ValueError, match="three points"):
        observables.count([np.arange(2.0)], [np.ones(2)])


def test_phases_of_a_few_runs_are_those_of_full_networks():
    """One grid point against `flow` of the unreduced network, brute force."""
    found = initialization.linear_phases(np.array([0.4, 1.6]), np.array([1e-5, 1e-2]), 12, [3])
    for row, scale in enumerate((1e-5, 1e-2)):
        for column, kappa in enumerate((0.4, 1.6)):
            net = figure2_network("linear", kappa)
            run = flow(net, initial_units(net, 12, scale, 3), np.linspace(0, 400, 8001))
            count = len(observables.measure(run.times, run.losses, 0, min_drop=1e-3).levels) - 1
            assert found["plateaus"][row, column, 0] == count
            far = initialization.rank_distance([run], linear_levels(net)[None])
            assert_allclose(found["distance"][row, column], far, rtol=0.03)
            moved = initialization.kernel_movement(net, run.theta[0], run.theta[-1])
            assert found["movement"][row, column, 0] == pytest.approx(moved, rel=1e-3)


def test_heads_wait_as_long_as_their_draw_says():
    """All three drops of 6 draws at 1e-5, and twice as long from half the size."""
    draws = initial_units(ATTENTION, 6, 1.0, range(6))
    waits = quadratic.head_waits(ATTENTION, draws)
    assert_allclose(quadratic.head_waits(ATTENTION, draws / 2), 2 * waits, rtol=1e-6)
    runs = flows(ATTENTION, 1e-5 * draws, 1.2e5 * waits.sum(1), 1e-5)
    measured = [drop_times(run, figure2_levels("attention", 1.0)) for run in runs]
    assert_allclose(1e-5 * np.diff(measured, prepend=0), waits, rtol=0.03)


def test_a_head_settles_along_the_closed_curve():
    y = quadratic.SHARES[::50]
    run = solve_ivp(
        lambda t, y: y**2 * (1 - y**3), (quadratic.TIMES[0], 2), y[:1], rtol=1e-10, atol=1e-12,
        dense_output=True,
    )  # fmt: skip
    early = quadratic.TIMES[::50] < 2
    assert_allclose(run.sol(quadratic.TIMES[::50][early])[0], y[early], rtol=1e-5)


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


def test_a_low_rank_start_keeps_its_rank_and_a_perturbed_one_waits():
    (run,) = initialization.exact_runs(NET, 2, [0], 400.0)
    wide = initialization.low_rank_units(NET, 9, 2, 0.0, 0)
    assert not wide[2:].any()
    assert_allclose(np.linalg.norm(wide[:2], axis=1), initialization.SIZE)
    assert_allclose(wide[:2], run.theta[0])
    full = flows(NET, wide[None], 400.0)[0]
    assert not full.theta[-1][2:].any()
    assert full.losses[-1] == pytest.approx(linear_levels(NET)[2], rel=1e-9)
    with pytest.raises(ValueError, match="large units"):
        initialization.low_rank_units(NET, 2, 3, 0.0)


def test_waits_are_logarithms_for_starts_in_time():
    deltas = 10.0 ** -np.array([6, 9, 12])
    tasks = [(NET, 1), (NET, 2)] + [(task, 1) for task in covariance_tasks(11, 3)]
    in_time = 0
    for task, rank in tasks:
        waits, growth = initialization.linear_waits(task, 15, rank, deltas, range(40, 44))
        good = growth < np.log(1 / deltas[0])
        slopes = np.polyfit(np.log(1 / deltas), waits.T, 1)[0]
        assert_allclose(slopes[good], 1, rtol=0.03)
        in_time += good.sum()
    assert in_time > 10


def test_large_heads_leave_the_others_to_wait_by_their_draw():
    few = np.array([1e-3, 1e-4])
    for rank in (1, 2):
        predicted, measured = initialization.attention_waits(
            ATTENTION, 7, rank, few, figure2_levels("attention", 1.0), range(70, 73)
        )
        assert_allclose(measured[:, 1], predicted[:, 1], rtol=0.02)
        assert_allclose(measured[:, 1] / measured[:, 0], 10, rtol=0.1)


def test_the_loss_comes_to_a_saddle_at_a_known_rate():
    """Rank one in closed form: with |v|^2 - |u|^2 = c kept, sqrt(c^2 + 4 s1^2) less that of s2."""
    for seed, run in enumerate(initialization.exact_runs(NET, 1, range(5), 100.0, 1e-10)):
        (unit,) = initialization.low_rank_units(NET, 1, 1, 0.0, seed)
        c = (unit[:3] ** 2).sum() - (unit[3:] ** 2).sum()
        closed = np.sqrt(c**2 + 4 * S[0] ** 2) - np.sqrt(c**2 + 4 * S[1] ** 2)
        rate = initialization.approach_rate(NET, run.theta[-1])
        assert rate == pytest.approx(closed, rel=1e-6)
        assert initialization.decay_rate(run, linear_levels(NET)[1]) == pytest.approx(
            rate, rel=0.05
        )


def test_the_growth_bound_bounds_perturbations():
    """A perturbation of a run of rank one never grows by more than the bound until it arrives."""
    runs = initialization.exact_runs(NET, 1, range(6), 60.0)
    bounds = initialization.growth_on_the_way(NET, 1, runs)
    level, lower = linear_levels(NET)[1:3]
    for seed, bound, run in zip(range(6), bounds, runs, strict=True):
        near = level + 0.001 * (level - lower)
        arrival = np.interp(-near, -run.losses, run.times)
        theta = initialization.low_rank_units(NET, 8, 1, 1e-9, seed)
        end = flows(NET, theta[None], arrival)[0].theta[-1]
        grown = np.linalg.norm(end[1:], 2) / np.linalg.norm(theta[1:], 2)
        assert np.log(grown) <= bound + 1e-4
    assert projected_correlation(NET, 1).max() == pytest.approx(S[1])
