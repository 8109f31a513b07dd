"""Deep networks near zero: escape times, and what gradient flow does to the norms of layers.

After Jacot et al. (arXiv 2106.15933) for deep linear networks, and the critical-depth law (Rawal
and DeWeese, arXiv 2605.01288, known from a summary) for what is nonlinear.
"""

from collections.abc import Sequence
from itertools import pairwise, product

import numpy as np

from ..networks import Array, Deep, DeepLinear, Layered, Network, initial_units
from ..networks.pointwise import ACTIVATIONS
from .saddles import minimise


def effective_depth(depth: int, skips: Sequence[tuple[int, int]]) -> int:
    """Number of layers on the shortest path from input to output, with skips of length 0."""
    best = [0]
    for layer in range(1, depth + 1):
        best.append(min([best[-1] + 1, *(best[a] for a, b in skips if b == layer)]))
    return best[depth]


def small_degree(order: int, depth: int, small: Sequence[int]) -> int:
    """Degree of the lowest term of the map in the weights of the layers `small` (from 0).

    sum of p^(L - 1 - l) for an activation of lowest order p, as each later layer raises what comes
    in to the power p: r for p = 1, the critical-depth law.
    """
    return sum(order ** (depth - 1 - k) for k in small)


def fixed_levels(network: Network, rows: int = 1, draws: int = 40) -> np.ndarray:
    """Losses of fixed points of a (narrow) network over that without units, ascending, (n,).

    By BFGS from so many draws of standard normal weights in `rows` (1 for layers, else units);
    those equal to .001 are counted once.  They are saddles of wider networks (Corollary 2).
    """
    starts = initial_units(network, rows, 1.0, range(draws))
    found = np.sort([minimise(network, start)[1] / network.zero_loss() for start in starts])
    return found[np.append(True, np.diff(found) > 1e-3)]


def aligned_start(network: DeepLinear, scale: float, seed: int = 0) -> np.ndarray:
    """Balanced layers of rank one on the target's first singular vectors, (1, weights).

    W_l = scale / sqrt(L) b_l b_{l-1}', with b_0 and b_L those singular vectors and unit vectors
    drawn between them, so that `scale` is the norm of all weights.  Layers that a skip joins get
    the same vector, for the skip carries it unchanged.
    """
    q, _, r = np.linalg.svd(network.syz)
    rng, depth = np.random.default_rng(seed), network.depth
    b = [r[0], *(rng.standard_normal(n) for n in network.sizes[1:-1]), q[:, 0]]
    for layers in network.streams:
        for k in layers:
            b[k] = b[layers[0]] / np.linalg.norm(b[layers[0]])
    parts = [np.outer(out, into).ravel() for into, out in pairwise(b)]
    return scale / np.sqrt(depth) * np.concatenate(parts)[None]


def starts_of_norm(
    network: DeepLinear, norms: Sequence[float], seeds: Sequence[int]
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Starts of each norm: the `aligned_start`, called seed -1, and a draw scaled to it per seed.

    As columns "scale" and "seed" (n,), and weights (n, 1, weights).
    """
    settings, starts = [*product(norms, (-1, *seeds))], []
    for norm, seed in settings:
        draw = network.draw(np.random.default_rng(max(seed, 0)))
        drawn = draw * norm / np.linalg.norm(draw)
        starts.append(aligned_start(network, norm) if seed < 0 else drawn)
    return dict(zip(("scale", "seed"), np.array(settings).T, strict=True)), np.stack(starts)


def imbalance_rates(network: Deep, theta: Array) -> np.ndarray:
    r"""d/dt (|W_{l+1}|^2 - |W_l|^2) / 2 under gradient flow, (\*ensemble, depth - 1).

    -E[g_l . (sigma(a_l) - a_l sigma'(a_l))] with a_l = W_l h_{l-1} and g_l = dL/dh_l: exact for any
    activation that has a derivative, and 0 if it is homogeneous of degree 1.  For networks without
    skips; ValueError for others.
    """
    if network.skips:
        raise ValueError(
            "the identity is that of successive layers: wanted a network without skips"
        )
    weights, pre, post, _, r = network.forward(theta)
    _, back = network.backward(weights, pre, post, r)
    rates = []
    for k, (a, f) in enumerate(zip(pre, post, strict=True)):
        slope = ACTIVATIONS[network.phis[k]].df(a, f)
        rates.append((back[k + 1] * (f - a * slope)).sum((-2, -1)))
    return np.stack(rates, axis=-1)


def norm_rates(network: Layered, theta: Array) -> np.ndarray:
    r"""d/dt |W_l|^2 / 2 of each layer under gradient flow, (\*ensemble, depth)."""
    pairs = zip(network.weights(theta), network.weights(network.field(theta)), strict=True)
    return np.stack([(w * dw).sum((-2, -1)) for w, dw in pairs], axis=-1)
