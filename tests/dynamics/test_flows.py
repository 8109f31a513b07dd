"""The batched engine against a tight explicit one, dense solves, and itself."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from saddle_utils import networks
from saddle_utils.datasets import PANELS, panel, whitened
from saddle_utils.dynamics import (
    RunFailedError,
    descend,
    flow,
    flow_ensembles,
    flows,
    runge_kutta,
    sliding,
)
from saddle_utils.networks import initial_units


def tight(network, start, times):
    """scipy, explicit at 1e-12, no Jacobian: DOP853, or RK45 whose interpolant can bear kinks."""
    solution = solve_ivp(
        lambda t, flat: network.field(flat.reshape(start.shape)).ravel(),
        (0, times[-1]),
        start.ravel(),
        "DOP853" if network.smooth else "RK45",
        times,
        rtol=1e-12,
        atol=1e-12 * np.abs(start).max(),
    )
    return solution.y.T.reshape(-1, *start.shape)


@pytest.mark.parametrize("name", PANELS)
def test_every_run_equals_a_tight_integration(name):
    p = panel(name)
    start = initial_units(p.network, 8, p.init_scale, [11, 12, 13])
    ends = p.epochs * p.step * np.array([1.0, 0.5, 0.8])
    for run, first, end in zip(flows(p.network, start, ends, 1e-8), start, ends, strict=True):
        exact = tight(p.network, first, run.times)
        assert run.times[0] == 0 and run.times[-1] == pytest.approx(end, rel=1e-9)
        assert np.abs(run.theta - exact).max() < 2e-4 * np.abs(exact).max()
        np.testing.assert_allclose(run.losses, p.network.loss(run.theta), atol=1e-14)


@pytest.mark.parametrize(("name", "order"), [("fig1b", 5), ("fig1g", 4)])
def test_steps_have_their_order(name, order):
    """Halving a step divides the error of one step by 2^(order + 1)."""
    p = panel(name)
    theta = initial_units(p.network, 4, 0.5, [3])
    attempt = runge_kutta._rodas if order == 4 else runge_kutta._dormand_prince
    errors = []
    for step in (0.01, 0.005):
        h, field = np.array([step]), p.network.field(theta)
        new = attempt(p.network, theta, field, h, np.array([False]))[0]
        errors.append(np.abs(new[0] - tight(p.network, theta[0], np.array([0, step]))[-1]).max())
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order + 1, abs=0.3)


def test_woodbury_equals_a_dense_solve():
    p = panel("fig1f")
    theta = initial_units(p.network, 5, 0.4, [1, 2])
    r = np.random.default_rng(0).standard_normal(theta.shape)
    steps = np.array([0.3, 7.0])
    x = runge_kutta._solver(p.network, theta, steps)(r)
    for one, step, rhs, found in zip(theta, steps, r, x, strict=True):
        matrix = np.eye(one.size) / step - p.network.jacobian(one)
        np.testing.assert_allclose(found.ravel(), np.linalg.solve(matrix, rhs.ravel()), rtol=1e-8)


def test_the_limit_of_vanishing_scale_is_reached():
    """Times times eps converge (Proposition 5), at a cost that hardly grows."""
    p, runs = panel("fig1g"), {}
    for scale in (1e-4, 1e-6, 1e-8):
        start = initial_units(p.network, 10, scale, [7])
        runs[scale] = flows(p.network, start, 2.0 / scale)[0]
    half = [scale * _halved(run) for scale, run in runs.items()]
    assert abs(half[1] / half[2] - 1) < abs(half[0] / half[2] - 1) < 1e-3
    assert len(runs[1e-8].times) < 3 * len(runs[1e-4].times)


def _halved(run):
    return np.interp(-run.losses[0] / 2, -run.losses, run.times)


def test_runs_turn_implicit_where_stability_limits_their_steps(monkeypatch):
    """A long wait behind a drop does, a short one does not; together as each alone, and exact."""
    used, p, scales = [], panel("fig1g"), (0.3, 0.3, 1e-5)
    for name in ("_dormand_prince", "_rodas"):
        method = getattr(runge_kutta, name)
        note = lambda *a, name=name, method=method: used.append(name) or method(*a)  # noqa: E731
        monkeypatch.setattr(runge_kutta, name, note)
    start = np.concatenate([initial_units(p.network, 6, s, [5]) for s in scales])
    ends = [30.0, 2000.0, 1.2 / scales[2]]
    together = flows(p.network, start, ends, 1e-8)
    assert "_dormand_prince" in used[used.index("_rodas") :]  # both at once
    whether = (False, True, True)
    for run, first, end, implicit in zip(together, start, ends, whether, strict=True):
        used.clear()
        (alone,) = flows(p.network, first[None], end, 1e-8)
        assert ("_rodas" in used) == implicit and len(run.times) < 1500
        assert len(alone.times) == len(run.times)
        exact = flow(p.network, first, run.times, 1e-12)
        late = np.interp(-run.losses, np.maximum.accumulate(-exact.losses), exact.times)
        off = np.minimum(np.abs(late / end - run.times / end), np.abs(run.losses - exact.losses))
        assert off.max() < 1e-5 * run.losses[0]


def test_runs_with_data_of_their_own():
    """One network a run, stacked, gives what each gives alone, whoever ends first."""
    strengths = [[3.0, 1.0], [2.0, 1.5], [1.0, 0.2]]
    nets = [whitened(s) for s in strengths]
    stacked = networks.Linear(*(np.stack([getattr(n, k) for n in nets]) for k in nets[0].axes))
    start = initial_units(nets[0], 6, 1e-3, [1, 2, 3])
    together = flows(stacked, start, [5.0, 20.0, 9.0])
    for net, first, end, run in zip(nets, start, (5, 20, 9), together, strict=True):
        alone = flows(net, first[None], end)[0]
        np.testing.assert_allclose(alone.theta[-1], run.theta[-1], rtol=1e-9)
        assert run.times[-1] == pytest.approx(end)


def test_linear_networks_are_integrated_in_fewer_units():
    """The reduced units have the same map, and the basis gives every unit back (dense DOP853)."""
    net = whitened([2.0, 1.0])
    start = initial_units(net, 30, 1e-3, [5])
    few = net.reduce(start)[1]
    assert few.shape == (1, 4, 4)
    np.testing.assert_allclose(net.moment_map(few), net.moment_map(start), atol=1e-20)
    run = flows(net, start, 12.0, 1e-9)[0]
    assert run.theta.shape[1:] == (30, 4)
    assert np.abs(run.theta - tight(net, start[0], run.times)).max() < 1e-5


@pytest.mark.parametrize(("shape", "outputs", "seed"), [((40, 2), 1, 0), ((30, 3), 2, 3)])
def test_relu_units_slide_along_samples(shape, outputs, seed):
    """Where many units slide, the loss is what gradient descent tends to as lr -> 0."""
    rng = np.random.default_rng(seed)
    net = networks.pointwise(rng.standard_normal(shape), rng.standard_normal((shape[0], outputs)))
    start, end = initial_units(net, 20, 1e-2, [seed]), 12.0
    run = flows(net, start, end)[0]
    coarse, fine = (descend(net, start[0], lr, round(end / lr), 50) for lr in (0.004, 0.002))
    limit = 2 * fine.losses[-1] - coarse.losses[-1]
    size = np.linalg.norm(run.theta[-1], axis=1, keepdims=True)
    on_kink = np.abs(net.kinks(run.theta[-1])) < 1e-6 * size
    assert on_kink.sum() >= 2  # without sliding the steps would have shrunk to nothing
    assert abs(run.losses[-1] - limit) < 0.2 * abs(fine.losses[-1] - limit) + 1e-6
    assert (np.diff(run.losses) <= 1e-12).all()


def test_the_pattern_is_the_smooth_field_between_kinks():
    p = panel("fig1e")
    theta = initial_units(p.network, 7, 0.3, [1, 2])
    fixed = sliding.pattern(p.network, theta)
    np.testing.assert_allclose(fixed.field(theta), p.network.field(theta), atol=1e-15)
    run, unit, sample = np.array([[0, 1], [3, 5], [2, 0]])
    held = fixed.holding(fixed.on, np.stack([run, unit, sample]))
    along = p.network.kinks(held.field(theta))[run, unit, sample]
    np.testing.assert_allclose(along, 0, atol=1e-15)


def test_what_does_not_fit_is_refused(monkeypatch):
    net = whitened([1.0])
    start = initial_units(net, 2, 1e-3, [0, 1])
    with pytest.raises(ValueError, match="wanted \\(runs, units"):
        flows(net, start[0], 1.0)
    with pytest.raises(ValueError, match="finite, positive"):
        flows(net, start, [1.0, 0.0])
    monkeypatch.setattr(flow_ensembles, "MAX_STEPS", 3)
    with pytest.raises(RunFailedError, match="run 0 is stuck at time"):
        flows(net, start, 50.0)
