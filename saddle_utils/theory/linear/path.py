"""From one saddle of a linear network to the next, for any input covariance and convolutions.

Dormant units obey dTheta = Theta A with A = [[0, G], [G', 0]]', one residual matrix G for all (Eq.
9).  So they grow as exponentials beside a saddle, and by a fundamental matrix along a drop; and as
rotations among the units are a symmetry, the part that escapes can always be rotated into a unit of
its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.interpolate import CubicHermiteSpline

from ...dynamics import Trajectory, flows
from ...networks import Linear
from ...observables import dense_loss
from ..waiting import Drop, Escape, FirstEscape, arrived, best_amplitude, best_map, residual_task
from .saddles import log_race

LONGEST = 1e6  # longest time, times the largest curvature, for which a narrow network is followed
SLOW = 1e-3  # modes that grow so much slower than the fastest wait for ever
SLIGHT = 1e-6  # and so do those that can take no more than this fraction of the loss
SMALL = 1e-3  # of the size of a saddle: dormant units that are larger fall with them
CHUNK = 16  # steps of a run for which dormant units are carried along at once


def first_linear_escape(rest: Linear, dormant: np.ndarray) -> FirstEscape:
    """The singular pair of G that escapes first from a saddle (Eq. 9).

    `rest` is the residual task there and `dormant` the units (runs, units, features).  Each pair
    grows at its singular value, and the first to reach its best size goes.  Its parts in the units
    are one direction in unit space; rotated into a unit of its own, it leaves the others without
    any part of the pair (the Schur complement in `whitened_modes`).
    """
    rates, modes = np.linalg.eigh(_generator(_residual_matrix(rest)))
    strength, runs = dormant @ modes, np.arange(len(modes))
    norm = np.maximum(np.linalg.norm(strength, axis=1), 1e-300)
    due = np.full(rates.shape, np.inf)
    for k in range(rates.shape[1])[-min(rest.n_v, rest.n_u) :]:
        reach, taken = best_amplitude(rest, modes[:, None, :, k])
        able = (rates[:, k] > SLOW * rates[:, -1]) & (taken > SLIGHT * rest.syy / 2)
        ratio = np.maximum(reach / norm[:, k], 1e-300)
        due[:, k] = np.where(able, np.log(ratio) / np.maximum(rates[:, k], 1e-300), np.inf)
    k = np.where(np.isfinite(due).any(1), due.argmin(1), rates.shape[1] - 1)
    rate, size = np.maximum(rates[runs, k], 1e-300), norm[runs, k]
    share = strength[runs, :, k] / size[:, None]
    row = share[:, None] @ dormant
    others = dormant - share[..., None] @ row
    rival = np.where(np.arange(rates.shape[1]) == k[:, None], 0, rates).max(1) / rate

    def at(goal: np.ndarray) -> Escape:
        time = np.log(np.maximum(goal, 1e-300) / size) / rate
        grown = np.exp(rates * np.maximum(time, 0)[:, None])[:, None]
        unit, rest = (((part @ modes) * grown) @ modes.mT for part in (row, others))
        return Escape(time, unit, rest, np.minimum(rival, 1))

    return FirstEscape(modes[runs, :, k][:, None], np.full(len(runs), -1), share, at)


def linear_drop(network: Linear, start: np.ndarray, dormant: np.ndarray) -> Drop:
    """The drop of a narrow network from units `start`, of which the last is escaping.

    The dormant units obey a linear equation, so a basis of the features is carried along in their
    place.  It is turned into the singular vectors of G at the next saddle, where these grow one by
    one: otherwise the slow ones would drown in the errors of the fast.
    """
    sizes = [np.linalg.norm(m, 2, axis=(1, 2)) for m in (best_map(network), network.szz)]
    longest = LONGEST / np.maximum(2 * sizes[0] * sizes[1], 1e-300)
    longest = np.where(start[:, -1].any(-1), longest, 1 / LONGEST * longest)
    alone = flows(network, start, longest, rtol=1e-8)
    nets = [network.runs(np.array([i])) for i in range(len(start))]
    carried = [_carried(*each) for each in zip(nets, alone, dormant, strict=True)]
    columns = (np.stack(column) for column in zip(*carried, strict=True))
    curves = [dense_loss(net, run) for net, run in zip(nets, alone, strict=True)]
    return Drop(np.stack([run.theta[-1] for run in alone]), *columns, curves)


def fundamental_matrices(network: Linear, run: Trajectory, first: int, last: int) -> np.ndarray:
    """What each step from record `first` to `last` of a run makes of a dormant unit, (steps, n, n).

    A dormant unit (a row) becomes unit @ matrix: it obeys Eq. 9 with the residual of the run, and
    is not seen by it.  Each step is a commutator-free exponential of fourth order; as A is
    symmetric, it is exact where A is constant, however long the step.
    """
    part = slice(first, last + 1)
    times, theta = run.times[part], run.theta[part]
    path, steps = CubicHermiteSpline(times, theta, network.field(theta)), np.diff(times)
    early, late = (
        _generator(network.residual(network.moment_map(path(times[:-1] + share * steps))))
        for share in (0.5 - np.sqrt(3) / 6, 0.5 + np.sqrt(3) / 6)
    )
    big, small = (3 + 2 * np.sqrt(3)) / 12, (3 - 2 * np.sqrt(3)) / 12
    pair = np.stack([big * early + small * late, small * early + big * late])
    rates, modes = np.linalg.eigh(pair * steps[:, None, None])
    former, latter = (modes * np.exp(rates)[..., None, :]) @ modes.mT
    return former @ latter


def _carried(
    network: Linear, run: Trajectory, dormant: np.ndarray
) -> tuple[np.ndarray, float, float, np.ndarray]:
    """Dormant units (units, n) beside a run, carried along until it is at its saddle.

    Also for how long, when the run is there, and nan (units,).  If they are no longer small before,
    these are inf and the direction in unit space whose growing part is the largest.
    """
    last = arrived(network, run)
    turn = np.linalg.eigh(_generator(network.residual(network.moment_map(run.theta[-1:])))[0])[1]
    large, total = SMALL * np.linalg.norm(run.theta[-1]), turn
    for first in range(0, last, CHUNK):
        steps = turn.T @ fundamental_matrices(network, run, first, min(first + CHUNK, last)) @ turn
        for k, step in enumerate(steps, first + 1):
            total = total @ step
            if np.abs(grown := dormant @ total).max() > large:
                grown = grown @ turn.T
                here = network.residual(network.moment_map(run.theta[k : k + 1]))
                growing = np.linalg.eigh(_generator(here)[0])[1][:, -min(here.shape[1:]) :]
                share = np.linalg.svd(grown @ growing, full_matrices=False)[0][:, 0]
                return grown, run.times[k], np.inf, share
    none = np.full(len(dormant), np.nan)
    return dormant @ total @ turn.T, run.times[last], run.times[last], none


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


def _generator(g: np.ndarray) -> np.ndarray:
    """The symmetric matrix A of dormant units, dtheta = theta A, from G (\\*runs, n_v, n_u)."""
    v, n = g.shape[-2], sum(g.shape[-2:])
    a = np.zeros((*g.shape[:-2], n, n))
    a[..., :v, v:], a[..., v:, :v] = g, g.mT
    return a
