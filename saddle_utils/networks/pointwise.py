"""Networks with a pointwise activation, fully-connected or convolutional."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .base import STEP, Array, Sampled, concat


@dataclass(frozen=True)
class Activation:
    """A pointwise sigma with its derivative, its degree of homogeneity and its parity.

    `f` takes a; `df` takes a and sigma(a), which spares an exponential; both take complex numbers
    too.  Degree and parity are as in `Network`.
    """

    f: Callable[[Array], Array]
    df: Callable[[Array, Array], Array]
    degree: float | None = None
    parity: int = 0

    @cached_property
    def slopes(self) -> tuple[float, float]:
        """The derivative just below and just above a = 0."""
        near = np.array([-1e-300, 1e-300])
        below, above = self.df(near, self.f(near))
        return float(below), float(above)

    @property
    def vanishes(self) -> bool:
        """Whether sigma(0) = 0."""
        return not self.f(np.zeros(1))[0]

    @property
    def smooth(self) -> bool:
        """Whether the derivative is continuous at a = 0, the only place where it may jump."""
        return abs(self.slopes[0] - self.slopes[1]) < 1e-12


def _maths(a: Array) -> Any:
    """numpy or torch, whichever `a` belongs to."""
    if isinstance(a, (np.ndarray, np.generic)):
        return np
    import torch

    return torch


def _tanh(a: Array) -> Array:
    return _maths(a).tanh(a)


def _sigmoid(a: Array) -> Array:
    return (1 + _tanh(a / 2)) / 2


def _softplus(a: Array) -> Array:
    maths, large = _maths(a), a.real > 40
    return maths.where(large, a, maths.log1p(maths.exp(maths.where(large, 0 * a, a))))


def _normal(a: Array) -> Array:
    """The standard normal distribution, Phi(a)."""
    from scipy.special import erf  # here, for its import is slow

    of_root = a / np.sqrt(2)
    return (1 + (erf(of_root) if _maths(a) is np else of_root.erf())) / 2


def _bell(a: Array) -> Array:
    """The standard normal density, Phi'(a)."""
    return _maths(a).exp(-a * a / 2) / np.sqrt(2 * np.pi)


def _swish_slope(a: Array, f: Array) -> Array:
    s = _sigmoid(a)
    return s + f * (1 - s)


def _x_tanh_slope(a: Array, f: Array) -> Array:
    t = _tanh(a)
    return t + a * (1 - t * t)


ACTIVATIONS: dict[str, Activation] = {
    "relu": Activation(lambda a: a * (a.real > 0), lambda a, f: (a.real > 0) * 1.0, degree=1),
    "leaky_relu": Activation(
        lambda a: a * (0.1 + 0.9 * (a.real > 0)), lambda a, f: 0.1 + 0.9 * (a.real > 0), degree=1
    ),
    "identity": Activation(lambda a: a, lambda a, f: a * 0 + 1, degree=1, parity=-1),
    "tanh": Activation(_tanh, lambda a, f: 1 - f * f, parity=-1),
    "sine": Activation(lambda a: _maths(a).sin(a), lambda a, f: _maths(a).cos(a), parity=-1),
    "sigmoid": Activation(_sigmoid, lambda a, f: f * (1 - f)),
    "softplus": Activation(_softplus, lambda a, f: _sigmoid(a)),
    "gelu": Activation(lambda a: a * _normal(a), lambda a, f: _normal(a) + a * _bell(a)),
    "swish": Activation(lambda a: a * _sigmoid(a), _swish_slope),
    "x_tanh": Activation(lambda a: a * _tanh(a), _x_tanh_slope, parity=1),
    "square": Activation(lambda a: a * a, lambda a, f: 2 * a, degree=2, parity=1),
    "cubic": Activation(lambda a: a**3, lambda a, f: 3 * a**2, degree=3, parity=-1),
}


def activation(phi: str) -> Activation:
    """The activation of this name; ValueError for one that `ACTIVATIONS` does not hold."""
    if phi not in ACTIVATIONS:
        raise ValueError(f"unknown activation {phi!r}; known: {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[phi]


BLOCK = 4 * 2**20  # bytes of sigma(u . x) for units and samples that are computed together
BLOCKED = 8 * BLOCK  # bytes of all of it, beyond which it is computed in blocks


@dataclass(frozen=True)
class Pointwise(Sampled):
    """A pointwise sigma of u . x, fully-connected (one patch) or convolutional (several).

    f_o(x) = sum_i sum_p v_iop sigma(u_i . x_p), for data x (patches, samples, n_u) and
    y (outputs, samples).  ValueError for an unknown activation `phi`.
    """

    phi: str = "relu"

    def __post_init__(self) -> None:
        act, patches = activation(self.phi), self.x.shape[-3]
        vars(self).update(degree=act.degree, parity=act.parity, smooth=act.smooth)
        vars(self).update(vanishes=act.vanishes)
        vars(self).update(patches=patches, n_v=self.y.shape[-2] * patches, n_u=self.x.shape[-1])

    def predict(self, theta: Array, x: Array) -> Array:
        """f(x), (\\*ensemble, outputs, samples), of x (samples, n_u) or (patches, samples, n_u)."""
        return self._map(theta, x)[-1]

    def output(self, theta: Array) -> Array:
        return self.predict(theta, self.x)

    def kinks(self, theta: Array) -> Array:
        """u . x of each unit and sample, (\\*ensemble, units, patches * samples), 0 at a kink."""
        return theta[..., self.n_v :] @ self.flat_x.mT

    @cached_property
    def flat_x(self) -> Array:
        """The inputs of all patches as (patches * samples, n_u)."""
        return self.x.reshape(*self.x.shape[:-3], -1, self.n_u)

    def _map(self, theta: Array, x: Array) -> tuple[Array, Array, Array, Array]:
        """v (units * patches, outputs), a = u . x and sigma(a) (units, patches * samples), f."""
        v, u = self.split(theta)
        flat = self.flat_x if x is self.x else x.reshape(*x.shape[:-3], -1, x.shape[-1])
        a = u @ flat.mT
        phi = ACTIVATIONS[self.phi].f(a)
        if self.patches > 1:
            v = concat([v])  # a copy in the same order, where a reshape would reorder it
            v = v.reshape(*v.shape[:-1], -1, self.patches).mT
            v = v.reshape(*v.shape[:-3], -1, v.shape[-1])
        return v, a, phi, v.mT @ self._by_patch(phi)

    def forward(self, theta: Array) -> tuple[Array, ...]:
        """What `_map` returns, (y - f) / samples in place of f; or, where that fills the cache,
        the loss and the field, in blocks of samples."""
        if not (blocks := self._blocks(theta)):
            return self._forward(theta)
        loss, field = 0.0, np.zeros(theta.shape)
        for block in blocks:
            part, share = block._forward(theta), block.samples / self.samples
            loss += share * block.loss(theta, part)
            field += share * block.field(theta, part)
        return loss, field

    def _forward(self, theta: Array) -> tuple[Array, ...]:
        """What `forward` returns in one block, however large."""
        v, a, phi, f = self._map(theta, self.x)
        return v, a, phi, (self.y - f) / self.samples

    def _blocks(self, theta: Array) -> list["Pointwise"]:
        """This network on blocks of samples that fit the cache, if units times samples do not."""
        each = theta.shape[-2] * self.patches * theta.itemsize
        if each * self.samples <= BLOCKED or theta.ndim > 2 or not isinstance(theta, np.ndarray):
            return []
        size = max(BLOCK // each, 1)
        return [self.subset(slice(i, i + size)) for i in range(0, self.samples, size)]

    def loss(self, theta: Array, forward: tuple | None = None) -> Array:
        forward = forward or self.forward(theta)
        return forward[0] if len(forward) == 2 else super().loss(theta, forward)

    def field(self, theta: Array, forward: tuple | None = None) -> Array:
        forward = forward or self.forward(theta)
        if len(forward) == 2:
            return forward[1]
        v, a, phi, r = forward
        dv = self._by_patch(phi) @ r.mT
        if self.patches > 1:
            dv = dv.reshape(*theta.shape[:-1], self.patches, -1).mT
            dv = dv.reshape(*theta.shape[:-1], self.n_v)
        back = (v @ r).reshape(a.shape) * ACTIVATIONS[self.phi].df(a, phi)
        return concat([dv, back @ self.flat_x])

    def jacobian(self, theta: np.ndarray) -> np.ndarray:
        """By complex steps of each unit alone: to others it matters through the residual only."""
        ensemble, (units, size), r = theta.shape[:-2], theta.shape[-2:], self._forward(theta)[-1]
        moves = 1j * STEP * np.eye(size).reshape(size, *(1,) * theta.ndim, size)
        alone = np.moveaxis(theta, -2, 0)[..., None, :] + moves  # (features, units, *ensemble, ...)
        *found, f = self._map(alone, self.x)
        d = np.moveaxis(f.imag / STEP, (1, 0), (-4, -3)).reshape(*ensemble, units * size, -1)
        within = self.field(alone, (*found, r))[..., 0, :].imag / STEP
        jacobian = -d @ (d / self.samples).mT
        of_pairs = jacobian.reshape(*ensemble, units, size, units, size)
        of_pairs[..., range(units), :, range(units), :] += np.moveaxis(within, 0, -1)
        return jacobian
