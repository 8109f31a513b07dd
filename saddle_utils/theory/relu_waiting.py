"""Waiting in ReLU networks: units turn into rays, and rays grow exponentially.

A unit without a size sees only the remainder of its saddle, by a field of degree 1.  It turns until
it grows in a straight line, along a local maximum of |E[r sigma(u . x)]| over directions u, or is
dead.  The units of a ray act as one (Theorem 3 iii).  Fields that jump need fixed, short steps: a
unit whose maximum lies on a kink slides along it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from ..networks import Pointwise
from ..networks.base import concat
from .waiting import Departure, Fall, Leaving, best_unit, remainder

STEP = 0.07  # of time, of what the fastest unit takes to grow e-fold
TURN, FALL, SETTLE = 200, 400, 800  # steps: to turn into rays, beside a drop, and after it
CACHED = 100_000  # bytes: arrays of activations above that size are several times slower
TINY = 1e-100  # units so small that their own part in the output is below rounding


def relu_leaving(rest: Pointwise, waiting: np.ndarray) -> Leaving:
    """The units along one ray that first outgrow all others, together as one balanced unit.

    All units are followed, by the field that units without a size see, until they have turned
    (14 e-folds of the fastest direction); from there each grows at the rate that it has.
    """
    fold = pace(rest)
    turned = [
        walk(partial(_alone, rest.runs(g)), waiting[g], STEP * fold[g], TURN)[-1]
        for g in groups(rest, waiting.shape[1])
    ]
    waiting = np.concatenate(turned)
    field, norm = _alone(rest, waiting), np.linalg.norm(waiting, axis=-1)
    ray = waiting / np.maximum(norm, 1e-300)[..., None]
    rates = (ray * field).sum(-1) / np.maximum(norm, 1e-300)
    runs, growing = np.arange(len(waiting)), rates * fold[:, None] > 1e-3
    fastest = np.where(growing, rates, -np.inf).argmax(-1)
    reach, _ = best_unit(rest, ray[runs, fastest][:, None])
    with np.errstate(divide="ignore", invalid="ignore"):
        due = np.where(growing, np.log(reach[:, None] / norm) / rates, np.inf)
    recruit = due.argmin(-1)
    same = growing & ((ray * ray[runs, recruit][:, None]).sum(-1) > 0.99)
    v, u = rest.split(ray[runs, recruit][:, None])
    parts = [part / np.maximum(np.linalg.norm(part, axis=-1), 1e-300)[..., None] for part in (v, u)]
    direction, rate = concat(parts) / np.sqrt(2), np.maximum(rates[runs, recruit], 1e-300)
    total = np.linalg.norm(np.where(same, norm, 0), axis=-1)

    rival = np.where(growing & ~same, rates, 0).max(-1) / rate

    def at(size: np.ndarray) -> Departure:
        with np.errstate(divide="ignore", invalid="ignore"):
            more = np.where(growing.any(-1), np.log(size / total) / rate, np.inf)
        grown = np.exp(rates * np.where(np.isfinite(more), more, 0)[:, None])
        others = np.where(same, 0, grown)[..., None] * waiting
        return Departure(more + TURN * STEP * fold, size[:, None, None] * direction, others, rival)

    return Leaving(direction, recruit, at)


def relu_fall(network: Pointwise, start: np.ndarray, waiting: np.ndarray) -> Fall:
    """The narrow network's flow beside the units that wait; then it alone, until it is at rest."""
    units = start.shape[-2]
    first, now = pace(network), pace(remainder(network, start[:, :-1]))
    step, theta = np.minimum(STEP * now, 2 * STEP * first), np.concatenate([start, waiting], axis=1)
    parts = [
        walk(partial(_beside, network.runs(g), units), theta[g], step[g], FALL)
        for g in groups(network, theta.shape[1])
    ]
    path = np.concatenate(parts, axis=1)
    lead, others = path[:, :, :units], path[-1, :, units:]
    lead = np.concatenate([lead, walk(network.field, lead[-1], 2 * STEP * first, SETTLE)[1:]])
    steps = np.concatenate([np.arange(FALL + 1.0), np.full(SETTLE, FALL)])
    settling = np.concatenate([np.zeros(FALL), np.arange(SETTLE + 1.0)])
    times = np.outer(step, steps) + np.outer(2 * STEP * first, settling)
    losses = np.stack([network.loss(theta) for theta in lead], axis=1)
    return Fall(lead[-1], others, FALL * step, list(zip(times, losses, strict=True)))


def _beside(network: Pointwise, units: int, theta: np.ndarray) -> np.ndarray:
    """The field of the first `units`, beside all others as these see it (they have no size)."""
    lead, others = theta[:, :units], theta[:, units:]
    return np.concatenate([network.field(lead), _alone(remainder(network, lead), others)], axis=1)


def walk(field: Callable, theta: np.ndarray, step: np.ndarray, count: int) -> np.ndarray:
    """`count` steps of `heun`, and the start, (count + 1, runs, units, features)."""
    path = [theta]
    for _ in range(count):
        path.append(heun(field, path[-1], step))
    return np.stack(path)


def tearing_rate(network: Pointwise, saddle: np.ndarray) -> np.ndarray:
    """Fastest rate at which units of one ray part, at a saddle of rays (runs, units, f), (runs,).

    Units of a ray switch on the same samples, and for these the network is linear: what units have
    of their own grows at the largest singular value of E[r x_p] over those samples, with a row for
    each output and patch.  One output and one patch leave it none at a fixed point.
    """
    rest, (_, u) = remainder(network, saddle), network.split(saddle)
    on = (u[:, None] @ network.x.mT > 0) * 1.0  # (runs, patches, units, samples)
    pulls = np.einsum("ros,rphs,rpsk->rhopk", rest.y / network.samples, on, network.x)
    return np.linalg.norm(pulls.reshape(*u.shape[:2], -1, network.n_u), 2, axis=(2, 3)).max(-1)


def groups(network: Pointwise, units: int) -> list[np.ndarray]:
    """Indices of the runs (runs,) in groups that fit into the cache, and are so much faster."""
    count = network.x.shape[0]
    each = 8 * units * network.patches * network.samples
    return np.array_split(np.arange(count), -(-count * each // CACHED))


def _alone(rest: Pointwise, theta: np.ndarray) -> np.ndarray:
    """The field on units of degree 1 as if they had no size, so that each sees `rest` alone."""
    return rest.field(TINY * theta) / TINY


def pace(network: Pointwise) -> np.ndarray:
    """1 / max |E[y sigma(u . x)]| over the directions u of the samples, (runs,): an e-fold."""
    samples = np.concatenate(list(np.moveaxis(network.x, -3, 0)), axis=-2)
    u = samples / np.maximum(np.linalg.norm(samples, axis=-1, keepdims=True), 1e-300)
    silent = np.zeros((*u.shape[:-1], network.n_v))
    pull = network.split(network.field(concat([silent, u])))[0]
    return 1 / np.maximum(np.linalg.norm(pull, axis=-1).max(-1), 1e-300)


def heun(field: Callable, theta: np.ndarray, step: np.ndarray) -> np.ndarray:
    """A step of second order; of fixed size, for units slide along the kinks of a ReLU field."""
    h = step[:, None, None]
    slope = field(theta)
    return theta + h / 2 * (slope + field(theta + h * slope))
