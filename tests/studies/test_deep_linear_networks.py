"""The training of deep linear networks in notebook 20, and what is measured on it."""

from __future__ import annotations

import numpy as np
import pytest

from saddle_utils.dynamics import flow, glance
from saddle_utils.networks import Completion
from saddle_utils.observables import passage_time
from saddle_utils.studies import deep_linear_networks as study
from saddle_utils.studies.deep_linear_networks import runs, starts, sweeps
from saddle_utils.studies.deep_linear_networks.runs import initial_weights
from saddle_utils.theory.deep_linear import whitened


def test_runs_end_at_their_level_and_end_late_otherwise():
    net = whitened([3, 4, 4, 3], (1.0, 0.5))
    theta = initial_weights(net, np.array([0.1, 1.0, 1e-5]), np.random.default_rng(1))
    found = runs.descend_to(net, theta, 1e-4)
    assert all((np.diff(run.losses) < 1e-12).all() for run in found)
    assert all(run.losses[-1] <= 1e-4 * net.zero_loss() < run.losses[-2] for run in found[:2])
    assert found[2].times[-1] == runs.LATEST  # it waits for some 1e5


@pytest.mark.parametrize("depth", [2, 3, 5])
@pytest.mark.parametrize("gamma", [0.4, 1.0, 2.0])
def test_the_stable_step_is_below_the_longest(depth, gamma):
    net = whitened([5, *[30] * (depth - 1), 5], (1.0, 0.5))
    theta = initial_weights(net, np.array([30 ** (-gamma / 2)]), np.random.default_rng(0))
    run = glance(net, theta[0], runs.stable_step(depth, 30, gamma), 300)
    assert run.losses[-1] < run.losses[0] and np.isfinite(run.losses).all()


def test_the_explorer_is_stable_where_the_network_is_narrow_and_its_weights_large():
    narrow = {"gamma": 0.4, "width": 2, "depth": 2, "rank": 5, "seed": 50}
    run, net, _ = study.explorer().simulate(**narrow)
    assert run.losses[-1] < 0.7 * net.zero_loss() < run.losses[0]  # two units learn two modes


def test_the_kernel_is_that_of_the_jacobian():
    net = whitened([2, 3, 3, 2], (1.0,))
    theta = initial_weights(net, np.array([0.7]), np.random.default_rng(2))
    step = 1e-6 * np.eye(net.n_u)[:, None]
    rows = (net.output(theta[0] + step) - net.output(theta[0] - step)).reshape(net.n_u, -1) / 2e-6
    np.testing.assert_allclose(sweeps.kernel(net, theta)[0], rows.T @ rows, atol=1e-7)


def test_plateaus_are_at_the_losses_of_lower_rank():
    found = study.staircase(3, 0.003, seed=5, runs=3)
    assert np.abs(study.plateau_errors(found)).max() < 0.02
    assert study.layer_overlaps(3, 0.003, seed=5, runs=3).min() > 0.99
    np.testing.assert_allclose(runs.rank_losses((2.0, 1.0)), [1, 0.2, 0])


def test_alignment_improves_as_the_scale_falls():
    wide, narrow = study.alignment(3, np.array([0.03, 0.01]), seed=2, runs=3)
    assert (narrow < wide).all()


def test_escape_is_optimal_only_for_aligned_starts():
    found = study.escape_times(4, np.array([0.1, 0.05]), seed=3, draws=2)
    np.testing.assert_allclose(found["aligned"], found["predicted"], rtol=1e-3)
    assert (found["random"] > 1.2 * found["optimal"]).all() and found["drift"].max() < 1e-10
    net = whitened([3, 4, 4, 4, 3], (1.0,))
    theta = np.random.default_rng([3, 4, 1]).standard_normal((1, net.n_u))
    run = flow(net, 0.1 * theta / np.linalg.norm(theta), 2 * found["random"][1, 0], 1e-9)
    assert passage_time(net, run, 0.125) == pytest.approx(found["random"][1, 0], rel=1e-4)


def test_drops_of_balanced_starts_are_predicted():
    found = study.balanced_drops(3, 0.02, seed=4)
    np.testing.assert_allclose(found["measured"], found["expected"], rtol=2e-3)
    np.testing.assert_allclose(found["losses"], found["predicted"], atol=1e-5)


def test_crossings_stop_where_the_whole_curve_crosses():
    whole = starts.distances(3, 32, 5, first=1.0)
    part = starts.distances(3, 32, 5, first=1.0, to_crossing=True)
    assert starts.crossing(part) == pytest.approx(starts.crossing(whole), abs=1e-6)
    assert len(part) < len(whole)
    line = np.array([1 + 0.8 / np.log([64, 256])] * 3)
    assert study.limit((64, 256), line)[0] == pytest.approx(1)


def test_deep_completion_finds_the_matrix_from_small_weights_only():
    found = study.completions([(3, 2.2, 2), (3, 0.5, 2)], width=40, seed=1)
    assert found["left"].max() < 1e-4
    small, large = (found[found["gamma"] == gamma] for gamma in (2.2, 0.5))
    assert np.median(small["error"]) < 0.1 * np.median(large["error"])
    assert (small["rank"] <= 3).all() and (large["rank"] > 5).all()


def test_the_gradient_of_completion_is_that_of_its_loss():
    rng = np.random.default_rng(0)
    target, seen = rng.standard_normal((3, 4)), (rng.random((3, 4)) < 0.6) * 1.0
    moments = seen * target, np.eye(4), float(((seen * target) ** 2).sum())
    net = Completion((4, 5, 3), ("identity",), (), *moments, seen)
    theta, step = rng.standard_normal((1, net.n_u)), 1e-6 * np.eye(net.n_u)[:, None]
    field = -(net.loss(theta + step) - net.loss(theta - step)) / 2e-6
    np.testing.assert_allclose(net.field(theta)[0], field, atol=1e-6)
    along = (net.field(theta + step) - net.field(theta - step))[:, 0] / 2e-6
    np.testing.assert_allclose(net.jacobian(theta), along.T, atol=1e-6)
    assert net.zero_loss() == pytest.approx(float(net.loss(0 * theta)))
