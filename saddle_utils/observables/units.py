"""Effective width: as how wide a network a set of units behaves, measured on the weights."""

import numpy as np

from ..networks import Layered, Network

COSINE = 0.99  # from which two directions count as one


def contributions(network: Network, theta: np.ndarray) -> np.ndarray:
    """Size |v_i| |u_i|^p of each unit, p the degree of phi, 1 if none, (\\*ensemble, units)."""
    v, u = network.split(theta)
    degree = 1 if network.degree is None else network.degree
    return np.linalg.norm(v, axis=-1) * np.linalg.norm(u, axis=-1) ** degree


def clusters(
    network: Network, theta: np.ndarray, tau: float = 0.05, reference: np.ndarray | None = None
) -> np.ndarray:
    """Labels (units,) of units that count as one: from 0 on, and -1 for dormant units.

    A unit is active if its contribution exceeds `tau` times the largest one of `reference` (units
    of the same network, by default these).  Active units count as one where the network cannot
    tell them apart: if phi is homogeneous, where v and u have the same direction (cosines above
    `COSINE`), up to u -> -u if phi is even, or theta -> -theta if odd; else where they are equal.
    """
    size = contributions(network, theta)
    scale = size if reference is None else contributions(network, reference)
    active = np.flatnonzero(size > tau * scale.max())
    v, u = network.split(theta[active])
    if network.degree is None:
        both = theta[active]
        norm = np.linalg.norm(both, axis=1)
        apart = [np.linalg.norm(both[:, None] - s * both, axis=2) for s in (1, network.parity or 1)]
        one = np.minimum(*apart) < (1 - COSINE) * np.maximum.outer(norm, norm)
    else:
        cv, cu = (np.clip(n @ n.T, -1, 1) for n in (_normalised(v), _normalised(u)))
        one = (cv > COSINE) & (cu > COSINE)
        if network.parity:
            one |= (network.parity * cv > COSINE) & (cu < -COSINE)
    labels = np.full(len(theta), -1)
    labels[active] = _connected(one)
    return labels


def effective_width(
    network: Network, theta: np.ndarray, tau: float = 0.05, reference: np.ndarray | None = None
) -> np.ndarray:
    """Effective width (\\*ensemble,), integers: how many units the network behaves like.

    For a linear network it is the rank, the number of singular values of the units (units,
    features) above `tau` times the largest; otherwise the number of clusters of active units
    (`clusters`).  With a `reference` of the same shape, for example the end of the run, sizes are
    measured against the network that was learned, so that small initial weights have width 0.
    ValueError for a deep network, whose layers have widths of their own (`layer_widths`).
    """
    theta = np.asarray(theta)
    if isinstance(network, Layered):
        raise ValueError("a deep network has an effective width for each layer: use `layer_widths`")
    if (network.degree, network.parity) == (1, -1):  # phi is linear in u
        values = np.linalg.svd(theta, compute_uv=False)
        top = values if reference is None else np.linalg.svd(reference, compute_uv=False)
        return np.sum(values > tau * top[..., :1], axis=-1)
    if theta.ndim > 2:
        reference = np.broadcast_to(theta if reference is None else reference, theta.shape)
        runs = np.ndindex(theta.shape[:-2])
        widths = [effective_width(network, theta[run], tau, reference[run]) for run in runs]
        return np.array(widths).reshape(theta.shape[:-2])
    return np.array(clusters(network, theta, tau, reference).max() + 1)


def rays(network: Network, theta: np.ndarray, tau: float = 0.05) -> np.ndarray:
    """The unit with the largest contribution of each cluster of active units (n, features)."""
    labels, size = clusters(network, theta, tau), contributions(network, theta)
    members = (np.flatnonzero(labels == k) for k in range(labels.max() + 1))
    return np.array([theta[m[np.argmax(size[m])]] for m in members])


def _normalised(rows: np.ndarray) -> np.ndarray:
    """Rows divided by their norms, or zero where they are."""
    norm = np.linalg.norm(rows, axis=-1, keepdims=True)
    return rows / np.where(norm == 0, 1, norm)


def _connected(one: np.ndarray) -> np.ndarray:
    """Labels (n,), from 0, of the connected parts of a symmetric graph (n, n).

    For graphs of this size it takes a fifth of the time of scipy's, which makes them sparse.
    """
    labels, least = np.arange(len(one)), np.empty(0)
    while not np.array_equal(labels, least):
        labels, least = np.where(one, labels, len(one)).min(1, initial=len(one)), labels
    return np.unique(labels, return_inverse=True)[1]
