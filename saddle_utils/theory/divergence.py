"""Units that diverge: dtheta = F(theta), homogeneous of a degree p of 2 or more.

Such a unit takes a finite time t_inf, of order eps^(1 - p) from a start of size eps.  It is found
by a clock of the unit's own, ds = r^(p - 1) dt with the norm r, in which the direction moves at a
rate of order one and r grows exponentially: t_inf = int r^(1 - p) ds, exact at any eps.
"""

from collections.abc import Callable

import numpy as np
from scipy.integrate import solve_ivp

Force = Callable[[np.ndarray], np.ndarray]  # of units (\\*runs, units, features), each by itself
GONE = 1e4  # how much less time is left than at the start when a unit is on its last direction
RTOL = 1e-7  # of the integration
STRETCH = 1.5  # of units: a force that does not scale as its degree asks, to RTOL, is rounding
SPAN, SPANS = 10.0, 200  # e-folds between checks, and how often


def diverging_times(
    force: Force, theta: np.ndarray, degree: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times t_inf, inf if never; last directions, in the shape of theta; and their rates.

    Times and rates are (\\*runs, units), for theta (\\*runs, units, features).  On its last
    direction a unit obeys dr = k r^p with the rate k, so that (p - 1) k (t_inf - t) = r^(1 - p).
    Units that take longer than the first of their run are given up, and have inf as well.
    """
    norm = np.linalg.norm(theta, axis=-1)
    safe = np.where(norm > 0, norm, 1)
    way = theta / safe[..., None]
    pull, stretched = force(way), force(STRETCH * way)
    rate = np.abs(pull).max((-2, -1), keepdims=True)
    off = np.abs(stretched / STRETCH**degree - pull).max((-2, -1), keepdims=True)
    rate = np.where(off < RTOL * rate, rate, np.inf)  # rounding moves no unit
    slowness = safe ** (1 - degree) / rate[..., 0]  # of the clock
    ends, ways, paces = np.full(norm.shape, np.inf), np.zeros_like(way), np.zeros(norm.shape)
    state = np.concatenate([way, 0 * way[..., :2]], axis=-1)  # direction, ln r, time

    def parts(now: np.ndarray) -> tuple[np.ndarray, ...]:
        way = now[..., :-2]
        way = way / np.maximum(np.linalg.norm(way, axis=-1, keepdims=True), 1e-300)
        pull = force(way) / rate
        pace = (way * pull).sum(-1)
        left = np.exp(np.clip((1 - degree) * now[..., -2], -300, 300))
        return way, pull - pace[..., None] * way, pace, left

    def field(_: float, flat: np.ndarray) -> np.ndarray:
        _, turn, pace, left = parts(flat.reshape(state.shape))
        return np.concatenate([turn, pace[..., None], left[..., None]], axis=-1).ravel()

    for _ in range(SPANS):
        run = solve_ivp(field, (0, SPAN), state.ravel(), method="DOP853", rtol=RTOL, atol=1e-9)
        state = run.y[:, -1].reshape(state.shape)
        state[..., :-2], turn, pace, left = parts(state)
        gone = (np.linalg.norm(turn, axis=-1) < 1e-6 * pace) & (left < 1 / GONE)
        end = state[..., -1] + left / np.where(gone, (degree - 1) * pace, 1)
        new = gone & np.isinf(ends)
        ends[new], ways[new] = (end * slowness)[new], state[..., :-2][new]
        paces[new] = np.broadcast_to(rate[..., 0], pace.shape)[new] * pace[new]
        waits = (norm > 0) & (state[..., -1] * slowness < ends.min(-1, keepdims=True))
        if not (waits & ~gone & np.isfinite(rate[..., 0]) & pull.any(-1)).any():
            break
    return ends, ways, paces


def grown_units(force: Force, theta: np.ndarray, time: np.ndarray, degree: int) -> np.ndarray:
    """Units theta (\\*runs, units, features) after a time (\\*runs,) at which none has diverged."""
    scale = np.linalg.norm(theta, axis=-1).max(-1)[..., None, None]
    pace = np.reshape(time, scale.shape) * scale ** (degree - 1)
    if not pace.any():
        return theta.copy()

    def field(_: float, flat: np.ndarray) -> np.ndarray:
        return (pace * force(flat.reshape(theta.shape))).ravel()

    begin = theta / np.where(scale > 0, scale, 1)
    run = solve_ivp(field, (0, 1), begin.ravel(), method="DOP853", rtol=RTOL, atol=1e-10)
    return run.y[:, -1].reshape(theta.shape) * scale
