"""Networks whose loss depends on the data through moments only; among them the linear ones."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from .base import Array, Network, concat


@dataclass(frozen=True)
class Moments(Network):
    """Networks that are linear in features psi(u) of a unit, on features z of the data.

    With M = sum_i v_i psi(u_i)' the loss is L = E|y|^2/2 - <Syz, M> + <M, M Szz>/2.  The residual
    matrix G = Syz - M Szz drives every unit: dv = G psi(u), du = psi'(u)' G' v.
    The moments are syz = E[y z'] (outputs, N), szz = E[z z'] (N, N) and syy = E|y|^2.
    """

    syz: Array
    szz: Array
    syy: float
    axes: ClassVar[dict[str, int]] = {"syz": 2, "szz": 2, "syy": 0}

    @cached_property
    def n_v(self) -> int:  # type: ignore[override]
        return self.syz.shape[-2] * self.patches

    def features(self, u: Array) -> Array:
        """psi(u) of each unit, (\\*ensemble, units, N / patches)."""
        raise NotImplementedError

    def moment_map(self, theta: Array) -> Array:
        """M = sum_i v_i psi(u_i)' of all units, shape (\\*ensemble, outputs, N)."""
        return self._map(*self.split(theta))

    def _map(self, v: Array, u: Array) -> Array:
        """M of units that are split into v and u."""
        m = v.mT @ self.features(u)
        return m if self.patches == 1 else m.reshape(*m.shape[:-2], *self.syz.shape[-2:])

    def output(self, theta: Array) -> Array:
        return self.moment_map(theta)

    def residual(self, m: Array) -> Array:
        """Residual matrix G = Syz - M Szz (Eq. 9), shape (\\*ensemble, n_v, N / patches)."""
        g = self.syz - m @ self.szz
        return g if self.patches == 1 else g.reshape(*g.shape[:-2], self.n_v, -1)

    def forward(self, theta: Array) -> tuple[Array, Array]:
        """M and the residual matrix G, which loss and field share."""
        m = self.moment_map(theta)
        return m, self.residual(m)

    def loss(self, theta: Array, forward: tuple[Array, Array] | None = None) -> Array:
        m, g = forward or self.forward(theta)
        return (self.syy - ((self.syz + g.reshape(m.shape)) * m).sum((-2, -1))) / 2

    def zero_loss(self) -> float:
        return self.syy / 2


@dataclass(frozen=True)
class Linear(Moments):
    """Linear in u: fully-connected linear networks, and convolutions over several patches.

    Eq. 9: dv_i = G u_i, du_i = G' v_i, with z the inputs of all patches, N = patches * n_u.
    """

    patches: int = 1
    degree: ClassVar[float] = 1
    parity: ClassVar[int] = -1

    @cached_property
    def n_u(self) -> int:  # type: ignore[override]
        return self.syz.shape[-1] // self.patches

    def features(self, u: Array) -> Array:
        return u

    def field(self, theta: Array, forward: tuple[Array, Array] | None = None) -> Array:
        v, u = self.split(theta)
        g = forward[1] if forward else self.residual(self._map(v, u))
        return concat([u @ g.mT, v @ g])

    def reduce(self, theta: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
        """Basis (\\*ensemble, units, n) and units R (\\*ensemble, n, n), theta = basis @ R by QR.

        Here n is the number of features; (None, theta) where there are no more units than that.
        Eq. 9 is dTheta = Theta [[0, G], [G', 0]], with G a function of V'U = R_v' R_u: the field
        acts on the features from the right, so R obeys the same equation and the basis is constant.
        """
        return np.linalg.qr(theta) if theta.shape[-2] > theta.shape[-1] else (None, theta)
