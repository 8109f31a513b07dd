"""Embedded saddles: fixed points of narrow networks inside wide ones (Theorem 1, Corollary 2)."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from ..networks import Linear, Network, initial_units
from ..observables import clusters, effective_width
from .linear import escape_unit

CONSTRUCTIONS = ("copy", "silent", "scaled", "combined")  # cases (i) to (iv) of Theorem 1


def embed(
    network: Network, theta: np.ndarray, construction: str, rng: np.random.Generator
) -> np.ndarray:
    """Add a unit to a fixed point theta (units, features) without changing map or gradient.

    The four constructions of Theorem 1, their free factors gamma drawn from N(0, 1):
    "copy" (i) u_H = u_i, v_H = g v_i, v_i <- (1 - g) v_i; "silent" (ii) u_H = 0, v_H = 0;
    "scaled" (iii, degree 1) u_H = gu u_i, v_H = gv v_i, v_i <- (1 - gu gv) v_i with gu > 0 unless
    phi is linear; "combined" (iv, linear) u_H = sum gu_i u_i, v_H = sum gv_i v_i,
    v_i <- v_i - gu_i v_H.  Returns (units + 1, features).

    Raises ValueError where the theorem does not promise that the construction works.
    """
    if construction not in CONSTRUCTIONS:
        raise ValueError(f"unknown construction {construction!r}; known: {CONSTRUCTIONS}")
    linear = isinstance(network, Linear)
    if (construction == "combined" and not linear) or (
        construction == "scaled" and network.degree != 1
    ):
        raise ValueError(f"{construction!r} asks for more than this phi has (Theorem 1)")
    if construction == "silent":
        return np.concatenate([theta, np.zeros((1, theta.shape[1]))])
    if construction == "combined":
        gamma_u, gamma_v = rng.standard_normal((2, len(theta)))
        return combine(network, theta, gamma_u, gamma_v)
    gamma_u, gamma_v = (
        (1.0, rng.standard_normal()) if construction == "copy" else (rng.standard_normal(2))
    )
    if construction == "scaled" and network.parity != -1:
        gamma_u = abs(gamma_u)
    return split(network, theta, int(rng.integers(len(theta))), gamma_u, gamma_v)


def split(
    network: Network, theta: np.ndarray, unit: int, gamma_u: float, gamma_v: float
) -> np.ndarray:
    """u_H = gu u_i, v_H = gv v_i, v_i <- (1 - gu gv) v_i, whether a theorem allows it or not."""
    wide = np.concatenate([theta, theta[unit : unit + 1]])
    v, u = network.split(wide)
    u[-1] *= gamma_u
    v[unit], v[-1] = (1 - gamma_u * gamma_v) * v[unit], gamma_v * v[unit]
    return wide


def combine(
    network: Network, theta: np.ndarray, gamma_u: np.ndarray, gamma_v: np.ndarray
) -> np.ndarray:
    """Theorem 1 (iv): a unit out of all, theta_H = (sum gv_i v_i; sum gu_i u_i)."""
    v, u = network.split(theta)
    last = np.concatenate([gamma_v @ v, gamma_u @ u])
    wide = np.concatenate([theta, last[None]])
    wide[:-1, : network.n_v] -= np.outer(gamma_u, gamma_v @ v)
    return wide


def split_deep(
    weights: list[np.ndarray], layer: int, unit: int, gamma_in: float, gamma_out: float
) -> list[np.ndarray]:
    """Corollary 2: split a hidden unit of a deep network of homogeneous units, in any layer.

    `weights` (out, in) of each layer; the new unit has `gamma_in` times the incoming weights of
    `unit` of hidden layer `layer` (from 0) and `gamma_out` times its outgoing weights.
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
    """Largest difference of the maps of two sets of units, of any widths."""
    return float(np.abs(network.output(theta) - network.output(other)).max())


def polish(network: Network, theta: np.ndarray, steps: int = 60) -> np.ndarray:
    """The fixed point near theta (units, features), minimum or saddle, by Newton's method.

    Steps of least length, at most a tenth of theta: directions in which the Hessian vanishes
    (symmetries, silent units) are left alone, soft ones are walked.
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
    """A minimum of the network of `width` units with gradient below 1e-10, no silent unit, and
    no weights on their way to infinity.

    Found by BFGS from random units and `polish`ed.  Raises ValueError if `tries` starts find none.
    """
    shape = (width, network.n_v + network.n_u)
    for k in range(tries):
        start = network.draw(np.random.default_rng([seed, k]), width)
        found = minimize(
            lambda flat: float(network.loss(flat.reshape(shape))),
            start.ravel(),
            jac=lambda flat: -network.field(flat.reshape(shape)).ravel(),
        )
        theta = polish(network, found.x.reshape(shape))
        norms = [np.linalg.norm(part, axis=1) for part in network.split(theta) if part.size]
        sound = min(n.min() for n in norms) > 1e-3 and max(n.max() for n in norms) < 1e2
        if gradient_norm(network, theta) < 1e-10 and sound:
            return theta
    raise ValueError(f"no fixed point of width {width} found in {tries} tries; try another seed")


def spectrum(network: Network, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues of the Hessian, ascending (n,), and eigenvectors (n, units, features)."""
    values, vectors = np.linalg.eigh(-network.jacobian(theta))
    return values, vectors.T.reshape(-1, *theta.shape)


def saddle_index(network: Network, theta: np.ndarray, tolerance: float = 1e-3) -> int:
    """Directions of descent: Hessian eigenvalues below -`tolerance` times the largest modulus."""
    values, _ = spectrum(network, theta)
    return int((values < -tolerance * np.abs(values).max()).sum())


def collapse(
    network: Network, theta: np.ndarray, tau: float = 0.05, reference: np.ndarray | None = None
) -> np.ndarray:
    """The units put on the invariant manifold of their effective width (Theorem 3).

    Linear: the nearest units of that rank.  Otherwise units that are not active become silent, and
    those that count as one (see `units.clusters`) get one direction of u and of v.
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
    """The narrow network that the units act as: one unit a cluster, or a rank, (width, features).

    Exact for units on the manifold, see `collapse`; needs a homogeneous phi.
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


def walk(
    network: Network, thetas: np.ndarray, fixed: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A run (T, units, features) seen as a walk between fixed points.

    Gradient norm (T,), saddle index (T,) and distance to each of the fixed points (T, points), as
    a fraction of the norm of the last.
    """
    index = np.array([saddle_index(network, theta) for theta in thetas])
    gaps = np.stack([np.linalg.norm(thetas - point, axis=(1, 2)) for point in fixed], axis=1)
    return gradient_norm(network, thetas), index, gaps / np.linalg.norm(fixed[-1])


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
