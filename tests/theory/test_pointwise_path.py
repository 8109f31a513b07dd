"""Steps of the path for smooth activations: fields of small units, kicks and means, exactly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from saddle_utils import networks
from saddle_utils.datasets import other_tasks
from saddle_utils.dynamics import flow
from saddle_utils.networks import initial_units
from saddle_utils.theory import diverging_path, intervals, pointwise_path
from saddle_utils.theory.predictions import predict


@pytest.mark.parametrize(("phi", "order"), [("x_tanh", 2), ("cubic", 3)])
@pytest.mark.parametrize("patches", [1, 2])
def test_the_lowest_order_is_the_field_of_vanishing_units(phi, order, patches):
    """F(theta) = lim field(c theta) / c^p as c -> 0, for several outputs and patches."""
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((20, patches, 3)), rng.standard_normal((20, 2))
    net = networks.pointwise(x if patches > 1 else x[:, 0], y, phi)
    theta = rng.standard_normal((4, net.n_v + net.n_u))
    limit = net.field(1e-4 * theta) / 1e-4**order
    found = diverging_path.lowest_field(net, theta)
    np.testing.assert_allclose(found, limit, rtol=1e-5, atol=1e-6 * np.abs(found).max())


@pytest.mark.parametrize("phi", ["tanh", "sine", "gelu"])
def test_small_units_of_order_one_see_a_linear_network(phi):
    net = other_tasks(920, 1)[phi]
    theta = np.random.default_rng(4).standard_normal((1, 5, net.n_v + net.n_u))
    task = pointwise_path.linear_task(net)
    found = task.field(1e-6 * theta)
    np.testing.assert_allclose(net.field(1e-6 * theta), found, atol=1e-5 * np.abs(found).max())


def test_the_mean_is_learned_in_closed_form():
    """Softplus: with small u the loss of the mean falls at the rate 2 H c_0^2, c_0 = ln 2."""
    rng = np.random.default_rng(5)
    y = 1 + rng.standard_normal(40)
    net = networks.pointwise(rng.standard_normal((40, 2)), y, "softplus")
    walk = pointwise_path.mean_walk(net, np.zeros((7, 3)), 1)
    [(count, times, losses)] = walk.falls
    np.testing.assert_allclose(walk.levels, [np.mean(y**2) / 2, np.var(y) / 2])
    expected = np.var(y) / 2 + y.mean() ** 2 / 2 * np.exp(-2 * 7 * np.log(2) ** 2 * times)
    np.testing.assert_allclose(losses, expected)
    assert count == 1 and times[0] == 0
    conv = networks.pointwise(rng.standard_normal((9, 2, 2)), rng.standard_normal(9), "softplus")
    with pytest.raises(ValueError, match="one patch"):
        pointwise_path.mean_walk(conv, np.zeros((3, 4)), 1)


@pytest.mark.parametrize("phi", ["x_tanh", "cubic"])
def test_dormant_units_are_kicked_by_a_drop_as_in_the_wide_network(phi):
    """What they gain in a flow of all units, less what the residual of the next saddle gives."""
    net, rng = other_tasks(922, 1)[phi].runs(0), np.random.default_rng(6)
    start = 0.3 * initial_units(net, 1, 1.0, 0)
    size = {"x_tanh": 1e-6, "cubic": 1e-4}[phi]
    dormant = size * rng.standard_normal((3, start.shape[-1]))
    drop = diverging_path.diverging_drop(net, start, dormant)
    end = 8 * drop.arrival
    wide = flow(net, np.concatenate([start, dormant]), end, rtol=1e-11)
    later = replace(net, y=net.y - net.output(drop.saddle))
    alone = flow(later, dormant, end, rtol=1e-11)
    kick = wide.theta[-1][-3:] - alone.theta[-1]
    np.testing.assert_allclose(drop.dormant - dormant, kick, atol=0.003 * np.abs(kick).max())


@pytest.mark.parametrize(("kind", "degree"), [("cubic", 3), ("x_tanh", 2)])
def test_the_interval_of_units_that_diverge_is_a_power_of_their_size(kind, degree):
    """Width = FLOOR + factor (eps / size)^(p - 1), with the norm of the first active unit."""
    net = other_tasks(921, 2)[kind]
    theta0 = 1e-2 * initial_units(net, 5, 1.0, range(2))
    plan = predict(net, theta0, 1)
    eps = np.sqrt((theta0**2).mean((1, 2)))
    ratio = eps / np.linalg.norm(plan.saddles[1][:, 0], axis=-1)
    factor = np.array(intervals.FACTORS[f"order {degree}"])[plan.doubtful[:, 0].astype(int)]
    np.testing.assert_allclose(plan.width[:, 0], intervals.FLOOR + factor * ratio ** (degree - 1))
    assert (plan.lower <= plan.times).all() and (plan.upper >= plan.times).all()
