"""Waiting in linear networks, fully-connected or convolutional, with any input covariance.

Small units obey dTheta = Theta [[0, G], [G', 0]] with one matrix G for all (Eq. 9): waiting is an
exponential, and as any rotation among the units is a symmetry, one may always be singled out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.integrate import solve_ivp

from ...dynamics import Trajectory, flows
from ...networks import Linear
from ...observables import dense_loss
from ..waiting import Drop, Escape, FirstEscape, residual_task
from . import escape

ARRIVED = 1e-5  # of its largest gradient: a narrow network at its fixed point
LONGEST = (
    40_000  # of time, times the largest curvature: what `flows` can do without an implicit step
)


def first_linear_escape(rest: Linear, waiting: np.ndarray) -> FirstEscape:
    """The fastest pair of singular vectors of G: what all units have of it leaves as one (Eq. 9).

    Those parts are one direction of unit space.  Rotated to be a unit of its own, it leaves the
    others with nothing of the mode (the Schur complement in `theory.whitened_modes`).
    """
    g = _drive(rest)
    blank = [np.zeros((len(g), n, n)) for n in g.shape[1:]]
    rates, modes = np.linalg.eigh(np.block([[blank[0], g], [g.mT, blank[1]]]))
    mode = modes[..., -1:].mT
    strength = waiting @ mode.mT
    norm = np.maximum(np.linalg.norm(strength, axis=1), 1e-300)
    common = strength / norm[..., None]
    others = waiting - common @ (common.mT @ waiting)

    fastest = np.maximum(rates[:, -1], 1e-300)  # of a task that is learned, 0

    def at(size: np.ndarray) -> Escape:
        wait = np.log(np.maximum(size, 1e-300) / norm[:, 0]) / fastest
        grown = (others @ modes * np.exp(rates * wait[:, None])[:, None]) @ modes.mT
        return Escape(wait, size[:, None, None] * mode, grown, rates[:, -2] / fastest)

    return FirstEscape(mode, np.full(len(g), -1), at)


def linear_drop(network: Linear, start: np.ndarray, waiting: np.ndarray) -> Drop:
    """The narrow network's flow, and what it does to each feature of the units that wait.

    Waiting is linear, so a basis of features is carried along, in coordinates that grow one by one
    at the next saddle: else the slow ones would drown in the errors of the fast.
    """
    count, _, features = start.shape
    size = np.linalg.norm(start[:, -1], axis=-1)
    rate = np.linalg.norm(_drive(residual_task(network, start[:, :-1])), 2, axis=(1, 2))
    best = network.syz @ np.linalg.pinv(network.szz, hermitian=True)
    curvature = 2 * np.prod(
        [np.linalg.norm(m, 2, axis=(1, 2)) for m in (best, network.szz)], axis=0
    )
    longest = LONGEST / np.maximum(curvature, 1e-300)
    goes = (size > 0) & (40 < rate * longest)  # 40 e-folds: the least to leave and to settle
    fold, size = (
        np.where(goes, 1 / np.maximum(rate, 1e-300), longest / 1e3),
        np.where(size > 0, size, 1),
    )
    alone = flows(network, start, np.minimum(100 * fold, longest), rtol=1e-9)
    nets = [network.runs(np.array([i])) for i in range(count)]
    saddle = np.stack([run.theta[-1] for run in alone])
    q, _, r = np.linalg.svd(_drive(residual_task(network, saddle)))
    turn = np.zeros((count, features, features))
    turn[:, : network.n_v, : network.n_v], turn[:, network.n_v :, network.n_v :] = q, r.mT
    rest = [_rest(net, run) for net, run in zip(nets, alone, strict=True)]
    duration = np.minimum(rest, 30 * fold)
    carried = _carried(network, start, turn, q, r, duration)
    curves = [dense_loss(net, run) for net, run in zip(nets, alone, strict=True)]
    return Drop(saddle, waiting @ carried @ turn.mT, duration, curves)


def path_leading_log_times(network: Linear, saddles: Sequence[np.ndarray]) -> np.ndarray:
    """Times of the drops over ln(1 / eps), (runs, drops), by `linear_escape.log_race`.

    From the rates at the saddles (runs, units, features) behind which the drops begin, with or
    without convolution: what remains of a time when its constant is left out.
    """
    rates = [np.linalg.svd(_drive(residual_task(network, s)), compute_uv=False) for s in saddles]
    return np.array([escape.log_race(run) for run in zip(*rates, strict=True)])


def _drive(network: Linear) -> np.ndarray:
    """Syz as (runs, n_v, n_u), which drives all small units."""
    return network.syz.reshape(-1, network.n_v, network.n_u)


def _rest(network: Linear, run: Trajectory) -> float:
    """When a run has come to rest at a fixed point; its end if it has not."""
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
