"""Softmax attention against a brute-force loop in torch, and its limit of small scores."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support import relative

from saddle_utils.networks import Autograd, Softmax


def brute(rank, labels):
    """f(theta, x) head by head, prompt by prompt."""

    def predict(theta, x):
        out = []
        for prompt, y in zip(x, torch.as_tensor(labels), strict=True):
            total = 0
            for head in theta:
                k, q = (part.reshape(rank, -1) for part in head[1:].chunk(2))
                scores = prompt[:-1] @ k.T @ (q @ prompt[-1])
                total = total + head[0] * (torch.softmax(scores, 0) * y[:-1]).sum()
            out.append(total)
        return torch.stack(out)

    return predict


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_loss_field_and_hessian_equal_autograd(rank):
    rng = np.random.default_rng(rank)
    x, y = rng.standard_normal((6, 5, 2)), rng.standard_normal((6, 5))
    net = Softmax(x, y, rank)
    theta = rng.standard_normal((2, 3, net.n_v + net.n_u))
    reference = Autograd(brute(rank, y), x, y[:, -1], net.n_v, net.n_u)
    for one, loss, field in zip(theta, net.loss(theta), net.field(theta), strict=True):
        tensor = torch.as_tensor(one).requires_grad_()
        expected = reference._one(tensor)
        (gradient,) = torch.autograd.grad(expected, tensor)
        assert loss == pytest.approx(expected.item(), rel=1e-13)
        assert relative(field, -gradient.numpy()) < 1e-12
        hessian = torch.autograd.functional.hessian(reference._one, torch.as_tensor(one))
        ours = net.jacobian(one)
        assert relative(ours, -hessian.numpy().reshape(ours.shape)) < 1e-11
        with torch.no_grad():
            slow = reference.predict(tensor, torch.as_tensor(x))
        np.testing.assert_allclose(net.output(one), slow)


def test_large_scores_do_not_overflow_and_zero_heads_average():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((4, 6, 2)), rng.standard_normal((4, 6))
    net = Softmax(x, y)
    huge = 1e3 * rng.standard_normal((2, 5))
    assert np.isfinite(net.field(huge)).all()
    np.testing.assert_allclose(net.output(np.array([[2.0, 0, 0, 0, 0]])), 2 * y[:, :-1].mean(1))
    silent = np.zeros((1, 5))
    assert net.zero_loss() == pytest.approx(float(net.loss(silent)))
    few = net.subset(np.array([0, 2]))
    np.testing.assert_allclose(few.output(huge), net.output(huge)[[0, 2]])
    assert net.samples == 4 and few.samples == 2
