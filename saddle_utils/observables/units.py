"""Effective width: how many units the network behaves like, measured on its weights."""

from __future__ import annotations

import numpy as np
from scipy.sparse.csgraph import connected_components

from ..networks import Linear, Network

THRESHOLDS = (0.02, 0.05, 0.1)  # the thresholds over which a width is reported


def contributions(network: Network, theta: np.ndarray) -> np.ndarray:
    """Size of each unit's part in the map, |v_i| |u_i|^p for degree p, (\\*ensemble, units)."""
    v, u = network.split(theta)
    degree = 1 if network.degree is None else network.degree
    return np.linalg.norm(v, axis=-1) * np.linalg.norm(u, axis=-1) ** degree


def clusters(
    network: Network,
    theta: np.ndarray,
    tau: float = 0.05,
    reference: np.ndarray | None = None,
    cosine: float = 0.99,
) -> np.ndarray:
    """Which units count as one: labels (units,) from 0, and -1 for units that are not active.

    A unit is active if its contribution exceeds `tau` times the largest of `reference` (units of
    the same network, by default these).  Active units are one where the network cannot tell them
    apart: where v and u point the same way (cosines above `cosine`) if phi is homogeneous, with
    u -> -u if phi is even and theta -> -theta if it is odd; otherwise only where they are equal.
    """
    size = contributions(network, theta)
    scale = size if reference is None else contributions(network, reference)
    active = np.flatnonzero(size > tau * scale.max())
    v, u = network.split(theta[active])
    if network.degree is None:
        both = theta[active]
        norm = np.linalg.norm(both, axis=1)
        apart = [np.linalg.norm(both[:, None] - s * both, axis=2) for s in (1, network.parity or 1)]
        one = np.minimum(*apart) < (1 - cosine) * np.maximum.outer(norm, norm)
    else:
        cv, cu = (np.clip(n @ n.T, -1, 1) for n in (_normalised(v), _normalised(u)))
        one = (cv > cosine) & (cu > cosine)
        if network.parity == 1:
            one |= (cv > cosine) & (cu < -cosine)
        elif network.parity == -1:
            one |= (cv < -cosine) & (cu < -cosine)
    labels = np.full(len(theta), -1)
    labels[active] = connected_components(one, directed=False)[1]
    return labels


def effective_width(
    network: Network, theta: np.ndarray, tau: float = 0.05, reference: np.ndarray | None = None
) -> np.ndarray:
    """Effective number of units (operational definition), an integer array (\\*ensemble,).

    For a linear network the rank: singular values of the units (units, features) above `tau` times
    the largest.  Otherwise the number of clusters of active units, see `clusters`.  With a
    `reference` (the same shape; for a run, its end) sizes are measured against the network that
    was learned, so that small initial weights count as width 0.
    """
    theta = np.asarray(theta)
    if theta.ndim > 2:
        reference = np.broadcast_to(theta if reference is None else reference, theta.shape)
        flat = [
            effective_width(network, one, tau, ref)
            for one, ref in zip(_members(theta), _members(reference), strict=True)
        ]
        return np.array(flat).reshape(theta.shape[:-2])
    if isinstance(network, Linear):
        values = np.linalg.svd(theta, compute_uv=False)
        top = values if reference is None else np.linalg.svd(reference, compute_uv=False)
        return np.sum(values > tau * top[0])
    return np.array(clusters(network, theta, tau, reference).max() + 1)


def rays(network: Network, theta: np.ndarray, tau: float = 0.05) -> np.ndarray:
    """One row (features,) a cluster of active units: the member with the largest contribution."""
    labels, size = clusters(network, theta, tau), contributions(network, theta)
    members = (np.flatnonzero(labels == k) for k in range(labels.max() + 1))
    return np.array([theta[m[np.argmax(size[m])]] for m in members])


def _normalised(rows: np.ndarray) -> np.ndarray:
    norm = np.linalg.norm(rows, axis=-1, keepdims=True)
    return rows / np.where(norm == 0, 1, norm)


def _members(theta: np.ndarray) -> np.ndarray:
    return theta.reshape(-1, *theta.shape[-2:])
