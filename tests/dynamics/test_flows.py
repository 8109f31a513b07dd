"""The batched engine against a tight explicit one, dense solves, and itself."""

from __future__ import annotations

import re

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
    trajectories,
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


@pytest.mark.parametrize("phi", ["relu", "leaky_relu"])
@pytest.mark.parametrize(("shape", "outputs", "seed"), [((40, 2), 1, 0), ((30, 3), 2, 3)])
def test_units_slide_along_samples(shape, outputs, seed, phi):
    """Where many units slide, the loss is what gradient descent tends to as lr -> 0."""
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal(shape), rng.standard_normal((shape[0], outputs))
    net = networks.pointwise(x, y, phi)
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


def test_leaky_relu_equals_a_tight_integration():
    """Two orthogonal inputs, where units pass samples and do not slide."""
    p = panel("fig1d")
    net = networks.pointwise(p.x, p.y, "leaky_relu")
    start = initial_units(net, 6, 1e-3, [4])
    run = flows(net, start, 40.0, 1e-8)[0]
    crossed = (net.kinks(run.theta[0]) > 0) != (net.kinks(run.theta[-1]) > 0)
    assert crossed.any() and run.losses[-1] < 0.5 * run.losses[0]
    assert np.abs(run.theta - tight(net, start[0], run.times)).max() < 1e-5
    times = np.linspace(0, 40, 9)
    one = flow(net, start[0], times)
    np.testing.assert_allclose(one.theta, tight(net, start[0], times), atol=1e-6)


def test_two_slopes_are_a_linear_network_and_a_relu_network():
    """sigma(a) = .1 a + .9 relu(a): fields of patterns, with the same pattern, add up."""
    p = panel("fig1e")
    leaky, relu, identity = (
        networks.pointwise(p.x, 0 * p.y, phi) for phi in ("leaky_relu", "relu", "identity")
    )
    theta = initial_units(leaky, 3, 0.5, [1, 2])
    outputs = [net.output(theta) for net in (leaky, identity, relu)]
    np.testing.assert_allclose(outputs[0], 0.1 * outputs[1] + 0.9 * outputs[2], atol=1e-15)
    fixed = sliding.pattern(leaky, theta)
    assert set(np.unique(fixed.slope)) == {0.1, 1.0}
    np.testing.assert_allclose(fixed.field(theta), leaky.field(theta), atol=1e-15)


RNG = np.random.default_rng(0)
X, Y, PROMPTS = (RNG.standard_normal(shape) for shape in ((30, 2), (30, 1), (30, 5, 2)))
PUSHED = networks.pointwise(np.array([[1.0], [-1.0]]), -np.ones(2)), np.array([[[1.0, 0.1]]])
STIFF = "it is stiff, for its end, .* is .* times its fastest time scale, .* run earlier"
ROUNDING = "rounding drowns the units that are dormant"


def small(net, scale):
    return net, initial_units(net, 5, scale, [0])


@pytest.mark.parametrize(
    ("net", "start", "end", "words"),
    [
        (*small(networks.linear(X, 1e5 * np.tile(Y, 2)), 1e-2), 20.0, STIFF),
        (*small(networks.pointwise(X, 1e5 * Y, "tanh"), 1e-2), 20.0, STIFF),
        (*small(networks.pointwise(X, 1e5 * Y, "relu"), 1e-2), 20.0, STIFF),
        (*PUSHED, 20.0, "caught at zero, where the field jumps: use `descend`"),
        (*small(networks.quadratic(X, Y), 1e-17), 3e18, ROUNDING),
        (*small(networks.attention(PROMPTS, PROMPTS @ [1, 0.5]), 1e-17), 3e18, ROUNDING),
    ],
)
def test_a_run_that_is_stuck_says_why(net, start, end, words, monkeypatch):
    monkeypatch.setattr(flow_ensembles, "MAX_STEPS", 2000)
    with pytest.raises(RunFailedError, match=r"^run 0 is stuck at time .*\(1 of 1 runs.*: .*") as e:
        flows(net, start, end)
    found = re.search(words, str(e.value))
    others = {STIFF, "caught at zero", ROUNDING} - {words}
    assert found and not any(re.search(o, str(e.value)) for o in others if o not in words)


def test_the_fastest_time_scale_is_that_of_the_jacobian():
    """The number in the error, for a linear network that is stuck at its minimum."""
    net = networks.linear(X, 1e5 * np.tile(Y, 2))
    with pytest.raises(RunFailedError) as e:
        flows(net, initial_units(net, 5, 1e-2, [0]), 20.0)
    times, scale = (
        float(t) for t in re.search(r"is (\S+) times .* scale, (\S+),", str(e.value)).groups()
    )
    end = flow(net, initial_units(net, 5, 1e-2, 0), 20.0).theta[-1]
    rate = np.abs(np.linalg.eigvalsh(net.jacobian(end))).max()
    assert 1 / scale == pytest.approx(rate, rel=0.2) and times == pytest.approx(20 * rate, rel=0.2)


def test_kinks_are_not_taken_for_stiffness():
    """At a kink the field jumps, which no rate describes: the pattern is held fixed for it."""
    net = networks.pointwise(np.array([[1.0, 0], [1.0, 1.0]]), np.array([1.0, -1.0]))
    theta = np.array([[1.0, 1.0, -1.0]])  # u . x = 0 for the second sample
    rate = np.abs(np.linalg.eigvalsh(net.jacobian(theta))).max()
    assert trajectories.why_stuck(net, theta, 0.2 / rate, 9.0, "at a kink") == "at a kink"
    assert re.search(STIFF, trajectories.why_stuck(net, theta, 0.4 / rate, 9.0, "at a kink"))


def test_the_run_that_is_stuck_is_named_among_others():
    nets = [networks.linear(X, k * np.tile(Y, 2)) for k in (1.0, 1e5, 1.0)]
    start = initial_units(nets[0], 5, 1e-2, [0, 1, 2])
    with pytest.raises(RunFailedError, match=r"run 1 is stuck .* \(1 of 3 .*stiff"):
        flows(networks.stacked(nets), start, 20.0)


def test_a_jump_between_curved_pieces_is_refused(monkeypatch):
    act = networks.Activation(lambda a: np.abs(a) + a**2, lambda a, f: np.sign(a) + 2 * a)
    monkeypatch.setitem(networks.ACTIVATIONS, "bent", act)
    net = networks.pointwise(X, Y, "bent")
    assert not net.smooth
    with pytest.raises(ValueError, match="pieces that are not linear"):
        flows(net, initial_units(net, 2, 0.1, [0]), 1.0)


@pytest.mark.parametrize("slopes", [(-1.0, 1.0), (1.0, -0.5), (1.0, 0.0)])
def test_any_two_slopes_slide(slopes, monkeypatch):
    """|a|, and others: many units slide, and the loss is that of descent as lr -> 0."""
    below, above = slopes
    slope = lambda a: np.where(a > 0, above, below)  # noqa: E731
    act = networks.Activation(lambda a: a * slope(a), lambda a, f: slope(a), degree=1)
    monkeypatch.setitem(networks.ACTIVATIONS, "two", act)
    net = networks.pointwise(X, Y, "two")
    start, end = initial_units(net, 10, 1e-2, [1]), 12.0
    run = flows(net, start, end)[0]
    coarse, fine = (descend(net, start[0], lr, round(end / lr), 50) for lr in (0.004, 0.002))
    limit = 2 * fine.losses[-1] - coarse.losses[-1]
    assert abs(run.losses[-1] - limit) < 0.2 * abs(fine.losses[-1] - limit) + 1e-6
    assert (np.diff(run.losses) <= 1e-12).all()


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
