"""Waiting at a saddle: which unit leaves first, and what a drop does to those that stay.

Units that wait are so small that they see only what the saddle leaves to learn (`remainder`).  Each
family solves the wait in its own way and hands back a `Leaving` and a `Fall`, which `predictions`
strings together: quadratic units here, the others in `linear_waiting` and `relu_waiting`.
Shapes: units (runs, units, features); the networks carry data for each run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..networks import Network, Pointwise, concat


class Escape(NamedTuple):
    """A unit that is off: when, what it is (runs, 1, features), and what the others are then.

    `rival` says how near the runner-up was, 1 for a tie: the ratio of their rates of growth, or of
    their sizes for units that do not grow at a rate.
    """

    time: np.ndarray
    unit: np.ndarray
    others: np.ndarray
    rival: np.ndarray


class FirstEscape(NamedTuple):
    """The unit that leaves a saddle first: its direction (runs, 1, features), of norm 1, and index.

    `at(size)` is its departure, when it has grown to this size (runs,).
    """

    direction: np.ndarray
    recruit: np.ndarray
    at: Callable[[np.ndarray], Escape]


class Drop(NamedTuple):
    """A drop: the saddle it leads to, who waits there after `duration`, and each run's curve."""

    saddle: np.ndarray
    waiting: np.ndarray
    duration: np.ndarray
    curves: list[tuple[np.ndarray, np.ndarray]]


def residual_task(network: Network, theta: np.ndarray) -> Network:
    """The task that units theta leave to all others: the same network, taught the residual y - f.

    For networks that see moments, G = Syz - M Szz takes the place of Syz.
    """
    if not theta.shape[-2]:
        return network
    if isinstance(network, Pointwise):
        return replace(network, y=network.y - network.output(theta))
    syz = network.syz - network.moment_map(theta) @ network.szz
    return replace(network, syz=syz, syy=2 * network.loss(theta))


def best_amplitude(rest: Network, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Size (runs,) of the unit of this direction that lowers the loss most, and what it takes.

    A unit of degree p and size r has the loss L_0 - g r^(p + 1) + e r^(2 p + 2) / 2.
    """
    v, u = rest.split(direction)
    zero, one, mirrored = (rest.loss(concat([s * v, u])) for s in (0, 1, -1))
    gain, energy = (mirrored - one) / 2, np.maximum(one + mirrored - 2 * zero, 1e-300)
    return (np.abs(gain) / energy) ** (1 / (rest.degree + 1)), gain**2 / (2 * energy)


def learnable_loss(rest: Network) -> np.ndarray:
    """What any number of units could still take from the loss, tr(G Szz^+ G') / 2, (runs,).

    inf for networks that do not see moments.
    """
    if isinstance(rest, Pointwise):
        return np.full(len(rest.y), np.inf)
    return (rest.syz * (rest.syz @ np.linalg.pinv(rest.szz, hermitian=True))).sum((-2, -1)) / 2
