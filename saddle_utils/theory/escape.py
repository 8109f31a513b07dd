"""When, and in what order, units leave a saddle: from data and initial weights, before training.

All times are gradient-flow times of L = E|y - f|^2 / 2; eps is the scale of the initial weights.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.integrate import solve_ivp

from ..networks import Linear, Network, Quadratic
from . import linear_levels
from .linear_saddles import mode_projector

SPAN = 30.0  # of s = int |theta| dt at a time: units grow by exp(1.15 s) at the fastest rate
MAX_SPANS = 1000  # so that units grow out of directions a thousand times slower than the fastest


def time_exponent(degree: float) -> float:
    """Exponent of eps in the time of escape of units of degree p: t ~ eps^(1 - p) (Prop. 5).

    0 stands for the logarithm, t ~ ln(1 / eps) (p = 1, Theorem 4).  ValueError below degree 1,
    where units leave zero at once.
    """
    if not 1 <= degree < np.inf:
        raise ValueError(
            f"the degree is {degree}; units wait at zero only for a degree of 1 or more"
        )
    return 1.0 - degree


# Linear networks: Theorem 4 and the saddles behind it.


def theorem4_exponent(network: Linear) -> float:
    """Exponent 1 - s2 / s1 to which the other directions are suppressed (Theorem 4).

    When the direction of (q_1; r_1) is learned the rest of the units is O(eps^(1 - s2 / s1)), s the
    singular values of Syz seen as (n_v, n_u).  ValueError if the network is not linear or Syz is 0.
    """
    s = np.linalg.svd(_correlation(network), compute_uv=False)
    return float(1 - s[1] / s[0]) if len(s) > 1 else 1.0


def suppressed(network: Linear, theta: np.ndarray) -> np.ndarray:
    """Norm |(I - P) Theta|_F of what Theorem 4 holds back, (\\*ensemble,).

    P = (q_1; r_1)(q_1; r_1)' / 2 with the top singular vectors of Syz; theta (\\*ensemble, units,
    features).  The norm runs over all units, for the exponent of one unit depends on its draw.
    ValueError if the network is not linear or theta does not fit.
    """
    q, _, r = np.linalg.svd(_correlation(network))
    top = np.concatenate([q[:, 0], r[0]]) / np.sqrt(2)
    theta = network.check(np.asarray(theta, dtype=float))
    return np.linalg.norm(theta - (theta @ top)[..., None] * top, axis=(-2, -1))


def projected_correlation(network: Linear, rank: int) -> np.ndarray:
    """(I - Pi_S) Syz, which drives all units that wait at the saddle of this rank (Eq. 12).

    Pi_S projects on the first `rank` eigenvectors of B = Syz Szz^-1 Syz', which for unequal input
    variances are not the singular vectors of Syz.  Its singular values are the rates of escape.
    Shape (n_v, n_u); ValueError for a convolution, or a rank above the smaller side of Syz.
    """
    syz = _correlation(network)
    if network.patches != 1:
        raise ValueError("the saddles of a convolution have no such formula; use `narrow_level`")
    if not 0 <= rank <= min(syz.shape):
        raise ValueError(f"the rank is {rank}; this network has saddles of rank 0 to {len(syz)}")
    return syz - mode_projector(network, list(range(rank))) @ syz


def leading_log_times(network: Linear) -> np.ndarray:
    """Times of the drops over ln(1 / eps), to leading order as eps -> 0, (ranks,) (Eqs. 9 to 12).

    `log_race` with the rates of `projected_correlation` at each saddle: the first drop comes at
    1 / s_1, the second (1 - s_2 / s_1) / s~_1 later.  ValueError as in `projected_correlation`.
    """
    ranks = np.linalg.matrix_rank(_correlation(network))
    saddles = (projected_correlation(network, rank) for rank in range(ranks))
    return log_race([np.linalg.svd(g, compute_uv=False)[:ranks] for g in saddles])


def log_race(rates: Sequence[np.ndarray]) -> np.ndarray:
    """Times of drops over ln(1 / eps), (drops,), of modes with these rates, saddle by saddle.

    `rates` holds the rates at each saddle, the fastest first, no fewer than the drops that follow.
    A mode of size eps^alpha waits alpha / s at the saddle of rate s, while the k-th behind it gains
    s_k times as long: alpha_k <- alpha_{k+1} - s_{k+1} alpha_1 / s_1, from alpha = 1 at zero.
    """
    alpha, durations = np.ones(len(rates)), []
    for saddle in rates:
        durations.append(alpha[0] / saddle[0])
        alpha = alpha[1:] - saddle[1 : len(alpha)] * durations[-1]
    return np.cumsum(durations)


def linear_drops(network: Linear, init_scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Levels of the plateaus (ranks + 1,) and leading-log times of the drops (ranks,), in order.

    L_r = (tr Syy - sum_{k <= r} lambda_k) / 2 and `leading_log_times` times ln(1 / init_scale); the
    times are known up to O(1).  ValueError for a scale outside (0, 1), and as above.
    """
    if not 0 < init_scale < 1:
        raise ValueError(f"the initial scale is {init_scale}; it must lie between 0 and 1")
    times = leading_log_times(network) * np.log(1 / init_scale)
    return linear_levels(network)[: len(times) + 1], times


def first_half_time(network: Linear, theta0: np.ndarray) -> np.ndarray:
    """Time at which the first mode is half learned, at any input covariance, (\\*ensemble,).

    The leading log with its O(1) correction: along (q_1; r_1) the strength obeys
    da/dt = 2 a (s_1 - a r_1' Szz r_1), so t = ln(s_1 / (a(0) r_1' Szz r_1) - 1) / (2 s_1) with
    a(0) = sum_i (q_1 . v_i + r_1 . u_i)^2 / 4; the rotation to e_1 comes after.  Of theta0
    (\\*ensemble, units, features); ValueError for a convolution, or a mode half learned at once.
    """
    if network.patches != 1:
        raise ValueError("a convolution has no such formula; use `flow`")
    q, s, r = np.linalg.svd(_correlation(network), full_matrices=False)
    v, u = network.split(network.check(np.asarray(theta0, dtype=float)))
    start = ((v @ q[:, 0] + u @ r[0]) ** 2).sum(-1) / 4 * (r[0] @ network.szz @ r[0])
    if (start >= s[0] / 2).any():
        raise ValueError("the initial weights are too large: a mode is half learned from the start")
    return np.log(s[0] / start - 1) / (2 * s[0])


def whitened_half_times(network: Linear, theta0: np.ndarray) -> np.ndarray:
    """Times at which the modes of Syz are half learned, for Szz = I, (\\*ensemble, ranks).

    t_k = ln(s_k / a_k(0) - 1) / (2 s_k) (section 5.1), with the O(1) part exact as eps -> 0: of
    what grows along mode k, the row (q_k . v_i + r_k . u_i) / 2 over the units i, only the part
    orthogonal to the rows of the modes before it still waits when those are learned, so a_k(0) is
    R_kk^2 of their QR decomposition.  theta0 (\\*ensemble, units, features), units no fewer than
    modes.  ValueError if Szz is not the identity, theta0 does not fit, or a mode is half learned
    from the start.
    """
    if network.patches != 1 or not np.allclose(network.szz, np.eye(len(network.szz)), atol=1e-9):
        raise ValueError("the half-times hold for whitened inputs, Szz = I; use `linear_drops`")
    q, s, r = np.linalg.svd(_correlation(network), full_matrices=False)
    rank = np.linalg.matrix_rank(network.syz)
    v, u = network.split(network.check(np.asarray(theta0, dtype=float)))
    growing = ((v @ q + u @ r.T) / 2)[..., :rank]
    if growing.shape[-2] < rank:
        raise ValueError(f"{rank} modes take {rank} units or more, not {growing.shape[-2]}")
    start = np.linalg.qr(growing)[1].diagonal(axis1=-2, axis2=-1) ** 2
    if (start >= s[:rank] / 2).any():
        raise ValueError("the initial weights are too large: a mode is half learned from the start")
    return np.log(s[:rank] / start - 1) / (2 * s[:rank])


# Quadratic networks and linear self-attention: Proposition 5.


def escape_time(network: Quadratic, theta: np.ndarray, patience: float = np.inf) -> np.ndarray:
    """Times t_inf at which units, each alone, diverge by Eq. 14, (\\*ensemble, units).

    dv = u' S u, du = 2 v S u with S = E[y Z] = sum_k lambda_k w_k w_k' is solved by A = int v:
    w_k . u = c_k exp(2 lambda_k A) with c_k = w_k . u(0), so dv = sum_k lambda_k c_k^2 exp(4
    lambda_k A).  Integrated over ds = |theta| dt, in which a unit grows exponentially and a turning
    point of A is harmless.  inf for a unit that never escapes: for S > 0, v < 0 and 2 v^2 > |u|^2.
    theta (\\*ensemble, units, features), of any size: t_inf(eps theta) = t_inf(theta) / eps; the
    network may have data for each run of the ensemble.  Units that take more than `patience` times
    as long as the first of their run are not waited for: inf.
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
        state, size, force = _advance(state, c2[left], rates[left])
        gone = (size > 1e7) & (state[1] * force > 0)
        end = state[2] + state[1] / force  # v = 1 / (2 lambda (t_inf - t))
        tau.ravel()[left[gone]] = (end * unit_of_time[left])[gone]
        latest = np.repeat(patience * tau.min(-1), norm.shape[-1])  # (\\*ensemble units,)
        on = ~gone & (state[2] * unit_of_time[left] <= latest[left])
        left, state = left[on], state[:, on]
    return tau


def units_alone(network: Quadratic, theta: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Units after a `time` of Eq. 14, each alone, in the shape of theta (\\*ensemble, units, f).

    `time` (\\*ensemble,) must lie before every `escape_time` of the units.  A = int v is integrated
    as there.  ValueError as there, or if a unit escapes before.
    """
    theta, values, w = _modes(network, theta)
    time = np.broadcast_to(np.asarray(time, dtype=float)[..., None], theta.shape[:-1])
    scale = np.linalg.norm(theta, axis=-1).max(initial=1e-300)
    v, u = network.split(theta / scale)
    c, span = u @ w, (time * scale).ravel()
    c2, rates = c**2, np.broadcast_to(values[..., None, :], c.shape)

    def field(share: float, flat: np.ndarray) -> np.ndarray:
        a, v = flat.reshape(2, *c.shape[:-1])
        force = (c2 * np.exp(4 * a[..., None] * rates) * rates).sum(-1)
        return np.concatenate([span * v.ravel(), span * force.ravel()])

    start = np.concatenate([np.zeros(v.size), v.ravel()])
    with np.errstate(over="ignore", invalid="ignore"):
        run = solve_ivp(field, (0, 1), start, method="DOP853", rtol=1e-10, atol=1e-12)
    if not run.success:
        raise ValueError("a unit escapes before the time at which it was asked for")
    a, v = run.y[:, -1].reshape(2, *c.shape[:-1])
    u = (c * np.exp(2 * a[..., None] * rates)) @ w.mT
    return np.concatenate([v[..., None], u], axis=-1) * scale


def first_escape(network: Quadratic, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The unit that escapes first, and when: index and t_inf, (\\*ensemble,) each (Prop. 5).

    The smallest `escape_time`, not the largest norm.  ValueError as there.
    """
    times = escape_time(network, theta)
    return times.argmin(-1), times.min(-1)


def _correlation(network: Network) -> np.ndarray:
    """Syz as (n_v, n_u) of a linear network that has something to learn, else ValueError."""
    if not isinstance(network, Linear):
        raise ValueError(f"wanted a linear network, not {type(network).__name__}")
    if not np.any(network.syz):
        raise ValueError("Syz = 0: there is nothing that a linear network could learn")
    return np.asarray(network.syz).reshape(network.n_v, network.n_u)


def _modes(network: Network, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """theta as floats, with eigenvalues (\\*runs, n_u) and eigenvectors of S = E[y Z]."""
    if not isinstance(network, Quadratic) or network.n_v != 1:
        raise ValueError("wanted a quadratic network or linear attention with one output")
    theta = network.check(np.asarray(theta, dtype=float))
    return theta, *np.linalg.eigh(network.matrix(network.syz)[..., 0, :, :])


def _trapped(v: np.ndarray, c2: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """Units that never escape, for v keeps its sign while all of u that feeds it decays (units,).

    v^2 = v_0^2 + sum_k c_k^2 (exp(4 lambda_k A) - 1) / 2 is convex in A: it has no zero on the way
    of A if its limit there is positive, and the limit is finite if nothing grows that way.
    """
    along = np.sign(v)[:, None] * rates
    grows, decays = (np.where(way, c2, 0).sum(-1) for way in (along > 0, along < 0))
    still = (v == 0) & ((c2 * rates).sum(-1) == 0)
    return still | ((v != 0) & (grows == 0) & (v**2 >= decays / 2))


def _advance(
    state: np.ndarray, c2: np.ndarray, rates: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A, v and t (3, units) a span of s later, and what |theta| and dv / dt are then."""

    def size_and_force(a: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        grown = np.where(c2 > 0, 4 * a[:, None] * rates, 0)  # no 0 * inf
        powers = c2 * np.exp(grown)  # (w_k . u)^2
        return np.sqrt(v**2 + powers.sum(-1)), (powers * rates).sum(-1)

    def field(s: float, flat: np.ndarray) -> np.ndarray:
        a, v, _ = flat.reshape(state.shape)
        size, force = size_and_force(a, v)
        return np.concatenate([v, force, np.ones_like(v)]) / np.tile(size, 3)

    run = solve_ivp(field, (0, SPAN), state.ravel(), method="DOP853", rtol=1e-10, atol=1e-12)
    state = run.y[:, -1].reshape(state.shape)
    return state, *size_and_force(*state[:2])
