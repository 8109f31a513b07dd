"""Escape of deep networks and the imbalance identity, against runs, autograd and brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from saddle_utils import networks
from saddle_utils.dynamics import escape, escapes, flow
from saddle_utils.networks import DeepLinear
from saddle_utils.observables import first_times, imbalance, rank_ratios
from saddle_utils.theory import deep
from saddle_utils.theory.activations import lowest_order
from saddle_utils.theory.deep_linear import optimal_escape_time

RNG = np.random.default_rng(6)
X, Y = RNG.standard_normal((12, 3)), RNG.standard_normal((12, 2))


def target(depth, skips=(), width=3):
    sizes, phis = (2, *[width] * (depth - 1), 2), ("identity",) * (depth - 1)
    return DeepLinear(sizes, phis, skips, np.diag([1.0, 0.3]), np.eye(2), 1.09)


@pytest.mark.parametrize("depth", range(2, 7))
def test_aligned_layers_escape_when_theory_says(depth):
    net = target(depth)
    time, end = escape(net, deep.aligned_start(net, 1e-5), net.zero_loss() - 0.1)
    # two layers have corrections of order one beside the logarithm
    assert time == pytest.approx(
        optimal_escape_time(1e-5, 1.0, depth), rel=0.1 if depth == 2 else 1e-4
    )
    assert rank_ratios(net, end).max() < 1e-10
    assert max(np.abs(d).max() for d in imbalance(net, end)) < 1e-8


@pytest.mark.parametrize("skips", [(), ((1, 3),), ((2, 3),)])
def test_an_aligned_start_has_its_norm_and_is_balanced(skips):
    net = target(4, skips)
    theta = deep.aligned_start(net, 0.1, 5)
    assert np.linalg.norm(theta) == pytest.approx(0.1)
    if not skips:
        assert max(np.abs(d).max() for d in imbalance(net, theta)) < 1e-15


def test_starts_of_a_norm_have_it_and_the_first_is_aligned():
    net = target(4)
    settings, theta = deep.starts_of_norm(net, [0.1, 0.01], [3, 4])
    assert settings["seed"].tolist() == [-1, 3, 4] * 2
    np.testing.assert_allclose(np.linalg.norm(theta, axis=(1, 2)), settings["scale"])
    np.testing.assert_array_equal(theta[3], deep.aligned_start(net, 0.01))
    np.testing.assert_allclose(theta[4], theta[1] / 10)  # the same draw at each


def test_escape_agrees_with_gradient_flow_in_time():
    net = networks.deep([3, 5, 4, 2], X, Y, "tanh")
    theta = 0.1 * net.draw(np.random.default_rng(1))
    level = 0.97 * net.zero_loss()
    time, end = escape(net, theta, level, step=0.03)
    run = flow(net, theta, np.linspace(0, 1.2 * time, 4001))
    assert time == pytest.approx(float(first_times(run.times, -run.losses, -level)), rel=1e-5)
    assert float(net.loss(end)) == pytest.approx(level, rel=1e-8)


def test_escapes_of_an_ensemble_are_those_of_its_runs():
    net = networks.deep([3, 5, 4, 2], X, Y, "gelu")
    theta = 0.1 * np.stack([net.draw(np.random.default_rng(k)) for k in range(4)])
    levels = np.array([0.97, 0.9, 0.95, -1.0]) * net.zero_loss()
    times, ends = escapes(net, theta, levels)
    np.testing.assert_allclose(net.loss(ends)[:3], levels[:3], rtol=1e-6)
    singly = [escape(net, one, level)[0] for one, level in zip(theta[:3], levels[:3], strict=True)]
    np.testing.assert_allclose(times[:3], singly, rtol=1e-12)
    assert np.isnan(times[3])


def test_fixed_levels_of_linear_layers_are_those_of_ranks():
    found = deep.fixed_levels(target(3, width=1))
    np.testing.assert_allclose(found[0], 0.09 / 1.09, atol=1e-6)


def test_escape_refuses_what_cannot_be():
    net = target(3)
    theta = deep.aligned_start(net, 0.1)
    with pytest.raises(ValueError, match="not above"):
        escape(net, theta, 10.0)
    with pytest.raises(RuntimeError, match="does not fall"):
        escape(net, theta, -1.0)


@pytest.mark.parametrize(
    "phi", ["tanh", "gelu", "relu", "sigmoid", "softplus", "swish", "identity"]
)
def test_the_imbalance_identity_is_exact(phi):
    net = networks.deep([3, 4, 5, 4, 2], X, Y, phi)
    theta = np.random.default_rng(2).standard_normal((3, 1, net.n_u))
    rates, norms = deep.imbalance_rates(net, theta), deep.norm_rates(net, theta)
    np.testing.assert_allclose(np.diff(norms, axis=-1), rates, atol=1e-13 * np.abs(norms).max())
    assert (np.abs(rates).max() < 1e-13) == (phi in ("relu", "identity"))


def test_norm_rates_are_those_of_a_small_step():
    net = networks.deep([3, 4, 2], X, Y, "gelu")
    theta, step = net.draw(np.random.default_rng(4)), 1e-6
    norms = [
        np.array([(w**2).sum() / 2 for w in net.weights(theta + s * net.field(theta))])
        for s in (-step, step)
    ]
    np.testing.assert_allclose(
        (norms[1] - norms[0]) / (2 * step), deep.norm_rates(net, theta), rtol=1e-6
    )


def test_the_identity_is_for_networks_without_skips():
    net = networks.deep([3, 4, 4, 2], X, Y, "tanh", [(1, 2)])
    with pytest.raises(ValueError, match="without skips"):
        deep.imbalance_rates(net, net.draw(RNG))


def test_the_effective_depth_is_that_of_the_shortest_path():
    """Against all paths, one by one."""
    rng = np.random.default_rng(7)
    for _ in range(40):
        depth = int(rng.integers(2, 7))
        pairs = [*itertools.combinations(range(depth + 1), 2)]
        skips = [pairs[k] for k in rng.choice(len(pairs), int(rng.integers(0, 4)), replace=False)]

        def shortest(layer, depth=depth, skips=skips):
            if layer == depth:
                return 0
            jumps = [shortest(b) for a, b in skips if a == layer]
            return min([1 + shortest(layer + 1), *jumps])

        assert deep.effective_depth(depth, skips) == shortest(0)


def test_the_degree_of_small_layers_is_that_of_the_map():
    """Against the output of networks of which some layers shrink: it goes as c^D."""
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((6, 2)), rng.standard_normal((6, 1))
    for phi in ("identity", "tanh", "gelu", "square", "x_tanh", "cubic"):
        net = networks.deep([2, 3, 3, 1], x, y, phi)
        theta = net.draw(rng)
        for small in ([0, 1, 2], [0, 2], [1]):
            sizes = [np.where(np.isin(range(3), small), c, 0.3) for c in (1e-2, 1e-3)]
            out = [np.abs(net.output(net.scaled(theta, size))).max() for size in sizes]
            assert deep.small_degree(lowest_order(phi), 3, small) == pytest.approx(
                np.log10(out[0] / out[1]), abs=0.1
            )
