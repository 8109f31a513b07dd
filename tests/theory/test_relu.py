"""Theory of ReLU networks: directions of growth, rays and their drops, against brute force."""

from __future__ import annotations

import numpy as np
import pytest

from saddle_utils import networks
from saddle_utils.datasets import other_tasks, panel, prediction_tasks
from saddle_utils.dynamics import flow, heun_path
from saddle_utils.networks import initial_units, stacked
from saddle_utils.observables import first_times
from saddle_utils.theory import relu
from saddle_utils.theory.predictions import predict


def test_relu_directions_are_those_of_a_scan():
    """20 random tasks: what a scan over 20,000 angles finds is found, and the rest are maxima too.

    The scan misses maxima narrower than its step, so each found is also tried from close by.
    """
    t = 2 * np.pi * np.arange(20000) / 20000
    for seed in range(20):
        rng = np.random.default_rng(seed)
        samples = (2, 5, 40, 80)[seed % 4]
        net = networks.pointwise(rng.standard_normal((samples, 2)), rng.standard_normal(samples))
        x, y = net.x[0], net.y[0]

        def mean(angle, x=x, y=y):
            u = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
            return np.maximum(u @ x.T, 0) @ y / len(y)

        found = relu.relu_directions(net)
        angles = np.arctan2(found.directions[:, 1], found.directions[:, 0]) % (2 * np.pi)
        np.testing.assert_allclose(mean(angles), found.signs * found.rates, atol=1e-12)
        assert (np.diff(found.rates) <= 0).all()
        h = np.abs(mean(t))
        scanned = t[(h > np.roll(h, 1)) & (h > np.roll(h, -1)) & (h > 1e-9)]
        gaps = np.abs((scanned[:, None] - angles + np.pi) % (2 * np.pi) - np.pi)
        assert (gaps.min(axis=1) < 2 * t[1]).all()
        coarse = t[1] / 2 * np.mean(np.abs(y) * np.linalg.norm(x, axis=1))  # half a step's worth
        assert 0 <= found.rates[0] - h.max() + 1e-15 <= coarse
        for angle, rate in zip(angles, found.rates, strict=True):
            aside = np.abs(mean(angle + np.array([-1, 1]) * 1e-6))
            assert (aside < rate).all()


def test_relu_directions_of_panel_d():
    """The two inputs are orthogonal, so each extremum lies on the kink of the other input."""
    net = panel("fig1d").network
    found = relu.relu_directions(net)
    x = net.x[0] / np.linalg.norm(net.x[0], axis=1, keepdims=True)
    np.testing.assert_allclose(found.directions, x, atol=1e-12)
    np.testing.assert_allclose(found.rates, np.linalg.norm(net.x[0], axis=1) / 2)
    np.testing.assert_array_equal(found.signs, [1, -1])


@pytest.mark.parametrize("kind", ["ReLU", "ReLU conv"])
def test_a_ray_tears_as_its_hessian_says(kind):
    """Theorem 1 (i): one ray as two units is a saddle, and they part at `tearing_rate`."""
    net = prediction_tasks(909, 5)[kind]
    found = predict(net, 1e-6 * initial_units(net, 15, 1.0, range(5)), 1)
    largest = np.linalg.norm(found.saddles[1], axis=-1).argmax(-1)
    rays = found.saddles[1][np.arange(5), largest][:, None]
    rays = heun_path(net, rays, 0.14 * relu.efold_time(net), 1500)[-1]
    rates, parted = relu.tearing_rate(net, rays), 0
    for k in range(5):
        task, unit = net.runs(k), rays[k]
        if np.abs(task.field(unit)).max() > 1e-6:  # on a kink
            continue
        parted += 1
        twins = np.concatenate([unit, unit]) / np.sqrt(2)
        assert np.linalg.eigvalsh(task.jacobian(twins)).max() == pytest.approx(rates[k], abs=1e-5)
    assert parted >= 3 and (rates.max() > 1e-3) == (kind == "ReLU conv")


@pytest.mark.parametrize("kind", ["ReLU", "ReLU conv"])
def test_dormant_units_grow_at_most_e_fold_in_the_time_that_bears_its_name(kind):
    """Balanced units along the samples: the fastest growth found is 1 / `efold_time`, no more."""
    net = prediction_tasks(911, 4)[kind]
    fold = relu.efold_time(net)
    for k in range(4):
        task = net.runs(k)
        grown = []
        for u in task.x.reshape(-1, task.n_u):
            u = u / np.linalg.norm(u)
            v = task.split(task.field(np.concatenate([np.zeros(task.n_v), u])[None]))[0][0]
            unit = np.concatenate([v / np.linalg.norm(v), u])[None]
            slope = (task.loss(0 * unit) - task.loss(1e-4 * unit)) / 1e-8
            grown.append(slope)
        assert 1 / fold[k] == pytest.approx(max(grown), rel=1e-5)


def test_the_exponents_of_two_directions():
    found = relu.ReluDirections(np.eye(2), np.array([2.0, 0.5]), np.ones(2))
    assert found.first_time == 0.5 and found.exponent == 0.75
    assert relu.ReluDirections(np.eye(2)[:1], np.ones(1), np.ones(1)).exponent == 1


def test_relu_directions_do_not_depend_on_units():
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((12, 2)), rng.standard_normal(12)
    expected = relu.relu_directions(networks.pointwise(x, y))
    for c in (1e-8, 1e8):
        found = relu.relu_directions(networks.pointwise(x, c * y))
        np.testing.assert_allclose(found.directions, expected.directions, atol=1e-12)
        np.testing.assert_allclose(found.rates, c * expected.rates, rtol=1e-12)
        np.testing.assert_array_equal(found.signs, expected.signs)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: relu.relu_directions(panel("fig1e").network), "ReLU"),
        (lambda: relu.relu_directions(panel("fig1b").network), "ReLU"),
        (lambda: relu.relu_directions(networks.pointwise(np.eye(2), np.zeros(2))), "vanishes"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_units_that_are_not_small_fall_with_the_ray():
    """From scales at which second rays and stragglers are not small, against gradient flow."""
    for kind, outputs in (("ReLU, 6 inputs", 1), ("ReLU, 3 outputs", 3)):
        net = other_tasks(918, 4)[kind]
        assert net.n_v == outputs
        theta0 = 3e-4 * initial_units(net, 15, 1.0, range(4))
        found = predict(net, theta0, 2)
        for k in range(4):
            levels = found.levels[k]
            count = int(np.isfinite(found.times[k]).sum())
            count -= count == 2 and levels[1] - levels[2] < 0.05 * levels[0]
            run = flow(net.runs(k), theta0[k], 1.2 * found.times[k, count - 1] + 1)
            middles = (levels[1:] + levels[:-1])[:count] / 2
            measured = [first_times(run.times, -run.losses, -middle) for middle in middles]
            np.testing.assert_allclose(found.times[k, :count], measured, rtol=0.01)


def test_rays_that_merge_keep_both_levels():
    """Two orthogonal patterns are two narrow networks side by side, each in closed form.

    With x = e_1, e_2 and y = s_1, s_2 a balanced unit on an axis has a = v |u| with da = a (s - a):
    logistic, and the second is no longer small when the first has fallen.
    """
    s, sizes = np.array([1.0, 0.9]), np.array([1e-3, 1e-3])
    net = stacked([networks.pointwise(np.eye(2), s)])
    theta0 = np.zeros((1, 2, 3))
    theta0[0, :, 0], theta0[0, [0, 1], [1, 2]] = sizes, sizes
    found = predict(net, theta0, 2)
    np.testing.assert_allclose(found.levels[0], [1.81 / 4, 0.81 / 4, 0], atol=1e-3)
    a0 = sizes**2
    times = np.linspace(0, 40, 40001)
    a = s / (1 + (s / a0 - 1) * np.exp(-s * times[:, None]))
    losses = ((s - a) ** 2).sum(1) / 4
    middles = (found.levels[0, 1:] + found.levels[0, :-1]) / 2
    closed = [first_times(times, -losses, -middle) for middle in middles]
    np.testing.assert_allclose(found.times[0], closed, rtol=5e-3)


@pytest.mark.parametrize("scale", [1e-3, 1e-6, 1e-9])
def test_steps_of_fixed_size_do_not_make_a_wait_longer(scale):
    """One balanced unit on an axis, da = a (s - a): a time of Heun's steps alone is .17% late."""
    net = stacked([networks.pointwise(np.eye(2), np.array([1.0, 0.0]))])
    found = predict(net, scale * np.array([[[1.0, 1.0, 0.0]]]), 1)
    half = 1 - 1 / np.sqrt(2)  # of the strength, where half of the loss is gone
    closed = 2 * np.log(half / (1 - half) * (1 / scale**2 - 1)) / 2
    np.testing.assert_allclose(found.times[0, 0], closed, rtol=3e-4)
    assert abs(closed / found.times[0, 0] - 1) <= found.width[0, 0]
