"""Units that diverge: closed forms, and a brute-force integration."""

from __future__ import annotations

import numpy as np
import pytest

from saddle_utils.theory.divergence import diverging_times, grown_units

SCALES = np.array([1e-4, 3e-4, 1e-3])


@pytest.mark.parametrize("degree", [2, 3])
def test_a_radial_field_diverges_as_its_closed_form(degree):
    """dtheta = k |theta|^(p - 1) theta has t_inf = r^(1 - p) / ((p - 1) k), way kept."""
    k, way = 0.7, np.array([0.6, -0.8])
    theta = SCALES[:, None] * way

    def force(theta):
        return k * np.linalg.norm(theta, axis=-1, keepdims=True) ** (degree - 1) * theta

    closed = SCALES ** (1.0 - degree) / ((degree - 1) * k)
    ends, ways, rates = diverging_times(force, theta, degree)
    assert ends[2] == pytest.approx(closed[2], rel=1e-6)
    assert np.isinf(ends[:2]).all() or np.allclose(ends[:2], closed[:2], rtol=1e-6)  # given up
    np.testing.assert_allclose(ways[2], way, atol=1e-9)
    assert rates[2] == pytest.approx(k)
    time = 0.9 * closed[2]
    grown = np.linalg.norm(grown_units(force, theta, time, degree), axis=1)
    norms = (SCALES ** (1.0 - degree) - (degree - 1) * k * time) ** (1 / (1 - degree))
    np.testing.assert_allclose(grown, norms, rtol=1e-5)


def saddle(theta):
    """dv = u^2, du = 2 u v, of degree 2: what Eq. 14 is for one input."""
    v, u = theta[..., 0], theta[..., 1]
    return np.stack([u**2, 2 * u * v], axis=-1)


def test_times_are_those_of_a_brute_force_integration():
    """Quadratic units in one dimension, from random starts, to where they are a million times as
    large; there v = 1 / (2 (t_inf - t)).  One with v < 0, u^2 < 2 v^2 never gets away."""
    theta = 1e-3 * np.array([[0.5, 1.0], [-1.0, 1.0]])
    ends, _, _ = diverging_times(saddle, theta, 2)
    assert ends[0] == pytest.approx(_until(theta[0], 10.0), rel=1e-5)
    assert np.isinf(ends[1])


def _until(theta, size):
    """t_inf of one unit by small steps in the clock of its size."""
    time, step = 0.0, 1e-3
    while theta[0] < size:
        h = step / np.linalg.norm(theta)
        middle = theta + h / 2 * saddle(theta)
        theta, time = theta + h * saddle(middle), time + h
    return time + 1 / (2 * theta[0])


def test_no_time_changes_nothing_and_units_at_zero_stay():
    theta = np.array([[0.0, 0.0], [1e-3, 1e-3]])
    np.testing.assert_array_equal(grown_units(saddle, theta, 0.0, 2), theta)
    ends, _, _ = diverging_times(saddle, theta, 2)
    assert np.isinf(ends[0]) and np.isfinite(ends[1])
    assert np.isinf(diverging_times(saddle, 0 * theta, 2)[0]).all()


def test_data_of_any_size_give_the_same_times_in_their_units():
    theta = 1e-3 * np.array([[0.5, 1.0], [0.2, -0.7]])
    ends, ways, rates = diverging_times(saddle, theta, 2)
    for size in (1e-30, 1e12):
        found = diverging_times(lambda theta, size=size: size * saddle(theta), theta, 2)
        np.testing.assert_allclose(found[0] * size, ends, rtol=1e-5)
        np.testing.assert_allclose(found[1], ways, atol=1e-6)
        np.testing.assert_allclose(found[2] / size, rates, rtol=1e-5)


def test_forces_at_rounding_are_none():
    """A jagged force of 1e-14, as of a residual orthogonal to all units: none ever diverges."""
    theta = 1e-3 * np.array([[0.5, 1.0], [-1.0, 1.0]])
    calls = []

    def noise(theta):
        calls.append(1)
        return 1e-14 * np.sign(np.sin(1e9 * theta))

    ends, ways, rates = diverging_times(noise, theta, 2)
    assert np.isinf(ends).all() and not ways.any() and not rates.any()
    assert len(calls) < 20_000
