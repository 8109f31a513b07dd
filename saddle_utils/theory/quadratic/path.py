"""From one saddle of a quadratic network or of attention to the next (Proposition 5)."""

from dataclasses import replace

import numpy as np
from scipy.signal import find_peaks

from ...dynamics import Trajectory, flows
from ...networks import Quadratic
from ...observables import dense_loss
from ..divergence import first_escape
from ..waiting import Drop, FirstEscape, arrived, impulse, residual_task

LONGEST = 1e3, 1e5  # a drop is followed for so many times the time scale; and that of units of rank
SLIGHT = 0.1  # of the largest singular value of a unit: a direction that ends smaller has no drop


def first_quadratic_escape(rest: Quadratic, dormant: np.ndarray) -> FirstEscape:
    """The dormant unit that escapes from this saddle first (Proposition 5, `first_escape`)."""
    return first_escape(rest, dormant, 2)


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
    nets = [network.runs(np.array([i])) for i in range(len(start))]
    runs = list(zip(nets, flows(network, start, ends, rtol=1e-8), strict=True))
    saddle = np.stack([run.theta[-1] for _, run in runs])
    kicks = [impulse(net, run, lambda units, net=net: residual_task(net, units).syz)
             for net, run in runs]  # fmt: skip
    push = replace(g, syz=np.stack(kicks), szz=0 * g.szz)
    curves = [dense_loss(net, run) for net, run in runs]
    arrival = np.array([run.times[arrived(net, run)] for net, run in runs])
    passed = np.stack([_passed(net, run) for net, run in runs]) if network.rank > 1 else None
    kicked = dormant + push.field(dormant)
    return Drop(saddle, kicked, 0 * size, arrival, curves, passed=passed)


def _passed(network: Quadratic, run: Trajectory) -> np.ndarray:
    """Levels at which a fall is slowest while its last unit learns rank by rank, (R - 1,).

    With dU = 2 v U G the rows of U (rank, n) stay in their span, and those of a part of low rank
    too (Theorem 3): there is a saddle where U has rank 1, 2, ...  How near the unit comes before
    its next direction has grown, the exact flow says.  A direction is learned once its singular
    value is two thirds of what it ends with.  Where the loss is nowhere slowest between two
    directions, these fall as one; nan behind the last.
    """
    sides = network.sides(run.theta[:, -1, 1:])
    rows = np.concatenate([side.reshape(len(side), network.rank, -1) for side in sides], axis=-1)
    values = np.linalg.svd(rows, compute_uv=False)
    large = values > np.maximum(values[-1] * 2 / 3, SLIGHT * values[-1, 0])
    learned = np.logical_and.accumulate(large, axis=1).sum(1)
    slope = (network.field(run.theta) ** 2).sum((1, 2))
    slow, found = find_peaks(-slope)[0], np.full(network.rank - 1, np.nan)
    between = [some for k in range(1, learned[-1]) if len(some := slow[learned[slow] == k])]
    found[: len(between)] = [run.losses[some[slope[some].argmin()]] for some in between]
    return found
