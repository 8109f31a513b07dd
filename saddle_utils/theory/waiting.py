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
from scipy.interpolate import CubicHermiteSpline, CubicSpline

from ..ensembles import flows
from ..networks import Network, Pointwise, Quadratic
from ..networks.base import concat
from ..trajectories import Trajectory
from . import escape


class Departure(NamedTuple):
    """A unit that is off: when, what it is (runs, 1, features), and what the others are then.

    `rival` says how near the runner-up was, 1 for a tie: the ratio of their rates of growth, or of
    their sizes for units that do not grow at a rate.
    """

    time: np.ndarray
    unit: np.ndarray
    others: np.ndarray
    rival: np.ndarray


class Leaving(NamedTuple):
    """The unit that leaves a saddle first: its direction (runs, 1, features), of norm 1, and index.

    `at(size)` is its departure, when it has grown to this size (runs,).
    """

    direction: np.ndarray
    recruit: np.ndarray
    at: Callable[[np.ndarray], Departure]


class Fall(NamedTuple):
    """A drop: the saddle it leads to, who waits there after `duration`, and each run's curve."""

    saddle: np.ndarray
    waiting: np.ndarray
    duration: np.ndarray
    curves: list[tuple[np.ndarray, np.ndarray]]


def remainder(network: Network, theta: np.ndarray) -> Network:
    """The task that units theta leave to all others: the same network, taught the residual y - f.

    For networks that see moments, G = Syz - M Szz takes the place of Syz.
    """
    if not theta.shape[-2]:
        return network
    if isinstance(network, Pointwise):
        return replace(network, y=network.y - network.output(theta))
    syz = network.syz - network.moment_map(theta) @ network.szz
    return replace(network, syz=syz, syy=2 * network.loss(theta))


def curve(network: Network, run: Trajectory, finer: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Times and losses of a gradient flow, `finer` points for each of its steps.

    A cubic through losses and slopes, dL/dt = -|dL/dtheta|^2, which the field supplies.
    """
    slopes = -(network.field(run.theta) ** 2).sum((-2, -1))
    places = np.arange(len(run.times))
    times = np.interp(np.arange(finer * places[-1] + 1) / finer, places, run.times)
    return times, CubicHermiteSpline(run.times, run.losses, slopes)(times)


def crossing(times: np.ndarray, losses: np.ndarray, level: float) -> float:
    """When a loss curve first passes a level, linear between two points; nan if it does not."""
    k = int(np.argmax(losses <= level))
    return float(np.interp(-level, -losses[k - 1 : k + 1], times[k - 1 : k + 1])) if k else np.nan


def best_unit(rest: Network, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Size (runs,) of the unit of this direction that lowers the loss most, and what it takes.

    A unit of degree p and size r has the loss L_0 - g r^(p + 1) + e r^(2 p + 2) / 2.
    """
    v, u = rest.split(direction)
    zero, one, mirrored = (rest.loss(concat([s * v, u])) for s in (0, 1, -1))
    gain, energy = (mirrored - one) / 2, np.maximum(one + mirrored - 2 * zero, 1e-300)
    return (np.abs(gain) / energy) ** (1 / (rest.degree + 1)), gain**2 / (2 * energy)


def learnable(rest: Network) -> np.ndarray:
    """What any number of units could still take from the loss, tr(G Szz^+ G') / 2, (runs,).

    inf for networks that do not see moments.
    """
    if isinstance(rest, Pointwise):
        return np.full(len(rest.y), np.inf)
    return (rest.syz * (rest.syz @ np.linalg.pinv(rest.szz, hermitian=True))).sum((-2, -1)) / 2


# Quadratic networks and linear attention: each unit alone by Eq. 14, until one diverges.


def quadratic_leaving(rest: Quadratic, waiting: np.ndarray) -> Leaving:
    """The unit with the smallest time of divergence (Proposition 5), its direction in the limit.

    The end is v = 1 / (2 lambda (t_inf - t)), |u|^2 = 2 v^2, with u along the eigenvector of G with
    the largest eigenvalue lambda for v > 0, the smallest for v < 0.
    """
    runs = np.arange(len(waiting))
    times = escape.escape_time(rest, waiting, patience=1)
    recruit, end = times.argmin(-1), times.min(-1)
    safe = np.where(np.isfinite(end), end, 0)
    unit = waiting[runs, recruit][:, None]
    up = escape.units_alone(rest, unit, 0.999 * safe)[:, 0, 0] > 0
    values, vectors = np.linalg.eigh(rest.matrix(rest.syz)[:, 0])
    edge = np.where(up, len(values[0]) - 1, 0)
    u = vectors[runs, :, edge]
    direction = np.concatenate([np.where(up, 1, -1)[:, None], np.sqrt(2) * u], 1)[:, None]
    rate = np.maximum(np.abs(values[runs, edge]), 1e-300)

    def at(size: np.ndarray) -> Departure:
        left = np.sqrt(3) / np.maximum(2 * rate * size, 1e-300)  # |v| = size / sqrt 3
        begin = np.maximum(safe - left, 0)
        others = escape.units_alone(rest, waiting, begin)
        unit = others[runs, recruit][:, None].copy()
        others[runs, recruit] = 0
        largest = np.linalg.norm(others, axis=-1).max(-1)
        rival = largest / np.maximum(np.linalg.norm(unit, axis=-1)[:, 0], 1e-300)
        return Departure(np.where(np.isfinite(end), begin, np.inf), unit, others, rival)

    return Leaving(direction / np.sqrt(3), recruit, at)


def quadratic_fall(network: Quadratic, start: np.ndarray, waiting: np.ndarray) -> Fall:
    """The narrow network's flow.  For units of size eps it is a kick, short against 1 / eps.

    Against a switch to the new residual at once, it turns them by the integral of G - G(end).
    """
    size = np.linalg.norm(start[:, -1], axis=-1)
    g = remainder(network, start[:, :-1])
    rate = np.abs(np.linalg.eigvalsh(g.matrix(g.syz)[:, 0])).max(-1)
    ends = 1000 / rate + np.where(size > 0, 10 / (rate * np.where(size > 0, size, 1)), 0)
    runs = flows(network, start, ends, rtol=1e-8)
    saddle = np.stack([run.theta[-1] for run in runs])
    kicks = []
    for i, run in enumerate(runs):
        left = remainder(network.runs(np.array([i])), run.theta).syz
        kicks.append(CubicSpline(run.times, left - left[-1]).integrate(0, run.times[-1]))
    impulse = replace(g, syz=np.stack(kicks), szz=0 * g.szz)
    curves = [curve(network.runs(np.array([i])), run) for i, run in enumerate(runs)]
    return Fall(saddle, waiting + impulse.field(waiting), np.zeros(len(start)), curves)
