"""Sweeps: the order of the settings, and the same numbers on threads and on a cluster."""

from __future__ import annotations

import os
from functools import partial

import joblib
import numpy as np
import pytest

from saddle_utils.datasets import panel
from saddle_utils.dynamics import flows, sweep_over
from saddle_utils.networks import initial_units
from saddle_utils.studies import figure2


def test_results_come_in_the_order_of_the_settings():
    assert sweep_over(pow, range(50), [2] * 50) == [n**2 for n in range(50)]
    assert sweep_over(pow, [], []) == []


def test_settings_of_unequal_number_are_refused():
    with pytest.raises(ValueError, match="shorter"):
        sweep_over(pow, [1, 2], [3])


def test_an_error_at_one_setting_is_raised():
    with pytest.raises(ZeroDivisionError):
        sweep_over(lambda n: 1 / n, [1, 0])


def losses_and_worker(name: str, scale: float) -> tuple[np.ndarray, int]:
    """Losses of three runs of a panel, and the process that computed them."""
    task = panel(name)
    theta = initial_units(task.network, 6, scale, range(3))
    runs = flows(task.network, theta, 2000 * task.step)
    return np.concatenate([run.losses for run in runs]), os.getpid()


@pytest.fixture(scope="module")
def cluster():
    """Two worker processes of a local Dask cluster, as joblib's backend."""
    distributed = pytest.importorskip("distributed", reason="dask is not installed: .[cluster]")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as workers,
        distributed.Client(workers),
    ):
        yield partial(joblib.parallel_config, backend="dask")


def test_a_cluster_finds_the_same_numbers_bit_for_bit(cluster):
    names = ["fig1b", "fig1d", "fig1g"] * 4
    scales = np.repeat([1e-2, 1e-3, 2e-3, 3e-3], 3)
    alone = [losses_and_worker(*setting) for setting in zip(names, scales, strict=True)]
    here = sweep_over(losses_and_worker, names, scales)
    with cluster():
        there = sweep_over(losses_and_worker, names, scales)
    for one, other, third in zip(alone, here, there, strict=True):
        assert one[0].tobytes() == other[0].tobytes() == third[0].tobytes()
    assert {worker for _, worker in here} == {os.getpid()}
    assert len({worker for _, worker in there} - {os.getpid()}) == 2


def test_a_study_runs_on_a_cluster_as_it_stands(cluster):
    settings = ("attention", [1.0, 0.5, 1.0], [8, 8, 5], 1e-2, range(3))
    here = figure2.sweep(*settings)
    with cluster():
        there = figure2.sweep(*settings)
    assert here.times.tobytes() == there.times.tobytes()
    assert np.array_equal(here.drops, there.drops)
    for one, other in zip(here.curves, there.curves, strict=True):
        assert np.array_equal(one, other)
