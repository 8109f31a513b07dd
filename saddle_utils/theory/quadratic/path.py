"""From one saddle of a quadratic network or of attention to the next (Proposition 5)."""

from dataclasses import replace

import numpy as np

from ...dynamics import flows
from ...networks import Quadratic
from ...observables import dense_loss
from ..waiting import Drop, Escape, FirstEscape, arrived, impulse, residual_task
from . import escape

LONGEST = 1e3, 1e5  # a drop is followed for so many times the time scale; and that of units of rank
SLIGHT = 1e-6  # of what a unit learns: a direction that learns less has no drop


def first_quadratic_escape(rest: Quadratic, dormant: np.ndarray) -> FirstEscape:
    """The dormant unit that escapes from this saddle first (Proposition 5).

    `rest` is the residual task there and `dormant` the units (runs, units, features).  The unit has
    the smallest `escape_time`.  Near it v = 1 / (2 lambda (t_inf - t)) and |u|^2 = 2 v^2, with u
    along the eigenvector of G of the largest eigenvalue lambda for v > 0, the smallest for v < 0.
    """
    runs = np.arange(len(dormant))
    times = escape.escape_time(rest, dormant, patience=1)
    recruit, end = times.argmin(-1), times.min(-1)
    safe = np.where(np.isfinite(end), end, 0)
    unit = dormant[runs, recruit][:, None]
    up = escape.dormant_units(rest, unit, 0.999 * safe)[:, 0, 0] > 0
    values, vectors = np.linalg.eigh(rest.matrix(rest.syz)[:, 0])
    edge = np.where(up, len(values[0]) - 1, 0)
    u = vectors[runs, :, edge]
    direction = np.concatenate([np.where(up, 1, -1)[:, None], np.sqrt(2) * u], 1)[:, None]
    rate = np.maximum(np.abs(values[runs, edge]), 1e-300)

    def at(size: np.ndarray) -> Escape:
        left = np.sqrt(3) / np.maximum(2 * rate * size, 1e-300)  # |v| = size / sqrt 3
        begin = np.maximum(safe - left, 0)
        others = escape.dormant_units(rest, dormant, begin)
        unit = others[runs, recruit][:, None].copy()
        others[runs, recruit] = 0
        largest = np.linalg.norm(others, axis=-1).max(-1)
        rival = largest / np.maximum(np.linalg.norm(unit, axis=-1)[:, 0], 1e-300)
        return Escape(np.where(np.isfinite(end), end - left, np.inf), unit, others, rival)

    share = np.eye(dormant.shape[1])[recruit]
    return FirstEscape(direction / np.sqrt(3), recruit, share, at)


def quadratic_drop(network: Quadratic, start: np.ndarray, dormant: np.ndarray) -> Drop:
    """The drop of a narrow network from units `start`, of which the last is escaping.

    For dormant units of order eps it is short against their escape times of order 1 / eps: they get
    a kick by the integral of G - G(end), and otherwise move by the G of the next saddle all along.
    A unit of rank R learns R directions, one after another (`_passed`).
    """
    size = np.linalg.norm(start[:, -1], axis=-1)
    g = residual_task(network, start[:, :-1])
    rate = np.abs(np.linalg.eigvalsh(g.matrix(g.syz)[:, 0])).max(-1)
    escaping = size > 0  # where nothing is left to learn there is no drop, and no rate either
    rate = np.where(escaping, rate, 1)
    ends = LONGEST[network.rank > 1] / rate + 10 / (rate * np.where(escaping, size, 1))
    ends = np.where(escaping, ends, 1 / rate)
    runs = flows(network, start, ends, rtol=1e-8)
    saddle = np.stack([run.theta[-1] for run in runs])
    nets = [network.runs(np.array([i])) for i in range(len(start))]
    kicks = [impulse(net, run, lambda units, net=net: residual_task(net, units).syz)
             for net, run in zip(nets, runs, strict=True)]  # fmt: skip
    push = replace(g, syz=np.stack(kicks), szz=0 * g.szz)
    curves = [dense_loss(net, run) for net, run in zip(nets, runs, strict=True)]
    arrival = np.array([run.times[arrived(net, run)] for net, run in zip(nets, runs, strict=True)])
    passed = _passed(network, start, ends, network.loss(saddle)) if network.rank > 1 else None
    kicked = dormant + push.field(dormant)
    return Drop(saddle, kicked, 0 * size, arrival, curves, passed=passed)


def _passed(
    network: Quadratic, start: np.ndarray, ends: np.ndarray, bottom: np.ndarray
) -> np.ndarray:
    """Levels that the last of the units `start` passes as it learns rank by rank, (runs, R - 1).

    With dU = 2 v U G the rows of U (rank, n) stay in their span, and those of a part of low rank
    too (Theorem 3): the saddles between are where the part of rank 1, 2, ... comes to.  nan for
    those that take no more than SLIGHT of what is learned.  A rotation of the rows changes nothing,
    and leaves exact zeros, that do not grow.
    """
    rank, unit = network.rank, start[:, -1]
    shape = (len(unit), -1, rank, round(network.syz.shape[-1] ** 0.5) // rank)
    rows = unit[:, 1:].reshape(shape).swapaxes(1, 2)  # (runs, R, 1 or key and query, features)
    _, values, right = np.linalg.svd(rows.reshape(len(unit), rank, -1), full_matrices=False)
    levels, lone = [network.loss(start[:, :-1])], start.copy()
    for k in range(1, min(rank, values.shape[1])):
        part = np.zeros_like(rows)
        part[:, :k] = (values[:, :k, None] * right[:, :k]).reshape(part[:, :k].shape)
        lone[:, -1, 1:] = part.swapaxes(1, 2).reshape(len(unit), -1)
        levels.append(np.array([run.losses[-1] for run in flows(network, lone, ends, rtol=1e-8)]))
    taken = -np.diff(np.stack([*levels, bottom], axis=1))
    found = np.where(
        taken[:, 1:] > SLIGHT * taken.sum(1, keepdims=True), np.stack(levels[1:], 1), np.nan
    )
    return np.take_along_axis(found, np.argsort(np.isnan(found), axis=1, kind="stable"), 1)
