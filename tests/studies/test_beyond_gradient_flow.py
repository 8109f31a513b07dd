"""Learning rates, update rules, mini-batches and noise: theory against brute force and runs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support import relative

from saddle_utils.datasets import panel, regression, whitened
from saddle_utils.dynamics import RunFailedError, adam, descend, momentum
from saddle_utils.networks import initial_units, stacked
from saddle_utils.observables import first_times
from saddle_utils.studies import beyond_gradient_flow
from saddle_utils.studies.beyond_gradient_flow.steps import edge_of_stability, horizons, progress
from saddle_utils.theory.finite_steps import discrete_growth_rate
from saddle_utils.theory.linear import escape_rates, linear_saddle

RULES = {
    "momentum": (momentum(), lambda p, lr: torch.optim.SGD(p, lr=lr, momentum=0.9)),
    "momentum .5": (momentum(0.5), lambda p, lr: torch.optim.SGD(p, lr=lr, momentum=0.5)),
    "Adam": (adam(), lambda p, lr: torch.optim.Adam(p, lr=lr)),
    "Adam, other": (
        adam((0.8, 0.95), 1e-3),
        lambda p, lr: torch.optim.Adam(p, lr=lr, betas=(0.8, 0.95), eps=1e-3),
    ),
}


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
def test_rules_equal_torch_optim(name, kind):
    """Three hundred steps of an ensemble, gradients by autograd on the loss; none at a minimum yet,
    where Adam divides rounding errors by rounding errors."""
    net, (rule, make) = panel("fig1g").network, RULES[name]
    start = initial_units(net, 4, 0.3, range(3))
    theta = torch.tensor(start, requires_grad=True)
    optimiser, theirs = make([theta], 0.001), []
    torch_net = net.to("cpu")
    for _ in range(301):
        theirs.append(theta.detach().numpy().copy())
        optimiser.zero_grad()
        torch_net.loss(theta).sum().backward()
        optimiser.step()
    run = descend(net, kind(start), 0.001, 300, rule=rule)
    assert relative(run.theta, np.array(theirs)) < 1e-12
    assert np.abs(run.theta[-1] - start).max() > 0.05


def test_the_edge_of_stability_is_where_descent_stops_settling():
    net = whitened([1.3, 0.5])
    minimum = linear_saddle(net, [0, 1], 6)
    edge = edge_of_stability(net, minimum)
    np.testing.assert_allclose(edge, 1 / 1.3)
    nudged = minimum + 1e-3 * np.random.default_rng(0).standard_normal(minimum.shape)
    for beta in (0.0, 0.5):
        below, above = (
            descend(net, nudged, m * (1 + beta) * edge, 800, rule=momentum(beta)).losses[-1]
            for m in (0.98, 1.02)
        )
        assert below < 1e-9 and above > 1e-4
    with pytest.raises(RunFailedError):
        descend(net, initial_units(net, 6, 0.01, 9), 2.1 * edge, 400)


@pytest.mark.parametrize("seed", [0, 1, 5])
def test_the_edge_of_relu_units_is_that_of_their_data_whatever_rounding_leaves_at_the_kinks(seed):
    net = panel("fig1d").network
    found = beyond_gradient_flow.measure_learning_rates(
        net, initial_units(net, 50, 1e-6, seed), 50, [0.2]
    )
    start = initial_units(net, 50, 0.01, seed)
    low, high = np.sort(
        beyond_gradient_flow.last_losses(net, start, np.array([0.98, 1.02]) * found.edge, last=2)
    )
    assert low.max() < 1e-9 and np.diff(high) > 1e-3


def test_progress_counts_modes_at_any_covariance():
    net = regression(5).network
    for modes, expected in (([], [0, 0]), ([0], [1, 0]), ([1], [0, 1]), ([0, 1], [1, 1])):
        theta = linear_saddle(net, modes, 3) if modes else np.zeros((3, 8))
        np.testing.assert_allclose(progress(net, theta), expected, atol=1e-9)


def test_first_times_are_interpolated_and_nan_where_not_reached():
    times, curves = np.array([0.0, 1, 3]), np.array([[0.0, 5, 0], [1, 5, 0], [3, 5, 0]])
    found = first_times(times, curves, 2.0)
    np.testing.assert_array_equal(found, [2, 0, np.nan])
    np.testing.assert_array_equal(horizons(whitened([1.0]), [1e-2, 1e-4], 5), [5, 10])
    square = horizons(panel("fig1g").network, [1e-2, 1e-4], 5)
    np.testing.assert_allclose(square, [5, 500])


@pytest.mark.parametrize("seed", [8101, 8102])
def test_waits_grow_with_the_learning_rate_as_predicted(seed):
    net = whitened([1, 0.6])
    start = initial_units(net, 12, 1e-6, seed)
    for beta, tolerance in ((0.0, 0.02), (0.9, 0.05)):
        found = beyond_gradient_flow.measure_learning_rates(net, start, 60, [0.01, 0.04], beta)
        x, ratio = found.against(escape_rates(net, []))
        np.testing.assert_allclose(ratio, x / discrete_growth_rate(x, 1.0, beta), rtol=tolerance)
        assert found.edge == pytest.approx(1)
        np.testing.assert_allclose(found.lrs, np.array([0.01, 0.04]) * (1 + beta))


def test_mini_batches_lengthen_plateaus_as_predicted():
    data = regression(8103)
    lr = 0.1 / escape_rates(data.network, [])[0]
    found, predicted = beyond_gradient_flow.measure_batches(data, [1, 128], lr, 8103, runs=24)
    np.testing.assert_allclose(found, predicted, rtol=0.1)
    assert found[0, 0] > found[1, 0] + 0.04  # the first wait; 4.8% of it are the learning rate's


def test_below_its_eps_adam_is_gradient_descent_and_above_it_is_not():
    net = panel("fig1g").network
    draws = initial_units(net, 10, 1.0, [8104])
    waits = beyond_gradient_flow.measure_rule(
        net, draws, [1e-3, 1e-5, 1e-8, 3e-9], 1500, "Adam", 1e-3
    )
    steps, flow = waits["steps"], waits["flow"] * 1e-8 / 1e-3
    assert abs(steps[1] - steps[0]) < 10 and flow[3] > 500
    np.testing.assert_allclose(steps[3] - steps[2], flow[3] - flow[2], rtol=0.05)
    tasks = [regression(seed).network for seed in (1, 2)]
    units = initial_units(tasks[0], 20, 1.0, [1, 2])
    plain = beyond_gradient_flow.measure_rule(
        stacked(tasks), units, [1e-6], 60, "gradient descent", 0.1
    )
    assert plain["width"].tolist() == [1, 1]
