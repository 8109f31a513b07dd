"""The compiled engine against a tight explicit one, dense solves, descent, and itself."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from saddle_utils import networks
from saddle_utils.datasets import PANELS, panel, whitened
from saddle_utils.dynamics import (
    RunFailedError,
    compiling,
    descend,
    flow,
    flows,
    gradient_flow,
    trajectories,
)
from saddle_utils.dynamics import runs as run_kernels
from saddle_utils.dynamics.compiling import kernel
from saddle_utils.dynamics.fields import workspace
from saddle_utils.dynamics.implicit import jacobian, room_for_steps, solve, solver
from saddle_utils.dynamics.kinks import room_for_kinks, set_pattern
from saddle_utils.dynamics.problems import problem
from saddle_utils.dynamics.resting import steepest
from saddle_utils.dynamics.runs import attempt
from saddle_utils.dynamics.steps import between, slide_field
from saddle_utils.networks import initial_units
from saddle_utils.studies.activations import measure
from saddle_utils.theory.linear import whitened_half_times


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


@pytest.mark.parametrize(("name", "order", "h"), [("fig1b", 5, 0.01), ("fig1g", 4, 0.005)])
def test_steps_have_their_order(name, order, h):
    """Halving a step divides its error by 2^(order + 1), and that of values inside by 2^order."""
    p = panel(name)
    theta = initial_units(p.network, 4, 0.5, [3])
    errors, inside = [], []
    for step in (h, h / 2):
        new, half, _ = one_step(problem(p.network), theta[0].T.copy(), step, order == 4)
        whole = tight(p.network, theta[0], np.array([0, step / 2, step]))
        inside.append(np.abs(half.T - whole[1]).max())
        errors.append(np.abs(new.T - whole[2]).max())
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order + 1, abs=0.3)
    assert np.log2(inside[0] / inside[1]) > order - 0.5


def one_step(data, theta, h, stiff):
    """New units (F, units), those half-way, and the field at the end, of one step."""
    places = np.zeros((11, *theta.shape))
    make_step(data, *scratch(data, theta), theta, h, stiff, places, np.empty(7))
    return places[8], places[9], places[6]


def one_solve(data, theta, step, rhs):
    """(1 / step - J)^-1 rhs, for rhs (F, units), unit by unit."""
    work, kinks, room = scratch(data, theta)
    make_solve(data, work, kinks, room, theta, step, rhs, rhs.copy())
    return room.x[0]


def scratch(data, theta):
    f, units = theta.shape
    return workspace(data, units), room_for_kinks(data, units), room_for_steps(data, units, f)


@kernel
def make_step(data, work, kinks, room, theta, h, stiff, places, weights):
    ks, new, half, error = places[:8], places[8], places[9], places[10]
    set_pattern(data, kinks, theta)
    slide_field(data, work, kinks, theta, ks[0])
    attempt(data, work, kinks, room, stiff, 0.0, theta, h, ks, new, error, 1e-6, 1e-9)
    between(stiff, room, theta, new, ks, h, 0.5, weights, half)


@kernel
def make_solve(data, work, kinks, room, theta, step, rhs, out):
    jacobian(data, work, kinks, room, theta, out)
    solver(step, room)
    solve(room, rhs)


@kernel
def find_steepest(data, pull, d, best, along):
    return steepest(data, pull, d, best, along)


@pytest.mark.parametrize("phi", ["relu", "leaky_relu"])
def test_the_direction_in_which_a_resting_unit_leaves_is_the_steepest(phi):
    """Within 1% of the best of 20,000 directions in the plane, in 95% of draws: it is a search."""
    angles = np.linspace(0, 2 * np.pi, 20_001)
    plane = np.stack([np.cos(angles), np.sin(angles)])
    ratios = []
    for seed in range(120):
        rng = np.random.default_rng(seed)
        samples = (3, 6, 20)[seed % 3]
        x, pull = rng.standard_normal((samples, 2)), rng.standard_normal(samples)
        net = networks.pointwise(x, pull, phi)
        most = (pull @ networks.ACTIVATIONS[phi].f(x @ plane)).max()
        if most > 0:
            places = np.zeros((3, 2))
            found = find_steepest(problem(net), pull, *places)
            assert pull @ networks.ACTIVATIONS[phi].f(x @ places[1]) == pytest.approx(found)
            ratios.append(found / most)
    assert max(ratios) < 1.01 and np.mean(np.array(ratios) > 0.99) > 0.95


DEEP = {"two": (3, 4, 2), "four": (3, 4, 2, 5, 2)}  # layers
SMOOTH = [name for name, act in networks.ACTIVATIONS.items() if act.smooth]


@pytest.mark.parametrize("name", ["fig1b", "fig1c", "fig1f", "fig1g", "two", "four", *SMOOTH])
def test_kernels_have_the_field_and_the_hessian_of_the_network(name):
    """The field of the array code, and a solve with its Jacobian, by blocks and a low rank."""
    rng = np.random.default_rng(1)
    net = panel(name).network if name in PANELS else None
    x, y = rng.standard_normal((9, 2, 3)), rng.standard_normal((9, 2))
    if name in DEEP:
        net = networks.deep_linear(DEEP[name], x[:, 0], y)
    net = net or networks.pointwise(x, y, name)
    units = 1 if name in DEEP else 5
    theta, rhs = initial_units(net, units, 0.4, 1), rng.standard_normal((units, net.n_v + net.n_u))
    data, columns = problem(net), theta.T.copy()
    np.testing.assert_allclose(
        one_step(data, columns, 0.0, False)[2].T, net.field(theta), atol=1e-14
    )
    x = one_solve(data, columns, 0.7, rhs.T.copy())
    expected = np.linalg.solve(np.eye(theta.size) / 0.7 - net.jacobian(theta), rhs.ravel())
    np.testing.assert_allclose(x, expected, rtol=1e-8, atol=1e-10)


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


def test_long_waits_behind_a_drop_cost_few_steps_and_are_exact():
    """Stability would allow 1e5 explicit steps; together as alone, and against a tight run."""
    p, scales = panel("fig1g"), (0.3, 0.3, 1e-5)
    start = np.concatenate([initial_units(p.network, 6, s, [5]) for s in scales])
    ends = [30.0, 2000.0, 1.2 / scales[2]]
    for run, first, end in zip(flows(p.network, start, ends, 1e-8), start, ends, strict=True):
        (alone,) = flows(p.network, first[None], end, 1e-8)
        np.testing.assert_array_equal(alone.theta, run.theta)
        assert len(run.times) < 1500
        exact = flow(p.network, first, run.times, 1e-11)
        late = np.interp(-run.losses, np.maximum.accumulate(-exact.losses), exact.times)
        off = np.minimum(np.abs(late / end - run.times / end), np.abs(run.losses - exact.losses))
        assert off.max() < 1e-5 * run.losses[0]


@pytest.mark.parametrize("phi", ["square", None])
def test_a_run_ends_where_its_loss_has_fallen_to_a_level(phi):
    """In the kernel and in scipy: the same records as of a longer run, up to the first below."""
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((20, 3)), rng.standard_normal((20, 1))
    net = networks.pointwise(x, y, phi) if phi else networks.deep((3, 4, 1), x, y, "tanh")
    theta = initial_units(net, 5 if phi else 1, 0.3, 1)
    whole = flow(net, theta, 50.0)
    level = (whole.losses[0] + whole.losses[-1]) / 2
    run = flow(net, theta, 50.0, level=level)
    assert run.times[-1] < 50 and run.losses[-2] > level
    assert level * (1 - 0.05) < run.losses[-1] <= level * (1 + 1e-12)
    np.testing.assert_array_equal(run.theta[:-1], whole.theta[: len(run.times) - 1])


def test_a_stiff_linear_network_sees_its_slow_modes_grow():
    """Labels a thousand times larger at the same end, and strengths a millionfold apart."""
    for strengths, end in (([3000.0, 2000.0, 0.5], 60.0), ([1e3, 1.0, 1e-3], 3e4)):
        net = whitened(strengths)
        start = initial_units(net, 10, 1e-4, [3])
        run = flows(net, start, end, 1e-8)[0]
        learned = np.diagonal(net.moment_map(run.theta), axis1=1, axis2=2)
        half = [np.interp(s / 2, m, run.times) for s, m in zip(strengths, learned.T, strict=True)]
        np.testing.assert_allclose(half, whitened_half_times(net, start[0]), rtol=2e-3)
        assert len(run.times) < 3000


def test_kernels_are_compiled_anew_when_any_of_their_modules_changes():
    """The name of the cache depends on all modules with kernels, and on what these import."""
    here = Path(compiling.__file__).parent
    named = {name: (here / f"{name}.py").read_text() for name in compiling.KERNELS}
    for path in here.glob("*.py"):
        assert "from .compiling" not in path.read_text() or path.stem in named, path.stem
    imported = {
        name for text in named.values() for name in re.findall(r"from \.(\w+) import", text)
    }
    assert imported <= set(named)


def test_results_do_not_depend_on_the_number_of_threads(monkeypatch):
    p = panel("fig1e")
    start = initial_units(p.network, 10, p.init_scale, range(5))
    many = flows(p.network, start, p.epochs * p.step)
    monkeypatch.setattr(trajectories.os, "cpu_count", lambda: 1)
    for one, other in zip(flows(p.network, start, p.epochs * p.step), many, strict=True):
        np.testing.assert_array_equal(one.theta, other.theta)


@pytest.mark.parametrize("seed", range(3))
def test_a_unit_rests_at_zero_and_leaves_as_descent_does(seed):
    """|v| > |u| and a gradient that shrinks u: it reaches 0, where the field jumps."""
    rng = np.random.default_rng([seed, 8])
    net = networks.pointwise(rng.standard_normal((30, 3)), rng.standard_normal((30, 2)))
    start = initial_units(net, 12, 1e-2, seed)
    start[:, :2] *= 5
    run = flow(net, start, np.arange(31.0), 1e-6)
    coarse, fine = (descend(net, start, lr, round(30 / lr), round(1 / lr)) for lr in (4e-3, 2e-3))
    limit = 2 * fine.losses - coarse.losses
    assert np.abs(run.losses - limit).max() < 1e-3 * limit[0]


@pytest.mark.parametrize("name", ["fig1b", "fig1d", "fig1g"])
@pytest.mark.parametrize("grid", [None, 9])
def test_runs_are_the_same_however_long_the_tape(monkeypatch, name, grid):
    """Runs that follow each other on one tape, or begin on another; stiff ones among them."""
    p = panel(name)
    start = np.concatenate([initial_units(p.network, 6, scale, [3, 4]) for scale in (0.1, 1e-4)])
    times = p.epochs * p.step * (np.linspace(0, 3, grid) if grid else 3)

    def run():
        if grid:
            return [flow(p.network, start, times)]
        return flows(p.network, start, times)

    found = run()
    alone = [(flow if grid else flows)(p.network, one[None], times) for one in start]
    monkeypatch.setattr(run_kernels, "RECORDS", 3)
    for whole, parts in zip(found, run(), strict=True):
        np.testing.assert_array_equal(whole.theta, parts.theta)
        np.testing.assert_array_equal(whole.losses, parts.losses)
    for i, one in enumerate(alone):
        whole = found[0].member(i) if grid else found[i]
        np.testing.assert_array_equal(whole.theta, (one.member(0) if grid else one[0]).theta)


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


RNG = np.random.default_rng(0)
X, Y, PROMPTS = (RNG.standard_normal(shape) for shape in ((30, 2), (30, 1), (30, 5, 2)))


@pytest.mark.parametrize("kind", ["linear", "tanh", "quadratic"])
def test_badly_scaled_labels_run(kind):
    """Labels 1e5 times as large at the same end: stiff, and integrated all the same."""
    net = networks.build(kind, X, 1e5 * (np.tile(Y, 2) if kind == "linear" else Y))
    start = initial_units(net, 5, 1e-2, [0])
    run = flows(net, start, 20.0)[0]
    assert run.times[-1] == 20 and np.abs(net.field(run.theta[-1])).max() < 1e-3 * run.losses[0]
    assert len(run.times) < 5000 and (np.diff(run.losses) < 1e-9 * run.losses[0]).all()


def test_a_run_that_is_stuck_says_why_and_which(monkeypatch):
    monkeypatch.setattr(gradient_flow, "MAX_STEPS", 8)
    nets = [networks.pointwise(X[:1], np.array([1.0])) for _ in range(3)]
    start = np.stack(3 * [np.array([[0.5], [0.7]]) * np.append(1, X[0])])
    with pytest.raises(RunFailedError, match=r"run 1 is stuck at time .* its units cross"):
        flows(networks.stacked(nets), start, [0.1, 1e5, 0.1])


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
    with pytest.raises(ValueError, match=r"one end for all 2 runs.*`dynamics.flow`"):
        flows(net, start, [1.0, 2.0, 3.0])
    monkeypatch.setattr(gradient_flow, "MAX_STEPS", 3)
    with pytest.raises(RunFailedError, match="run 0 is stuck at time"):
        flows(net, start, 50.0)


@pytest.mark.parametrize("architecture", ["linear", "quadratic", "relu", "tanh"])
@pytest.mark.parametrize("labels", [0.0, 1.0])
def test_a_run_that_starts_at_the_saddle_stays_there(architecture, labels):
    x, y = np.random.default_rng(0).standard_normal((2, 30, 3))
    build = {"linear": networks.linear, "quadratic": networks.quadratic}
    make = build.get(architecture) or (lambda x, y: networks.pointwise(x, y, architecture))
    net = make(x, labels * (y[:, :1] if architecture == "linear" else y[:, 0]))
    origin = np.zeros((2, net.n_v + net.n_u))
    for times in (10.0, np.array([0.0, 1.0, 10.0]), np.array([1.0, 10.0])):
        run = flow(net, origin, times)
        assert run.times[-1] == 10 and not run.theta.any()
        assert len(run.times) == len(run.losses) == max(np.size(times), 2)
        np.testing.assert_allclose(run.losses, net.zero_loss())


def test_what_moves_when_all_is_learned_does_not_stop_a_run(monkeypatch):
    """A dormant ReLU unit, 1e-10 long, that crosses and slides for ever: the loss is 1e-19."""
    monkeypatch.setattr(gradient_flow, "MAX_STEPS", 4000)
    net = measure.network("relu", "teacher", 90211)
    start = 1e-10 * initial_units(net, 10, 1.0, [90211])
    run = flows(net, start, 1300.0, 1e-5)[0]
    assert run.times[-1] == 1300 and run.losses[-1] < 1e-10 * net.zero_loss()
    at = flow(net, start[0], np.linspace(0, 1300, 14), 1e-5)
    np.testing.assert_allclose(at.losses, np.interp(at.times, run.times, run.losses), atol=1e-4)
    assert len(at.times) == 14
