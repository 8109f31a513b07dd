"""Theorem 3 on random data: what is kept, what is left, how fast, and what is conserved."""

from __future__ import annotations

import numpy as np
import pytest

from saddle_utils import networks
from saddle_utils.datasets import panel
from saddle_utils.dynamics import descend, flow
from saddle_utils.studies.invariant_manifolds import random_task
from saddle_utils.theory.manifolds import (
    Relation,
    conserved,
    dependent,
    distance,
    equal,
    growth_bound,
    growth_rate,
    is_invariant,
    project,
    proportional,
    silent,
    spanned,
)

UNITS = 5
RELATIONS = {
    "equal": equal(UNITS, 0, 1),
    "silent": silent(UNITS, 2),
    "double": proportional(UNITS, 1, 0, 2),
    "negative": proportional(UNITS, 1, 0, -1),
    "only v": proportional(UNITS, 1, 0, 2, 1),
    "(4, 2)": proportional(UNITS, 0, 1, 4, 2),
    "(8, 2)": proportional(UNITS, 0, 1, 8, 2),
    "mirror": proportional(UNITS, 0, 1, 1, -1),
    "(-v, u)": proportional(UNITS, 0, 1, -1, 1),
    "mixed": dependent(UNITS, 0, [0, 1, -0.5, 0, 0]),
}
TRUE = {  # by hand from theory, besides "equal" and "silent": degree 1, parity, linearity
    "linear": {"double", "negative", "mixed"},
    "identity": {"double", "negative", "mixed"},
    "relu": {"double"},
    "tanh": {"negative"},
    "cubic": {"negative"},
    "x_tanh": {"mirror"},
    "gelu": set(),
    "sigmoid": set(),
    "quadratic": {"mirror"},
    "attention": {"mirror"},
}


def always(architecture):
    """What holds of every activation, the second if it vanishes at 0."""
    return {"equal"} if architecture == "sigmoid" else {"equal", "silent"}


def task(architecture, seed):
    if architecture != "attention":
        return random_task(architecture, seed)
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((60, 4, 2)) @ rng.standard_normal((2, 2))
    return networks.attention(x, np.einsum("snd,sd->sn", x, rng.standard_normal((60, 2))) / 2)


def start(network, seed, size=0.7):
    return size * network.draw(np.random.default_rng(seed), UNITS)


@pytest.mark.parametrize("architecture", TRUE)
def test_relations_are_kept_or_left_as_theory_says(architecture):
    """By flow at rtol 1e-12 (ReLU: small steps of descent) until time 5; four tasks each."""
    off = np.zeros((4, len(RELATIONS)))
    for seed in range(4):
        net = task(architecture, seed)
        theta = np.stack([project(net, r, start(net, seed)) for r in RELATIONS.values()])
        if architecture == "relu":
            run = descend(net, theta, 2e-3, 2500, every=2500)
        else:
            run = flow(net, theta, np.array([0, 5.0]), rtol=1e-12, reduce=False)
        for k, relation in enumerate(RELATIONS.values()):
            assert distance(net, relation, theta[k]) < 1e-14
            off[seed, k] = distance(net, relation, run.theta[-1, k])
    for k, (name, relation) in enumerate(RELATIONS.items()):
        true = name in TRUE[architecture] | always(architecture)
        assert is_invariant(net, relation) == true, name
        if true:
            assert off[:, k].max() < 1e-10, name
        else:
            assert np.median(off[:, k]) > 1e-2, name
            assert off[:, k].min() > 1e-4, name


def test_field_across_a_manifold_vanishes_just_where_it_is_invariant():
    """Static form of Theorem 3, at many random points: no integration, no tolerance of a solver."""
    for architecture in TRUE:
        for name, relation in RELATIONS.items():
            across = []
            for seed in range(10):
                net = task(architecture, seed)
                field = net.field(project(net, relation, start(net, seed)))
                across.append(distance(net, relation, field) / np.linalg.norm(field))
            true = name in TRUE[architecture] | always(architecture)
            assert (max(across) < 1e-13) if true else (np.median(across) > 1e-3), (
                architecture,
                name,
            )


@pytest.mark.parametrize("name", [f"fig1{letter}" for letter in "bcdefg"])
def test_conserved_quantities_of_the_panels(name):
    p = panel(name)
    theta = networks.initial_units(p.network, 6, 0.1, range(2))
    run = flow(
        p.network, theta, np.linspace(0, p.epochs * p.step / 8, 21), rtol=1e-11, reduce=False
    )
    found = conserved(p.network, run.theta)
    assert np.abs(run.theta[-1] - run.theta[0]).max() > 0.1  # it did train
    np.testing.assert_allclose(found, np.broadcast_to(found[0], found.shape), atol=1e-8)


def test_the_bound_is_attained_by_one_mode():
    """Scalar network, v_i = u_i: every distance grows at the rate G exactly."""
    net = networks.Linear(np.array([[1.5]]), np.eye(1), 2.25)
    theta = 0.01 * np.repeat(np.random.default_rng(0).standard_normal((4, 1)), 2, axis=1)
    run = flow(net, theta, np.linspace(0, 8, 401), rtol=1e-11, reduce=False)
    away = distance(net, spanned(np.eye(4)[:, :1]), run.theta)
    np.testing.assert_allclose(away / away[0], growth_bound(net, run), rtol=1e-6)
    slow = growth_rate(net, run.theta) * 0.9
    factor = np.exp(np.concatenate([[0], np.cumsum(slow[1:] * np.diff(run.times))]))
    assert (away / away[0] / factor).max() > 1.1  # a smaller rate would not bound it


@pytest.mark.parametrize("outputs", [1, 2])
def test_relu_growth_rate_is_the_maximum_over_directions(outputs):
    """Against a scan of 40,000 directions and the kinks, on random data in the plane."""
    rng = np.random.default_rng(outputs)
    for _ in range(10):
        x, y = rng.standard_normal((9, 2)), rng.standard_normal((9, outputs))
        across = np.arctan2(x[:, 0], -x[:, 1])  # directions orthogonal to a sample
        angle = np.concatenate([np.linspace(0, 2 * np.pi, 40_001), across, across + np.pi])
        scan = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        net = networks.pointwise(x, y)
        theta = rng.standard_normal((3, 4, outputs + 2)) / 3
        for one, rate in zip(theta, growth_rate(net, theta), strict=True):
            r = y - net.predict(one, x).T
            found = np.linalg.norm(np.maximum(scan @ x.T, 0) @ r / 9, axis=1).max()
            assert found <= rate * (1 + 1e-12)
            assert rate == pytest.approx(found, rel=1e-7)


def test_relu_units_grow_no_faster_than_their_bound():
    p = panel("fig1d")
    theta = networks.initial_units(p.network, 8, 1e-4, range(3))
    run = flow(p.network, theta, np.linspace(0, 20, 401), rtol=1e-9, reduce=False)
    norm = np.linalg.norm(run.theta, axis=-1)
    bound = growth_bound(p.network, run)
    assert bound.shape == norm.shape[:2]
    assert (norm / (norm[0] * bound[..., None])).max() <= 1 + 1e-6


def test_a_step_of_descent_on_mini_batches_keeps_a_relation_too():
    net = random_task("relu", 3)
    relation = proportional(UNITS, 0, 1, 2)
    theta = project(net, relation, start(net, 3))
    batches = [net.subset(np.arange(k, k + 4)) for k in range(30)]
    run = descend(net, theta, 0.05, 30, batches=batches)
    assert distance(net, relation, run.theta).max() < 1e-13


def test_the_smallest_cases_of_is_invariant():
    linear, relu, tanh = (random_task(name, 0) for name in ("linear", "relu", "tanh"))
    assert is_invariant(relu, proportional(3, 2, 0, 0.0))  # gamma = 0 is a silent unit
    for network in (linear, relu, tanh):
        assert not is_invariant(network, proportional(3, 2, 0, 0.0, 2.0))
        assert not is_invariant(network, proportional(3, 0, 2, 2.0, 0.0))
    sigmoid = networks.Autograd(lambda theta, x: x, relu.x, relu.y, 2, 3)
    assert is_invariant(sigmoid, equal(3, 0, 1)) and not is_invariant(sigmoid, silent(3, 0))
    lines = spanned(np.ones((4, 1)))
    assert is_invariant(linear, lines)
    assert not is_invariant(linear, Relation(lines.v, spanned(np.eye(4)[:, :1]).v))
    with pytest.raises(ValueError, match="one relation at a time"):
        is_invariant(relu, lines)


@pytest.mark.parametrize("name", RELATIONS)
def test_the_projector_is_idempotent_and_nearest(name):
    """Nearest among many points of the manifold, and at the distance that `distance` says."""
    relation, net, rng = RELATIONS[name], random_task("relu", 0), np.random.default_rng(1)
    theta = rng.standard_normal((2, 3, UNITS, 5))
    near = project(net, relation, theta)
    np.testing.assert_allclose(project(net, relation, near), near, atol=1e-14)
    gap = np.linalg.norm(theta - near, axis=(-2, -1))
    np.testing.assert_allclose(distance(net, relation, theta), gap, rtol=1e-12)
    for size in (1e-3, 0.1, 1):
        other = project(net, relation, near + size * rng.standard_normal(theta.shape))
        assert (np.linalg.norm(theta - other, axis=(-2, -1)) >= gap).all()


def test_projected_units_satisfy_the_formulas():
    net, theta = random_task("relu", 0), np.random.default_rng(2).standard_normal((UNITS, 5))

    def on(name):
        return net.split(project(net, RELATIONS[name], theta))

    v, u = on("(4, 2)")
    np.testing.assert_allclose((v[0], u[0, :2]), (4 * v[1], 2 * u[1, :2]), atol=1e-12)
    v, u = on("mixed")
    np.testing.assert_allclose(u[0], u[1] - u[2] / 2, atol=1e-12)
    assert not np.abs(on("silent")[1][2]).any()
    directions = np.random.default_rng(3).standard_normal((UNITS, 2))
    flat = project(net, spanned(directions), theta)
    assert np.linalg.matrix_rank(flat, tol=1e-10) == 2
    solved = directions @ np.linalg.lstsq(directions, theta, rcond=None)[0]
    np.testing.assert_allclose(flat, solved, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_rank_is_constant_and_the_volume_conserved(seed):
    net = random_task("linear", seed)
    theta = start(net, seed, 0.3)
    low = project(net, spanned(np.random.default_rng(seed).standard_normal((UNITS, 2))), theta)
    run = flow(net, np.stack([theta, low]), np.linspace(0, 5, 41), rtol=1e-12, reduce=False)
    values = np.linalg.svd(run.theta, compute_uv=False)
    assert (values[:, 1, 2] / values[:, 1, 0]).max() < 1e-10
    assert values[:, 1, 1].min() > 1e-3
    volume = np.log(values[:, 0]).sum(1)
    assert np.ptp(volume) < 1e-8 and values[:, 0, -1].min() > 0


def test_conserved_quantities_are_those_of_theory():
    theta = np.random.default_rng(0).standard_normal((2, 4, 5))
    v, u = theta[..., :2], theta[..., 2:]
    linear, cubic = (random_task(name, 0) for name in ("linear", "cubic"))
    expected = np.einsum("nio,njo->nij", v, v) - np.einsum("nik,njk->nij", u, u)
    np.testing.assert_allclose(conserved(linear, theta), expected)
    np.testing.assert_allclose(conserved(cubic, theta), (u**2).sum(-1) - 3 * (v**2).sum(-1))
    heads = conserved(panel("fig1f").network, theta)
    value, key, query = theta[..., 0] ** 2, (theta[..., 1:3] ** 2), (theta[..., 3:] ** 2)
    np.testing.assert_allclose(heads[..., 0], value - key.sum(-1))
    np.testing.assert_allclose(heads[..., 1], key.sum(-1) - query.sum(-1))
    with pytest.raises(ValueError, match="not homogeneous"):
        conserved(random_task("tanh", 0), theta)


@pytest.mark.parametrize("seed", range(5))
def test_linear_growth_stays_below_its_bound(seed):
    """Random tasks of general covariance, random manifolds of several ranks."""
    net, rng = random_task("linear", seed), np.random.default_rng(seed)
    run = flow(net, start(net, seed, 0.05), np.linspace(0, 5, 401), rtol=1e-11, reduce=False)
    bound = growth_bound(net, run)
    for rank in (1, 2, 4):
        away = distance(net, spanned(rng.standard_normal((UNITS, rank))), run.theta)
        assert (away / (away[0] * bound)).max() <= 1 + 1e-6


def test_no_rate_is_claimed_where_none_is_known():
    for net in (random_task("tanh", 0), random_task("relu", 0), panel("fig1e").network):
        with pytest.raises(ValueError, match="a growth rate is known for"):
            growth_rate(net, np.ones((2, net.n_v + net.n_u)))


def test_mistakes_are_named():
    for wrong in (lambda: equal(3, 1, 1), lambda: proportional(3, 0, 3, 2), lambda: silent(3, -1)):
        with pytest.raises(ValueError, match="wanted"):
            wrong()
    with pytest.raises(ValueError, match="0 for unit i"):
        dependent(3, 0, [1, 1, 0])
    with pytest.raises(ValueError, match="independent"):
        spanned(np.ones((4, 2)))
    with pytest.raises(ValueError, match="orthonormal"):
        Relation(np.ones((3, 1)), np.ones((3, 1)))
    with pytest.raises(ValueError, match="3 units for 4 units"):
        distance(random_task("relu", 0), equal(3, 0, 1), np.ones((4, 5)))
