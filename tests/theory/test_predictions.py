"""Predictions of all drops: against closed forms, Hessians, other integrators, and training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from saddle_utils import networks
from saddle_utils.datasets import DROPS, covariance_tasks, panel, prediction_tasks, whitened
from saddle_utils.dynamics import descend
from saddle_utils.networks import initial_units, stacked
from saddle_utils.observables import first_times
from saddle_utils.theory import linear, quadratic, waiting
from saddle_utils.theory.linear import whitened_half_times
from saddle_utils.theory.predictions import predict


def one(network, k=0):
    """The k-th of stacked networks, without the axis of runs."""
    return replace(network, **{name: getattr(network, name)[k] for name in network.axes})


def half_drops(times, losses, levels):
    return [first_times(times, -losses, -m) for m in (levels[1:] + levels[:-1]) / 2]


@pytest.mark.parametrize("kind", DROPS)
def test_waiting_units_see_the_remainder_of_a_saddle(kind):
    """A unit of no size beside others moves as in the network taught their residual, and alone."""
    net = prediction_tasks(901, 3)[kind]
    rng = np.random.default_rng(5)
    lead, small = (rng.standard_normal((3, n, net.n_v + net.n_u)) for n in (2, 4))
    small *= 1e-9
    beside = net.field(np.concatenate([lead, small], axis=1))[:, 2:]
    alone = waiting.residual_task(net, lead).field(small)
    np.testing.assert_allclose(beside, alone, rtol=1e-6, atol=1e-6 * np.abs(alone).max())


@pytest.mark.parametrize("kind", DROPS)
def test_the_best_size_of_a_unit_is_that_of_a_scan(kind):
    net = one(prediction_tasks(902, 1)[kind])
    direction = np.random.default_rng(6).standard_normal((1, net.n_v + net.n_u))
    direction /= np.linalg.norm(direction)
    if net.loss(0.1 * direction) > net.loss(0 * direction):
        direction[:, : net.n_v] *= -1
    size, taken = waiting.best_amplitude(net, direction)
    sizes = np.linspace(0, 3 * size, 3001)
    losses = net.loss(sizes[:, None, None] * direction)
    assert sizes[losses.argmin()] == pytest.approx(size, abs=2 * sizes[1])
    assert losses[0] - losses.min() == pytest.approx(taken, rel=1e-5)


def test_general_covariance_leads_to_the_saddles_in_closed_form():
    """Levels, rates and leading logarithms of the path are those of the formulas (section 5.1)."""
    tasks = covariance_tasks(903, 4)
    net = stacked(tasks)
    found = predict(net, 1e-6 * initial_units(net, 9, 1.0, range(4)), 2)
    logs = linear.path_leading_log_times(net, found.saddles[:-1])
    for k, task in enumerate(tasks):
        np.testing.assert_allclose(found.levels[k], linear.linear_levels(task), atol=1e-6)
        np.testing.assert_allclose(logs[k], linear.leading_log_times(task), rtol=1e-3)
    assert np.isinf(found.after).all()
    beyond = predict(net, 1e-6 * initial_units(net, 9, 1.0, range(4)), 3)
    np.testing.assert_allclose(beyond.times[:, :2], found.times, rtol=1e-6)
    assert np.isinf(beyond.times[:, 2]).all()
    few = predict(net, 1e-6 * initial_units(net, 1, 1.0, range(4)), 2)
    assert np.isfinite(few.times[:, 0]).all() and np.isinf(few.times[:, 1]).all()


def test_whitened_times_are_those_of_the_closed_solution():
    """The path knows nothing of it; and the half-times, with the rows of the modes orthogonalised.

    A mode of strength a has halved its loss at s (1 - 1 / sqrt 2), .441 / s before its half-time.
    """
    strengths = np.array([1.0, 0.45, 0.15])
    task = whitened(list(strengths))
    net = stacked([task] * 4)
    for width in (3, 20):
        theta0 = 1e-8 * initial_units(net, width, 1.0, range(50, 54))
        found = predict(net, theta0, 3).times
        half = whitened_half_times(task, theta0) + np.log(np.sqrt(2) - 1) / (2 * strengths)
        np.testing.assert_allclose(found, half, rtol=2e-4)
        for k in range(4):
            times = np.linspace(0, 1.1 * found[k, 2], 40001)
            losses = linear.whitened_loss(strengths, theta0[k], times)
            closed = half_drops(times, losses, linear.linear_levels(task))
            np.testing.assert_allclose(found[k], closed, rtol=2e-4)


def test_relu_drops_of_plain_descent():
    """Panel D, and random tasks without doubt, by steps of a tenth of those that predict."""
    net = stacked([panel("fig1d").network])
    theta0 = 1e-6 * initial_units(net, 30, 1.0, [7])
    found = predict(net, theta0, 2)
    run = descend(one(net), theta0[0], 2e-3, int(1.1 * found.times[0, 1] / 2e-3), every=5)
    np.testing.assert_allclose(found.levels[0], [0.5, 0.25, 0], atol=1e-4)
    measured = half_drops(run.times, run.losses, found.levels[0])
    np.testing.assert_allclose(measured, found.times[0], rtol=3e-3)


QUADRATIC = stacked([panel("fig1g").network] * 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: predict(QUADRATIC, np.ones((4, 3)), 1), "runs"),
        (lambda: predict(QUADRATIC, np.ones((2, 4, 3)), 0), "drop"),
        (lambda: predict(QUADRATIC, np.ones((2, 4, 5)), 1), "features"),
        (lambda: predict(panel("fig1g").network, np.ones((2, 4, 3)), 1), "one run"),
        (lambda: predict(networks.pointwise(np.eye(2), np.ones(2), "tanh"), np.ones((1, 2, 3)), 1),
         "linear, quadratic or ReLU"),
        (lambda: quadratic.dormant_units(QUADRATIC, np.ones((2, 1, 3)), np.full(2, 9.0)),
         "escapes"),
        (lambda: whitened_half_times(whitened([2, 1]), 1e-3 * np.ones((1, 4))), "units"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def correlated_tasks(count, seed):
    """Linear tasks of 6 correlated inputs and 4 outputs, a random teacher and noise."""
    nets, rng = [], np.random.default_rng([seed, 12])
    for _ in range(count):
        mix = np.linalg.qr(rng.standard_normal((6, 6)))[0] * np.logspace(
            0, -rng.uniform(0.7, 2.9), 6
        )
        x = rng.standard_normal((100, 6)) @ mix.T
        y = x @ rng.standard_normal((6, 4)) + 0.3 * rng.standard_normal((100, 4))
        nets.append(networks.linear(x, y))
    return networks.stacked(nets)


@pytest.mark.parametrize("scale", [1e-3, 1e-5])
def test_drops_whose_times_cannot_be_are_in_doubt(scale):
    """No time is negative or before the drop before it without a mark; and the mark is rare."""
    net = correlated_tasks(24, 5)
    plan = predict(net, initial_units(net.runs(np.array([0])), 20, scale, range(24)), 3)
    impossible = np.diff(plan.times, axis=1, prepend=0) <= 0
    assert plan.doubtful[impossible].all() and impossible.any()
    assert plan.doubtful.mean() < 0.3
    assert (plan.doubtful[:, 1:] >= plan.doubtful[:, :-1])[np.isfinite(plan.times[:, 1:])].all()
    easy = networks.stacked([whitened([4.0, 1.0, 0.2])] * 4)
    assert not predict(
        easy, initial_units(whitened([4, 1, 0.2]), 20, 1e-6, range(4)), 3
    ).doubtful.any()
