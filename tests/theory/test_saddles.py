"""Theorem 1, Corollary 2 and the Hessian at saddles, against torch and brute force."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support import relative

from saddle_utils import networks
from saddle_utils.datasets import random_tasks, whitened
from saddle_utils.networks import deep, pack, unpack
from saddle_utils.theory import linear, saddles

SEEDS = [11, 512, 90210]


@pytest.mark.parametrize("layer", [0, 1])
def test_corollary_2_by_autograd(layer):
    sizes = [2, 2, 2, 1]
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((20, 2)), rng.standard_normal((20, 1))
    narrow = deep(sizes, x, y)
    weights = unpack(saddles.fixed_point(narrow, 1, 3), sizes)
    sizes[layer + 1] += 1
    wide = [
        torch.tensor(w, requires_grad=True)
        for w in saddles.split_deep(weights, layer, 1, 1.3, -0.4)
    ]
    h = torch.as_tensor(x)
    for matrix in wide[:-1]:
        h = torch.relu(h @ matrix.T)
    out = h @ wide[-1].T
    ((torch.as_tensor(y) - out) ** 2).sum().div(40).backward()
    assert max(w.grad.abs().max() for w in wide) < 1e-8
    np.testing.assert_allclose(out.detach(), narrow.output(pack(weights)), atol=1e-12)
    assert deep(sizes, x, y).n_u == sum(w.numel() for w in wide)


@pytest.mark.parametrize("width", [3, 5, 20])
@pytest.mark.parametrize("rank", [0, 1, 2])
def test_hessian_spectrum_at_linear_saddles(width, rank):
    """To 1e-4, by `torch.func.hessian`, at any covariance."""
    net = random_tasks(width)["linear"]
    theta = linear.linear_saddle(net, list(range(rank)), width, 4)
    tensors = net.to("cpu")
    exact = torch.func.hessian(tensors.loss)(torch.as_tensor(theta)).reshape(theta.size, -1)
    values = np.linalg.eigvalsh(exact.numpy())
    predicted = -np.repeat(linear.escape_rates(net, list(range(rank))), width - rank)
    np.testing.assert_allclose(values[values < -1e-6], predicted, atol=1e-4)
    np.testing.assert_allclose(saddles.spectrum(net, theta)[0], values, atol=1e-10)
    assert saddles.gradient_norm(net, theta) < 1e-12


def test_a_linear_saddle_below_full_rank_is_a_saddle():
    net = random_tasks(1)["linear"]
    for rank in (0, 1, 2):
        theta = linear.linear_saddle(net, list(range(rank)), 6)
        assert saddles.spectrum(net, theta)[0][0] < -1e-3
        assert float(net.loss(theta)) == pytest.approx(
            float(np.asarray(saddle_level(net, rank))), rel=1e-10
        )
    assert saddles.saddle_index(net, linear.linear_saddle(net, [0, 1, 2], 6)) == 0


def saddle_level(net, rank):
    from saddle_utils.theory.linear import linear_levels

    return linear_levels(net)[rank]


def test_deep_networks_pack_and_differentiate():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((9, 3)), rng.standard_normal((9, 2))
    net = deep([3, 4, 2], x, y, "tanh")
    weights = [rng.standard_normal((4, 3)), rng.standard_normal((2, 4))]
    theta = pack(weights)
    for a, b in zip(unpack(theta, [3, 4, 2]), weights, strict=True):
        np.testing.assert_array_equal(a, b)
    two = networks.pointwise(x, y, "tanh")
    units = np.concatenate([weights[1].T, weights[0]], axis=1)
    assert net.loss(theta) == pytest.approx(two.loss(units), rel=1e-12)
    v, u = two.split(two.field(units))
    assert relative(net.field(theta), pack([u, v.T])) < 1e-12


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda net: saddles.embed(net, np.ones((1, 4)), "mirror", None), "unknown construction"),
        (lambda net: saddles.embed(net, np.ones((1, 4)), "combined", None), "more than this phi"),
        (lambda net: saddles.embed(net, np.ones((1, 4)), "scaled", None), "more than this phi"),
        (lambda net: saddles.merge(net, np.ones((1, 4))), "not homogeneous"),
        (lambda _: linear.linear_saddle(whitened([2, 1]), [0, 1], 1), "do not fit"),
    ],
)
def test_bad_input_is_refused_in_words(call, words):
    with pytest.raises(ValueError, match=words):
        call(random_tasks(0)["tanh"])
