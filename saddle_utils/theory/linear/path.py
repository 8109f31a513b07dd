"""From one saddle of a linear network to the next, for any input covariance and convolutions.

Dormant units obey dTheta = Theta [[0, G], [G', 0]] with one residual matrix G for all (Eq. 9).  So
they grow as exponentials, and as rotations among the units are a symmetry, the part that escapes
can always be rotated into a unit of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.integrate import solve_ivp

from ...dynamics import Trajectory, flows
from ...networks import Linear
from ...observables import dense_loss
from ..waiting import Drop, Escape, FirstEscape, best_map, residual_task
from .saddles import log_race

ARRIVED = 1e-5  # a narrow network whose gradient is this fraction of its largest is at its saddle
LONGEST = 4e4  # longest time, times the largest curvature, as `flows` takes explicit steps


def first_linear_escape(rest: Linear, dormant: np.ndarray) -> FirstEscape:
    """The top singular pair of G, which escapes first from a saddle (Eq. 9).

    `rest` is the residual task there and `dormant` the units (runs, units, features).  Their parts
    along the pair are one direction in unit space; rotated into a unit of its own, it leaves the
    others without any part of the mode (the Schur complement in `whitened_modes`).
    """
    g = _residual_matrix(rest)
    blank = [np.zeros((len(g), n, n)) for n in g.shape[1:]]
    rates, modes = np.linalg.eigh(np.block([[blank[0], g], [g.mT, blank[1]]]))
    mode = modes[..., -1:].mT
    strength = dormant @ mode.mT
    norm = np.maximum(np.linalg.norm(strength, axis=1), 1e-300)
    common = strength / norm[..., None]
    others = dormant - common @ (common.mT @ dormant)
    fastest = np.maximum(rates[:, -1], 1e-300)  # 0 where nothing is left to learn

    def at(size: np.ndarray) -> Escape:
        time = np.log(np.maximum(size, 1e-300) / norm[:, 0]) / fastest
        grown = (others @ modes * np.exp(rates * time[:, None])[:, None]) @ modes.mT
        return Escape(time, size[:, None, None] * mode, grown, rates[:, -2] / fastest)

    return FirstEscape(mode, np.full(len(g), -1), at)


def linear_drop(network: Linear, start: np.ndarray, dormant: np.ndarray) -> Drop:
    """The drop of a narrow network from units `start`, of which the last is escaping.

    The dormant units obey a linear equation, so a basis of the features is carried along in their
    place.  It is turned into the singular vectors of G at the next saddle, where these grow one by
    one: otherwise the slow ones would drown in the errors of the fast.
    """
    count, _, features = start.shape
    rate = np.linalg.norm(_residual_matrix(residual_task(network, start[:, :-1])), 2, axis=(1, 2))
    sizes = [np.linalg.norm(m, 2, axis=(1, 2)) for m in (best_map(network), network.szz)]
    longest = LONGEST / np.maximum(2 * sizes[0] * sizes[1], 1e-300)
    moves = start[:, -1].any(-1) & (40 < rate * longest)  # e-folds: the least to escape and settle
    fold = np.where(moves, 1 / np.maximum(rate, 1e-300), longest / 1e3)
    alone = flows(network, start, np.minimum(100 * fold, longest), rtol=1e-9)
    nets = [network.runs(np.array([i])) for i in range(count)]
    saddle = np.stack([run.theta[-1] for run in alone])
    q, _, r = np.linalg.svd(_residual_matrix(residual_task(network, saddle)))
    turn = np.zeros((count, features, features))
    turn[:, : network.n_v, : network.n_v], turn[:, network.n_v :, network.n_v :] = q, r.mT
    arrival = [_arrival(net, run) for net, run in zip(nets, alone, strict=True)]
    duration = np.minimum(arrival, 30 * fold)
    carried = _carried(network, start, turn, q, r, duration)
    curves = [dense_loss(net, run) for net, run in zip(nets, alone, strict=True)]
    return Drop(saddle, dormant @ carried @ turn.mT, duration, curves)


def path_leading_log_times(network: Linear, saddles: Sequence[np.ndarray]) -> np.ndarray:
    """Times of the drops over ln(1 / eps), (runs, drops), as in `log_race`.

    They follow from the rates at the `saddles` (runs, units, features) from which the drops start,
    of convolutions too: what is left of the predicted times without their constants.
    """
    tasks = (residual_task(network, saddle) for saddle in saddles)
    rates = [np.linalg.svd(_residual_matrix(task), compute_uv=False) for task in tasks]
    return np.array([log_race(run) for run in zip(*rates, strict=True)])


def _residual_matrix(task: Linear) -> np.ndarray:
    """G of a residual task, (runs, n_v, n_u)."""
    return task.syz.reshape(-1, task.n_v, task.n_u)


def _arrival(network: Linear, run: Trajectory) -> float:
    """Time at which a run comes to a fixed point (see ARRIVED); its end if it does not."""
    speed = np.abs(network.field(run.theta)).max((1, 2))
    moving = np.flatnonzero(speed > ARRIVED * speed.max())[-1]
    return float(run.times[min(moving + 1, len(speed) - 1)])


def _carried(
    network: Linear, start: np.ndarray, turn: np.ndarray, q: np.ndarray, r: np.ndarray,
    duration: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """What a drop makes of each feature of a dormant unit, (runs, features, features).

    Dormant units see the residual of the narrow network and are not seen by it.  They are in
    coordinates turned by q (runs, n_v, n_v) and r (runs, n_u, n_u); all runs advance in one system,
    each by its own duration.
    """
    lead, (nv, pace) = start.shape[1], (network.n_v, duration[:, None, None])

    def field(_: float, flat: np.ndarray) -> np.ndarray:
        theta = flat.reshape(len(start), -1, start.shape[2])
        narrow, v, u = theta[:, :lead], theta[:, lead:, :nv], theta[:, lead:, nv:]
        g = q.mT @ network.residual(network.moment_map(narrow)) @ r.mT
        dormant = np.concatenate([u @ g.mT, v @ g], axis=-1)
        return (pace * np.concatenate([network.field(narrow), dormant], axis=1)).ravel()

    both = np.concatenate([start, turn], axis=1)
    tight = {"rtol": 1e-9, "atol": 1e-15}
    run = solve_ivp(field, (0, 1), both.ravel(), method="DOP853", **tight)
    return run.y[:, -1].reshape(both.shape)[:, lead:]
