"""Tests of Heun's method."""

import numpy as np

from saddle_utils.datasets import prediction_tasks
from saddle_utils.dynamics import heun, heun_path
from saddle_utils.networks import initial_units


def test_steps_of_heun_are_those_of_a_loop(monkeypatch):
    """Compiled or not, each run at a step of its own."""
    net, step = prediction_tasks(909, 2)["ReLU conv"], np.array([0.1, 0.4])
    theta = initial_units(net, 5, 0.3, range(2))
    paths = [heun_path(net, theta, step, 3)]
    monkeypatch.setattr(heun, "descend_all", lambda *of_runs: None)
    paths.append(heun_path(net, theta, step, 3))
    for k, h in enumerate(step):
        task, now = net.runs(k), theta[k]
        for n in range(4):
            np.testing.assert_allclose([path[n, k] for path in paths], [now, now], rtol=1e-12)
            slope = task.field(now)
            now = now + h / 2 * (slope + task.field(now + h * slope))
