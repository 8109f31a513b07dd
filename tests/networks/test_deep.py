"""Deep networks against torch autograd, on models that are written apart from the package."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from support import TORCH, relative

from saddle_utils import networks
from saddle_utils.dynamics import descend, flow
from saddle_utils.networks import initial_units, pack, stacked

RNG = np.random.default_rng(8)
X, Y = RNG.standard_normal((9, 3)), RNG.standard_normal((9, 2))
PATCHES = RNG.standard_normal((9, 2, 3))
CASES = {
    "one layer": ([3, 2], (), 1, ()),
    "two layers": ([3, 4, 2], ("tanh",), 1, ()),
    "three": ([3, 4, 5, 2], ("relu", "relu"), 1, ()),
    "mixed": ([3, 4, 5, 2], ("cubic", "identity"), 1, ()),
    "skips one": ([3, 4, 5, 5, 2], ("tanh",) * 3, 1, ((2, 3),)),
    "skips two": ([3, 5, 4, 5, 2], ("tanh",) * 3, 1, ((1, 3),)),
    "many skips": ([3, 3, 3, 3, 3, 2], ("tanh", "cubic", "tanh", "relu"), 1,
                   ((0, 2), (1, 3), (2, 3), (0, 4))),
    "skip to the output": ([3, 2, 4, 2], ("tanh",) * 2, 1, ((1, 3),)),
    "convolution": ([3, 4, 5, 2], ("tanh", "relu"), 2, ()),
    "convolution and skip": ([3, 4, 5, 5, 2], ("relu", "tanh", "tanh"), 2, ((2, 3),)),
    "linear": ([3, 4, 5, 2], ("identity",) * 2, 1, ()),
    "linear, skips": ([3, 5, 4, 5, 2], ("identity",) * 3, 1, ((1, 3),)),
    "linear convolution": ([3, 4, 5, 2], ("identity",) * 2, 2, ()),
    "linear, one layer": ([3, 2], (), 1, ()),
}  # fmt: skip


def brute_loss(sizes, phis, patches, skips):
    """The loss of one row of weights, by torch, one sample after the other."""

    def loss(theta):
        total = 0.0
        for x, y in zip(PATCHES if patches > 1 else X[:, None], Y, strict=True):
            x, y, start = torch.as_tensor(x), torch.as_tensor(y), 0
            h = [x[0]]
            for k, (a, b) in enumerate(pairwise(sizes)):
                a = a * patches if k == 1 else a
                w = theta.reshape(-1)[start : start + a * b].reshape(b, a)
                start += a * b
                if k == 0 and patches > 1:
                    new = torch.stack([w @ patch for patch in x], dim=1).reshape(-1)
                else:
                    new = w @ h[-1]
                new = TORCH[phis[k]](new) if k < len(phis) else new
                for i, j in skips:
                    new = new + h[i] if j == k + 1 else new
                h.append(new)
            total = total + ((y - h[-1]) ** 2).sum()
        return total / (2 * len(Y))

    return loss


def network(name):
    sizes, phis, patches, skips = CASES[name]
    x = PATCHES if patches > 1 else X
    if name.startswith("linear"):
        return networks.deep_linear(sizes, x, Y, skips)
    return networks.deep(sizes, x, Y, phis, skips)


@pytest.mark.parametrize("name", CASES)
def test_loss_field_and_jacobian_are_those_of_autograd(name):
    net, reference = network(name), brute_loss(*CASES[name])
    theta = np.random.default_rng(1).standard_normal((2, 2, 1, net.n_u))
    values, fields, jacobians = net.loss(theta), net.field(theta), net.jacobian(theta)
    for run in np.ndindex(2, 2):
        one = torch.tensor(theta[run])
        assert values[run] == pytest.approx(float(reference(one)), rel=1e-12)
        assert relative(fields[run], -torch.func.grad(reference)(one).numpy()) < 1e-12
        hessian = torch.func.hessian(reference)(one).numpy().reshape(net.n_u, net.n_u)
        assert relative(jacobians[run], -hessian) < 1e-12
        assert relative(net.field(theta[run]), fields[run]) < 1e-12


@pytest.mark.parametrize("name", CASES)
def test_torch_tensors_and_many_runs_give_the_same(name):
    net = network(name)
    theta = np.random.default_rng(1).standard_normal((40, 1, net.n_u))
    tensor, there = torch.as_tensor(theta), net.to("cpu")
    for of in ("loss", "field", "output"):
        assert relative(getattr(there, of)(tensor).numpy(), getattr(net, of)(theta)) < 1e-13
        alone = np.stack([getattr(net, of)(one) for one in theta])
        assert relative(alone, getattr(net, of)(theta)) < 1e-13


def test_a_deep_network_of_two_layers_is_the_shallow_one():
    for patches, x in ((1, X), (2, PATCHES)):
        wide = networks.pointwise(x, Y, "tanh")
        net = networks.deep([3, 6, 2], x, Y, "tanh")
        theta = np.random.default_rng(3).standard_normal((4, 6, wide.n_v + 3))
        v, u = wide.split(theta)
        v = v.reshape(4, 6, 2, patches).transpose(0, 2, 1, 3).reshape(4, 2, -1)
        row = pack([u, v])
        assert relative(net.loss(row), wide.loss(theta)) < 1e-13
        assert relative(net.output(row), wide.output(theta)) < 1e-12
        units = net.units(net.field(row), 0)
        assert net.streams == [(1,)] and net.hidden(0).n_v == wide.n_v
        assert relative(np.sort(units, axis=None), np.sort(wide.field(theta), axis=None)) < 1e-12
        assert relative(units[..., wide.n_v :], wide.split(wide.field(theta))[1]) < 1e-12


def test_theta_holds_the_layers_one_after_the_other():
    net = network("convolution")
    theta = np.random.default_rng(3).standard_normal((5, 1, net.n_u))
    weights = net.weights(theta)
    assert [w.shape for w in weights] == [(5, 4, 3), (5, 5, 8), (5, 2, 5)]
    assert np.shares_memory(weights[1], theta)
    np.testing.assert_array_equal(pack(weights), theta)
    scaled = net.weights(net.scaled(theta, [1, 10, 0.5]))
    np.testing.assert_allclose(scaled[1], 10 * weights[1])
    np.testing.assert_allclose(scaled[2], 0.5 * weights[2])
    first = net.units(theta, 0)
    assert first.shape == (5, 4, 10 + 3) and net.hidden(0).n_v == 10
    np.testing.assert_array_equal(first[2, 1, 10:], weights[0][2, 1])
    expected = weights[1][2].reshape(5, 4, 2)[:, 1].ravel()
    np.testing.assert_array_equal(np.sort(first[2, 1, :10]), np.sort(expected))


def test_skips_join_layers_into_streams():
    assert network("three").streams == [(1,), (2,)]
    assert network("skips one").streams == [(1,), (2, 3)]
    assert network("skips two").streams == [(1, 3), (2,)]
    assert network("many skips").streams == []  # all are joined to the input
    assert network("skip to the output").streams == [(2,)]
    net = network("skips two")
    w = net.weights(net.draw(np.random.default_rng(0)))
    units = net.units(pack([m[None] for m in w]), 0)[0]
    np.testing.assert_array_equal(units[3], np.r_[w[1][:, 3], w[3][:, 3], w[0][3], w[2][3]])
    kind = net.hidden(0)
    assert (kind.n_v, kind.n_u, kind.degree, kind.parity) == (6, 7, None, -1)
    kind = network("convolution").hidden(1)
    assert (kind.n_v, kind.n_u, kind.degree, kind.parity) == (2, 8, 1, 0)
    assert networks.deep([3, 4, 4, 2], X, Y, ["relu", "tanh"], [(1, 2)]).hidden(0).degree is None


@pytest.mark.parametrize("name", ["convolution and skip", "linear", "skips two"])
def test_both_engines_train_them(name):
    net = network(name)
    theta = initial_units(net, 1, 0.4, range(3))
    assert theta.shape == (3, 1, net.n_u)
    run = descend(net, theta, 0.05, 40, every=10)
    by_hand = theta
    for _ in range(40):
        by_hand = by_hand + 0.05 * net.field(by_hand)
    np.testing.assert_allclose(run.theta[-1], by_hand, rtol=1e-11)
    flowed = flow(net, theta, np.linspace(0, 2, 5), rtol=1e-8 if net.smooth else 1e-3)
    assert relative(flowed.losses[-1], run.losses[-1]) < 0.1
    assert (np.diff(flowed.losses, axis=0) < 0).all()


def test_each_run_may_have_its_own_data():
    nets = [networks.deep_linear([3, 4, 2], k * X, Y) for k in (1, 2)]
    nets += [networks.deep([3, 4, 2], k * X, Y) for k in (1, 2)]
    theta = np.random.default_rng(5).standard_normal((2, 1, nets[0].n_u))
    for pair in (nets[:2], nets[2:]):
        both = stacked(pair)
        alone = [net.field(one) for net, one in zip(pair, theta, strict=True)]
        np.testing.assert_allclose(both.field(theta), np.stack(alone), rtol=1e-12)
        np.testing.assert_allclose(both.runs(1).field(theta[1]), alone[1])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: networks.deep([3], X, Y), "wanted the inputs first"),
        (lambda: networks.deep([4, 3, 2], X, Y), "wanted the inputs first"),
        (lambda: networks.deep([3, 0, 2], X, Y), "positive widths"),
        (lambda: networks.deep([3, 4, 2], X, Y, ["relu", "relu"]), "an activation for each"),
        (lambda: networks.deep([3, 4, 2], X, Y, "swash"), "unknown activation"),
        (lambda: networks.deep([3, 2], PATCHES, Y), "after a convolution"),
        (lambda: networks.deep([3, 4, 5, 2], X, Y, "relu", [(1, 2)]), "same size"),
        (lambda: networks.deep([3, 4, 4, 2], X, Y, "relu", [(2, 1)]), "in order"),
        (lambda: network("three").draw(np.random.default_rng(0), 5), "has its own"),
        (lambda: network("three").scaled(np.ones((1, 42)), [1, 2]), "2 factors for 3 layers"),
        (lambda: network("three").check(np.ones((2, 1, 3))), "theta has shape"),
    ],
)
def test_bad_input_is_refused_in_words(call, words):
    with pytest.raises(ValueError, match=words):
        call()
