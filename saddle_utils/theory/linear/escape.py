"""When, and in what order, the modes of a linear network leave a saddle: Theorem 4 and section 5.1.

From data and initial weights, before training.  All times are gradient-flow times of
L = E|y - f|^2 / 2; eps is the scale of the initial weights.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...networks import Linear
from .saddles import correlation, linear_levels, projected_correlation


def escape_unit(network: Linear, size: float = 0.1) -> np.ndarray:
    """The unit (1, features) that grows fastest out of zero in a linear network (Theorem 4).

    It lies along the top pair of singular vectors of Syz, seen as (n_v, n_u); `size` is its norm.
    """
    q, _, r = np.linalg.svd(network.syz.reshape(network.n_v, network.n_u))
    return size * np.concatenate([q[:, 0], r[0]])[None] / np.sqrt(2)


def theorem4_exponent(network: Linear) -> float:
    """Exponent 1 - s2 / s1 to which the other directions are suppressed (Theorem 4).

    When the direction of (q_1; r_1) is learned the rest of the units is O(eps^(1 - s2 / s1)), s the
    singular values of Syz seen as (n_v, n_u).  ValueError if the network is not linear or Syz is 0.
    """
    s = np.linalg.svd(correlation(network), compute_uv=False)
    return float(1 - s[1] / s[0]) if len(s) > 1 else 1.0


def suppressed_norm(network: Linear, theta: np.ndarray) -> np.ndarray:
    """Norm |(I - P) Theta|_F of what Theorem 4 holds back, (\\*ensemble,).

    P = (q_1; r_1)(q_1; r_1)' / 2 with the top singular vectors of Syz; theta (\\*ensemble, units,
    features).  The norm runs over all units, for the exponent of one unit depends on its draw.
    ValueError if the network is not linear or theta does not fit.
    """
    q, _, r = np.linalg.svd(correlation(network))
    top = np.concatenate([q[:, 0], r[0]]) / np.sqrt(2)
    theta = network.check(np.asarray(theta, dtype=float))
    return np.linalg.norm(theta - (theta @ top)[..., None] * top, axis=(-2, -1))


def leading_log_times(network: Linear) -> np.ndarray:
    """Times of the drops over ln(1 / eps), to leading order as eps -> 0, (ranks,) (Eqs. 9 to 12).

    `log_race` with the rates of `projected_correlation` at each saddle: the first drop comes at
    1 / s_1, the second (1 - s_2 / s_1) / s~_1 later.  ValueError as in `projected_correlation`.
    """
    ranks = np.linalg.matrix_rank(correlation(network))
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
    q, s, r = np.linalg.svd(correlation(network), full_matrices=False)
    v, u = network.split(network.check(np.asarray(theta0, dtype=float)))
    start = ((v @ q[:, 0] + u @ r[0]) ** 2).sum(-1) / 4 * (r[0] @ network.szz @ r[0])
    if (start >= s[0] / 2).any():
        raise ValueError("the initial weights are too large: a mode is half learned from the start")
    return np.log(s[0] / start - 1) / (2 * s[0])
