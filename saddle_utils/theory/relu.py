"""Waiting in ReLU networks: units turn into rays, and rays grow exponentially.

A unit without a size sees only the remainder of its saddle, by a field of degree 1.  It turns until
it grows in a straight line, along a local maximum of |E[r sigma(u . x)]| over directions u, or is
dead.  The units of a ray act as one (Theorem 3 iii).  Fields that jump need fixed, short steps: a
unit whose maximum lies on a kink slides along it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..networks import Pointwise, concat
from .waiting import Drop, Escape, FirstEscape, best_amplitude, residual_task

STEP = 0.07  # of time, of what the fastest unit takes to grow e-fold
TURN, FALL, SETTLE = 200, 400, 800  # steps: to turn into rays, beside a drop, and after it
CACHED = 100_000  # bytes: arrays of activations above that size are several times slower
TINY = 1e-100  # units so small that their own part in the output is below rounding


def first_relu_escape(rest: Pointwise, waiting: np.ndarray) -> FirstEscape:
    """The units along one ray that first outgrow all others, together as one balanced unit.

    All units are followed, by the field that units without a size see, until they have turned
    (14 e-folds of the fastest direction); from there each grows at the rate that it has.
    """
    fold = efold_time(rest)
    turned = [
        heun_path(partial(_alone, rest.runs(g)), waiting[g], STEP * fold[g], TURN)[-1]
        for g in cache_groups(rest, waiting.shape[1])
    ]
    waiting = np.concatenate(turned)
    field, norm = _alone(rest, waiting), np.linalg.norm(waiting, axis=-1)
    ray = waiting / np.maximum(norm, 1e-300)[..., None]
    rates = (ray * field).sum(-1) / np.maximum(norm, 1e-300)
    runs, growing = np.arange(len(waiting)), rates * fold[:, None] > 1e-3
    fastest = np.where(growing, rates, -np.inf).argmax(-1)
    reach, _ = best_amplitude(rest, ray[runs, fastest][:, None])
    with np.errstate(divide="ignore", invalid="ignore"):
        due = np.where(growing, np.log(reach[:, None] / norm) / rates, np.inf)
    recruit = due.argmin(-1)
    same = growing & ((ray * ray[runs, recruit][:, None]).sum(-1) > 0.99)
    v, u = rest.split(ray[runs, recruit][:, None])
    parts = [part / np.maximum(np.linalg.norm(part, axis=-1), 1e-300)[..., None] for part in (v, u)]
    direction, rate = concat(parts) / np.sqrt(2), np.maximum(rates[runs, recruit], 1e-300)
    total = np.linalg.norm(np.where(same, norm, 0), axis=-1)

    rival = np.where(growing & ~same, rates, 0).max(-1) / rate

    def at(size: np.ndarray) -> Escape:
        with np.errstate(divide="ignore", invalid="ignore"):
            more = np.where(growing.any(-1), np.log(size / total) / rate, np.inf)
        grown = np.exp(rates * np.where(np.isfinite(more), more, 0)[:, None])
        others = np.where(same, 0, grown)[..., None] * waiting
        return Escape(more + TURN * STEP * fold, size[:, None, None] * direction, others, rival)

    return FirstEscape(direction, recruit, at)


def relu_drop(network: Pointwise, start: np.ndarray, waiting: np.ndarray) -> Drop:
    """The narrow network's flow beside the units that wait; then it alone, until it is at rest."""
    units = start.shape[-2]
    first, now = efold_time(network), efold_time(residual_task(network, start[:, :-1]))
    step, theta = np.minimum(STEP * now, 2 * STEP * first), np.concatenate([start, waiting], axis=1)
    parts = [
        heun_path(partial(_beside, network.runs(g), units), theta[g], step[g], FALL)
        for g in cache_groups(network, theta.shape[1])
    ]
    path = np.concatenate(parts, axis=1)
    lead, others = path[:, :, :units], path[-1, :, units:]
    lead = np.concatenate([lead, heun_path(network.field, lead[-1], 2 * STEP * first, SETTLE)[1:]])
    steps = np.concatenate([np.arange(FALL + 1.0), np.full(SETTLE, FALL)])
    settling = np.concatenate([np.zeros(FALL), np.arange(SETTLE + 1.0)])
    times = np.outer(step, steps) + np.outer(2 * STEP * first, settling)
    losses = np.stack([network.loss(theta) for theta in lead], axis=1)
    return Drop(lead[-1], others, FALL * step, list(zip(times, losses, strict=True)))


def _beside(network: Pointwise, units: int, theta: np.ndarray) -> np.ndarray:
    """The field of the first `units`, beside all others as these see it (they have no size)."""
    lead, others = theta[:, :units], theta[:, units:]
    return np.concatenate(
        [network.field(lead), _alone(residual_task(network, lead), others)], axis=1
    )


def heun_path(field: Callable, theta: np.ndarray, step: np.ndarray, count: int) -> np.ndarray:
    """`count` steps of `heun`, and the start, (count + 1, runs, units, features)."""
    path = [theta]
    for _ in range(count):
        path.append(heun_step(field, path[-1], step))
    return np.stack(path)


def tearing_rate(network: Pointwise, saddle: np.ndarray) -> np.ndarray:
    """Fastest rate at which units of one ray part, at a saddle of rays (runs, units, f), (runs,).

    Units of a ray switch on the same samples, and for these the network is linear: what units have
    of their own grows at the largest singular value of E[r x_p] over those samples, with a row for
    each output and patch.  One output and one patch leave it none at a fixed point.
    """
    rest, (_, u) = residual_task(network, saddle), network.split(saddle)
    on = (u[:, None] @ network.x.mT > 0) * 1.0  # (runs, patches, units, samples)
    pulls = np.einsum("ros,rphs,rpsk->rhopk", rest.y / network.samples, on, network.x)
    return np.linalg.norm(pulls.reshape(*u.shape[:2], -1, network.n_u), 2, axis=(2, 3)).max(-1)


def cache_groups(network: Pointwise, units: int) -> list[np.ndarray]:
    """Indices of the runs (runs,) in groups that fit into the cache, and are so much faster."""
    count = network.x.shape[0]
    each = 8 * units * network.patches * network.samples
    return np.array_split(np.arange(count), -(-count * each // CACHED))


def _alone(rest: Pointwise, theta: np.ndarray) -> np.ndarray:
    """The field on units of degree 1 as if they had no size, so that each sees `rest` alone."""
    return rest.field(TINY * theta) / TINY


def efold_time(network: Pointwise) -> np.ndarray:
    """1 / max |E[y sigma(u . x)]| over the directions u of the samples, (runs,): an e-fold."""
    samples = np.concatenate(list(np.moveaxis(network.x, -3, 0)), axis=-2)
    u = samples / np.maximum(np.linalg.norm(samples, axis=-1, keepdims=True), 1e-300)
    silent = np.zeros((*u.shape[:-1], network.n_v))
    pull = network.split(network.field(concat([silent, u])))[0]
    return 1 / np.maximum(np.linalg.norm(pull, axis=-1).max(-1), 1e-300)


def heun_step(field: Callable, theta: np.ndarray, step: np.ndarray) -> np.ndarray:
    """A step of second order; of fixed size, for units slide along the kinks of a ReLU field."""
    h = step[:, None, None]
    slope = field(theta)
    return theta + h / 2 * (slope + field(theta + h * slope))


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
