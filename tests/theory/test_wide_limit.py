"""The limit of many units: against networks of orthogonal units, scans and random maps."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from saddle_utils import observables
from saddle_utils.datasets import power_law
from saddle_utils.dynamics import flows
from saddle_utils.networks import Linear
from saddle_utils.observables import drop_times
from saddle_utils.studies.initialization import measure
from saddle_utils.theory import wide_limit
from saddle_utils.theory.linear import linear_levels

S = np.array([1.3, 0.6, 0.2])
NET = Linear(np.diag(S), np.eye(3), float((S**2).sum()))


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
    saddles = linear_levels(NET)
    assert_allclose(measure.rank_distance([run], saddles), wide_limit.distance(S, mass), rtol=0.01)
    moved = measure.kernel_movement(NET, run.theta[0], run.theta[-1])
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


@pytest.mark.parametrize("mass", [1e-8, 1e-3, 0.1, [3e-8, 2e-8, 1e-8], [1e-2, 1e-3, 1e-4]])
def test_half_drops_are_where_the_closed_loss_is_half_way(mass):
    """Exact, for the levels summed by hand; where drops are far apart, at 1 - 1 / sqrt 2 of s."""
    mass = np.array(mass)
    half = wide_limit.half_drops(S, mass)
    loss = ((S - wide_limit.modes(S, mass, half[:, None])) ** 2).sum(1) / 2
    levels = np.array([(S[k:] ** 2).sum() / 2 for k in range(4)])
    assert_allclose(loss, (levels[1:] + levels[:-1]) / 2, rtol=1e-9)
    if mass.max() < 1e-6:
        assert_allclose(half, wide_limit.times_at(S, mass, 1 - 1 / np.sqrt(2)), rtol=2e-3)


@pytest.mark.parametrize("mass", [1e-4, 0.1, 3.0])
def test_the_distance_is_that_of_the_nearest_units_of_each_rank(mass):
    """Units with p.g = a and |p|^2 = |g|^2 = sqrt(m^2 + a^2) for each mode, by their SVD."""
    far = []
    for rank, time in enumerate(wide_limit.half_drops(S, np.array(mass))[:-1], start=1):
        a = wide_limit.modes(S, mass, time)
        c = np.hypot(a, mass)
        units = np.zeros((6, 6))
        for k in range(3):  # p in the first column of a pair, g in the second
            units[2 * k, k], units[2 * k, 3 + k] = np.sqrt(c[k]), a[k] / np.sqrt(c[k])
            units[2 * k + 1, 3 + k] = mass / np.sqrt(c[k])
        s = np.linalg.svd(units, compute_uv=False)
        far.append(np.sqrt((s[rank:] ** 2).sum() / (s**2).sum()))
    assert wide_limit.distance(S, np.array(mass)) == pytest.approx(max(far), rel=1e-9)


def test_the_kernel_moves_as_the_sum_of_its_two_parts():
    """By explicit matrices: K = V'V (x) 1 + 1 (x) U'U, before and after, in all directions."""
    for mass in (1e-3, 0.5, 20.0):
        after = np.diag(np.hypot(S, mass))
        eye, before = np.eye(3), mass * np.eye(3)
        kernel = [np.kron(m, eye) + np.kron(eye, m) for m in (before, after)]
        moved = np.linalg.norm(kernel[1] - kernel[0]) / np.linalg.norm(kernel[0])
        assert wide_limit.movement(S, np.array(mass)) == pytest.approx(moved, rel=1e-12)


def test_the_closed_boundary_balances_tail_and_head():
    """Its own words: at the boundary, the sum of tail and head is `flat` of the lower peak."""
    s = np.array([1.0, 0.4, 0.1])
    for flat in (0.1, 0.02):
        for one, two, mass in zip(s[:-1], s[1:], wide_limit.critical_mass(s, flat), strict=True):
            first, second = (np.log(2 * k / mass) / (2 * k) for k in (one, two))
            peak = 8 * two**3 / 27
            tail = np.log(2 * one**3 / (flat / 2 * peak)) / (4 * one)
            head = np.log(2 * two**3 / (flat / 2 * peak)) / (2 * two)
            assert tail + head == pytest.approx(second - first, rel=1e-9)


@pytest.mark.parametrize("mass", [1e-12, 1e-5, 1e-3, 0.02])
def test_the_later_drops_are_as_calm_as_the_slope_on_a_fine_grid(mass):
    """Least sum of slopes between two peaks found on a grid, over the lower of the two peaks."""
    grid = np.linspace(0, wide_limit.times_at(S, mass, 0.9).max(), 200_001)
    each = wide_limit.slopes(S, mass, grid[:, None])
    ends, total = each.argmax(0), each.sum(1)
    calm = wide_limit.calm(S, np.array(mass))
    assert calm[0] == pytest.approx(total[: ends[0] + 1].min() / total[ends[0]], rel=1e-2)
    for k in (1, 2):
        least = total[ends[k - 1] : ends[k] + 1].min()
        lower = min(total[ends[k - 1]], total[ends[k]])
        assert calm[k] == pytest.approx(least / lower, rel=1e-2)
