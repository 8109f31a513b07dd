"""Saddles of linear networks for any input covariance, and escape from them (section 5.1).

The eigenvectors e_k and eigenvalues lambda_k of B = Syz Szz^-1 Syz', in descending order, are the
modes of a linear network.  At a fixed point some of them are learned, S, and the map is
W* = Pi_S Syz Szz^-1 with the projector Pi_S on their e_k (Lemma 6).  From there the modes escape in
an order and at times that follow from data and initial weights (Theorem 4).
"""

from collections.abc import Sequence

import numpy as np

from ...networks import Linear, Network
from ..waiting import best_map, residual_task


def linear_saddle(network: Linear, modes: list[int], width: int, seed: int = 0) -> np.ndarray:
    """Units (width, features) at the fixed point at which these modes (from 0) are learned.

    Their map is W* = Pi_S Syz Szz^-1 (Lemma 6).  The weights are balanced, V'V and U'U having the
    same eigenvalues, and spread over the units by a random orthogonal matrix.  ValueError for more
    modes than units.
    """
    q, s, r = np.linalg.svd(mode_projector(network, modes) @ best_map(network))
    rank, rng = len(modes), np.random.default_rng(seed)
    if rank > width:
        raise ValueError(f"{rank} modes do not fit into {width} units")
    spread = np.linalg.qr(rng.standard_normal((width, width)))[0][:, :rank] * np.sqrt(s[:rank])
    return np.concatenate([spread @ q[:, :rank].T, spread @ r[:rank]], axis=1)


def mode_projector(network: Linear, modes: list[int]) -> np.ndarray:
    """Projector Pi_S on the eigenvectors e_k of these modes (from 0), (outputs, outputs).

    ValueError for a convolution.
    """
    refuse_convolution(network)
    e = np.linalg.eigh(best_map(network) @ network.syz.T)[1][:, ::-1][:, modes]
    return e @ e.T


def learned_shares(network: Linear, maps: np.ndarray) -> np.ndarray:
    """How much of each mode maps (\\*n, outputs, inputs) have learned, 1 for all, (\\*n, modes).

    It is e_k' M b_k / |b_k|^2 with b_k = e_k' Syz Szz^-1, -inf where b_k is 0 to rounding, as of
    the outputs beyond the rank of the task.  ValueError for a convolution.
    """
    refuse_convolution(network)
    best = best_map(network)
    e = np.linalg.eigh(best @ network.syz.T)[1][:, ::-1]
    b = e.T @ best
    size = (b**2).sum(1)
    learnable = size > 1e-24 * size.max()
    shares = ((e.T @ maps) * b).sum(-1) / np.where(learnable, size, 1)
    return np.where(learnable, shares, -np.inf)


def escape_rates(network: Linear, modes: list[int]) -> np.ndarray:
    """Rates s~_k at which dormant units escape when these modes are learned, descending, (rates,).

    They are the singular values above rounding of (I - Pi_S) Syz, which drives the dormant units
    (Eq. 12).  The negative eigenvalues of the Hessian are -s~_k, each once for every dormant unit
    (section 5.1).  ValueError for a convolution.
    """
    left = network.syz - mode_projector(network, modes) @ network.syz
    values = np.linalg.svd(left, compute_uv=False)
    return values[values > 1e-9 * np.linalg.norm(network.syz)]


def linear_levels(network: Linear) -> np.ndarray:
    """Losses of the saddles of rank 0, 1, ... of a fully-connected linear network, (ranks + 1,).

    L_r = (tr Syy - sum_{k <= r} lambda_k) / 2, for any input covariance.  ValueError for a
    convolution.
    """
    refuse_convolution(network)
    values = np.linalg.eigvalsh(best_map(network) @ network.syz.T)[::-1]
    rank = min(network.syz.shape)
    return (network.syy - np.concatenate([[0], np.cumsum(values[:rank])])) / 2


def refuse_convolution(network: Linear) -> None:
    """ValueError for a convolution, whose saddles have no closed form."""
    if network.patches != 1:
        raise ValueError("a convolution has no such formula; use `flow`, or `narrow_level`")


def correlation(network: Network) -> np.ndarray:
    """Syz as (n_v, n_u).  ValueError for a network that is not linear or has nothing to learn."""
    if not isinstance(network, Linear):
        raise ValueError(f"wanted a linear network, not {type(network).__name__}")
    if not np.any(network.syz):
        raise ValueError("Syz = 0: there is nothing that a linear network could learn")
    return residual_matrix(network)


def escape_unit(network: Linear, size: float = 0.1) -> np.ndarray:
    """The unit (1, features) of norm `size` that grows fastest out of zero (Theorem 4).

    It is (q_1; r_1) / sqrt 2 times `size`, with the top singular vectors of Syz, (n_v, n_u).
    """
    return size * _top_pair(network)[None]


def theorem4_exponent(network: Linear) -> float:
    """Exponent 1 - s_2 / s_1 to which all directions but the first are suppressed (Theorem 4).

    When the direction (q_1; r_1) is learned, the rest of the units is O(eps^(1 - s_2 / s_1)), with
    the singular values s of Syz as (n_v, n_u).  ValueError if the network is not linear or has
    nothing to learn.
    """
    s = np.linalg.svd(correlation(network), compute_uv=False)
    return float(1 - s[1] / s[0]) if len(s) > 1 else 1.0


def suppressed_norm(network: Linear, theta: np.ndarray) -> np.ndarray:
    """Norm |(I - P) Theta|_F of the directions that Theorem 4 suppresses, (\\*ensemble,).

    P projects on (q_1; r_1) / sqrt 2, with the top singular vectors of Syz.  The norm runs over all
    units theta (\\*ensemble, units, features), because the exponent of a single unit depends on its
    draw.  ValueError if the network is not linear or theta does not fit.
    """
    top = _top_pair(network)
    theta = network.check(np.asarray(theta, dtype=float))
    return np.linalg.norm(theta - (theta @ top)[..., None] * top, axis=(-2, -1))


def leading_log_times(network: Linear) -> np.ndarray:
    """Times of the drops over ln(1 / eps), to leading order as eps -> 0, (ranks,) (Eqs. 9 to 12).

    The first drop comes at 1 / s_1 and the second (1 - s_2 / s_1) / s~_1 later, with the
    `escape_rates` s~; in general see `log_race`.  ValueError for a convolution, or a network that
    is not linear or has nothing to learn.
    """
    ranks = np.linalg.matrix_rank(correlation(network))
    learned = (mode_projector(network, list(range(rank))) for rank in range(ranks))
    left = (network.syz - projector @ network.syz for projector in learned)
    return log_race([np.linalg.svd(g, compute_uv=False) for g in left])


def log_race(rates: Sequence[np.ndarray]) -> np.ndarray:
    """Times of the drops over ln(1 / eps), (drops,), of modes that grow at these rates.

    `rates` holds the rates at each saddle in descending order, at least as many as drops follow.
    A mode of size eps^alpha escapes after alpha / s ln(1 / eps) from a saddle of rate s.  Meanwhile
    the k-th mode after it grows at s_k: alpha_k <- alpha_{k+1} - s_{k+1} alpha_1 / s_1, with all
    alpha = 1 at the start.
    """
    alpha, durations = np.ones(len(rates)), []
    for saddle in rates:
        durations.append(alpha[0] / saddle[0])
        alpha = alpha[1:] - saddle[1 : len(alpha)] * durations[-1]
    return np.cumsum(durations)


def path_leading_log_times(network: Linear, saddles: Sequence[np.ndarray]) -> np.ndarray:
    """Times of the drops over ln(1 / eps), (runs, drops), as in `log_race`.

    They follow from the rates at the `saddles` (runs, units, features) from which the drops start,
    of convolutions too: what is left of the predicted times without their constants.
    """
    tasks = (residual_task(network, saddle) for saddle in saddles)
    rates = [np.linalg.svd(residual_matrix(task), compute_uv=False) for task in tasks]
    return np.array([log_race(run) for run in zip(*rates, strict=True)])


def residual_matrix(task: Linear) -> np.ndarray:
    """G of a residual task, (\\*runs, n_v, n_u)."""
    return task.syz.reshape(*task.syz.shape[:-2], task.n_v, task.n_u)


def first_half_time(network: Linear, theta0: np.ndarray) -> np.ndarray:
    """Time at which the first mode is half learned, for any input covariance, (\\*ensemble,).

    This is the leading log with its O(1) correction: along (q_1; r_1) the strength a obeys
    da/dt = 2 a (s_1 - a r_1' Szz r_1) from a(0) = sum_i (q_1 . v_i + r_1 . u_i)^2 / 4, before the
    map rotates towards e_1.  theta0 has the shape (\\*ensemble, units, features).  ValueError for a
    convolution, or weights so large that a mode is half learned from the start.
    """
    refuse_convolution(network)
    _, s, r = np.linalg.svd(correlation(network), full_matrices=False)
    theta0 = network.check(np.asarray(theta0, dtype=float))
    start = ((theta0 @ _top_pair(network)) ** 2).sum(-1) / 2 * (r[0] @ network.szz @ r[0])
    return logistic_half_times(s[0], start)


def logistic_half_times(s: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Times ln(s / a(0) - 1) / (2 s) at which da/dt = 2 a (s - a) reaches s / 2, broadcast.

    ValueError if a strength `start` = a(0) is s / 2 or more.
    """
    if (start >= s / 2).any():
        raise ValueError("the initial weights are too large: a mode is half learned from the start")
    return np.log(s / start - 1) / (2 * s)


def _top_pair(network: Linear) -> np.ndarray:
    """(q_1; r_1) / sqrt 2 of the top singular vectors of Syz, (features,)."""
    q, _, r = np.linalg.svd(correlation(network))
    return np.concatenate([q[:, 0], r[0]]) / np.sqrt(2)
