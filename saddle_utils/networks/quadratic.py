"""Networks quadratic in u, which depend on the data through moments of Z; linear attention."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import numpy as np

from .base import Array, concat, dots
from .moments import Moments


@dataclass(frozen=True)
class Quadratic(Moments):
    """Quadratic in u: f = sum_i v_i u_i' Z u_i with Z symmetric (Eqs. 13 and 44).

    dv_i = u_i' G u_i, du_i = 2 v_i G u_i with G = E[(y - f) Z].  The moments are syz = E[y Z],
    flattened to (outputs, n_u^2), and szz = E[Z (x) Z], flattened to (n_u^2, n_u^2).  Units of
    `rank` R have Z = I_R (x) Z_1 (`ranked`): then u_i holds the R rows of a matrix U_i, and
    u_i' Z u_i = tr U_i Z_1 U_i'.
    """

    rank: int = 1
    degree: ClassVar[float] = 2
    parity: ClassVar[int] = 1

    @cached_property
    def n_u(self) -> int:  # type: ignore[override]
        return round(self.syz.shape[-1] ** 0.5)

    def features(self, u: Array) -> Array:
        left, right = self.sides(u)
        return (left[..., :, None] * right[..., None, :]).reshape(*u.shape[:-1], -1)

    def sides(self, u: Array) -> tuple[Array, Array]:
        """The two vectors of each unit whose outer product is psi(u)."""
        return u, u

    def _map(self, v: Array, u: Array) -> Array:
        left, right = self.sides(u)
        if self.n_v == 1:
            m = (v * left).mT @ right
            return m.reshape((*m.shape[:-2], 1, -1))
        m = (v.mT[..., None] * left[..., None, :, :]).mT @ right[..., None, :, :]
        return m.reshape(*m.shape[:-2], -1)

    def field(self, theta: Array, forward: tuple[Array, Array] | None = None) -> Array:
        v, u = self.split(theta)
        g = forward[1] if forward else self.residual(self._map(v, u))
        if self.n_v == 1:
            force = self.force(u, g[..., 0, :])
            return concat([dots(force, u), v * (force + force)])
        force = self.force(u[..., None, :, :], g)  # (*ensemble, n_v, units, n_u)
        dv = (force * u[..., None, :, :]).sum(-1).mT
        return concat([dv, 2 * (v.mT[..., None] * force).sum(-3)])

    def force(self, u: Array, g: Array) -> Array:
        """Half the gradient of <g, psi(u)> with respect to u, shape of u."""
        return u @ g.reshape((*g.shape[:-1], self.n_u, self.n_u))

    def matrix(self, g: Array) -> Array:
        """The symmetric matrix S of <g, psi(u)> = u' S u, (\\*ensemble, n_v, n_u, n_u)."""
        return self.force(np.eye(self.n_u), g)


@dataclass(frozen=True)
class Attention(Quadratic):
    """Linear self-attention with rank-one key and query: u_i = [k_i; q_i], v_i the value (Eq. 16).

    f = sum_i v_i (k_i . z)(q_i . x_q), with z the sum of y_n x_n over the context.  It is quadratic
    in u, but depends on k q' alone, so the moments are those of z x_q', flattened to d^2.
    """

    @cached_property
    def n_u(self) -> int:  # type: ignore[override]
        return 2 * round(self.syz.shape[-1] ** 0.5)

    def sides(self, u: Array) -> tuple[Array, Array]:
        d = self.n_u // 2
        return u[..., :d], u[..., d:]

    def force(self, u: Array, g: Array) -> Array:
        d = self.n_u // 2
        g = g.reshape((*g.shape[:-1], d, d)) / 2
        return concat([u[..., d:] @ g.mT, u[..., :d] @ g])

    def draw(self, rng: np.random.Generator, width: int) -> np.ndarray:
        """One set of units (width, 1 + 2 d), query, key and value drawn in this order.

        Keys and queries are standard normal, values have the variance of their fan-in d + 1.  Keys
        and values are drawn as for whole tokens [x; y]; their components that in-context
        regression leaves at zero (the key's of y, the value's of x) are dropped.
        """
        d = self.n_u // 2
        query = rng.standard_normal((width, d))
        key = rng.standard_normal((width, d + 1))[:, :d]
        value = rng.standard_normal((width, d + 1))[:, d:] / np.sqrt(d + 1)
        return np.concatenate([value, key, query], axis=1)


def ranked(network: Quadratic, rank: int) -> Quadratic:
    """The quadratic network or attention with units of rank R, f = sum_i v_i tr U_i Z U_i'.

    Heads of linear attention have R keys and queries then, which share their value:
    u_i = [k_i1 ... k_iR; q_i1 ... q_iR].  ValueError for a rank below 1.
    """
    if rank != int(rank) or rank < 1:
        raise ValueError(f"the rank of units is {rank}; wanted a whole number, 1 or more")
    features = network.syz.shape[-1]
    one = np.eye(features).reshape(features, round(features**0.5), -1)
    z = np.kron(np.eye(rank)[None], one).reshape(features, -1)
    return replace(network, syz=network.syz @ z, szz=z.T @ network.szz @ z, rank=rank)
