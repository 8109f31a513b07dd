"""Escape of dormant quadratic units and attention heads from a saddle (Eq. 14, Proposition 5).

A dormant unit (v; u) obeys dv = u' S u, du = 2 v S u with S = E[y Z] = sum_k lambda_k w_k w_k', by
itself.  With A the integral of v and c_k = w_k . u(0) the solution is w_k . u = c_k exp(2 lambda_k
A), which leaves dv/dt = sum_k lambda_k c_k^2 exp(4 lambda_k A), dA/dt = v.  All times are
gradient-flow times of L = E|y - f|^2 / 2; eps is the scale of the initial weights.
"""

from dataclasses import replace

import numpy as np
from scipy.integrate import solve_ivp

from ...dynamics import flows
from ...networks import Network, Quadratic

SPAN = 30.0  # of s = int |theta| dt between checks: units grow by exp(1.15 s) at the fastest rate
DIVERGED = 1e9  # size of a unit times its rate and the time, from which it has escaped
MAX_SPANS = 1000  # so that units grow out of directions a thousand times slower than the fastest


def one_unit_profile(network: Quadratic, angles: np.ndarray) -> np.ndarray:
    """Lowest loss of a single unit of the plane in the direction of each angle, (angles,).

    L(u) = (E|y|^2 - (u' Syz u)^2 / E[(u' Z u)^2]) / 2, for one output and the best amplitude.
    """
    psi = network.features(np.stack([np.cos(angles), np.sin(angles)], axis=-1))
    energy = np.einsum("ia,ab,ib->i", psi, network.szz, psi)
    return (network.syy - (psi @ network.syz[0]) ** 2 / energy) / 2


def escape_time(network: Quadratic, theta: np.ndarray, rtol: float = 1e-10) -> np.ndarray:
    """Escape times t_inf at which each unit by itself diverges by Eq. 14, (\\*ensemble, units).

    A unit that never escapes has inf: for S > 0, v < 0 and 2 v^2 > |u|^2.  theta (\\*ensemble,
    units, features) may have any size, t_inf(eps theta) = t_inf(theta) / eps, and the network may
    have data for each run of the ensemble.  Eq. 14 is integrated over ds = |theta| dt, in which a
    unit grows exponentially and a turning point of A is harmless; `rtol` is the tolerance of a step
    for all units together, and the times of single ones are good to about ten times that.
    ValueError unless the network is quadratic with one output and theta fits.
    """
    theta, values, w = _modes(network, theta)
    fastest = np.abs(values).max(-1, keepdims=True)
    fastest = np.where(fastest == 0, 1, fastest)
    rates = np.where(np.abs(values) > 1e-12 * fastest, values / fastest, 0)
    norm = np.linalg.norm(theta, axis=-1)
    safe = np.where(norm == 0, 1, norm)
    v, u = network.split(theta / safe[..., None])
    v, c2 = v.ravel(), (u @ w) ** 2
    rates = np.broadcast_to(rates[..., None, :], c2.shape).reshape(-1, network.n_u)
    c2 = c2.reshape(rates.shape)
    unit_of_time = (1 / safe / fastest).ravel()
    tau = np.full(norm.shape, np.inf)
    left = np.flatnonzero(~_trapped(v, c2, rates))
    state = np.stack([0 * v, v, 0 * v])[:, left]  # A, v and t
    for _ in range(MAX_SPANS):
        if not len(left):
            break
        state, size, force = _advance(state, c2[left], rates[left], rtol)
        gone = (size > 1e7) & (state[1] * force > 0)
        end = state[2] + state[1] / force  # v = 1 / (2 lambda (t_inf - t))
        tau.ravel()[left[gone]] = (end * unit_of_time[left])[gone]
        left, state = left[~gone], state[:, ~gone]
    return tau


def dormant_units(network: Quadratic, theta: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Dormant units after a `time` (\\*ensemble,) of Eq. 14, each by itself, shape of theta.

    It is the gradient flow of a network whose output costs nothing, Szz = 0.  The time must be
    before every `escape_time` of the units theta (\\*ensemble, units, features).  ValueError as
    there, or if a unit escapes before.
    """
    theta, values, _ = _modes(network, theta)
    units = theta.reshape(-1, *theta.shape[-2:])
    time = np.broadcast_to(np.asarray(time, dtype=float), theta.shape[:-2]).ravel()
    moves, moved = np.flatnonzero((time > 0) & units.any((-2, -1))), units.copy()
    alone = replace(network, szz=0 * network.szz).runs(moves)
    runs = flows(alone, units[moves], time[moves], rtol=1e-9) if len(moves) else []
    for at, run in zip(moves, runs, strict=True):
        moved[at] = run.theta[-1]
    fastest = np.abs(values).max(-1)[..., None]  # of each run
    grown = np.linalg.norm(moved, axis=-1) * time[:, None] * fastest  # how near to the pole
    if (grown > DIVERGED).any():
        raise ValueError("a unit escapes before the time at which it was asked for")
    return moved.reshape(theta.shape)


def first_escape(network: Quadratic, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Index of the unit that escapes first, and its escape time, (\\*ensemble,) each (Prop. 5).

    It is the unit with the smallest `escape_time`, not that with the largest norm.  ValueError as
    there.
    """
    times = escape_time(network, theta)
    return times.argmin(-1), times.min(-1)


def _modes(network: Network, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """theta as floats, and eigenvalues (\\*runs, n_u) and eigenvectors of S = E[y Z]."""
    if not isinstance(network, Quadratic) or network.n_v != 1:
        raise ValueError("wanted a quadratic network or linear attention with one output")
    theta = network.check(np.asarray(theta, dtype=float))
    return theta, *np.linalg.eigh(network.matrix(network.syz)[..., 0, :, :])


def _trapped(v: np.ndarray, c2: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """Whether a unit never escapes, because v keeps its sign while u decays, (units,).

    v^2 = v_0^2 + sum_k c_k^2 (exp(4 lambda_k A) - 1) / 2 is convex in A.  It has no zero in the
    direction in which A moves if its limit there is positive, and that limit is finite if no c_k
    grows in that direction.
    """
    along = np.sign(v)[:, None] * rates
    grows, decays = (np.where(way, c2, 0).sum(-1) for way in (along > 0, along < 0))
    still = (v == 0) & ((c2 * rates).sum(-1) == 0)
    return still | ((v != 0) & (grows == 0) & (v**2 >= decays / 2))


def _advance(
    state: np.ndarray, c2: np.ndarray, rates: np.ndarray, rtol: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """State (A, v, t) of units (3, units) after a SPAN of s, and |theta| and dv/dt there."""

    growth = np.where(c2 > 0, 4 * rates, 0)  # no 0 * inf

    def size_and_force(a: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        powers = c2 * np.exp(a[:, None] * growth)  # (w_k . u)^2
        return np.sqrt(v**2 + powers.sum(-1)), (powers * rates).sum(-1)

    def field(s: float, flat: np.ndarray) -> np.ndarray:
        a, v, _ = flat.reshape(state.shape)
        size, force = size_and_force(a, v)
        return (np.stack([v, force, np.ones_like(v)]) / size).ravel()

    run = solve_ivp(field, (0, SPAN), state.ravel(), method="DOP853", rtol=rtol, atol=rtol / 100)
    state = run.y[:, -1].reshape(state.shape)
    return state, *size_and_force(*state[:2])
