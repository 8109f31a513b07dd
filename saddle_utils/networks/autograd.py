"""Networks without a closed form, differentiated by `torch.func`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from .base import Array, Network
from .pointwise import activation


@dataclass(frozen=True)
class Autograd(Network):
    """Any differentiable model, through `torch.func`: for whatever has no closed form.

    `predict(theta, x)` maps one set of units (units, n_v + n_u) and data x to predictions of the
    shape of y (samples first).  Takes numpy arrays or torch tensors, and answers in kind.
    """

    predict: Callable[[Array, Array], Array]
    x: Array
    y: Array
    n_v: int = 0
    n_u: int = 0
    degree: float | None = None
    parity: int = 0

    @property
    def samples(self) -> int:
        return self.y.shape[0]

    def subset(self, index: np.ndarray) -> Autograd:
        return replace(self, x=self.x[index], y=self.y[index])

    def _tensors(self, theta: Array) -> tuple[Array, Array]:
        """x and y as tensors where theta is."""
        import torch

        return tuple(torch.as_tensor(d, device=theta.device) for d in (self.x, self.y))

    def _one(self, theta: Array) -> Array:
        """The loss of one set of units (units, features), a tensor."""
        x, y = self._tensors(theta)
        return ((y - self.predict(theta, x)) ** 2).sum() / (2 * y.shape[0])

    def _mapped(self, function: Callable, theta: Array, transform: str = "") -> Array:
        """`function`, or its "grad" or "hessian", of each set of units of an ensemble."""
        import torch

        function = getattr(torch.func, transform)(function) if transform else function
        tensor = torch.as_tensor(theta)
        flat = torch.func.vmap(function)(tensor.reshape(-1, *tensor.shape[-2:]))
        out = flat.reshape((*tensor.shape[:-2], *flat.shape[1:]))
        return out.numpy() if isinstance(theta, np.ndarray) else out

    def output(self, theta: Array) -> Array:
        return self._mapped(lambda one: self.predict(one, self._tensors(one)[0]), theta)

    def loss(self, theta: Array, forward: None = None) -> Array:
        return self._mapped(self._one, theta)

    def zero_loss(self) -> float:
        return float((self.y * self.y).sum() / (2 * self.samples))

    def field(self, theta: Array, forward: None = None) -> Array:
        return -self._mapped(self._one, theta, "grad")

    def jacobian(self, theta: np.ndarray) -> np.ndarray:
        """Minus the Hessian of the loss for one set of units, (units * features,) * 2."""
        return -self._mapped(self._one, theta, "hessian").reshape((theta.size,) * 2)


def deep(sizes: list[int], x: np.ndarray, y: np.ndarray, phi: str = "relu") -> Autograd:
    """Fully-connected network of layers `sizes` (inputs, hidden ..., outputs), without biases.

    Its weights are one "unit" (1, weights): the matrices (out, in) in order, flattened; see
    `pack` and `unpack`.  ValueError for an unknown activation `phi`.
    """
    sizes, sigma = list(sizes), activation(phi).f
    count = sum(a * b for a, b in pairwise(sizes))

    def predict(theta: Array, inputs: Array) -> Array:
        *hidden, last = unpack(theta, sizes)
        for matrix in hidden:
            inputs = sigma(inputs @ matrix.mT)
        return inputs @ last.mT

    return Autograd(predict, x, y, n_v=0, n_u=count)


def pack(weights: list[np.ndarray]) -> np.ndarray:
    """Weight matrices (out, in) of a deep network as one unit (1, weights)."""
    return np.concatenate([matrix.ravel() for matrix in weights])[None]


def unpack(theta: Array, sizes: list[int]) -> list[Array]:
    """The weight matrices (out, in) in one unit (1, weights) of a deep network."""
    shapes = [(b, a) for a, b in pairwise(sizes)]
    ends = np.cumsum([a * b for a, b in shapes])
    parts = zip(ends, shapes, strict=True)
    return [theta[0, end - a * b : end].reshape(a, b) for end, (a, b) in parts]
