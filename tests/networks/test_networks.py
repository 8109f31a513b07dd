"""Closed forms against autograd and brute force (Eq. 1, 9, 13, 44)."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support import random_network, relative

from saddle_utils import networks
from saddle_utils.datasets import PANELS, panel
from saddle_utils.dynamics import descend
from saddle_utils.networks import ACTIVATIONS, initial_units

SETTINGS = settings(max_examples=60, deadline=None, derandomize=True)
architectures = st.sampled_from(["linear", "quadratic", *ACTIVATIONS])


@SETTINGS
@given(
    architecture=architectures,
    ensemble=st.lists(st.integers(1, 3), max_size=2),
    units=st.integers(1, 5),
    patches=st.integers(1, 3),
    features=st.integers(1, 3),
    outputs=st.integers(1, 3),
    seed=st.integers(0, 2**32 - 1),
    tensors=st.booleans(),
)
def test_loss_and_field_equal_autograd(
    architecture, ensemble, units, patches, features, outputs, seed, tensors
):
    rng = np.random.default_rng(seed)
    patches = 1 if architecture == "quadratic" else patches
    net, reference = random_network(architecture, rng, 6, patches, features, outputs)
    theta = rng.standard_normal((*ensemble, units, net.n_v + net.n_u))
    ours = theta
    if tensors:
        net, ours = net.to("cpu"), torch.as_tensor(theta)
    assert tuple(net.loss(ours).shape) == tuple(ensemble)
    assert relative(net.loss(ours), reference.loss(theta)) < 1e-12
    assert relative(net.field(ours), reference.field(theta)) < 1e-12


@SETTINGS
@given(
    architecture=architectures,
    patches=st.integers(1, 2),
    outputs=st.integers(1, 2),
    seed=st.integers(0, 2**32 - 1),
)
def test_jacobian_equals_autograd(architecture, patches, outputs, seed):
    rng = np.random.default_rng(seed)
    patches = 1 if architecture == "quadratic" else patches
    net, reference = random_network(architecture, rng, 6, patches, 2, outputs)
    theta = rng.standard_normal((3, net.n_v + net.n_u))
    assert relative(net.jacobian(theta), reference.jacobian(theta)) < 1e-11


@pytest.mark.parametrize("patches", [1, 3])
def test_many_samples_are_seen_in_blocks(patches, monkeypatch):
    """Loss, field, Jacobian and a descent are those of all samples at once (301 leave a rest)."""
    net, _ = random_network("relu", np.random.default_rng(6), 301, patches, 3, 2)
    theta = np.random.default_rng(7).standard_normal((5, net.n_v + net.n_u))
    whole = net.loss(theta), net.field(theta), net.jacobian(theta)
    module = sys.modules[type(net).__module__]
    monkeypatch.setattr(module, "BLOCK", 8 * 5 * patches * 20)
    monkeypatch.setattr(module, "BLOCKED", 1000)
    assert len(net.forward(theta)) == 2 < len(net.forward(theta[None]))
    assert [len(block.y.T) for block in net._blocks(theta)] == [20] * 15 + [1]
    for ours, exact in zip(
        (net.loss(theta), net.field(theta), net.jacobian(theta)), whole, strict=True
    ):
        np.testing.assert_allclose(ours, exact, rtol=1e-12, atol=1e-14)
    run = descend(net, theta, 0.01, 3)
    np.testing.assert_allclose(run.losses[0], whole[0], rtol=1e-12)
    np.testing.assert_allclose(run.theta[1], theta + 0.01 * whole[1], rtol=1e-12)


def attention_by_loops(theta, x, y):
    """Attention as it is usually written: an N x N matrix per head and prompt, query last."""
    out = np.zeros(len(x))
    for s in range(len(x)):
        tokens = np.concatenate([x[s], np.append(y[s, :-1], 0)[:, None]], axis=1)
        for v, k1, k2, q1, q2 in theta:
            scores = (x[s] @ [q1, q2])[:, None] * (tokens @ [k1, k2, 0])[None]
            out[s] += (scores @ (tokens @ [0, 0, v]))[-1]
    return np.mean((y[:, -1] - out) ** 2) / 2


def test_attention_equals_loops_over_tokens():
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((4, 6, 2)), rng.standard_normal((4, 6))
    net = networks.attention(x, y)
    theta = rng.standard_normal((3, 5))
    assert net.loss(theta) == pytest.approx(attention_by_loops(theta, x, y), rel=1e-12)
    step = 1e-6
    for i, j in [(0, 0), (1, 2), (2, 4)]:
        moved = np.zeros_like(theta)
        moved[i, j] = step
        slope = attention_by_loops(theta + moved, x, y) - attention_by_loops(theta - moved, x, y)
        assert net.field(theta)[i, j] == pytest.approx(-slope / (2 * step), rel=1e-6)


@pytest.mark.parametrize("build", ["attention", "quadratic"])
def test_a_unit_of_rank_r_is_r_units_that_share_their_value(build):
    rng = np.random.default_rng(6)
    x, y = rng.standard_normal((20, 5, 2)), rng.standard_normal((20, 5))
    one = networks.attention(x, y) if build == "attention" else networks.quadratic(x[:, 0], y[:, 0])
    net, pairs = networks.ranked(one, 3), 2 if build == "attention" else 1
    theta = rng.standard_normal((4, 1 + net.n_u))
    v, u = theta[:, :1], theta[:, 1:].reshape(4, pairs, 3, 2).swapaxes(1, 2).reshape(4, 3, -1)
    apart = np.concatenate([v[:, None].repeat(3, 1), u], axis=2).reshape(12, -1)
    assert net.loss(theta) == pytest.approx(one.loss(apart), rel=1e-12)
    moved, each = net.field(theta), one.field(apart).reshape(4, 3, -1)
    np.testing.assert_allclose(moved[:, 0], each[:, :, 0].sum(1), rtol=1e-9)
    rows = moved[:, 1:].reshape(4, pairs, 3, 2).swapaxes(1, 2).reshape(4, 3, -1)
    np.testing.assert_allclose(rows, each[:, :, 1:], rtol=1e-9)
    with pytest.raises(ValueError, match="rank of units"):
        networks.ranked(one, 0)


def test_population_moments_are_the_limit_of_many_prompts():
    covariance, context = np.diag([1.0, 0.4]), 5
    rng = np.random.default_rng(3)
    x = rng.standard_normal((400_000, context + 1, 2)) * np.sqrt(np.diag(covariance))
    w = rng.standard_normal((len(x), 2))
    many = networks.attention(x, np.einsum("snd,sd->sn", x, w))
    limit = networks.attention_population(covariance, context)
    assert relative(many.syz, limit.syz) < 0.03
    assert relative(many.szz, limit.szz) < 0.05
    assert many.syy == pytest.approx(limit.syy, rel=0.02)


def test_moments_forget_the_number_of_samples():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((5, 2)), rng.standard_normal((5, 1))
    once, often = networks.linear(x, y), networks.linear(np.tile(x, (9, 1)), np.tile(y, (9, 1)))
    np.testing.assert_allclose(once.szz, often.szz)


@pytest.mark.parametrize("name", PANELS)
def test_initial_weights_follow_the_reference(name):
    """First layer drawn first, from default_rng(seed), the same at any ensemble."""
    p = panel(name)
    one, many = (initial_units(p.network, p.width, 1.0, s) for s in (p.seed, [5, p.seed]))
    np.testing.assert_array_equal(one, many[1])
    first = np.random.default_rng(p.seed).standard_normal((p.width, 2))
    np.testing.assert_array_equal(one[:, p.shown], first)


def test_a_network_moves_to_torch_and_back():
    net = panel("fig1e").network.to("cpu")
    theta = torch.as_tensor(initial_units(net, 4, 1.0, 0))
    assert isinstance(net.field(theta), torch.Tensor)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivatives_of_activations_are_differences(name):
    act, step = ACTIVATIONS[name], 1e-6
    a = np.array([-3.1, -1.3, -0.4, 0.2, 0.9, 2.7])
    first = (act.f(a + step) - act.f(a - step)) / (2 * step)
    np.testing.assert_allclose(act.df(a, act.f(a)), first, atol=1e-8, rtol=1e-8)
    second = (act.df(a + step, act.f(a + step)) - act.df(a - step, act.f(a - step))) / (2 * step)
    near = a + 1e-30j
    np.testing.assert_allclose(act.df(near, act.f(near)).imag / 1e-30, second, atol=1e-8, rtol=1e-8)


def test_what_follows_from_an_activation():
    """Degree, parity and a continuous derivative, as declared or computed, by their definitions."""
    a = np.array([-2.0, -0.3, 0.4, 1.5])
    near, step = np.array([-1e-7, 1e-7]), 1e-9
    for act in ACTIVATIONS.values():
        if act.degree is not None:
            np.testing.assert_allclose(act.f(3 * a), 3**act.degree * act.f(a))
        if act.parity:
            np.testing.assert_allclose(act.f(-a), act.parity * act.f(a))
        slopes = (act.f(near + step) - act.f(near - step)) / (2 * step)
        np.testing.assert_allclose(act.slopes, slopes, atol=1e-6)
        assert act.smooth == (abs(slopes[0] - slopes[1]) < 1e-6)
    rough = {name for name, act in ACTIVATIONS.items() if not act.smooth}
    assert rough == {"relu", "leaky_relu"}
    net = networks.pointwise(*GOOD, "leaky_relu")
    assert (net.degree, net.parity, net.smooth) == (1, 0, False)


@pytest.mark.parametrize("runs", [3, 40])
@pytest.mark.parametrize(
    ("architecture", "patches", "outputs"),
    [("attention", 1, 1), ("quadratic", 1, 1), ("quadratic", 1, 2)]
    + [(name, *n) for name in ("linear", "leaky_relu", "cubic") for n in ((1, 2), (3, 1), (2, 2))],
)
def test_networks_with_data_of_their_own_are_each_alone(architecture, patches, outputs, runs):
    rng = np.random.default_rng(9)
    if architecture == "attention":
        draws = [rng.standard_normal((2, 8, 4, 3)) for _ in range(runs)]
        nets = [networks.attention(x, y[..., 0]) for x, y in draws]
    else:
        nets = [random_network(architecture, rng, 6, patches, 3, outputs)[0] for _ in range(runs)]
    together = networks.stacked(nets).runs(np.arange(runs))
    theta = rng.standard_normal((runs, 4, together.n_v + together.n_u))
    results = {"loss": 0, "field": 0, "jacobian": 0, "output": 0}
    for name in results:
        found = getattr(together, name)(theta)
        for net, one, its in zip(nets, theta, found, strict=True):
            expected = getattr(net, name)(np.ascontiguousarray(one))
            np.testing.assert_allclose(its, expected, rtol=1e-9, atol=1e-11, err_msg=name)
    some = together.runs(np.array([2, 0]))
    np.testing.assert_allclose(some.loss(theta[[2, 0]]), together.loss(theta)[[2, 0]])
    assert together.runs(1).loss(theta[1]) == pytest.approx(nets[1].loss(theta[1]))
    assert nets[0].runs(np.arange(2)) is nets[0]


def test_quadratic_networks_take_matrices_and_only_see_their_symmetric_parts():
    rng = np.random.default_rng(10)
    x, y, theta = (rng.standard_normal(n) for n in ((7, 3), (7, 2), (4, 5)))
    z = x[:, :, None] * x[:, None]
    twist = rng.standard_normal((7, 3, 3))
    for matrices in (z, z + twist - twist.mT):
        for name in ("loss", "field", "jacobian"):
            found, expected = (
                getattr(net, name)(theta)
                for net in (networks.quadratic(matrices, y), networks.quadratic(x, y))
            )
            np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
    v, u = theta[:, :2], theta[:, 2:]
    f = np.einsum("io,ia,sab,ib->so", v, u, twist, u)
    loss = networks.quadratic(twist, y).loss(theta)
    assert loss == pytest.approx(((y - f) ** 2).sum() / 14)


@pytest.mark.parametrize("outputs", [1, 2])
def test_matrices_of_quadratic_forms(outputs):
    """<g, psi(u)> = u' S u and its gradient 2 S u, for quadratic units and for attention."""
    rng = np.random.default_rng(8)
    nets = [networks.quadratic(rng.standard_normal((6, 4)), rng.standard_normal((6, outputs)))]
    if outputs == 1:
        nets += [networks.attention(rng.standard_normal((6, 5, 2)), rng.standard_normal((6, 5)))]
    for net in nets:
        u, s = rng.standard_normal((3, 4)), net.matrix(net.syz)
        assert s.shape == (outputs, 4, 4)
        np.testing.assert_allclose(s, s.mT, rtol=1e-12)
        form = np.einsum("ia,oab,ib->io", u, s, u)
        np.testing.assert_allclose(form, net.features(u) @ net.syz.T)
        np.testing.assert_allclose(net.force(u, net.syz[0]), u @ s[0])


def test_reduced_units_span_the_same():
    net = networks.linear(*np.random.default_rng(1).standard_normal((2, 9, 2)))
    for units in (3, 4, 5):
        theta = np.random.default_rng(2).standard_normal((units, 4))
        basis, few = net.reduce(theta)
        assert (basis is None) == (units <= 4)
        if basis is not None:
            np.testing.assert_allclose(basis.T @ basis, np.eye(4), atol=1e-14)
            np.testing.assert_allclose(basis @ few, theta)
            np.testing.assert_allclose(basis @ net.field(few), net.field(theta))


def test_deep_networks_are_layers_of_any_activation():
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((7, 3)), rng.standard_normal((7, 2))
    weights = [rng.standard_normal(shape) for shape in ((4, 3), (5, 4), (2, 5))]
    for phi, act in ACTIVATIONS.items():
        net = networks.deep([3, 4, 5, 2], x, y, phi)
        out = act.f(act.f(x @ weights[0].T) @ weights[1].T) @ weights[2].T
        theta = networks.pack(weights)
        np.testing.assert_allclose(net.output(theta), out.T, atol=1e-12)
        assert net.loss(theta) == pytest.approx(((y - out) ** 2).sum() / 14)
        assert net.samples == 7 and net.zero_loss() == pytest.approx((y**2).sum() / 14)
        few = net.subset(np.array([1, 4]))
        np.testing.assert_allclose(few.output(theta), out[[1, 4]].T, atol=1e-12)
        for one, whole in zip(net.weights(theta), weights, strict=True):
            np.testing.assert_array_equal(one, whole)


def test_the_loss_without_units():
    rng = np.random.default_rng(4)
    for name in ("linear", "quadratic", *ACTIVATIONS):
        net, reference = random_network(name, rng, outputs=2)
        silent = np.zeros((1, net.n_v + net.n_u))
        assert net.zero_loss() == pytest.approx(float(net.loss(silent)))
        assert net.zero_loss() == pytest.approx(reference.zero_loss())


def test_attention_draws_values_of_the_variance_of_their_fan_in():
    net = panel("fig1f").network
    theta = initial_units(net, 20_000, 2.0, 5) / 2
    np.testing.assert_allclose(theta.std(0), [1 / np.sqrt(3), 1, 1, 1, 1], rtol=0.02)
    rng = np.random.default_rng(5)
    query, key, value = (rng.standard_normal((20_000, n)) for n in (2, 3, 3))
    np.testing.assert_allclose(theta[:, 3:], query)
    np.testing.assert_allclose(theta[:, 1:3], key[:, :2])
    np.testing.assert_allclose(theta[:, 0], value[:, 2] / np.sqrt(3))


def test_read_outs_of_a_convolution_are_drawn_by_output():
    x, y = np.ones((3, 2, 4)), np.ones((3, 2))
    theta = initial_units(networks.pointwise(x, y), 3, 1.0, 6)
    rng = np.random.default_rng(6)
    u, v = rng.standard_normal((3, 4)), rng.standard_normal((2, 3, 2))
    np.testing.assert_array_equal(theta[:, 4:], u)
    np.testing.assert_array_equal(theta[:, :4].reshape(3, 2, 2), v.swapaxes(0, 1))


def test_a_network_may_have_one_unit():
    net = networks.linear(*GOOD)
    assert initial_units(net, 1, 1e-3).shape == (1, 3)
    assert initial_units(net, 1, 1e-3, [4, 5]).shape == (2, 1, 3)


def test_data_may_be_lists_frames_tensors_or_whole_numbers():
    rng = np.random.default_rng(0)
    x, y = rng.integers(-3, 4, (6, 2)), rng.integers(-3, 4, 6)
    expected = networks.build("relu", x.astype(float), y.astype(float))
    tensors = torch.tensor(x, dtype=torch.float32, requires_grad=True), torch.tensor(y)
    frames = pd.DataFrame(x, index=range(6, 0, -1)), pd.Series(y)
    for data in ((x, y), (x.tolist(), y.tolist()), frames, tensors):
        net = networks.build("relu", *data)
        np.testing.assert_array_equal(net.x, expected.x)
        np.testing.assert_array_equal(net.y, expected.y)
    np.testing.assert_array_equal(net.check([[1, 2, 3]]), np.array([[1.0, 2, 3]]))


GOOD = (np.ones((3, 2)), np.ones(3))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: networks.build("transformer", *GOOD), "unknown architecture 'transformer'"),
        (lambda: networks.build("linear", np.full((3, 2), np.nan), np.ones(3)), "not finite"),
        (lambda: networks.build("linear", np.ones((3, 2)), np.ones(4)), "samples first"),
        (lambda: networks.build("relu", np.ones(3), np.ones(3)), "samples first"),
        (lambda: networks.quadratic(np.ones((3, 2, 4)), np.ones(3)), "square"),
        (lambda: networks.pointwise(*GOOD, "wave"), "unknown activation 'wave'; known: relu"),
        (lambda: networks.deep([2, 3, 1], *GOOD, "wave"), "unknown activation"),
        (lambda: networks.stacked([networks.linear(*GOOD), networks.quadratic(*GOOD)]), "one kind"),
        (lambda: networks.stacked([networks.pointwise(*GOOD, phi) for phi in ("relu", "tanh")]),
         "of 2 kinds and 1 shapes"),
        (lambda: networks.stacked([networks.linear(np.ones((3, n)), np.ones(3)) for n in (1, 2)]),
         "of 1 kinds and 2 shapes"),
        (lambda: networks.stacked([networks.Autograd(len, *GOOD)]), "one by one"),
        (lambda: networks.build("relu", np.ones((3, 1, 8, 8)), np.ones(3)), "cut into patches"),
        (lambda: networks.build("relu", np.ones((3, 2)) * 1j, np.ones(3)), "x must .*complex"),
        (lambda: networks.build("relu", np.ones((2, 2)), ["cat", "dog"]), "y must hold numbers"),
        (lambda: networks.build("relu", [[1.0, None], [2, 3]], [1, 2]), "x holds .* not finite"),
        (lambda: initial_units(networks.linear(*GOOD), 2, 0.1, []), "no seeds"),
        (lambda: initial_units(networks.Autograd(len, *GOOD), 1, 0.1), "n_v and n_u"),
        (lambda: networks.attention_population(np.eye(2), 0), "a context of 1"),
        (lambda: networks.attention(np.ones((3, 4, 2)), np.ones((3, 5))), "one label"),
        (lambda: networks.attention(np.ones((3, 1, 2)), np.ones((3, 1))), "two tokens"),
        (lambda: networks.attention_population(-np.eye(2), 3), "positive definite"),
        (lambda: initial_units(networks.linear(*GOOD), 0, 1e-3), "width is 0"),
        (lambda: initial_units(networks.linear(*GOOD), -4, 1e-3), "width is -4"),
        (lambda: initial_units(networks.linear(*GOOD), 2, 0), "fixed point"),
        (lambda: initial_units(networks.linear(*GOOD), 2, np.inf), "finite"),
        (lambda: networks.linear(*GOOD).check(np.ones((2, 4))), "theta has shape"),
        (lambda: networks.linear(*GOOD).check(np.full((2, 3), np.inf)), "not finite"),
        (lambda: panel("fig9"), "unknown panel"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_words(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_models_of_ones_own_are_refused_where_they_would_broadcast():
    """Predictions (N,) of labels (N, 1), and labels that are no numbers, are errors; single
    precision and lists count as what they are."""
    rng = np.random.default_rng(5)
    x, theta = rng.standard_normal((6, 3)), rng.standard_normal((2, 4))
    y = x[:, :1]

    def model(theta, x):
        return (x @ theta[:, 1:].T) @ theta[:, :1]

    net = networks.Autograd(model, x, y, 1, 3)
    flat = networks.Autograd(lambda theta, x: model(theta, x)[:, 0], x, y, 1, 3)
    for wrong in (flat.loss, flat.field, lambda theta: flat.loss(theta[None])):
        with pytest.raises(ValueError, match=r"predict returns shape \(6,\) where y has \(6, 1\)"):
            wrong(theta)
    with pytest.raises(ValueError, match="y holds values that are not finite"):
        networks.Autograd(model, x, y * np.nan, 1, 3)
    single = np.float32(x)
    for data in (single, single.tolist(), torch.as_tensor(single)):
        near = networks.Autograd(model, data, y, 1, 3)
        np.testing.assert_allclose(near.field(theta), net.field(theta), rtol=1e-5)
        assert near.field(theta).dtype == float
