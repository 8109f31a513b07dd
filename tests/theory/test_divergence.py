"""Units that diverge: closed forms, and a brute-force integration."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import solve_ivp

from saddle_utils import networks
from saddle_utils.theory.divergence import first_divergence
from saddle_utils.theory.diverging_path import lowest_field, lowest_task


def one_input(strength: float, energy: float = 1.0) -> networks.Quadratic:
    """dv = s u^2, du = 2 s u v, from moments; the energy does not matter near zero."""
    return networks.Quadratic(np.array([[strength]]), np.array([[energy]]), 1.0)


def cubic(seed: int, size: float = 1.0) -> networks.Pointwise:
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((30, 3)), size * rng.standard_normal((30, 2))
    return lowest_task(networks.pointwise(x, y, "cubic"))


@pytest.mark.parametrize("scale", [1e-8, 1e-3])
def test_a_unit_on_its_last_direction_diverges_as_its_closed_form(scale):
    """With u = sqrt(2) v a quadratic unit has dv = 2 s v^2, so 1 / v falls from 1 / v_0 to 0."""
    ray = np.array([1.0, np.sqrt(2)])
    found = first_divergence(one_input(0.7), scale * np.stack([0.5 * ray, ray, 0 * ray]), 2)
    assert found.recruit == 1
    assert found.end == pytest.approx(1 / (1.4 * scale), rel=1e-7)
    assert_allclose(found.way, ray / np.sqrt(3), atol=1e-7)
    assert found.pace == pytest.approx(1.4 / np.sqrt(3))
    for left in (0.9 * found.end, 1e-3 * found.end, 10.0, 1e-3):
        rates = 1 / (1.4 * (left + np.array([1 / (1.4 * scale), 0])))  # v of both, from the end
        assert_allclose(found.before(left)[:2], rates[:, None] * ray, rtol=1e-5)
    assert_allclose(found.before(2 * found.end), scale * np.stack([0.5 * ray, ray, 0 * ray]))


@pytest.mark.parametrize("seed", range(4))
def test_units_of_degree_three_move_as_in_a_brute_force_integration(seed):
    net = cubic(seed)
    theta = 1e-3 * np.random.default_rng(seed).standard_normal((4, 5))
    found = first_divergence(net, theta, 3)

    def field(time, flat):
        return 1e6 * lowest_field(net, flat.reshape(theta.shape)).ravel()

    outgrown = lambda time, flat: np.abs(flat).max() - 0.1  # noqa: E731
    outgrown.terminal = True
    run = solve_ivp(field, (0, 1e6), theta.ravel(), "DOP853", rtol=1e-12, atol=0, events=outgrown)
    units = run.y[:, -1].reshape(theta.shape)
    assert found.recruit == np.linalg.norm(units, axis=1).argmax()
    left = found.end - 1e6 * run.t[-1]
    assert 0 < left < 1e-2 * found.end
    assert_allclose(found.before(left), units, rtol=1e-4, atol=1e-6)


def test_units_that_are_trapped_or_at_zero_never_diverge():
    """With v < 0 and u^2 < 2 v^2 a unit shrinks to v < 0, u = 0."""
    trapped, free = [-1.0, 1.0], [0.5, 1.0]
    found = first_divergence(one_input(1.0), 1e-3 * np.array([trapped, free, [0.0, 0.0]]), 2)
    assert found.recruit == 1 and np.isfinite(found.end)
    for theta in (1e-3 * np.array([trapped, trapped]), np.zeros((2, 2))):
        found = first_divergence(one_input(1.0), theta, 2)
        assert found.end == np.inf and not found.way.any()
        assert_allclose(found.before(1.0), theta)


def test_data_of_any_size_give_the_same_times_in_their_units():
    theta = 1e-3 * np.array([[0.5, 1.0], [0.2, -0.7]])
    usual = first_divergence(one_input(1.0), theta, 2)
    for size in (1e-12, 1e12):
        found = first_divergence(one_input(size, size**2), theta, 2)
        assert found.end * size == pytest.approx(usual.end, rel=1e-7)
        assert found.pace / size == pytest.approx(usual.pace, rel=1e-7)
        assert_allclose(found.way, usual.way, atol=1e-7)


def test_forces_at_rounding_are_none():
    """Even labels have no part in odd units: what is left of the force is the rounding of a sum."""
    x = np.random.default_rng(0).standard_normal((50, 3))
    x = np.concatenate([x, -x])[np.random.default_rng(1).permutation(100)]
    net = networks.pointwise(x, (x**2).sum(1, keepdims=True), "cubic")
    theta = 1e-3 * np.random.default_rng(2).standard_normal((5, 4))
    assert 0 < np.abs(lowest_field(net, theta / 1e-3)).max() < 1e-13
    assert first_divergence(lowest_task(net), theta, 3).end == np.inf
