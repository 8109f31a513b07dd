"""Gradient flow on random tasks: none stops, and all agree with descent or a tight integration."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from saddle_utils import networks
from saddle_utils.dynamics import descend, flow
from saddle_utils.networks import initial_units

RTOL = 1e-6


def relu_task(seed):
    """A ReLU network on random data or a random teacher, its start, and an end behind drops."""
    rng = np.random.default_rng([seed, 77])
    features, outputs, patches = rng.integers(1, 9), rng.integers(1, 5), rng.integers(1, 4)
    samples, units = np.exp(rng.uniform(np.log([2, 5]), np.log([101, 101]))).astype(int)
    x, y = (
        rng.standard_normal((samples, patches, features)),
        rng.standard_normal((samples, outputs)),
    )
    net = networks.pointwise(x, y)
    if rng.random() < 0.5:
        teacher = rng.standard_normal((rng.integers(1, 4), net.n_v + net.n_u))
        net = networks.pointwise(x, net.output(teacher).T + 0.1 * y)
    scale = 10.0 ** rng.uniform(-8, -1)
    rate = np.linalg.norm(np.einsum("on,pnd->od", net.y, net.x) / samples, 2) / 2
    end = rng.uniform(1, 3) * np.log(1 / scale) / max(rate, 0.05)
    return net, initial_units(net, units, scale, seed), end


SEEDS = [s for s in range(80) if (t := relu_task(s))[0].flat_x.shape[0] * len(t[1]) < 3000][:60]


def test_no_random_relu_task_stops():
    """1 to 8 inputs, 1 to 4 outputs, 1 to 3 patches, 2 to 100 samples, scales 1e-8 to 1e-1."""
    for seed in SEEDS:
        net, start, end = relu_task(seed)
        run = flow(net, start, end, RTOL)
        assert run.times[-1] == end, seed
        assert np.diff(run.losses).max() < RTOL * run.losses[0], seed


def test_random_relu_tasks_agree_with_descent_as_its_rate_vanishes():
    """To 1e-3 of the initial loss, wherever two extrapolations of descent agree to 3e-4."""
    compared = 0
    for seed in SEEDS[:20]:
        net, start, end = relu_task(seed)
        run, limits = flow(net, start, np.linspace(0, end, 21), RTOL), []
        steps = 20 * int(np.ceil(5 * end))
        coarse = _descent(net, start, end, steps)
        while steps * net.flat_x.shape[0] * len(start) < 2e6:
            steps *= 2
            fine = _descent(net, start, end, steps)
            limits.append(2 * fine - coarse)
            coarse = fine
        if len(limits) > 1 and np.abs(limits[-1] - limits[-2]).max() < 3e-4 * run.losses[0]:
            assert np.abs(run.losses - limits[-1]).max() < 1e-3 * run.losses[0], seed
            compared += 1
    assert compared > 5


def _descent(net, start, end, steps):
    """Losses of gradient descent at 21 times."""
    return descend(net, start, end / steps, steps, every=steps // 20).losses


def scaled_task(kind, seed):
    """Inputs and labels scaled by 1e-4 to 1e4, their covariance with a condition number up to 1e6,
    and an end of up to a million of the fastest time scale of the solution."""
    rng = np.random.default_rng([seed, 78])
    features, samples, tokens = rng.integers(2, 5), rng.integers(10, 40), 5
    scale_x, scale_y = 10.0 ** rng.uniform(-4, 4, 2)
    turn = np.linalg.qr(rng.standard_normal((features, features)))[0]
    widths = scale_x * np.geomspace(1, 10.0 ** -rng.uniform(0, 3), features)
    shape = (samples, tokens) if kind == "attention" else (samples,)
    x = rng.standard_normal((*shape, features)) * widths @ turn.T
    y = scale_y * rng.standard_normal(shape if kind == "attention" else (samples, 1))
    degree = {"quadratic": 2, "attention": 3}.get(kind, 1)  # of the map in x; in theta 2 or 3
    size = (scale_y / scale_x**degree) ** (1 / min(degree + 1, 3))
    fastest = size ** (2 if degree == 1 else 4) * scale_x ** (2 * degree)
    net = networks.build(kind, x, y)
    start = initial_units(net, int(rng.integers(4, 9)), size * 10 ** rng.uniform(-5, -1), seed)
    return net, start, np.linspace(0, 10 ** rng.uniform(1, 6) / fastest, 41)


@pytest.mark.parametrize("kind", ["linear", "quadratic", "attention", "tanh", "relu"])
def test_badly_scaled_tasks_run_and_are_right(kind):
    """By scipy's LSODA at 1e-10, and ReLU networks by themselves, in the loss or in the time of it.

    A ReLU network is compared in the median: where a unit only just touches a sample, the flow is
    no continuous function of its start, and descent at any two rates differs as much.
    """
    errors = []
    for seed in range(12):
        net, start, times = scaled_task(kind, seed)
        run = flow(net, start, times, RTOL)
        exact = (
            flow(net, start, times, 1e-9).losses if kind == "relu" else _tight(net, start, times)
        )
        late = np.interp(-run.losses, np.maximum.accumulate(-exact), times) - times
        off = np.minimum(np.abs(run.losses - exact) / exact[0], np.abs(late) / times[-1])
        errors.append(off.max())
    assert (np.median(errors) if kind == "relu" else np.max(errors)) < 100 * RTOL


def _tight(net, start, times):
    """Losses by another integrator, with the dense Jacobian of the array code."""
    solution = solve_ivp(
        lambda t, flat: net.field(flat.reshape(start.shape)).ravel(),
        (0, times[-1]),
        start.ravel(),
        "LSODA",
        times,
        rtol=1e-10,
        atol=1e-10 * np.sqrt(np.mean(start**2)),
        jac=lambda t, flat: net.jacobian(flat.reshape(start.shape)),
    )
    return net.loss(solution.y.T.reshape(-1, *start.shape))
