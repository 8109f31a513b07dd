"""Invariant manifolds: relations among units that gradient flow preserves (Theorem 3).

On such a manifold a wide network acts like a narrower one for all times.  `equal`, `silent`,
`proportional`, `dependent` and `spanned` are the relations, `is_invariant` says which
of them a network preserves, and `growth_bound` how fast a run next to one can leave it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.integrate import cumulative_simpson

from ..dynamics import Trajectory
from ..networks import Attention, Linear, Network, Pointwise


@dataclass(frozen=True)
class Relation:
    """A linear relation among units: the manifold of units with v' V = 0 and u' U = 0.

    v, u : orthonormal normals in unit space, (units, m) each; they differ where the relation treats
        the two halves of a unit differently, as the mirror image (v, -u) does
    """

    v: np.ndarray
    u: np.ndarray

    def __post_init__(self) -> None:
        for normals in (self.v, self.u):
            if normals.ndim != 2 or not np.allclose(normals.T @ normals, np.eye(normals.shape[1])):
                raise ValueError("the normals of a relation must be orthonormal columns (units, m)")


def proportional(
    units: int, i: int, j: int, gamma_v: float, gamma_u: float | None = None
) -> Relation:
    """v_i = gamma_v v_j and u_i = gamma_u u_j, by default the same gamma (Theorem 3, iii).

    Factors of 1 and -1 are mirror images, which parity adds to the theorem.
    """
    if not (0 <= i < units and 0 <= j < units and i != j):
        raise ValueError(f"units {i} and {j} of {units}: wanted two different ones from 0")
    e = np.eye(units)
    return _one(e[i] - gamma_v * e[j], e[i] - (gamma_v if gamma_u is None else gamma_u) * e[j])


def equal(units: int, i: int, j: int) -> Relation:
    """theta_i = theta_j (Theorem 3, i)."""
    return proportional(units, i, j, 1)


def silent(units: int, i: int) -> Relation:
    """theta_i = 0 (Theorem 3, ii)."""
    return dependent(units, i, np.zeros(units))


def dependent(units: int, i: int, coefficients: Sequence[float]) -> Relation:
    """theta_i = sum_j gamma_j theta_j (Theorem 3, iv); coefficients (units,) with 0 at i."""
    gamma = np.asarray(coefficients, dtype=float)
    if not 0 <= i < units or gamma.shape != (units,) or gamma[i] != 0:
        raise ValueError(f"wanted a unit i below {units} and {units} coefficients, 0 for unit i")
    return _one(np.eye(units)[i] - gamma, np.eye(units)[i] - gamma)


def spanned(directions: np.ndarray) -> Relation:
    """All units are combinations of these columns (units, r): rank r or less (Theorem 3, iv).

    The normals span the orthogonal complement: Theta (1 - P) = 0 with the projector P on the
    columns.
    """
    directions = np.asarray(directions, dtype=float)
    if directions.ndim != 2 or np.linalg.matrix_rank(directions) != directions.shape[1]:
        raise ValueError("wanted linearly independent directions in unit space, (units, r)")
    normals = np.linalg.svd(directions)[0][:, directions.shape[1] :]
    return Relation(normals, normals)


def project(network: Network, relation: Relation, theta: np.ndarray) -> np.ndarray:
    """The nearest units (\\*ensemble, units, features) that satisfy the relation."""
    v, u = _halves(network, relation, theta)
    kept = (half - n @ (n.T @ half) for half, n in ((v, relation.v), (u, relation.u)))
    return np.concatenate(list(kept), axis=-1)


def distance(network: Network, relation: Relation, theta: np.ndarray) -> np.ndarray:
    """Frobenius distance (\\*ensemble,) of theta (\\*ensemble, units, features) from a manifold."""
    v, u = _halves(network, relation, theta)
    parts = [((n.T @ half) ** 2).sum((-2, -1)) for half, n in ((v, relation.v), (u, relation.u))]
    return np.sqrt(parts[0] + parts[1])


def is_invariant(network: Network, relation: Relation) -> bool:
    """Whether gradient flow preserves the relation on any data (Theorem 3, completed by parity).

    `relation` is one of those of `theory.manifolds`: `equal(units, i, j)`, `silent(units, i)`,
    `proportional`, `dependent` or `spanned`.
    Linear in u: if the same combinations of v and of u vanish.  Otherwise: one silent unit, if
    phi(.; 0) = 0; and v_i = a v_j, u_i = b u_j, if a = b, and 1 unless phi has degree 1.  For b < 0
    the unit is first replaced by its mirror image, if phi has a parity.  ValueError for several
    relations at once in a network that is not linear.
    """
    if isinstance(network, Linear) or getattr(network, "phi", None) == "identity":
        return np.allclose(relation.v @ relation.v.T, relation.u @ relation.u.T)
    if relation.v.shape[1] != 1 or relation.u.shape[1] != 1:
        raise ValueError("ask for one relation at a time: only linear networks mix their units")
    pairs = np.concatenate([relation.v, relation.u], axis=1)
    involved = pairs[np.abs(pairs).max(1) > 1e-12]
    if len(involved) == 1:
        return network.vanishes or network.parity == -1 or (network.degree or 0) > 0
    if len(involved) > 2 or np.any(np.abs(involved) < 1e-12):
        return False
    a, b = -involved[1] / involved[0]
    if b < 0:
        a, b = network.parity * a, -b
    return bool(np.isclose(a, b) and (network.degree == 1 or np.isclose(b, 1)))


def conserved(network: Network, theta: np.ndarray) -> np.ndarray:
    """Conserved quantities of gradient flow from units theta (\\*ensemble, units, features).

    On any data.  Linear: V V' - U U', (\\*ensemble, units, units).  Attention: v^2 - |k|^2 and
    |k|^2 - |q|^2, (\\*ensemble, units, 2).  Otherwise |u_i|^2 - p |v_i|^2 for degree p,
    (\\*ensemble, units).  ValueError if phi is not homogeneous.
    """
    v, u = network.split(network.check(theta))
    if isinstance(network, Linear):
        return v @ v.mT - u @ u.mT
    if isinstance(network, Attention):
        key, query = np.split(u, 2, axis=-1)
        squares = np.stack([(part**2).sum(-1) for part in (v, key, query)], axis=-1)
        return squares[..., :-1] - squares[..., 1:]
    if network.degree is None:
        raise ValueError("nothing of the kind is conserved: phi is not homogeneous in u")
    return (u**2).sum(-1) - network.degree * (v**2).sum(-1)


def growth_rate(network: Network, theta: np.ndarray) -> np.ndarray:
    """Largest rate at which the norm of any unit can grow, d|theta_i|/dt <= rate |theta_i|.

    Shape (\\*ensemble,), for units theta (\\*ensemble, units, features).  Linear: the operator norm
    of the residual matrix G, which also bounds the growth of the distance from any manifold of
    `spanned`.  ReLU on inputs in the plane: max |E[r sigma(u . x)]| over |u| = 1, exactly; between
    two kinks this is |A u|, largest at a kink or at a singular vector of A.  ValueError for other
    networks, where no such rate is known.
    """
    theta = network.check(theta)
    if isinstance(network, Linear):
        return np.linalg.norm(network.residual(network.moment_map(theta)), 2, axis=(-2, -1))
    relu = isinstance(network, Pointwise) and network.phi == "relu"
    if not (relu and network.patches == 1 and network.n_u == 2):
        raise ValueError(
            "a growth rate is known for linear networks, and for fully-connected ReLU networks "
            f"on two features; this is {type(network).__name__} with n_u = {network.n_u}"
        )
    x = network.x[0]
    r = (network.y - network.predict(theta, network.x)) / network.samples  # (*ensemble, O, S)
    across = np.arctan2(x[:, 1], x[:, 0])[:, None] + [-np.pi / 2, np.pi / 2]
    kinks = np.sort(across % (2 * np.pi), axis=None)
    middles = (kinks + np.append(kinks[1:], kinks[0] + 2 * np.pi)) / 2
    at_kinks, inside = (np.stack([np.cos(t), np.sin(t)], -1) for t in (kinks, middles))
    a = np.einsum("...os,cs,sk->...cok", r, inside @ x.T > 0, x)
    top = np.linalg.svd(a)[2][..., 0, :]
    tried = np.concatenate([np.broadcast_to(at_kinks, top.shape), top, -top], axis=-2)
    return np.linalg.norm(np.maximum(tried @ x.T, 0) @ r.mT, axis=-1).max(-1)


def growth_bound(network: Network, run: Trajectory) -> np.ndarray:
    """Factor by which the distance from a manifold can have grown along a run, (T, \\*ensemble).

    It is the exponential of the integral of `growth_rate`, by Simpson's rule, and bounds the
    distance from `spanned` (linear) or of a silent unit (ReLU) since the first time of the run.
    """
    rate = growth_rate(network, run.theta)
    return np.exp(cumulative_simpson(rate, x=run.times, axis=0, initial=0))


def _one(v: np.ndarray, u: np.ndarray) -> Relation:
    return Relation(*(n[:, None] / np.linalg.norm(n) for n in (v, u)))


def _halves(
    network: Network, relation: Relation, theta: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    if theta.shape[-2] != len(relation.v):
        raise ValueError(f"a relation of {len(relation.v)} units for {theta.shape[-2]} units")
    return network.split(network.check(theta))
