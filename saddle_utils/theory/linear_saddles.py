"""The saddles of linear networks for any input covariance, and their Hessian (section 5.1)."""

from __future__ import annotations

import numpy as np

from ..networks import Linear


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
