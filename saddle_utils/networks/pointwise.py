"""Networks with a pointwise activation, fully-connected or convolutional."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import numpy as np

from .base import Array, Network, concat, product


@dataclass(frozen=True)
class Activation:
    """A pointwise sigma with its first two derivatives, degree of homogeneity and parity."""

    f: Callable[[Array], Array]
    df: Callable[[Array, Array], Array]  # of a and sigma(a)
    d2f: Callable[[Array, Array], Array] | None = None
    degree: float | None = None
    parity: int = 0


ACTIVATIONS: dict[str, Activation] = {
    "relu": Activation(lambda a: a * (a > 0), lambda a, f: (a > 0) * 1.0, degree=1),
    "identity": Activation(lambda a: a, lambda a, f: a * 0 + 1, degree=1, parity=-1),
    "tanh": Activation(
        lambda a: a.tanh() if hasattr(a, "tanh") else np.tanh(a),
        lambda a, f: 1 - f * f,
        lambda a, f: -2 * f * (1 - f * f),
        parity=-1,
    ),
    "cubic": Activation(lambda a: a**3, lambda a, f: 3 * a**2, lambda a, f: 6 * a, 3, -1),
}


BLOCK = 4 * 2**20  # bytes of sigma(u . x) for units and samples that are computed together
BLOCKED = 8 * BLOCK  # bytes of all of it, beyond which it is computed in blocks


@dataclass(frozen=True)
class Pointwise(Network):
    """A pointwise sigma on u . x, fully-connected (one patch) or convolutional (several).

    f_o(x) = sum_i sum_p v_iop sigma(u_i . x_p), for data x (patches, samples, n_u) and
    y (outputs, samples).
    """

    x: Array
    y: Array
    phi: str = "relu"
    axes: ClassVar[dict[str, int]] = {"x": 3, "y": 2}

    def __post_init__(self) -> None:
        if self.phi not in ACTIVATIONS:
            raise ValueError(f"unknown activation {self.phi!r}; known: {', '.join(ACTIVATIONS)}")

    @cached_property
    def n_v(self) -> int:  # type: ignore[override]
        return self.y.shape[-2] * self.patches

    @cached_property
    def n_u(self) -> int:  # type: ignore[override]
        return self.x.shape[-1]

    @cached_property
    def patches(self) -> int:  # type: ignore[override]
        return self.x.shape[-3]

    @property
    def degree(self) -> float | None:  # type: ignore[override]
        return ACTIVATIONS[self.phi].degree

    @property
    def parity(self) -> int:  # type: ignore[override]
        return ACTIVATIONS[self.phi].parity

    @property
    def smooth(self) -> bool:  # type: ignore[override]
        return self.phi != "relu"

    @property
    def samples(self) -> int:
        return self.y.shape[-1]

    def subset(self, index: np.ndarray) -> Pointwise:
        return replace(self, x=self.x[:, index], y=self.y[:, index])

    def predict(self, theta: Array, x: Array) -> Array:
        """f(x), (\\*ensemble, outputs, samples), of x (samples, n_u) or (patches, samples, n_u)."""
        return self._map(theta, x)[-1]

    def output(self, theta: Array) -> Array:
        return self.predict(theta, self.x)

    def kinks(self, theta: Array) -> Array:
        """u . x of each unit and sample, whose sign is the pattern (\\*ensemble, units, P * S)."""
        return product(theta[..., self.n_v :], self.flat_x.mT)

    @cached_property
    def flat_x(self) -> Array:
        """The inputs of all patches as (patches * samples, n_u)."""
        return self.x.reshape(*self.x.shape[:-3], -1, self.n_u)

    def pulls(self, forward: tuple) -> Array:
        """v . residual of each unit and sample, which drives u, (\\*ensemble, units, P * S)."""
        v, a, _, r = forward
        return product(v, r).reshape(a.shape)

    def _map(self, theta: Array, x: Array, on: Array = None) -> tuple[Array, Array, Array, Array]:
        """Read-out (units * patches, outputs), a and sigma (units, patches * samples), and f."""
        v, u = self.split(theta)
        flat = self.flat_x if x is self.x else x.reshape(*x.shape[:-3], -1, x.shape[-1])
        a = product(u, flat.mT)
        phi = ACTIVATIONS[self.phi].f(a) if on is None else a * on
        if self.patches > 1:
            v = concat([v])  # a copy in the same order, where a reshape would reorder it
            v = v.reshape(*v.shape[:-1], -1, self.patches).mT
            v = v.reshape(*v.shape[:-3], -1, v.shape[-1])
        return v, a, phi, product(v.mT, self._by_patch(phi))

    def _by_patch(self, of_units: Array) -> Array:
        """(units, patches * samples) as (units * patches, samples)."""
        shape = of_units.shape
        if self.patches == 1:
            return of_units
        return of_units.reshape(*shape[:-2], shape[-2] * self.patches, -1)

    def forward(self, theta: Array, on: Array = None) -> tuple[Array, ...] | None:
        """What `_map` gives, with (y - f) / samples in place of f; None where it is too much."""
        return None if on is None and self._blocks(theta) else self._forward(theta, on)

    def _forward(self, theta: Array, on: Array = None) -> tuple[Array, ...]:
        v, a, phi, f = self._map(theta, self.x, on)
        return v, a, phi, (self.y - f) / self.samples

    def _blocks(self, theta: Array) -> list[Pointwise]:
        """The samples in blocks that stay in cache, where one wide network sees many; else []."""
        each = theta.shape[-2] * self.patches * theta.itemsize
        if each * self.samples <= BLOCKED or theta.ndim > 2 or not isinstance(theta, np.ndarray):
            return []
        size = max(BLOCK // each, 1)
        return [self.subset(slice(i, i + size)) for i in range(0, self.samples, size)]

    def loss(self, theta: Array, forward: tuple | None = None) -> Array:
        if blocks := [] if forward else self._blocks(theta):
            parts = (block.loss(theta, block._forward(theta)) * block.samples for block in blocks)
            return sum(parts) / self.samples
        r = (forward or self._forward(theta))[-1]
        return (r * r).sum((-2, -1)) * (self.samples / 2)

    def zero_loss(self) -> float:
        return float((self.y * self.y).sum() / (2 * self.samples))

    def field(self, theta: Array, forward: tuple | None = None, on: Array = None) -> Array:
        """-dL/dtheta; `on` (\\*ensemble, units, P * S) holds the pattern of ReLU units fixed."""
        if blocks := [] if forward or on is not None else self._blocks(theta):
            parts = (block.field(theta, block._forward(theta)) * block.samples for block in blocks)
            return sum(parts) / self.samples
        v, a, phi, r = forward or self._forward(theta, on)
        dv = product(self._by_patch(phi), r.mT)
        if self.patches > 1:
            dv = dv.reshape(*theta.shape[:-1], self.patches, -1).mT
            dv = dv.reshape(*theta.shape[:-1], self.n_v)
        slope = ACTIVATIONS[self.phi].df(a, phi) if on is None else on
        back = product(v, r).reshape(a.shape) * slope
        return concat([dv, product(back, self.flat_x)])

    def curvature(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        act = ACTIVATIONS[self.phi]
        v, a, phi, r = self._forward(theta)
        outputs, samples = self.y.shape[-2:]
        units, ensemble = theta.shape[-2], theta.shape[:-2]
        v = v.reshape(*ensemble, units, -1, outputs).swapaxes(-3, -2).mT  # (P, outputs, units)
        a, phi = (t.reshape(*ensemble, units, -1, samples).swapaxes(-3, -2) for t in (a, phi))
        slope = act.df(a, phi)
        d = np.zeros((*theta.shape, outputs, samples))
        dv = d[..., : self.n_v, :, :].reshape(*theta.shape[:-1], outputs, -1, outputs, samples)
        dv[..., range(outputs), :, range(outputs), :] = np.moveaxis(phi, -2, -3)[None]
        d[..., self.n_v :, :, :] = np.einsum("...poh,...phs,...psk->...hkos", v, slope, self.x)
        cross = np.einsum("...os,...phs,...psk->...hopk", r, slope, self.x)
        cross = cross.reshape(*theta.shape[:-1], self.n_v, self.n_u)
        within = np.zeros((*theta.shape, theta.shape[-1]))
        within[..., : self.n_v, self.n_v :] = cross
        within[..., self.n_v :, : self.n_v] = cross.mT
        if act.d2f is not None:
            bend = np.einsum("...poh,...os,...phs->...phs", v, r, act.d2f(a, phi))
            within[..., self.n_v :, self.n_v :] = np.einsum(
                "...phs,...psk,...psl->...hkl", bend, self.x, self.x
            )
        d = d.reshape(*ensemble, -1, outputs * samples)
        return within, d, d / samples
