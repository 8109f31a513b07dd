"""The ReLU analogue of Theorem 4: directions in which small units of the plane grow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..networks import Pointwise

TOLERANCE = 1e-9  # of angles and slopes where an extremum lies on a kink


@dataclass(frozen=True)
class ReluDirections:
    """Directions into which small ReLU units align, the fastest first.

    directions (n, 2) unit vectors, rates U (n,) and signs (n,) of the v that each serves.
    """

    directions: np.ndarray
    rates: np.ndarray
    signs: np.ndarray

    @property
    def first_time(self) -> float:
        """Time of the first drop over ln(1 / eps), 1 / U_1, for balanced units |v_i| = |u_i|."""
        return float(1 / self.rates[0])

    @property
    def exponent(self) -> float:
        """Exponent 1 - U_2 / U_1 to which the units of the second direction are suppressed."""
        return float(1 - self.rates[1] / self.rates[0]) if len(self.rates) > 1 else 1.0


def relu_directions(network: Pointwise) -> ReluDirections:
    """Local maxima of |E[y sigma(u . x)]| over unit vectors u of the plane, exactly.

    The ReLU analogue of Theorem 4: a balanced unit near zero grows at the rate |E[y sigma(u . x)]|
    while u turns uphill.  Between the kinks u . x_p = 0 the mean is A . u with one vector A, so its
    extrema lie along A where that is in the cell, or on a kink (where units slide).
    ValueError unless it is a ReLU network of one output and one patch with two inputs; or if no
    direction grows.
    """
    if getattr(network, "phi", None) != "relu" or (network.n_v, network.n_u) != (1, 2):
        raise ValueError("wanted a ReLU network with one output, one patch and two inputs")
    x, y = network.x[0], network.y[0]
    x, y = x[np.any(x != 0, axis=1)], y[np.any(x != 0, axis=1)]
    turn = np.arctan2(x[:, 1], x[:, 0])
    kinks = np.unique(np.concatenate([turn + np.pi / 2, turn - np.pi / 2]) % (2 * np.pi))
    kinks = kinks[np.diff(kinks, prepend=kinks[-1] - 2 * np.pi) > TOLERANCE]
    width = np.diff(kinks, append=kinks[0] + 2 * np.pi)
    inside = _circle(kinks + width / 2) @ x.T > 0
    a = inside @ (y[:, None] * x) / network.samples  # cell k lies between kinks k and k + 1
    size, along = np.linalg.norm(a, axis=1), np.arctan2(a[:, 1], a[:, 0])
    found = []
    for half, sign in ((0, 1), (np.pi, -1)):  # A . u = |A| at its angle, -|A| opposite
        into = (along + half - kinks) % (2 * np.pi)
        own = (size > 0) & (TOLERANCE < into) & (into < width - TOLERANCE)
        found.append(np.stack([along + half, sign * size], axis=1)[own])
    value, normal = np.sum(a * _circle(kinks), axis=1), _circle(kinks + np.pi / 2)
    slope = [np.sign(value) * np.sum(cell * normal, axis=1) for cell in (np.roll(a, 1, 0), a)]
    small = TOLERANCE * size.max()
    peak = (slope[0] >= -small) & (slope[1] <= small) & (np.abs(value) > small)
    angle, value = np.concatenate([*found, np.stack([kinks, value], axis=1)[peak]]).T
    if not len(value):
        raise ValueError("E[y sigma(u . x)] vanishes for all u: no direction grows")
    order = np.argsort(-np.abs(value))
    return ReluDirections(_circle(angle[order]), np.abs(value[order]), np.sign(value[order]))


def _circle(angles: np.ndarray) -> np.ndarray:
    return np.stack([np.cos(angles), np.sin(angles)], axis=-1)
