"""Embedded saddles: fixed points of narrow networks inside wide ones (Theorem 1, Corollary 2).

A wide network can copy a fixed point of a narrower one: the map stays the same, all gradients
vanish, and directions of descent appear.  Training moves between these saddles.  `embed` builds
them, `fixed_point` finds the narrow ones, `saddle_index` counts directions of descent, and `merge`
finds the narrow network in a wide one.
"""

import numpy as np
from scipy.optimize import minimize

from ..networks import Linear, Network, initial_units
from ..observables import clusters, effective_width
from .linear import escape_unit

CONSTRUCTIONS = ("copy", "silent", "scaled", "combined")  # cases (i) to (iv) of Theorem 1
LEARNED = 1e-3  # of the initial loss, which a fixed point must have taken from it
NEAR = 150  # steps of BFGS: to a minimum it takes a few dozen, and to infinity many hundreds


def embed(
    network: Network, theta: np.ndarray, construction: str, rng: np.random.Generator
) -> np.ndarray:
    """A fixed point theta (units, features) with one more unit, (units + 1, features) (Theorem 1).

    Map and gradient stay the same.  The constructions, with factors gamma drawn from N(0, 1):
    "copy" (i) u_H = u_i, v_H = g v_i, v_i <- (1 - g) v_i; "silent" (ii) u_H = 0, v_H = 0;
    "scaled" (iii, degree 1) u_H = gu u_i, v_H = gv v_i, v_i <- (1 - gu gv) v_i, with gu > 0 unless
    phi is linear; "combined" (iv, linear) u_H = sum gu_i u_i, v_H = sum gv_i v_i,
    v_i <- v_i - gu_i v_H.  `rng` is a generator, such as `np.random.default_rng(0)`.  ValueError
    where the theorem does not cover the construction.
    """
    if construction not in CONSTRUCTIONS:
        raise ValueError(f"unknown construction {construction!r}; known: {CONSTRUCTIONS}")
    covered = {"combined": isinstance(network, Linear), "scaled": network.degree == 1}
    if not covered.get(construction, True):
        raise ValueError(f"{construction!r} asks for more than this phi has (Theorem 1)")
    if construction == "silent":
        return np.concatenate([theta, np.zeros((1, theta.shape[1]))])
    if construction == "combined":
        (v, u), (gamma_u, gamma_v) = network.split(theta), rng.standard_normal((2, len(theta)))
        wide = np.concatenate([theta, np.append(gamma_v @ v, gamma_u @ u)[None]])
        wide[:-1, : network.n_v] -= np.outer(gamma_u, gamma_v @ v)
        return wide
    gamma_u, gamma_v = 1.0, rng.standard_normal()
    if construction == "scaled":
        gamma_u, gamma_v = gamma_v, rng.standard_normal()
        gamma_u = gamma_u if network.parity == -1 else abs(gamma_u)
    return split(network, theta, int(rng.integers(len(theta))), gamma_u, gamma_v)


def split(
    network: Network, theta: np.ndarray, unit: int, gamma_u: float, gamma_v: float
) -> np.ndarray:
    """Units (units + 1, features) with u_H = gu u_i, v_H = gv v_i, v_i <- (1 - gu gv) v_i.

    The factors are free: whether the result is a fixed point is what Theorem 1 (i, iii) decides.
    """
    wide = np.concatenate([theta, theta[unit : unit + 1]])
    v, u = network.split(wide)
    u[-1] *= gamma_u
    v[unit], v[-1] = (1 - gamma_u * gamma_v) * v[unit], gamma_v * v[unit]
    return wide


def split_deep(
    weights: list[np.ndarray], layer: int, unit: int, gamma_in: float, gamma_out: float
) -> list[np.ndarray]:
    """Weights of a deep homogeneous network with one hidden unit more (Corollary 2).

    `weights` holds the matrix (out, in) of each layer.  The new unit has `gamma_in` times the
    incoming and `gamma_out` times the outgoing weights of `unit` in hidden `layer` (from 0).
    """
    weights = [matrix.copy() for matrix in weights]
    before, after = weights[layer], weights[layer + 1]
    weights[layer] = np.concatenate([before, gamma_in * before[unit : unit + 1]])
    weights[layer + 1] = np.concatenate([after, gamma_out * after[:, unit : unit + 1]], axis=1)
    weights[layer + 1][:, unit] *= 1 - gamma_in * gamma_out
    return weights


def gradient_norm(network: Network, theta: np.ndarray) -> np.ndarray:
    """Euclidean norm of the gradient of all units, (\\*ensemble,)."""
    return np.sqrt((network.field(theta) ** 2).sum((-2, -1)))


def map_error(network: Network, theta: np.ndarray, other: np.ndarray) -> float:
    """Largest difference of the outputs of two sets of units, of any widths."""
    return float(np.abs(network.output(theta) - network.output(other)).max())


def polish(network: Network, theta: np.ndarray, steps: int = 60) -> np.ndarray:
    """The fixed point next to theta (units, features), minimum or saddle, by Newton's method.

    Steps have the least length, and at most a tenth of the norm of theta: directions in which the
    Hessian vanishes (symmetries, silent units) are left alone.
    """
    for _ in range(steps):
        field = network.field(theta).ravel()
        if np.abs(field).max() < 1e-14:
            break
        step = np.linalg.lstsq(network.jacobian(theta), -field, rcond=1e-9)[0]
        longest = 0.1 * np.linalg.norm(theta)
        step *= min(1.0, longest / max(np.linalg.norm(step), 1e-300))
        theta = theta + step.reshape(theta.shape)
    return theta


def fixed_point(network: Network, width: int, seed: int, tries: int = 40) -> np.ndarray:
    """A minimum of the narrow network, (width, features), with a gradient below 1e-10.

    It is found by NEAR steps of BFGS from random units, and `polish`.  Minima that learned nothing
    (as of a deep ReLU network whose layer is dead), with a silent unit, or with weights on their
    way to infinity are passed over.  ValueError if `tries` starts find none.
    """
    for k in range(tries):
        start = network.draw(np.random.default_rng([seed, k]), width)
        theta = polish(network, minimise(network, start, NEAR)[0])
        norms = [np.linalg.norm(part, axis=1) for part in network.split(theta) if part.size]
        sound = min(n.min() for n in norms) > 1e-3 and max(n.max() for n in norms) < 1e2
        sound &= float(network.loss(theta)) < (1 - LEARNED) * network.zero_loss()
        if gradient_norm(network, theta) < 1e-10 and sound:
            return theta
    raise ValueError(f"no fixed point of width {width} found in {tries} tries; try another seed")


def minimise(
    network: Network, start: np.ndarray, steps: int | None = None
) -> tuple[np.ndarray, float]:
    """Units (units, features) to which BFGS leads from `start`, in so many steps, and their loss.

    By default in as many as it takes, at most 200 for each weight.
    """

    def loss_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
        theta = flat.reshape(start.shape)
        forward = network.forward(theta)
        return float(network.loss(theta, forward)), -network.field(theta, forward).ravel()

    found = minimize(loss_and_gradient, start.ravel(), jac=True, options={"maxiter": steps})
    return found.x.reshape(start.shape), float(found.fun)


def spectrum(network: Network, theta: np.ndarray) -> np.ndarray:
    """Eigenvalues of the Hessian, ascending, (\\*ensemble, weights)."""
    return np.linalg.eigvalsh(-network.jacobian(theta))


def saddle_index(network: Network, theta: np.ndarray, tolerance: float = 1e-3) -> np.ndarray:
    """Directions of descent: Hessian eigenvalues below -`tolerance` times the largest modulus,
    (\\*ensemble,)."""
    values = spectrum(network, theta)
    return (values < -tolerance * np.abs(values).max(-1, keepdims=True)).sum(-1)


def collapse(
    network: Network, theta: np.ndarray, tau: float = 0.05, reference: np.ndarray | None = None
) -> np.ndarray:
    """Nearest units on the invariant manifold of the effective width, shape of theta (Theorem 3).

    Linear networks: units of that rank.  Others: inactive units become silent, and units that count
    as one (see `observables.clusters`, also for `tau` and `reference`) get one direction of u and
    one of v.
    """
    if isinstance(network, Linear):
        rank = int(effective_width(network, theta, tau, reference))
        a, s, b = np.linalg.svd(theta, full_matrices=False)
        return (a[:, :rank] * s[:rank]) @ b[:rank]
    labels = clusters(network, theta, tau, reference)
    out = np.zeros_like(theta)
    for k in range(labels.max() + 1):
        members = labels == k
        for part, side in zip(network.split(out), network.split(theta), strict=True):
            axis = np.linalg.svd(side[members])[2][0]
            part[members] = np.outer(side[members] @ axis, axis)
    return out


def merge(
    network: Network, theta: np.ndarray, tau: float = 0.05, reference: np.ndarray | None = None
) -> np.ndarray:
    """The narrow network (effective width, features) with the map of the units theta.

    It has one unit for each cluster, or for each rank of a linear network.  This is exact for units
    on the manifold, see `collapse`.  ValueError if phi is not homogeneous.
    """
    v, u = network.split(theta)
    if isinstance(network, Linear):
        rank = int(effective_width(network, theta, tau, reference))
        q, s, r = np.linalg.svd(v.T @ u)
        root = np.sqrt(s[:rank])[:, None]
        return np.concatenate([root * q[:, :rank].T, root * r[:rank]], axis=1)
    if network.degree is None:
        raise ValueError("units of a phi that is not homogeneous merge only where they are equal")
    labels, norm = clusters(network, theta, tau, reference), np.linalg.norm(u, axis=1)
    rows = []
    for k in range(labels.max() + 1):
        members = labels == k
        lead = u[members][np.argmax(norm[members])]
        total = (v[members] * norm[members, None] ** network.degree).sum(0)
        rows.append(np.concatenate([total, lead / np.linalg.norm(lead)]))
    return np.array(rows)


def narrow_level(
    network: Network, width: int, starts: int = 20, seed: int = 0, start: np.ndarray | None = None
) -> float:
    """Loss of a trained network of `width` units: the level of a plateau of wider networks.

    It is the best of `starts` minimisations by BFGS from random units of scale 1, or, if units
    `start` (width, features) are given, the loss to which they lead.
    """
    if start is not None:
        return minimise(network, network.check(start))[1]
    random = initial_units(network, width, 1.0, range(seed, seed + starts))
    return min(minimise(network, first)[1] for first in random)


def narrow_levels(network: Network, widest: int) -> np.ndarray:
    """Best losses with 0, 1, ..., `widest` units, as fractions of the first, (widest + 1,).

    Each is the best of 20 minimisations from random units (`narrow_level`): the levels that the
    plateaus of wider networks lie at, or above where the first units to escape lead elsewhere.
    """
    levels = [narrow_level(network, width) for width in range(1, widest + 1)]
    return np.array([network.zero_loss(), *levels]) / network.zero_loss()


def path_levels(network: Network, widest: int) -> np.ndarray:
    """Levels of the plateaus of a run from small weights, as in `narrow_levels`, (widest + 1,).

    The first of a linear network is that of the one unit to which its fastest direction leads
    (Theorem 4), which need not be the best unit of a convolution.
    """
    levels = narrow_levels(network, widest)
    if isinstance(network, Linear):
        levels[1] = minimise(network, escape_unit(network))[1] / network.zero_loss()
    return levels
