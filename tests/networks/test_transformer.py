"""The linear transformer by moments, against a transformer on whole tokens, by autograd."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support import relative

from saddle_utils import networks
from saddle_utils.networks import initial_units
from saddle_utils.observables import effective_width

RNG = np.random.default_rng(2)
X, Y = RNG.standard_normal((15, 6, 2)), RNG.standard_normal((15, 6))


def brute(theta):
    """The loss by attention matrices over tokens [x; y], the query's y at 0."""
    heads, w = theta[:-1], theta[-1, :3]
    tokens = torch.as_tensor(np.concatenate([X, Y[..., None]], axis=2))
    tokens[:, -1, 2] = 0
    context = tokens.clone()
    context[:, -1] = 0  # the query attends to the others, by its label 0
    stream = tokens[:, -1]
    out = stream.clone()
    for head in heads:
        o, k, q = head[:3], head[3:5], head[5:7]
        scores = (context[..., :2] @ k) * (stream[:, :2] @ q)[:, None]
        out = out + torch.outer((scores * context[..., 2]).sum(1), o)
    read = out[:, 2] + out @ w
    return ((torch.as_tensor(Y[:, -1]) - read) ** 2).mean() / 2


def test_loss_field_and_jacobian_are_those_of_autograd():
    net = networks.transformer(X, Y)
    theta = 0.5 * net.draw(RNG, 3)
    tensor = torch.tensor(theta)
    assert net.loss(theta) == pytest.approx(float(brute(tensor)), rel=1e-12)
    gradient = torch.func.grad(brute)(tensor).numpy()
    gradient[-1, 3:] = 0
    assert relative(net.field(theta), -gradient) < 1e-12
    hessian = torch.func.hessian(brute)(tensor).numpy().reshape(28, 28)
    assert relative(net.jacobian(theta), -hessian) < 1e-12
    both = np.stack([theta, 2 * theta])
    np.testing.assert_allclose(net.field(both)[1], net.field(2 * theta))
    np.testing.assert_allclose(net.jacobian(both)[1], net.jacobian(2 * theta))
    assert relative(net.to("cpu").field(tensor).numpy(), net.field(theta)) < 1e-12


def test_without_a_linear_layer_it_is_attention():
    """What heads write to the coordinate of the label is then all that counts."""
    net, alone = networks.transformer(X, Y), networks.attention(X, Y)
    theta = net.draw(RNG, 4)
    theta[-1] = 0
    heads = theta[:-1, 2:]
    assert net.loss(theta) == pytest.approx(alone.loss(heads), rel=1e-12)
    assert relative(net.field(theta)[:-1, 2:], alone.field(heads)) < 1e-12


def test_its_units_are_heads():
    net = networks.transformer(X, Y)
    theta = initial_units(net, 4, 1.0)
    assert theta.shape == (5, 7) and not theta[-1, 3:].any()
    theta[1:4] = 1e-3 * theta[1:4]
    assert effective_width(net, theta) == 1  # the row of the linear layer does not count
    with pytest.raises(ValueError, match="theta has shape"):
        net.check(np.ones((3, 5)))
