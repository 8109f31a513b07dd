"""Saddles of linear networks for any input covariance, their losses and escape rates (section 5.1).

The eigenvectors e_k and eigenvalues lambda_k of B = Syz Szz^-1 Syz', in descending order, are the
modes of a linear network.  At a fixed point some of them are learned, S, and the map is
W* = Pi_S Syz Szz^-1 with the projector Pi_S on their e_k (Lemma 6).
"""

from __future__ import annotations

import numpy as np

from ...networks import Linear, Network
from ..waiting import best_map


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
    """Projector Pi_S on the eigenvectors e_k of these modes (from 0), (outputs, outputs)."""
    e = np.linalg.eigh(best_map(network) @ network.syz.T)[1][:, ::-1][:, modes]
    return e @ e.T


def escape_rates(network: Linear, modes: list[int]) -> np.ndarray:
    """Rates s~_k at which dormant units escape when these modes are learned, descending, (rates,).

    They are the singular values above rounding of the projected correlation (I - Pi_S) Syz.  The
    negative eigenvalues of the Hessian are -s~_k, each once for every dormant unit (section 5.1).
    """
    left = network.syz - mode_projector(network, modes) @ network.syz
    values = np.linalg.svd(left, compute_uv=False)
    return values[values > 1e-9 * np.linalg.norm(network.syz)]


def linear_levels(network: Linear) -> np.ndarray:
    """Losses of the saddles of rank 0, 1, ... of a fully-connected linear network, (ranks + 1,).

    L_r = (tr Syy - sum_{k <= r} lambda_k) / 2, for any input covariance.  ValueError for a
    convolution.
    """
    if network.patches != 1:
        raise ValueError("a convolution has no such formula; use `narrow_level`")
    values = np.linalg.eigvalsh(best_map(network) @ network.syz.T)[::-1]
    rank = min(network.syz.shape)
    return (network.syy - np.concatenate([[0], np.cumsum(values[:rank])])) / 2


def projected_correlation(network: Linear, rank: int) -> np.ndarray:
    """(I - Pi_S) Syz, which drives all dormant units at this saddle, (n_v, n_u) (Eq. 12).

    S are the first `rank` modes; unless Szz is a multiple of I, their e_k are not the singular
    vectors of Syz.  The singular values are the `escape_rates`.  ValueError for a convolution, a
    rank above the smaller side of Syz, or a network that is not linear or has nothing to learn.
    """
    syz = correlation(network)
    if network.patches != 1:
        raise ValueError("the saddles of a convolution have no such formula; use `narrow_level`")
    if not 0 <= rank <= min(syz.shape):
        raise ValueError(
            f"the rank is {rank}; this network has saddles of rank 0 to {min(syz.shape)}"
        )
    return syz - mode_projector(network, list(range(rank))) @ syz


def correlation(network: Network) -> np.ndarray:
    """Syz as (n_v, n_u).  ValueError for a network that is not linear or has nothing to learn."""
    if not isinstance(network, Linear):
        raise ValueError(f"wanted a linear network, not {type(network).__name__}")
    if not np.any(network.syz):
        raise ValueError("Syz = 0: there is nothing that a linear network could learn")
    return np.asarray(network.syz).reshape(network.n_v, network.n_u)
