"""Networks quadratic in u, which see the data through moments of Z: Quadratic and Attention."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from .base import Array, concat, dots, product
from .moments import Moments


@dataclass(frozen=True)
class Quadratic(Moments):
    """Quadratic in u: f = sum_i v_i u_i' Z u_i with Z symmetric (Eqs. 13 and 44).

    dv_i = u_i' G u_i, du_i = 2 v_i G u_i with G = E[(y - f) Z].  Syz holds E[y Z] as
    (outputs, n_u^2), Szz holds E[Z (x) Z] as (n_u^2, n_u^2).
    """

    syz: Array
    szz: Array
    syy: float
    degree: ClassVar[float] = 2
    parity: ClassVar[int] = 1

    @cached_property
    def n_v(self) -> int:  # type: ignore[override]
        return self.syz.shape[-2]

    @cached_property
    def n_u(self) -> int:  # type: ignore[override]
        return round(self.syz.shape[-1] ** 0.5)

    def features(self, u: Array) -> Array:
        left, right = self.sides(u)
        return (left[..., :, None] * right[..., None, :]).reshape(*u.shape[:-1], -1)

    def sides(self, u: Array) -> tuple[Array, Array]:
        """The two vectors whose outer product is psi(u)."""
        return u, u

    def _map(self, v: Array, u: Array) -> Array:
        left, right = self.sides(u)
        if self.n_v == 1:
            m = product((v * left).mT, right)
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
        return product(u, self.matrix(g))

    def matrix(self, g: Array) -> Array:
        """The symmetric matrix S of <g, psi(u)> = u' S u, (\\*ensemble, n_v, n_u, n_u)."""
        return g.reshape((*g.shape[:-1], self.n_u, self.n_u))

    def _derivatives(self, v, u, g):
        nv, nu, s = self.n_v, self.n_u, self.matrix(g)
        within = np.zeros((*u.shape[:-1], nv + nu, nv + nu))
        within[..., :nv, nv:] = 2 * np.einsum("...oab,...ib->...ioa", s, u)
        within[..., nv:, :nv] = within[..., :nv, nv:].mT
        within[..., nv:, nv:] = 2 * np.einsum("...io,...oab->...iab", v, s)
        return self._slopes(u).reshape(*u.shape, -1), within

    def _slopes(self, u):
        """d (u u') / du as (\\*ensemble, units, n_u, n_u, n_u)."""
        eye = np.eye(self.n_u)
        return u[..., None, None, :] * eye[:, :, None] + u[..., None, :, None] * eye[:, None, :]


@dataclass(frozen=True)
class Attention(Quadratic):
    """Linear self-attention with rank-one key and query: u_i = [k_i; q_i], v_i the value (Eq. 16).

    f = sum_i v_i (k_i . z)(q_i . x_q), with z the sum of y_n x_n over the context: quadratic in u,
    but of u u' only k q' counts, so the moments are those of z x_q', (1, d^2).
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
        return concat([product(u[..., d:], g.mT), product(u[..., :d], g)])

    def matrix(self, g: Array) -> Array:
        d = self.n_u // 2
        out = np.zeros((*g.shape[:-1], 2 * d, 2 * d))
        out[..., :d, d:] = g.reshape(*g.shape[:-1], d, d) / 2
        out[..., d:, :d] = out[..., :d, d:].mT
        return out

    def _slopes(self, u):
        """d (k q') / d(k, q) as (\\*ensemble, units, 2 d, d, d)."""
        d = self.n_u // 2
        eye, (k, q) = np.eye(d), (u[..., :d], u[..., d:])
        by_key = q[..., None, None, :] * eye[:, :, None]
        by_query = k[..., None, :, None] * eye[:, None, :]
        return np.concatenate([by_key, by_query], axis=-3)

    def draw(self, rng: np.random.Generator, width: int) -> np.ndarray:
        """Query, key and value drawn in this order; the value has the variance of its fan-in.

        Keys and values are drawn with the weights of the label or the tokens, which the dynamics
        of in-context regression leaves at zero, and then lose them.
        """
        d = self.n_u // 2
        query = rng.standard_normal((width, d))
        key = rng.standard_normal((width, d + 1))[:, :d]
        value = rng.standard_normal((width, d + 1))[:, d:] / np.sqrt(d + 1)
        return np.concatenate([value, key, query], axis=1)
