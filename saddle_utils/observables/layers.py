"""What the hidden layers of a deep network did: effective width, imbalance and rank of each."""

import numpy as np

from ..networks import Layered
from .units import effective_width


def layer_widths(
    network: Layered, theta: np.ndarray, tau: float = 0.05, reference: np.ndarray | None = None
) -> np.ndarray:
    """Effective width of each hidden layer (\\*ensemble, layers), integers, by `effective_width`.

    A hidden layer is measured as the network of two layers that its units make, with the weights
    into and out of each, (v_i; u_i): in rank, rays or units, whatever its activation counts.
    Layers that skips join count as one (`Layered.streams`).  With a `reference` of the same shape,
    for example the end of the run, sizes are measured against those of the same layer there; a
    layer whose norm there is below `tau` of the largest one's, such as a branch that a skip makes
    idle, has width 0.
    """
    theta = np.asarray(theta)
    at_end = theta if reference is None else reference
    widths, norms = [], []
    for k in range(len(network.streams)):
        units, end = network.units(theta, k), network.units(at_end, k)
        norms.append(np.linalg.norm(end, axis=(-2, -1)))
        against = None if reference is None else end
        widths.append(effective_width(network.hidden(k), units, tau, against))
    return np.stack(widths, axis=-1) * (np.stack(norms, -1) > tau * np.max(norms, 0)[..., None])


def imbalance(network: Layered, theta: np.ndarray) -> list[np.ndarray]:
    """V V' - U U' of the units of each hidden layer, each (\\*ensemble, units, units).

    Without skips it is W_{l+1}' W_{l+1} - W_l W_l' (theory of deep linear networks, arXiv
    2106.15933), which gradient flow of a linear network conserves; of a homogeneous one of degree 1
    it conserves the diagonal.  Layers that skips join have one between them, conserved too.
    """
    streams = range(len(network.streams))
    parts = [network.hidden(k).split(network.units(theta, k)) for k in streams]
    return [v @ v.mT - u @ u.mT for v, u in parts]


def rank_ratios(network: Layered, theta: np.ndarray) -> np.ndarray:
    """Second over first singular value of the weights of each layer, (\\*ensemble, layers).

    0 for matrices of rank one, among them those with one row or column.
    """
    found = []
    for weights in network.weights(theta):
        values = np.linalg.svd(weights, compute_uv=False)
        found.append(
            values[..., 1] / values[..., 0] if values.shape[-1] > 1 else 0 * values[..., 0]
        )
    return np.stack(found, axis=-1)
