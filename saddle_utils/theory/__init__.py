"""Predictions from the data and the initial weights, before any training."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from ..networks import Linear, Network, Quadratic, initial_units


def linear_levels(network: Linear) -> np.ndarray:
    """Losses of the saddles of rank 0, 1, ... of a fully-connected linear network, (ranks + 1,).

    L_r = (tr Syy - sum_{k <= r} lambda_k) / 2, lambda the eigenvalues of Syz Szz^-1 Syz' in
    descending order (saddle structure of section 5.1, for any input covariance).
    """
    if network.patches != 1:
        raise ValueError("a convolution has no such formula; use `narrow_level`")
    learned = network.syz @ np.linalg.pinv(network.szz, hermitian=True) @ network.syz.T
    values = np.linalg.eigvalsh(learned)[::-1]
    rank = min(network.syz.shape)
    return (network.syy - np.concatenate([[0], np.cumsum(values[:rank])])) / 2


def whitened_modes(strengths: np.ndarray, theta0: np.ndarray, times: np.ndarray) -> np.ndarray:
    """The modes of a linear network with whitened inputs and target diag(s), (T, K, K).

    M(t) = [e^(-St) M(0)^-1 e^(-St) + (1 - e^(-2St)) S^-1]^-1, with M(0) the part of the initial
    weights that grows, sum_i (v_i + u_i)(v_i + u_i)' / 4: exact for a balanced start (v_i = u_i),
    and for small random ones up to what decays at once.  For one mode it is the logistic curve
    a(t) = s / (1 + (s / a(0) - 1) e^(-2st)) (section 5.1).  theta0 (units, 2 K), times (T,).
    Needs at least as many units as modes.
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
    """Times (count,) from 0 until well after the last mode is learned, by its half-time.

    t_k = ln(s_k / a_k(0) - 1) / (2 s_k) (section 5.1), with the smallest a_k(0) of theta0.
    """
    s, k = np.asarray(strengths, dtype=float), len(strengths)
    smallest = np.linalg.svd((theta0[:, :k] + theta0[:, k:]) / 2, compute_uv=False)[-1] ** 2
    half = np.log(np.maximum(s / smallest, 2)) / (2 * s)
    return np.linspace(0, 1.2 * half.max() + 3 / s.min(), count)


def mode_strengths(theta: np.ndarray, modes: int) -> np.ndarray:
    """How much of each mode is learned, the diagonal of W = sum_i v_i u_i', (\\*ensemble, K)."""
    return (theta[..., :modes] * theta[..., modes:]).sum(-2)


def attention_levels(covariance: np.ndarray, context: int) -> np.ndarray:
    """Losses E|y - f|^2 / 2 of linear self-attention with 0, 1, ... heads learned, (d + 1,).

    2 L_m = tr C - sum_{d <= m} lambda_d / (1 + (1 + tr C / lambda_d) / N) for tokens N(0, C), a
    context of N and w ~ N(0, I); lambda are the eigenvalues of C in descending order.
    """
    values = np.sort(np.linalg.eigvalsh(covariance))[::-1]
    learned = values / (1 + (1 + values.sum() / values) / context)
    return (values.sum() - np.concatenate([[0], np.cumsum(learned)])) / 2


def narrow_level(
    network: Network, width: int, starts: int = 20, seed: int = 0, start: np.ndarray | None = None
) -> float:
    """Loss of a trained network of `width` units: a plateau, if wide networks act like narrow ones.

    Computed by BFGS: the best of `starts` minimisations from random units of scale 1, or, from
    the units `start` (width, features), the one fixed point that they lead to.
    """
    shape = (width, network.n_v + network.n_u)
    random = initial_units(network, width, 1.0, range(seed, seed + starts)) if start is None else ()
    found = [
        minimize(
            lambda flat: float(network.loss(flat.reshape(shape))),
            first.ravel(),
            jac=lambda flat: -network.field(flat.reshape(shape)).ravel(),
        ).fun
        for first in (random if start is None else [network.check(start)])
    ]
    return min(found)


def narrow_levels(network: Network, widest: int) -> np.ndarray:
    """Best losses with 0, 1, ..., `widest` units, as fractions of the loss of none."""
    levels = [narrow_level(network, width) for width in range(1, widest + 1)]
    return np.array([network.zero_loss(), *levels]) / network.zero_loss()


def path_levels(network: Network, widest: int) -> np.ndarray:
    """Levels of the plateaus on the way: `narrow_levels`, but for linear networks the solution of
    one unit to which the fastest-growing direction leads (Theorem 4), which need not be the best.
    """
    levels = narrow_levels(network, widest)
    if isinstance(network, Linear):
        levels[1] = narrow_level(network, 1, start=escape_unit(network)) / network.zero_loss()
    return levels


def escape_unit(network: Linear, size: float = 0.1) -> np.ndarray:
    """The unit (1, features) that grows fastest out of zero in a linear network (Theorem 4).

    It lies along the top pair of singular vectors of Syz, seen as (n_v, n_u); `size` is its norm.
    """
    q, _, r = np.linalg.svd(network.syz.reshape(network.n_v, network.n_u))
    return size * np.concatenate([q[:, 0], r[0]])[None] / np.sqrt(2)


def one_unit_profile(network: Quadratic, angles: np.ndarray) -> np.ndarray:
    """Lowest loss of one quadratic unit of the plane in the direction of each angle, (angles,).

    L(u) = (E|y|^2 - (u' Syz u)^2 / E[(u' Z u)^2]) / 2 (one output): the amplitude is optimal.
    """
    psi = network.features(np.stack([np.cos(angles), np.sin(angles)], axis=-1))
    energy = np.einsum("ia,ab,ib->i", psi, network.szz, psi)
    return (network.syy - (psi @ network.syz[0]) ** 2 / energy) / 2
