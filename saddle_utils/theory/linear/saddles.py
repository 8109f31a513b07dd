"""The saddles of linear networks for any input covariance, and their Hessian (section 5.1)."""

from __future__ import annotations

import numpy as np

from ...networks import Linear, Network


def linear_saddle(network: Linear, modes: list[int], width: int, seed: int = 0) -> np.ndarray:
    """Units (width, features) of the linear network at the fixed map with these modes learned.

    W* = Pi_S Syz Szz^-1, Pi_S the projector on the eigenvectors e_k, k in S = `modes` (from 0), of
    B = Syz Szz^-1 Syz' (Lemma 6).  Balanced weights, spread over random orthogonal unit directions.
    """
    projector = mode_projector(network, modes)
    q, s, r = np.linalg.svd(projector @ network.syz @ np.linalg.pinv(network.szz, hermitian=True))
    rank, rng = len(modes), np.random.default_rng(seed)
    if rank > width:
        raise ValueError(f"{rank} modes do not fit into {width} units")
    spread = np.linalg.qr(rng.standard_normal((width, width)))[0][:, :rank] * np.sqrt(s[:rank])
    return np.concatenate([spread @ q[:, :rank].T, spread @ r[:rank]], axis=1)


def mode_projector(network: Linear, modes: list[int]) -> np.ndarray:
    """Pi_S (outputs, outputs) on the eigenvectors of Syz Szz^-1 Syz', strongest first (Lemma 6)."""
    learned = network.syz @ np.linalg.pinv(network.szz, hermitian=True) @ network.syz.T
    e = np.linalg.eigh(learned)[1][:, ::-1][:, modes]
    return e @ e.T


def escape_rates(network: Linear, modes: list[int]) -> np.ndarray:
    """Rates s~_k at which silent units leave the saddle with these modes learned, descending.

    The singular values above rounding of the projected correlation (I - Pi_S) Syz; the negative
    Hessian eigenvalues there are -s~_k, each with multiplicity width - rank (section 5.1).
    """
    left = network.syz - mode_projector(network, modes) @ network.syz
    values = np.linalg.svd(left, compute_uv=False)
    return values[values > 1e-9 * np.linalg.norm(network.syz)]


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


def projected_correlation(network: Linear, rank: int) -> np.ndarray:
    """(I - Pi_S) Syz, which drives all units that wait at the saddle of this rank (Eq. 12).

    Pi_S projects on the first `rank` eigenvectors of B = Syz Szz^-1 Syz', which for unequal input
    variances are not the singular vectors of Syz.  Its singular values are the rates of escape.
    Shape (n_v, n_u); ValueError for a convolution, or a rank above the smaller side of Syz.
    """
    syz = correlation(network)
    if network.patches != 1:
        raise ValueError("the saddles of a convolution have no such formula; use `narrow_level`")
    if not 0 <= rank <= min(syz.shape):
        raise ValueError(f"the rank is {rank}; this network has saddles of rank 0 to {len(syz)}")
    return syz - mode_projector(network, list(range(rank))) @ syz


def correlation(network: Network) -> np.ndarray:
    """Syz as (n_v, n_u) of a linear network that has something to learn, else ValueError."""
    if not isinstance(network, Linear):
        raise ValueError(f"wanted a linear network, not {type(network).__name__}")
    if not np.any(network.syz):
        raise ValueError("Syz = 0: there is nothing that a linear network could learn")
    return np.asarray(network.syz).reshape(network.n_v, network.n_u)
