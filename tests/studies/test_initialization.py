"""Initial weights: kernels, phase diagrams, low-rank starts and the waits behind them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from saddle_utils import observables
from saddle_utils.datasets import covariance_tasks, figure2_network
from saddle_utils.dynamics import flow, flows
from saddle_utils.networks import Linear, initial_units
from saddle_utils.studies import initialization
from saddle_utils.studies.figure2 import figure2_levels
from saddle_utils.studies.initialization import measure
from saddle_utils.theory.linear import escape_rates, linear_levels

S = np.array([1.3, 0.6, 0.2])
NET = Linear(np.diag(S), np.eye(3), float((S**2).sum()))
ATTENTION = figure2_network("attention")


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
    assert measure.kernel_movement(NET, one, two) == pytest.approx(expected, rel=1e-6)


def test_phases_of_a_few_runs_are_those_of_full_networks():
    """One grid point against `flow` of the unreduced network, brute force."""
    found = initialization.linear_phases(np.array([0.4, 1.6]), np.array([1e-5, 1e-2]), 12, [3])
    for row, scale in enumerate((1e-5, 1e-2)):
        for column, kappa in enumerate((0.4, 1.6)):
            net = figure2_network("linear", kappa)
            run = flow(net, initial_units(net, 12, scale, 3), np.linspace(0, 400, 8001))
            count = len(observables.measure(run.times, run.losses, 0, min_drop=1e-3).levels) - 1
            assert found["plateaus"][row, column, 0] == count
            far = measure.rank_distance([run], linear_levels(net))
            assert_allclose(found["distance"][row, column], far, rtol=0.03)
            moved = measure.kernel_movement(net, run.theta[0], run.theta[-1])
            assert found["movement"][row, column, 0] == pytest.approx(moved, rel=1e-3)


def test_a_low_rank_start_keeps_its_rank_and_a_perturbed_one_waits():
    (run,) = initialization.exact_runs(NET, 2, [0], 400.0)
    wide = measure.low_rank_units(NET, 9, 2, 0.0, 0)
    assert not wide[2:].any()
    assert_allclose(np.linalg.norm(wide[:2], axis=1), measure.SIZE)
    assert_allclose(wide[:2], run.theta[0])
    full = flows(NET, wide[None], 400.0)[0]
    assert not full.theta[-1][2:].any()
    assert full.losses[-1] == pytest.approx(linear_levels(NET)[2], rel=1e-9)
    with pytest.raises(ValueError, match="large units"):
        measure.low_rank_units(NET, 2, 3, 0.0)


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
        (unit,) = measure.low_rank_units(NET, 1, 1, 0.0, seed)
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
        theta = measure.low_rank_units(NET, 8, 1, 1e-9, seed)
        end = flows(NET, theta[None], arrival)[0].theta[-1]
        grown = np.linalg.norm(end[1:], 2) / np.linalg.norm(theta[1:], 2)
        assert np.log(grown) <= bound + 1e-4
    assert escape_rates(NET, [0])[0] == pytest.approx(S[1])
