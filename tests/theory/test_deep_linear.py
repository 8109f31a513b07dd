"""Distances, escape times and balanced flows of deep linear networks, against brute force."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import minimize

from saddle_utils.dynamics import flow
from saddle_utils.networks.deep import pack
from saddle_utils.observables import first_times
from saddle_utils.theory import deep_linear as theory


def draw(depth, width, gamma, seed=0, size=2):
    rng = np.random.default_rng(seed)
    sizes = [size, *[width] * (depth - 1), size]
    shapes = [(sizes[k + 1], sizes[k]) for k in range(depth)]
    return [rng.standard_normal(shape) * width ** (-gamma / 2) for shape in shapes]


def product_of(weights):
    out = weights[0]
    for w in weights[1:]:
        out = w @ out
    return out


@pytest.mark.parametrize("depth", [2, 3, 4])
@pytest.mark.parametrize("gamma", [0.7, 1.2])
def test_the_nearest_minimum_is_that_of_a_general_optimiser(depth, gamma):
    start, target, near = draw(depth, 6, gamma), np.diag([1.0, 0.6]), None
    for factor in (2.0, 1.5, 1.2, 1.0):
        distance, near = theory.minimum_distance([factor * w for w in start], target, near)
    behind, before, core = near
    moved = [w + p.T @ core @ q.T for w, p, q in zip(start, behind, before, strict=True)]
    np.testing.assert_allclose(product_of(moved), target, atol=1e-3)
    flat, ends = pack(start)[0], np.cumsum([w.size for w in start])

    def split(theta):
        return [p.reshape(w.shape) for p, w in zip(np.split(theta, ends[:-1]), start, strict=True)]

    found = minimize(
        lambda t: ((t - flat) ** 2).sum(), pack(moved)[0] + 1e-3, method="SLSQP",
        constraints={"type": "eq", "fun": lambda t: (product_of(split(t)) - target).ravel()},
        options={"maxiter": 500, "ftol": 1e-12},
    )  # fmt: skip
    assert found.success and distance == pytest.approx(np.sqrt(found.fun), rel=1e-3)


def test_for_small_weights_the_distance_is_the_least_norm():
    start, strengths, near = draw(3, 400, 1.0), np.array([1.0, 0.6]), None
    for gamma in np.arange(1.0, 2.6, 0.1):
        scaled = [w * 400 ** ((1 - gamma) / 2) for w in start]
        distance, near = theory.minimum_distance(scaled, np.diag(strengths), near)
    assert distance == pytest.approx(np.sqrt(3 * (strengths ** (2 / 3)).sum()), rel=0.03)
    norms = [np.linalg.norm(w, 2) for w in scaled]
    assert 0 < theory.least_move(norms, 1.0) < distance
    assert theory.least_move([1.5, 1.5, 1.0], 1.0) == 0
    assert theory.least_move([0, 0, 0], 8.0) == pytest.approx(np.sqrt(12))


def test_saddles_found_are_fixed_points_with_loss():
    start, strengths = draw(3, 12, 1.0, seed=3), (1.0, 0.6)
    distances, states = theory.saddle_distances(start, strengths)
    behind, before, core = states[1]
    reduced = [start[0][:, :1], start[1], start[2][:1]]
    moved = [w + p.T @ core @ q.T for w, p, q in zip(reduced, behind, before, strict=True)]
    point = [np.pad(moved[0], ((0, 0), (0, 1))), moved[1], np.pad(moved[2], ((0, 1), (0, 0)))]
    net = theory.whitened([2, 12, 12, 2], strengths)
    assert np.abs(net.field(pack(point))).max() < 1e-3
    assert net.loss(pack(point)) == pytest.approx(0.36 / 2, rel=1e-3)
    apart = np.linalg.norm(pack(point) - pack(start))
    assert apart == pytest.approx(distances[1], rel=1e-3)
    zero = (start[0] ** 2).sum() + (start[2] ** 2).sum()
    assert distances[0] == pytest.approx(np.sqrt(zero))


@pytest.mark.parametrize("depth", [2, 3, 4, 5])
def test_times_of_a_mode_are_those_of_its_equation(depth):
    start, s = 0.1, 0.8
    net = theory.whitened([1, *[1] * (depth - 1), 1], [s])
    time = theory.mode_time(start, s, depth)
    run = flow(net, np.full((1, depth), start), np.linspace(0, 1.5 * time, 4001))
    assert first_times(run.times, net.output(run.theta)[:, 0, 0], s / 2) == pytest.approx(
        time, rel=1e-4
    )


def test_the_optimal_escape_is_the_limit_of_a_mode():
    for depth in (3, 4, 5):
        ratio = theory.mode_time(1e-4 / np.sqrt(depth), 0.7, depth)
        assert theory.optimal_escape_time(1e-4, 0.7, depth) == pytest.approx(ratio, rel=1e-3)
    assert theory.optimal_escape_time(1e-4, 2.0, 2) == pytest.approx(np.log(1e4) / 2)


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_the_equation_of_the_map_holds_for_balanced_starts_that_are_not_aligned(depth):
    rng = np.random.default_rng(7)
    net = theory.whitened([3, *[4] * (depth - 1), 3], (1.0, 0.5))
    weights = theory.balanced_start(net.sizes, np.array([0.3, 0.25, 0.2]), rng, aligned=False)
    for one, other in pairwise(weights):
        np.testing.assert_allclose(other.T @ other, one @ one.T, atol=1e-14)
    times = np.linspace(0, 60, 121)
    run = flow(net, pack(weights), times, rtol=1e-10)
    predicted = theory.balanced_losses(product_of(weights), net.syz, depth, times)
    np.testing.assert_allclose(net.loss(run.theta), predicted, atol=1e-6)


def test_a_search_that_diverges_says_so():
    distance, near = theory.minimum_distance(draw(4, 60, 2.0), np.diag([1.0, 0.6]))
    assert np.isnan(distance) and near is None


def test_a_target_of_too_high_a_rank_is_refused():
    with pytest.raises(ValueError, match="3 singular values for a map of 2 to 4"):
        theory.whitened([2, 5, 4], (1, 1, 1))
