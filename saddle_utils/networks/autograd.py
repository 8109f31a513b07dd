"""Networks without a closed form, differentiated by `torch.func`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from .base import Array, Network


@dataclass(frozen=True)
class Autograd(Network):
    """Any differentiable model, through `torch.func`: the path for whatever has no closed form.

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

    def _one(self, theta: Array) -> Array:
        import torch

        x, y = (torch.as_tensor(d, device=theta.device) for d in (self.x, self.y))
        return ((y - self.predict(theta, x)) ** 2).sum() / (2 * y.shape[0])

    def _mapped(self, function: Callable, theta: Array) -> Array:
        import torch

        tensor = torch.as_tensor(theta)
        flat = torch.func.vmap(function)(tensor.reshape(-1, *tensor.shape[-2:]))
        out = flat.reshape((*tensor.shape[:-2], *flat.shape[1:]))
        return out.numpy() if isinstance(theta, np.ndarray) else out

    def loss(self, theta: Array) -> Array:
        return self._mapped(self._one, theta)

    def zero_loss(self) -> float:
        return float((self.y * self.y).sum() / (2 * self.y.shape[0]))

    def field(self, theta: Array) -> Array:
        import torch

        return -self._mapped(torch.func.grad(self._one), theta)

    def jacobian(self, theta: np.ndarray) -> np.ndarray:
        """Minus the Hessian of the loss for one set of units, (units * features,) * 2."""
        import torch

        return -self._mapped(torch.func.hessian(self._one), theta).reshape((theta.size,) * 2)
