"""Effective width: as how wide a network a set of units behaves, measured on the weights."""

import numpy as np

from ..networks import Network

COSINE = 0.99  # from which two directions count as one
BLOCK = 2**20  # numbers that are compared at a time


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
    ValueError for units of an ensemble: `effective_width` counts those.
    """
    if np.ndim(theta) != 2:
        raise ValueError(f"theta has shape {np.shape(theta)}; wanted one run, (units, features)")
    least = _least(network, theta, tau, theta if reference is None else reference)
    active = least < len(theta)
    labels = np.full(len(theta), -1)
    labels[active] = np.unique(least[active], return_inverse=True)[1]
    return labels


def effective_width(
    network: Network, theta: np.ndarray, tau: float = 0.05, reference: np.ndarray | None = None
) -> np.ndarray:
    """Effective width (\\*ensemble,), integers: how many units the network behaves like.

    For a linear network it is the rank, the number of singular values of the units (units,
    features) above `tau` times the largest; otherwise the number of clusters of active units
    (`clusters`).  With a `reference` of the same shape, for example the end of the run, sizes are
    measured against the network that was learned, so that small initial weights have width 0.
    ValueError for a deep network, whose layers have widths of their own (`layer_widths`), and for a
    model of one row of weights (`Autograd` with n_v = 0), which has no units to count.
    """
    theta = np.asarray(theta)
    if network.n_v == 0:
        raise ValueError(
            "this network is a row of weights, without units (v_i; u_i): a deep network has an "
            "effective width for each layer (`layer_widths`)"
        )
    if (network.degree, network.parity) == (1, -1):  # phi is linear in u
        values = np.linalg.svd(theta, compute_uv=False)
        top = values if reference is None else np.linalg.svd(reference, compute_uv=False)
        return np.sum(values > tau * top[..., :1], axis=-1)
    reference = np.broadcast_to(theta if reference is None else reference, theta.shape)
    states, ends = (of.reshape(-1, *theta.shape[-2:]) for of in (theta, reference))
    blocks = np.array_split(np.arange(len(states)), states.size * theta.shape[-2] // BLOCK + 1)
    own = [_least(network, states[b], tau, ends[b]) == np.arange(theta.shape[-2]) for b in blocks]
    return np.concatenate(own).sum(-1).reshape(theta.shape[:-2])[()]


def rays(network: Network, theta: np.ndarray, tau: float = 0.05) -> np.ndarray:
    """The unit with the largest contribution of each cluster of active units (n, features)."""
    labels, size = clusters(network, theta, tau), contributions(network, theta)
    members = (np.flatnonzero(labels == k) for k in range(labels.max() + 1))
    return np.array([theta[m[np.argmax(size[m])]] for m in members])


def _normalised(rows: np.ndarray) -> np.ndarray:
    """Rows divided by their norms, or zero where they are."""
    norm = np.linalg.norm(rows, axis=-1, keepdims=True)
    return rows / np.where(norm == 0, 1, norm)


def _least(network: Network, theta: np.ndarray, tau: float, reference: np.ndarray) -> np.ndarray:
    """Least index of the units that count as one with each, (\\*ensemble, units).

    For dormant units it is the number of all.  `tau` and `reference` are of `clusters`.
    """
    active = contributions(network, theta) > tau * contributions(network, reference).max(
        -1, keepdims=True
    )
    if network.degree is None:
        norm = np.linalg.norm(theta, axis=-1)
        largest = np.maximum(norm[..., None], norm[..., None, :])
        apart = (np.linalg.norm(theta[..., None, :] - s * theta[..., None, :, :], axis=-1)
                 for s in (1, network.parity or 1))  # fmt: skip
        one = np.minimum(*apart) < (1 - COSINE) * largest
    else:
        cv, cu = (n @ n.mT for n in map(_normalised, network.split(theta)))
        one = (cv > COSINE) & (cu > COSINE)
        if network.parity:
            one |= (network.parity * cv > COSINE) & (cu < -COSINE)
    one &= active[..., None] & active[..., None, :]
    labels, before, units = np.arange(theta.shape[-2]), None, theta.shape[-2]
    while not np.array_equal(labels, before):  # each takes the least of its neighbours
        labels, before = np.where(one, labels[..., None, :], units).min(-1), labels
    return labels
