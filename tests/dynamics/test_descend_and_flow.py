"""Both engines against closed solutions, a plain torch loop, and each other."""

from __future__ import annotations

import os
import re

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from support import in_subprocess, relative

from saddle_utils import networks
from saddle_utils.datasets import PANELS, panel, whitened
from saddle_utils.dynamics import (
    RunFailedError,
    Trajectory,
    adam,
    descend,
    flow,
    glance,
    gradient_flow,
    minibatches,
    momentum,
    resolve_device,
)
from saddle_utils.networks import ACTIVATIONS, initial_units
from saddle_utils.theory import linear


@pytest.mark.parametrize("strengths", [[3, 2, 1], [2, 2, 1], [4, 3, 0.5, 0.4]])
def test_flow_equals_the_closed_solution(strengths):
    """Whitened inputs, balanced start at scale 1e-6: 1e-6 along the whole trajectory."""
    net, k = whitened(strengths), len(strengths)
    u = 1e-6 * np.random.default_rng(8).standard_normal((10, k))
    start = np.concatenate([u, u], axis=1)
    times = linear.whitened_times(strengths, start, 400)
    run = flow(net, start, times)
    v, u = net.split(run.theta)
    assert np.abs(v.mT @ u - linear.whitened_modes(strengths, start, times)).max() < 1e-6


def test_flow_of_one_mode_is_logistic():
    """The scalar formula of the textbook, written out here."""
    a0, s = 1e-8, 1.7
    times = np.linspace(0, 15, 100)
    run = flow(whitened([s]), np.full((1, 2), np.sqrt(a0)), times)
    exact = s / (1 + (s / a0 - 1) * np.exp(-2 * s * times))
    np.testing.assert_allclose(run.theta[:, 0].prod(-1), exact, atol=1e-7)


@pytest.mark.parametrize("name", PANELS)
def test_flow_equals_a_tight_explicit_integration(name):
    """Another method, other tolerances, no Jacobian: scipy's DOP853 at 1e-12."""
    p = panel(name)
    start = initial_units(p.network, 8, p.init_scale, 11)
    times = np.linspace(0, p.epochs * p.step, 120)
    tight = solve_ivp(
        lambda t, flat: p.network.field(flat.reshape(start.shape)).ravel(),
        (0, times[-1]),
        start.ravel(),
        "DOP853",
        times,
        rtol=1e-12,
        atol=1e-12 * p.init_scale,
    )
    ours = flow(p.network, start, times, rtol=1e-9).theta.reshape(len(times), -1)
    assert np.abs(ours - tight.y.T).max() < 2e-5


@pytest.mark.parametrize("name", ["fig1b", "fig1d", "fig1f"])
def test_descend_approaches_flow_linearly(name):
    p = panel(name)
    start = initial_units(p.network, 6, 1e-2, 3)
    end = 4.0
    limit = flow(p.network, start, np.array([0, end]), rtol=1e-11).theta[-1]
    errors = [
        np.abs(descend(p.network, start, end / n, n, every=n).theta[-1] - limit).max()
        for n in (400, 800, 1600)
    ]
    ratios = np.array(errors[:-1]) / errors[1:]
    assert (np.abs(ratios - 2) < 0.15).all(), ratios


def test_a_glance_passes_over_the_wait_and_finds_the_levels_and_times_of_flow():
    p = panel("fig1b")
    net = networks.deep_linear([2, 6, 6, 2], p.x, p.y)
    start = initial_units(net, 1, 0.01, 1)
    seen = glance(net, start, 0.15, 700)
    exact = flow(net, start, seen.times[-1])
    zero = net.zero_loss()
    for level in (0.9, 0.7, 0.3, 0.1):
        ours, theirs = (run.times[np.argmax(run.losses < level * zero)] for run in (seen, exact))
        assert ours == pytest.approx(theirs, rel=0.06)
    assert seen.losses[-1] < 1e-3 * zero and len(seen.times) < exact.times[-1] / 0.15
    assert seen.theta.shape == (len(seen.times), *start.shape)
    with pytest.raises(RunFailedError, match="learning rate 3 is too large"):
        glance(net, start, 3.0, 700)


def test_descend_equals_a_plain_torch_loop():
    """torch.nn, SGD and backward on the paper's loss (mean over samples and outputs)."""
    p = panel("fig1b")
    start = initial_units(p.network, 50, 1e-2, 0)
    first, second = torch.nn.Linear(2, 50, bias=False), torch.nn.Linear(50, 2, bias=False)
    with torch.no_grad():
        first.weight.copy_(torch.as_tensor(start[:, 2:]))
        second.weight.copy_(torch.as_tensor(start[:, :2].T))
    model = torch.nn.Sequential(first, second)
    x, y = torch.as_tensor(p.x), torch.as_tensor(p.y)
    optimiser, losses = torch.optim.SGD(model.parameters(), lr=p.lr), []
    for _ in range(300):
        loss = torch.nn.functional.mse_loss(model(x), y)
        losses.append(loss.item())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    run = descend(p.network, start, p.step, 299)
    np.testing.assert_allclose(run.losses, losses, rtol=1e-10)  # two outputs: L is the mean


@pytest.mark.parametrize("name", ["fig1b", "fig1c"])
@pytest.mark.parametrize("seeds", [3, [3, 4]])
def test_descent_in_as_many_units_as_features_is_exact(name, seeds):
    p = panel(name)
    start = initial_units(p.network, 50, p.init_scale, seeds)
    whole, core = (
        descend(p.network, start, p.step, p.epochs, 100, reduce=r) for r in (False, True)
    )
    assert core.core.shape[-2:] == (4, 4) and whole.basis is None
    np.testing.assert_allclose(core.losses, whole.losses, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(core.theta, whole.theta, atol=1e-9)
    np.testing.assert_array_equal(core.at(7.0), core.theta[np.sum(core.times <= 7.0) - 1])
    if start.ndim > 2:
        np.testing.assert_allclose(core.member(1).theta, core.theta[:, 1], rtol=1e-12, atol=1e-15)
    assert descend(p.network, start, p.step, 2, rule=momentum()).basis is None


@pytest.mark.parametrize("name", PANELS)
def test_an_ensemble_is_its_members(name):
    p = panel(name)
    many = descend(p.network, initial_units(p.network, 5, 0.1, range(3)), p.step, 40, 10)
    assert many.losses.shape == (5, 3)
    for k in range(3):
        one = descend(p.network, initial_units(p.network, 5, 0.1, k), p.step, 40, 10)
        np.testing.assert_allclose(many.member(k).theta, one.theta, rtol=1e-12)
        assert many.member(k).losses.shape == (5,)
    both = flow(p.network, initial_units(p.network, 3, 0.1, range(2)), np.linspace(0, 1, 4))
    alone = flow(p.network, initial_units(p.network, 3, 0.1, 1), np.linspace(0, 1, 4))
    np.testing.assert_array_equal(both.member(1).theta, alone.theta)


@pytest.mark.parametrize("name", ["fig1b", "fig1d", "fig1g"])
def test_times_may_begin_late_and_lie_close_together(name):
    """They are times since theta0, wherever the first record is; 0 may be alone."""
    p = panel(name)
    start = initial_units(p.network, 4, 0.3, 2)
    times = np.array([0.0, 0.3, 0.31, 0.5, 2.0])
    whole = flow(p.network, start, times)
    np.testing.assert_allclose(whole.theta[0], start, rtol=1e-12)
    late = flow(p.network, start, times[1:])
    np.testing.assert_allclose(late.theta, whole.theta[1:], rtol=1e-6, atol=1e-8)
    np.testing.assert_array_equal(late.times, times[1:])
    own = flow(p.network, start, 2.0)
    assert own.times[0] == 0 and own.times[-1] == 2 and len(own.times) > 5
    np.testing.assert_allclose(own.theta[-1], whole.theta[-1], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(own.losses, p.network.loss(own.theta), rtol=1e-12)


def test_numpy_and_torch_agree():
    p = panel("fig1e")
    start = initial_units(p.network, 6, 1e-2, range(2))
    ours, theirs = (descend(p.network, t, p.step, 50) for t in (start, torch.as_tensor(start)))
    assert isinstance(theirs.theta, np.ndarray)
    assert relative(theirs.theta, ours.theta) < 1e-12


def test_one_thread_and_two_give_the_same_bits():
    """In this process, and in another that has another number of threads."""
    code = (
        "from saddle_utils.datasets import panel; from saddle_utils.networks import initial_units;"
        "from saddle_utils.dynamics import descend, flow;"
        "import hashlib, torch;"
        "p = panel('fig1b'); t = initial_units(p.network, 50, 1e-6, range(4));"
        "a = descend(p.network, t, p.step, p.epochs).theta;"
        "b = flow(p.network, t[0], 40.0).theta;"
        "c = descend(p.network, torch.as_tensor(t), p.step, 50).theta;"
        "bits = [hashlib.sha256(x.tobytes()).hexdigest() for x in (a, b, c)]"
    )
    exec(code, here := {})
    count = "2" if os.environ.get("OMP_NUM_THREADS") == "1" else "1"
    libraries = {f"{name}_NUM_THREADS": count for name in ("OMP", "OPENBLAS", "MKL")}
    assert in_subprocess(f"{code}; print(bits)", **libraries).strip() == str(here["bits"])


def test_minibatches_cover_every_epoch():
    p = panel("fig1e")
    batches = minibatches(p.network, 2, np.random.default_rng(0))
    seen = np.concatenate([next(batches).y for _ in range(2)], axis=1)
    np.testing.assert_array_equal(np.sort(seen), np.sort(p.network.y))


def test_full_minibatches_are_full_batch():
    p = panel("fig1d")
    start = initial_units(p.network, 5, 0.1, range(2))
    batches = minibatches(p.network, 2, np.random.default_rng(0))
    ours = descend(p.network, start, p.step, 30, batches=batches)
    np.testing.assert_allclose(ours.theta, descend(p.network, start, p.step, 30).theta, rtol=1e-12)


def test_the_default_rule_is_the_loop_that_it_replaces():
    p = panel("fig1e")
    theta = initial_units(p.network, 6, 0.1, range(2))
    run = descend(p.network, theta, p.step, 50)
    for _ in range(50):
        theta = theta + p.step * p.network.field(theta)
    np.testing.assert_allclose(run.theta[-1], theta, rtol=1e-12, atol=1e-16)


def test_a_rule_starts_afresh_in_every_run_and_works_on_minibatches():
    rule, p = adam(), panel("fig1d")
    start = initial_units(p.network, 5, 0.1, 0)
    first, again = (descend(p.network, start, 0.01, 40, rule=rule) for _ in range(2))
    np.testing.assert_array_equal(first.theta, again.theta)
    batches = minibatches(p.network, 2, np.random.default_rng(0))
    batched = descend(p.network, start, 0.01, 40, batches=batches, rule=rule)
    np.testing.assert_allclose(batched.theta, first.theta, rtol=1e-9)


def test_a_trajectory_answers_for_the_time_before():
    run = Trajectory(np.array([0.0, 1, 2]), np.zeros(3), np.arange(3.0)[:, None, None])
    assert [run.at(t).item() for t in (0, 0.9, 1, 5)] == [0, 0, 1, 2]


def test_divergence_names_a_step_and_the_run():
    p = panel("fig1b")
    start = initial_units(p.network, 5, 0.1, range(3))
    start[1] *= 100
    with pytest.raises(RunFailedError, match=r"diverged by step \d+ \(run 1 of the ensemble, 1"):
        descend(p.network, start, p.step, 200)
    step, theta = 1, start[1]
    with np.errstate(all="ignore"):
        while np.isfinite((theta := theta + p.step * p.network.field(theta)).sum()):
            step += 1
    with pytest.raises(RunFailedError) as error:
        descend(p.network, start[1], p.step, 200)
    said = int(re.search(r"by step (\d+): the learning rate", str(error.value))[1])
    assert 0 <= step - said <= 2  # the loss is not finite a step or two before the weights are
    plain = [p.network] * 200  # batches go through the array code, which looks every 50 steps
    with pytest.raises(RunFailedError, match="by step 50"):
        descend(p.network, start[1], p.step, 200, batches=plain)


def test_units_that_slide_along_samples_are_carried_on():
    """On the line many units slide; the loss is what descent tends to as its rate vanishes."""
    from saddle_utils.studies.relu_kinks import zigzag

    line = zigzag()
    start = initial_units(line, 50, 1e-3, 0)
    run = flow(line, start, np.linspace(0, 60, 13), 1e-6)
    coarse, fine = (descend(line, start, lr, round(60 / lr), round(5 / lr)) for lr in (0.01, 0.005))
    limit = 2 * fine.losses - coarse.losses
    assert np.abs(run.losses - limit).max() < 2e-3 * limit[0]
    assert np.abs(run.losses - limit).max() < np.abs(fine.losses - limit).max()


def test_a_flow_that_is_stuck_says_why(monkeypatch):
    """Out of steps, or of evaluations of the field where there is no kernel."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((30, 2)), rng.standard_normal((30, 1))
    monkeypatch.setattr(gradient_flow, "MAX_STEPS", 20)
    net = whitened([2, 1])
    with pytest.raises(RunFailedError, match=r"stuck at time .*rounding drowns"):
        flow(net, initial_units(net, 5, 1e-8), 100.0)
    monkeypatch.setattr(gradient_flow, "MAX_EVALUATIONS", 50)
    deep = networks.deep([2, 3, 1], x, y, "tanh")
    with pytest.raises(RunFailedError, match=r"stuck at time .*has no compiled kernel"):
        flow(deep, 1e-8 * rng.standard_normal((1, deep.n_u)), 1e3)


def test_a_stiff_relu_network_turns_implicit():
    """A unit that stays active on one sample, until 1e5 of its time scales."""
    alone = networks.pointwise(np.array([[1.0, 2.0]]), np.array([1.0]))
    run = flow(alone, np.array([[0.5, 0.5, 1.0], [0.7, 0.7, 1.4]]), 1e5)
    assert len(run.times) < 300 and run.losses[-1] < 1e-20


@pytest.mark.parametrize("phi", ACTIVATIONS)
def test_descent_of_any_activation_is_a_loop(phi):
    p = panel("fig1e")
    net = networks.pointwise(p.x, p.y, phi)
    theta = initial_units(net, 4, 0.3, range(2))
    run = descend(net, theta, 0.01, 20, every=7)
    assert run.times.tolist() == [0, 0.07, 0.14]
    for step in range(15):
        if step % 7 == 0:
            np.testing.assert_allclose(run.theta[step // 7], theta, rtol=1e-12)
        theta = theta + 0.01 * net.field(theta)


NET = whitened([2, 1])
START = initial_units(NET, 3, 1e-3)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: descend(NET, START, -0.1, 5), "learning rate"),
        (lambda: descend(NET, START, np.nan, 5), "learning rate"),
        (lambda: descend(NET, START, 0.1, 0), "steps"),
        (lambda: descend(NET, START[:, :3], 0.1, 5), "theta has shape"),
        (lambda: descend(NET, START, 0.1, 5, device="tpu"), "unknown device"),
        (lambda: flow(NET, START, [0, 2, 1]), "increasing"),
        (lambda: flow(NET, START, -1.0), "increasing"),
        (lambda: flow(NET, START, [-0.1, 1.0]), "not negative"),
        (lambda: flow(NET, START, [0, 1, 1]), "increasing"),
        (lambda: flow(NET, START, [0, np.inf]), "finite"),
        (lambda: flow(NET, START, []), "increasing"),
        (lambda: flow(NET, START, 0.0), "increasing"),
        (lambda: descend(NET, START, 0.1, 5, every=0), "every"),
        (lambda: descend(NET, START, np.inf, 5), "learning rate"),
        (lambda: next(minibatches(panel("fig1d").network, 0, None)), "wanted 1 to 2"),
        (lambda: flow(NET, np.stack([START, START]), 3.0), "steps of their own"),
        (lambda: flow(NET, START * np.nan, 3.0), "not finite"),
        (lambda: next(minibatches(panel("fig1d").network, 3, None)), "wanted 1 to 2"),
    ],
)
def test_bad_input_is_refused_in_words(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_moments_have_no_minibatches():
    with pytest.raises(TypeError, match="keeps moments"):
        next(minibatches(NET, 1, np.random.default_rng(0)))


def test_a_gpu_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="finds no GPU"):
        resolve_device("cuda")
    assert resolve_device("auto") == "cpu"
    assert networks.ARCHITECTURES  # the package works without one
