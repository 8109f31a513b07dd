"""Linear networks with whitened inputs, Szz = I: the loss curve in closed form (section 5.1)."""

import numpy as np

from ...networks import Linear
from .saddles import correlation, logistic_half_times


def whitened_modes(strengths: np.ndarray, theta0: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Map M(t) of a network with whitened inputs and the target diag(s), (T, K, K).

    M(t) = [e^(-St) M(0)^-1 e^(-St) + (1 - e^(-2St)) S^-1]^-1, where M(0) is the growing part of the
    initial weights, sum_i (v_i + u_i)(v_i + u_i)' / 4.  This is exact for balanced weights, v_i =
    u_i, and for small random ones up to the part that decays at once.  One mode alone follows the
    logistic curve a(t) = s / (1 + (s / a(0) - 1) e^(-2st)).  theta0 is (units, 2 K), times (T,).
    ValueError for fewer units than modes.
    """
    s, k = np.asarray(strengths, dtype=float), len(strengths)
    if theta0.shape[1:] != (2 * k,) or len(theta0) < k:
        raise ValueError(
            f"theta0 has shape {theta0.shape}; {k} modes take {k} units or more of {2 * k} features"
        )
    growing = (theta0[:, :k] + theta0[:, k:]) / 2
    decay = np.exp(-np.multiply.outer(np.asarray(times, dtype=float), s))  # (T, K)
    start = np.linalg.inv(growing.T @ growing)
    saturated = (1 - decay**2)[:, :, None] / s[:, None] * np.eye(k)
    return np.linalg.inv(decay[:, :, None] * start * decay[:, None, :] + saturated)


def whitened_loss(strengths: np.ndarray, theta0: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Loss |diag(s) - M(t)|^2 / 2 along `whitened_modes`, (T,)."""
    gap = np.diag(strengths) - whitened_modes(strengths, theta0, times)
    return (gap**2).sum((1, 2)) / 2


def whitened_times(strengths: np.ndarray, theta0: np.ndarray, count: int = 1201) -> np.ndarray:
    """Times (count,) from 0 until well after the last mode is learned.

    Its half-time is ln(s_k / a_k(0)) / (2 s_k), with the smallest a_k(0) of theta0 (units, 2 K).
    """
    s, k = np.asarray(strengths, dtype=float), len(strengths)
    smallest = np.linalg.svd((theta0[:, :k] + theta0[:, k:]) / 2, compute_uv=False)[-1] ** 2
    half = np.log(np.maximum(s / smallest, 2)) / (2 * s)
    return np.linspace(0, 1.2 * half.max() + 3 / s.min(), count)


def mode_strengths(theta: np.ndarray, modes: int) -> np.ndarray:
    """Strength of each mode, the diagonal of the map W = sum_i v_i u_i', (\\*ensemble, modes)."""
    return (theta[..., :modes] * theta[..., modes:]).sum(-2)


def whitened_half_times(network: Linear, theta0: np.ndarray) -> np.ndarray:
    """Times at which the modes of Syz are half learned, for Szz = I, (\\*ensemble, ranks).

    t_k = ln(s_k / a_k(0) - 1) / (2 s_k) (section 5.1), exact as eps -> 0 with its constant.  Mode k
    grows from the row (q_k . v_i + r_k . u_i) / 2 over the units i, but only the part orthogonal to
    the rows of the modes before it is still dormant when those are learned.  So a_k(0) is R_kk^2 of
    the QR decomposition of the rows.  theta0 has the shape (\\*ensemble, units, features).
    ValueError if Szz is not the identity, for fewer units than modes, or for weights so large that
    a mode is half learned from the start.
    """
    if network.patches != 1 or not np.allclose(network.szz, np.eye(len(network.szz)), atol=1e-9):
        raise ValueError(
            "the half-times hold for whitened inputs, Szz = I; use `leading_log_times`"
        )
    q, s, r = np.linalg.svd(correlation(network), full_matrices=False)
    rank = np.linalg.matrix_rank(network.syz)
    v, u = network.split(network.check(np.asarray(theta0, dtype=float)))
    growing = ((v @ q + u @ r.T) / 2)[..., :rank]
    if growing.shape[-2] < rank:
        raise ValueError(f"{rank} modes take {rank} units or more, not {growing.shape[-2]}")
    start = np.linalg.qr(growing)[1].diagonal(axis1=-2, axis2=-1) ** 2
    return logistic_half_times(s[:rank], start)
