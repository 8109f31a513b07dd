"""Networks that see the data through moments: linear and quadratic in u."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from .base import Array, Network, concat, dots, product


class Moments(Network):
    """Networks that are linear in features psi(u): they see the data through moments only.

    With M = sum_i v_i psi(u_i)' the loss is L = E|y|^2/2 - <Syz, M> + <M, M Szz>/2.  The residual
    matrix G = Syz - M Szz drives every unit: dv = G psi(u), du = psi'(u)' G' v.
    """

    syz: Array  # (outputs, N)
    szz: Array  # (N, N)
    syy: float
    axes: ClassVar[dict[str, int]] = {"syz": 2, "szz": 2, "syy": 0}

    def features(self, u: Array) -> Array:
        raise NotImplementedError

    def moment_map(self, theta: Array) -> Array:
        """M = sum_i v_i psi(u_i)' of all units, shape (\\*ensemble, outputs, N)."""
        return self._map(*self.split(theta))

    def _map(self, v: Array, u: Array) -> Array:
        m = product(v.mT, self.features(u))
        return m if self.patches == 1 else m.reshape(*m.shape[:-2], *self.syz.shape[-2:])

    def output(self, theta: Array) -> Array:
        return self.moment_map(theta)

    def residual(self, m: Array) -> Array:
        """Residual matrix G = Syz - M Szz (Eq. 9), shape (\\*ensemble, n_v, N / patches)."""
        g = self.syz - product(m, self.szz)
        return g if self.patches == 1 else g.reshape(*g.shape[:-2], self.n_v, -1)

    def forward(self, theta: Array) -> tuple[Array, Array]:
        """M and the residual matrix G."""
        m = self.moment_map(theta)
        return m, self.residual(m)

    def loss(self, theta: Array, forward: tuple[Array, Array] | None = None) -> Array:
        m, g = forward or self.forward(theta)
        return (self.syy - ((self.syz + g.reshape(m.shape)) * m).sum((-2, -1))) / 2

    def zero_loss(self) -> float:
        return self.syy / 2

    def curvature(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        v, u = self.split(theta)
        ensemble, psi = u.shape[:-2], self.features(u)
        dpsi, within = self._derivatives(v, u, self.residual(self._map(v, u)))
        d = np.zeros((*theta.shape, self.n_v, psi.shape[-1]))
        d[..., range(self.n_v), range(self.n_v), :] = psi[..., None, :]
        d[..., self.n_v :, :, :] = v[..., None, :, None] * dpsi[..., None, :]
        d = d.reshape(*ensemble, -1, *self.syz.shape[-2:])
        weighted = d @ self.szz[..., None, :, :]
        flat = (*ensemble, d.shape[-3], -1)
        return within, d.reshape(flat), weighted.reshape(flat)


@dataclass(frozen=True)
class Linear(Moments):
    """Linear in u: fully-connected linear networks, and convolutions (an axis of patches).

    Eq. 9: dv_i = G u_i, du_i = G' v_i.  Syz (outputs, patches * n_u), Szz and syy = E|y|^2.
    """

    syz: Array
    szz: Array
    syy: float
    patches: int = 1
    degree: ClassVar[float] = 1
    parity: ClassVar[int] = -1

    @cached_property
    def n_v(self) -> int:  # type: ignore[override]
        return self.syz.shape[-2] * self.patches

    @cached_property
    def n_u(self) -> int:  # type: ignore[override]
        return self.syz.shape[-1] // self.patches

    def features(self, u: Array) -> Array:
        return u

    def field(self, theta: Array, forward: tuple[Array, Array] | None = None) -> Array:
        v, u = self.split(theta)
        g = forward[1] if forward else self.residual(self._map(v, u))
        return concat([product(u, g.mT), product(v, g)])

    def reduce(self, theta: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
        """theta = basis @ R by QR: the field acts on the features, so the basis never moves.

        Eq. 9 in one line is dTheta = Theta [[0, G], [G', 0]], with G a function of V'U = R_v' R_u.
        (\\*ensemble, units, features) with more units than features become as many as features.
        """
        return np.linalg.qr(theta) if theta.shape[-2] > theta.shape[-1] else (None, theta)

    def _derivatives(self, v, u, g):
        nv, nu = self.n_v, self.n_u
        within = np.zeros((*u.shape[:-1], nv + nu, nv + nu))
        within[..., :nv, nv:], within[..., nv:, :nv] = g[..., None, :, :], g.mT[..., None, :, :]
        return np.eye(nu), within


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
