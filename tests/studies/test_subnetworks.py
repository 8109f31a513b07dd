"""Ranks along runs, thresholds, the search and the volumes of notebook 21."""

from __future__ import annotations

import numpy as np
import pytest

from saddle_utils.networks import build
from saddle_utils.studies import subnetworks as study
from saddle_utils.studies.subnetworks import runs
from saddle_utils.theory.subnetworks import generic_rank, is_subnetwork


def test_the_table_turns_at_twice_the_width_less_one():
    table = study.rank_table((2, 3), (2, 3, 4), seed=5, draws=3)
    assert study.smallest_degrees(table, 2) == [3, 5, 7]
    assert study.smallest_degrees(table, 3) == [2, 5, 7]
    assert (table["exceptions"] == 0).all() and table["generic"].max() == 12


def test_generic_points_lose_no_rank_and_subnetworks_do():
    drawn, lost, full = study.generic_losses((2,), (2, 3), seed=3, draws=50)
    assert drawn == 2 * 3 * (50 + 4 * 5 + 5 * 5) and (lost, full) == (0, 0)


def test_the_search_returns_a_critical_point_that_is_no_subnetwork():
    shares, best = study.search(3, 3, [4, 5], seed=1, draws=600)
    assert shares[0] > 0.05 and shares[1] == 0
    assert not is_subnetwork(best)
    assert np.linalg.matrix_rank(best[0]) == 2  # in a plane
    assert study.counterexample() == ([8, 8], 0.0)


def test_thresholds_err_where_exact_ranks_do_not():
    found = study.floating_ranks(8, 2, np.array([1e-8]), draws=60)
    assert found["double_wrong"][0] > 0.1 and study.exact_errors(8, 2, draws=20) == 0
    right = study.floating_ranks(2, 2, np.array([1e-8]), draws=60)  # degree 3: well conditioned
    assert right["double_wrong"][0] < 0.1


@pytest.mark.parametrize("degree", [2, 3])
def test_a_run_gains_the_rank_of_each_unit_it_recruits(degree):
    run = study.spectra(degree, 5, 1e-4, [11], task_seed=4)[0]
    assert run["values"].shape == (len(run["times"]), 20)
    assert run["ranks"].tolist() == [generic_rank(3, int(w), degree) for w in run["widths"]]


def test_columns_of_the_jacobian_give_the_gradient():
    x, y = runs.task(3, 3, seed=0, samples=40)
    net, theta = build("cubic", x, y), np.random.default_rng(0).standard_normal((4, 4))
    jacobian = runs.monomial_jacobian([theta[:, 1:], theta[:, :1].T], x.T, 3)
    residual = y - ((x @ theta[:, 1:].T) ** 3) @ theta[:, 0]
    field = (jacobian.T @ residual / len(y)).reshape(-1)
    expected = np.concatenate([net.field(theta)[:, 1:].ravel(), net.field(theta)[:, 0]])
    np.testing.assert_allclose(field, expected, rtol=1e-10)


def test_a_saddle_with_full_rank_holds_the_run():
    run = study.full_rank_saddle(1e-6, 0.01)
    assert run["index"] == 1 and run["second"].min() > 0.4
    assert run["gradient"][run["middle"]] < 0.01 * run["gradient"].max()


def test_narrow_minima_are_fixed_points_of_the_narrow_rank():
    gradient, wide, narrow = study.embedded(3, seed=2)
    assert gradient < 1e-9 and wide == narrow == 3


def test_volumes_are_those_of_the_closed_integral():
    eps = np.array([1e-6, 1e-3])
    found = study.volumes(1, 2, eps, seed=0)
    x = np.random.default_rng([0, 7, 1, 2])
    x.standard_normal((100_000, 1)), x.random(100_000)
    c = np.mean(x.standard_normal((1, 12)) ** 4)  # the loss is c v^2 u^4
    edge = (eps / c) ** 0.25
    np.testing.assert_allclose(found, edge + np.sqrt(eps / c) * (1 / edge - 1), rtol=1e-3)
