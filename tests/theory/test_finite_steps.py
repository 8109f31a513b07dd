"""Growth and cycles of steps of finite size: against the iterated maps."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from saddle_utils.theory.finite_steps import discrete_growth_rate, slowdown, two_cycle


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9])
def test_growth_rate_is_that_of_the_recursion(beta):
    """Heavy ball on dtheta = s theta, iterated until only the largest root is left."""
    for s, lr in itertools.product((0.01, 0.3, 2.0), (0.01, 0.4)):
        theta, move = 1.0, 0.0
        for _ in range(3000):
            move = beta * move + s * theta
            before, theta = theta, theta + lr * move
            theta, move, before = theta / before, move / before, 1.0
        np.testing.assert_allclose(np.log(theta) / lr, discrete_growth_rate(s, lr, beta), rtol=1e-9)
    np.testing.assert_allclose(discrete_growth_rate(1.0, 1e-7, beta), 1 / (1 - beta), rtol=1e-3)


@pytest.mark.parametrize("multiple", [1.05, 1.2])
def test_two_cycle_is_that_of_the_map(multiple):
    u, seen = 0.4, []
    for step in range(3000):
        u = u * (1 + multiple - multiple * u * u)
        seen += [u * u] if step > 2990 else []
    np.testing.assert_allclose(np.sort(seen[-2:])[::-1], two_cycle(multiple), rtol=1e-9)
    np.testing.assert_array_equal(two_cycle(0.9) ** 0, 1)  # no cycle below the edge: no nan


@pytest.mark.parametrize("beta", [0.0, 0.6])
def test_the_slowdown_is_that_of_counted_steps(beta):
    """Steps to grow a million-fold times lr, over the time in which flow does."""
    for product in (0.05, 0.7):
        theta, move, steps = 1.0, 0.0, 0
        while theta < 1e60:  # so far that what the start costs does not count
            move = beta * move + product * theta
            theta, steps = theta + move, steps + 1
        ratio = steps * product / np.log(1e60)
        assert slowdown(product, beta) == pytest.approx(ratio, rel=0.03)
    assert slowdown(1.0) == pytest.approx(1 / np.log(2))
