"""Theorem 1, Corollary 2 and the Hessian at saddles, against torch and brute force."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support import relative

from saddle_utils import networks
from saddle_utils.datasets import panel, random_tasks, whitened
from saddle_utils.dynamics import flow
from saddle_utils.networks import deep, pack
from saddle_utils.theory import linear, saddles

SEEDS = [11, 512, 90210]


@pytest.mark.parametrize("layer", [0, 1])
def test_corollary_2_by_autograd(layer):
    sizes = [2, 2, 2, 1]
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((20, 2)), rng.standard_normal((20, 1))
    narrow = deep(sizes, x, y)
    weights = narrow.weights(saddles.fixed_point(narrow, 1, 3))
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
    np.testing.assert_allclose(out.detach().T, narrow.output(pack(weights)), atol=1e-12)
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
    np.testing.assert_allclose(saddles.spectrum(net, theta), values, atol=1e-10)
    assert saddles.gradient_norm(net, theta) < 1e-12


def test_a_linear_saddle_below_full_rank_is_a_saddle():
    net = random_tasks(1)["linear"]
    for rank in (0, 1, 2):
        theta = linear.linear_saddle(net, list(range(rank)), 6)
        assert saddles.spectrum(net, theta)[0] < -1e-3
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
    for a, b in zip(net.weights(theta), weights, strict=True):
        np.testing.assert_array_equal(a, b)
    two = networks.pointwise(x, y, "tanh")
    units = np.concatenate([weights[1].T, weights[0]], axis=1)
    assert net.loss(theta) == pytest.approx(two.loss(units), rel=1e-12)
    v, u = two.split(two.field(units))
    assert relative(net.field(theta), pack([u, v.T])) < 1e-12


EMBEDDINGS = [
    ("tanh", "copy"), ("tanh", "silent"), ("ReLU", "scaled"), ("linear", "scaled"),
    ("linear", "combined"),
]  # fmt: skip


@pytest.mark.parametrize(("architecture", "construction"), EMBEDDINGS)
def test_an_embedded_fixed_point_is_fixed_and_computes_the_same(architecture, construction):
    """Theorem 1, on fixed points of two units; the free factors are drawn, and not all alike."""
    net = random_tasks(21)[architecture]
    narrow = saddles.fixed_point(net, 2, 1)
    wide = [saddles.embed(net, narrow, construction, np.random.default_rng(k)) for k in range(8)]
    assert max(saddles.gradient_norm(net, theta) for theta in wide) < 1e-9
    assert max(saddles.map_error(net, theta, narrow) for theta in wide) < 1e-12
    u = np.array([net.split(theta)[1] for theta in wide])
    factors = (u[:, 2] * u[:, 0]).sum(1) / (u[:, 0] ** 2).sum(1)
    if construction == "scaled" and architecture == "ReLU":
        assert (u[:, 2] @ narrow[:, net.n_v :].T > 0).any(1).all()
    elif construction in ("scaled", "combined"):
        assert factors.min() < 0 < factors.max()
    assert np.all(u[:, 2] == 0) == (construction == "silent")
    split = saddles.split(net, narrow, 1, 0.3, -0.5)
    v, u = net.split(split)
    np.testing.assert_allclose(u[2], 0.3 * narrow[1, net.n_v :])
    np.testing.assert_allclose(v[2], -0.5 * narrow[1, : net.n_v])
    np.testing.assert_allclose(v[1], 1.15 * narrow[1, : net.n_v])
    np.testing.assert_array_equal(split[0], narrow[0])


def test_fixed_points_are_minima_that_a_plain_descent_keeps():
    """With no silent unit and of bounded weights; and `polish` comes back to one from aside."""
    for name in ("tanh", "ReLU"):
        net = random_tasks(22)[name]
        point = saddles.fixed_point(net, 2, 3)
        assert point.shape == (2, net.n_v + net.n_u) and saddles.gradient_norm(net, point) < 1e-10
        assert saddles.saddle_index(net, point) == 0
        norms = [np.linalg.norm(part, axis=1) for part in net.split(point)]
        assert min(n.min() for n in norms) > 1e-3 and max(n.max() for n in norms) < 100
        aside = point + 1e-4 * np.random.default_rng(0).standard_normal(point.shape)
        found = saddles.polish(net, aside)
        assert saddles.gradient_norm(net, found) < 1e-12
        assert net.loss(found) == pytest.approx(float(net.loss(point)), rel=1e-9)
    with pytest.raises(ValueError, match="in 0 tries"):
        saddles.fixed_point(net, 2, 3, tries=0)


def test_the_gradient_norm_is_that_of_finite_differences():
    net = random_tasks(23)["tanh"]
    theta = np.random.default_rng(1).standard_normal((2, net.n_v + net.n_u))
    slopes = [
        (net.loss(theta + d) - net.loss(theta - d)) / 2e-6
        for d in 1e-6 * np.eye(theta.size).reshape(-1, *theta.shape)
    ]
    assert saddles.gradient_norm(net, theta) == pytest.approx(np.linalg.norm(slopes), rel=1e-6)


def test_levels_on_the_path_of_a_convolution_are_not_the_best_ones():
    """Panel C of Figure 1: one kernel along the escape direction has .3941, the best one .3883."""
    net = panel("fig1c").network
    best, path = saddles.narrow_levels(net, 2), saddles.path_levels(net, 2)
    np.testing.assert_allclose(best, [1, 0.3883, 0], atol=1e-4)
    np.testing.assert_allclose(path, [1, 0.3941, 0], atol=1e-4)
    run = flow(net, 1e-3 * linear.escape_unit(net, 1.0), 400.0)
    assert run.losses[-1] / net.zero_loss() == pytest.approx(path[1], abs=1e-4)
    fully = whitened([2.0, 1.0, 0.5])
    np.testing.assert_allclose(saddles.narrow_levels(fully, 2), [1, 1.25 / 5.25, 0.25 / 5.25])


def test_a_wide_network_merges_into_the_narrow_one_that_it_acts_as():
    """Clusters of rays, with an inactive unit; of a linear network, the rank."""
    rng = np.random.default_rng(4)
    net = random_tasks(24)["ReLU"]
    narrow = rng.standard_normal((2, net.n_v + net.n_u))
    wide = np.concatenate([np.sqrt(share) * narrow for share in (0.2, 0.5, 0.3)])
    order = rng.permutation(len(wide))
    noisy = np.concatenate([wide[order], 1e-9 * narrow[:1]])
    found = saddles.merge(net, noisy)
    assert found.shape == narrow.shape and saddles.map_error(net, found, narrow) < 1e-8
    flat = saddles.collapse(net, noisy + 1e-4 * rng.standard_normal(noisy.shape))
    assert np.linalg.norm(flat - noisy) < 2e-3 and not flat[-1].any()
    assert np.linalg.matrix_rank(flat[:, net.n_v :], tol=1e-9) == 2
    linear_net = random_tasks(24)["linear"]
    theta = linear.linear_saddle(linear_net, [0, 1], 5)
    near = theta + 1e-4 * rng.standard_normal(theta.shape)
    u, s, v = np.linalg.svd(near, full_matrices=False)
    np.testing.assert_allclose(
        saddles.collapse(linear_net, near), (u[:, :2] * s[:2]) @ v[:2], atol=1e-12
    )
    merged = saddles.merge(linear_net, theta)
    assert len(merged) == 2 and saddles.map_error(linear_net, merged, theta) < 1e-12
    v, u = linear_net.split(merged)
    np.testing.assert_allclose(v @ v.T, u @ u.T, atol=1e-12)  # balanced


def test_the_index_of_many_points_is_that_of_each():
    net = whitened([2.0, 1.0])
    points = [linear.linear_saddle(net, modes, 3) for modes in ([], [0], [0, 1])]
    assert saddles.saddle_index(net, np.array(points)).tolist() == [6, 2, 0]
    assert [int(saddles.saddle_index(net, point)) for point in points] == [6, 2, 0]


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


@pytest.mark.parametrize("seed", range(6))
def test_a_fixed_point_of_a_deep_network_is_not_a_dead_one(seed):
    rng = np.random.default_rng(seed)
    net = deep([2, 2, 2, 1], rng.standard_normal((20, 2)), rng.standard_normal((20, 1)))
    found = saddles.fixed_point(net, 1, seed)
    assert net.loss(found) < 0.999 * net.zero_loss()
    assert saddles.gradient_norm(net, found) < 1e-10
