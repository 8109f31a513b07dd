"""Widths and balance of layers, on weights for which they are known by construction."""

from __future__ import annotations

import numpy as np
import pytest

from saddle_utils import networks
from saddle_utils.dynamics import Trajectory, flow
from saddle_utils.networks import pack
from saddle_utils.observables import (
    LayeredRun,
    effective_width,
    imbalance,
    layer_widths,
    rank_ratios,
)

RNG = np.random.default_rng(4)
X, Y = RNG.standard_normal((7, 3)), RNG.standard_normal((7, 2))
SIZES = [3, 6, 5, 2]


def low_rank(rank, shape, rng):
    return rng.standard_normal((shape[0], rank)) @ rng.standard_normal((rank, shape[1]))


def test_linear_layers_are_measured_in_rank():
    net, rng = networks.deep_linear(SIZES, X, Y), np.random.default_rng(0)
    first, second = np.linalg.qr(rng.standard_normal((6, 2)))[0].T
    into, out = np.outer(first, rng.standard_normal(3)), np.outer(rng.standard_normal(5), first)
    narrow = pack([into, out, low_rank(1, (2, 5), rng)])
    assert layer_widths(net, narrow).tolist() == [1, 2]  # the second reads and writes two vectors
    wide = pack([into + np.outer(second, rng.standard_normal(3)), out, low_rank(1, (2, 5), rng)])
    assert layer_widths(net, wide).tolist() == [2, 2]
    assert layer_widths(net, 1e-3 * narrow, reference=narrow).tolist() == [0, 0]
    both = np.stack([narrow, wide])
    assert layer_widths(net, both).tolist() == [[1, 2], [2, 2]]


def test_relu_layers_are_measured_in_rays():
    net, rng = networks.deep(SIZES, X, Y), np.random.default_rng(1)
    u, v = rng.standard_normal((2, 3)), rng.standard_normal((2, 5))
    of = np.array([0, 1, 0, 1, 1, 0])  # two rays of six units, at different sizes
    sizes = rng.uniform(0.5, 2, 6)
    w1, w2 = u[of] * sizes[:, None], (v[of] * sizes[:, None]).T
    w3 = np.zeros((2, 5))
    w3[0, 0] = 1
    assert layer_widths(net, pack([w1, w2, w3])).tolist() == [2, 1]


def test_a_layer_is_measured_as_the_shallow_network_it_is():
    wide = networks.pointwise(X, Y, "relu")
    theta = np.random.default_rng(2).standard_normal((4, 6, 5))
    v, u = wide.split(theta)
    deep = networks.deep([3, 6, 2], X, Y)
    shallow = effective_width(wide, theta, 0.3)
    np.testing.assert_array_equal(layer_widths(deep, pack([u, v.mT]), 0.3)[:, 0], shallow)


@pytest.mark.parametrize("skips", [(), ((1, 3),), ((2, 3),)])
def test_gradient_flow_keeps_the_imbalance_of_linear_layers(skips):
    """With skips too, between all matrices that write to and read from the layers joined."""
    sizes = [3, 4, 4, 4, 2]
    net = networks.deep_linear(sizes, X, Y, skips)
    theta = 0.5 * net.draw(np.random.default_rng(3))
    end = flow(net, theta, 3.0, rtol=1e-11).theta[-1]
    before, after = imbalance(net, theta), imbalance(net, end)
    assert len(before) == 3 - len(skips)
    for a, b in zip(before, after, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-8)
    assert np.abs(end - theta).max() > 0.1
    w = net.weights(theta)
    if not skips:
        np.testing.assert_allclose(before[1], w[2].T @ w[2] - w[1] @ w[1].T, atol=1e-14)


def test_relu_layers_keep_its_diagonal_and_tanh_layers_do_not():
    for phi, kept in (("relu", True), ("leaky_relu", True), ("tanh", False)):
        net = networks.deep([3, 4, 4, 2], X, Y, phi)
        theta = 0.7 * net.draw(np.random.default_rng(3))
        first = [np.diagonal(d) for d in imbalance(net, net.field(theta))]
        assert len(first) == 2
        move = 1e-6 * net.field(theta)
        rates = [
            np.diagonal(a - b) / 2e-6
            for a, b in zip(imbalance(net, theta + move), imbalance(net, theta - move), strict=True)
        ]
        assert all((np.abs(r) < 1e-6).all() for r in rates) == kept


def test_rank_ratios():
    net, rng = networks.deep_linear([3, 6, 5, 1], X, Y[:, :1]), np.random.default_rng(5)
    theta = pack([low_rank(1, (6, 3), rng), low_rank(2, (5, 6), rng), low_rank(1, (1, 5), rng)])
    ratios = rank_ratios(net, theta[None])
    assert ratios.shape == (1, 3)
    assert ratios[0, 0] < 1e-12 < 1e-3 < ratios[0, 1] and ratios[0, 2] == 0


def test_a_deep_network_has_no_single_width():
    net = networks.deep(SIZES, X, Y)
    with pytest.raises(ValueError, match=r"a row of weights.*`layer_widths`"):
        effective_width(net, net.draw(RNG))


def test_a_run_ends_soon_after_it_has_come_to_rest():
    net = networks.deep_linear([2, 3, 2], np.eye(2), np.eye(2))
    times, theta = np.arange(100.0), np.zeros((100, 1, 12))
    losses = np.where(times < 40, 1.0, 0.5) * net.zero_loss()
    run = LayeredRun(net, Trajectory(times, losses, theta))
    assert run.settled(1.5).times[-1] == 60
    flat = LayeredRun(net, Trajectory(times, np.ones(100), theta))
    assert len(flat.settled(1.5).times) == 100  # never moved: nothing to wait for
