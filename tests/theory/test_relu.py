"""Theory of ReLU networks: directions of growth, rays and their drops, against brute force."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from saddle_utils import networks
from saddle_utils.datasets import panel, prediction_tasks
from saddle_utils.networks import initial_units
from saddle_utils.theory import relu
from saddle_utils.theory.predictions import predict


def one(network, k=0):
    """The k-th of stacked networks, without the axis of runs."""
    return replace(network, **{name: getattr(network, name)[k] for name in network.axes})


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
    rates, parted = relu.tearing_rate(net, found.saddles[1]), 0
    for k in range(5):
        task, unit = one(net, k), found.saddles[1][k]
        if np.abs(task.field(unit)).max() > 1e-6:  # on a kink
            continue
        parted += 1
        twins = np.concatenate([unit, unit]) / np.sqrt(2)
        assert np.linalg.eigvalsh(task.jacobian(twins)).max() == pytest.approx(rates[k], abs=1e-5)
    assert parted >= 3 and (rates.max() > 1e-3) == (kind == "ReLU conv")


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
