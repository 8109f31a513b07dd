"""The code of the GPU: on one where there is one, and everywhere on tensors of the CPU."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
import torch
from support import relative

from saddle_utils.datasets import PANELS, panel
from saddle_utils.dynamics import adam, descend, gradient, minibatches, momentum, resolve_device
from saddle_utils.networks import initial_units

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU on this machine")
TOLERANCE = {"torch": 1e-12, "cuda": 1e-9}  # relative: sums in another order, in float64
on_both = pytest.mark.parametrize(
    "device", ["torch", pytest.param("cuda", marks=needs_gpu, id="cuda")]
)


@on_both
@pytest.mark.parametrize("name", PANELS)
def test_an_ensemble_descends_as_on_the_cpu(name, device):
    task = panel(name)
    start = initial_units(task.network, 20, 1e-2, range(8))
    here, there = (descend(task.network, start, task.step, 100, device=d) for d in ("cpu", device))
    assert isinstance(there.losses, np.ndarray) and isinstance(there.theta, np.ndarray)
    assert relative(there.theta, here.theta) < TOLERANCE[device]
    assert relative(there.losses, here.losses) < TOLERANCE[device]
    assert np.array_equal(here.times, there.times)


@on_both
@pytest.mark.parametrize("rule", [gradient, momentum(), adam()], ids=["plain", "momentum", "adam"])
def test_every_rule_steps_as_on_the_cpu(rule, device):
    task = panel("fig1d")
    start = initial_units(task.network, 5, 0.1, 3)
    runs = (descend(task.network, start, 0.01, 30, device=d, rule=rule) for d in ("cpu", device))
    here, there = runs
    assert relative(there.theta, here.theta) < TOLERANCE[device]


@on_both
def test_minibatches_are_the_same_ones(device):
    task = panel("fig1e")
    start = initial_units(task.network, 5, 0.1, 3)

    def run(where: str):
        batches = islice(minibatches(task.network, 2, np.random.default_rng(0)), 20)
        return descend(task.network, start, 0.01, 20, batches=batches, device=where)

    assert relative(run(device).theta, run("cpu").theta) < TOLERANCE[device]


def test_devices_are_resolved(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert [resolve_device(d) for d in ("cpu", "torch", "cuda", "auto")] == [
        "cpu",
        "torch",
        "cuda",
        "cuda",
    ]
