"""Networks without a closed form, differentiated by `torch.func`."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from .base import Array, Network


@dataclass(frozen=True)
class Autograd(Network):
    """Any differentiable model, through `torch.func`: for whatever has no closed form.

    `predict(theta, x)` maps one set of units (units, n_v + n_u) and data x to predictions of the
    shape of y (samples first).  Takes numpy arrays or torch tensors, and answers in kind.
    ValueError for labels that are not finite, and for predictions that have another shape.
    """

    predict: Callable[[Array, Array], Array]
    x: Array
    y: Array
    n_v: int = 0
    n_u: int = 0
    degree: float | None = None
    parity: int = 0

    def __post_init__(self) -> None:
        vars(self).update(x=_double(self.x), y=_double(self.y))
        if not bool((abs(self.y) < float("inf")).all()):
            raise ValueError("y holds values that are not finite (nan or inf)")

    @property
    def samples(self) -> int:
        return self.y.shape[0]

    def subset(self, index: np.ndarray) -> "Autograd":
        return replace(self, x=self.x[index], y=self.y[index])

    def _tensors(self, theta: Array) -> tuple[Array, Array]:
        """x and y as tensors where theta is."""
        import torch

        return tuple(torch.as_tensor(d, device=theta.device) for d in (self.x, self.y))

    def _one(self, theta: Array) -> Array:
        """The loss of one set of units (units, features), a tensor."""
        x, y = self._tensors(theta)
        found = self.predict(theta, x)
        if found.shape != y.shape:
            raise ValueError(
                f"predict returns shape {tuple(found.shape)} where y has {tuple(y.shape)}; wanted "
                "the same"
            )
        return ((y - found) ** 2).sum() / (2 * y.shape[0])

    def _mapped(self, function: Callable, theta: Array) -> list[Array]:
        """What a function of one set of units returns, each part for every run of an ensemble."""
        import torch

        tensor = torch.as_tensor(theta)
        shape = tensor.shape[:-2]
        found = torch.func.vmap(function)(tensor.reshape(-1, *tensor.shape[-2:]))
        parts = [part.reshape((*shape, *part.shape[1:])) for part in found]
        return [part.numpy() for part in parts] if isinstance(theta, np.ndarray) else parts

    def forward(self, theta: Array) -> list[Array]:
        """The gradient of the loss and the loss, in one pass."""
        import torch

        if theta.ndim > 2:
            return self._mapped(torch.func.grad_and_value(self._one), theta)
        leaf = torch.as_tensor(theta).detach().requires_grad_()  # twice as fast as `torch.func`
        loss = self._one(leaf)
        found = [*torch.autograd.grad(loss, leaf), loss.detach()]
        return [part.numpy() for part in found] if isinstance(theta, np.ndarray) else found

    def output(self, theta: Array) -> Array:
        return self._mapped(lambda one: (self.predict(one, self._tensors(one)[0]),), theta)[0]

    def loss(self, theta: Array, forward: list | None = None) -> Array:
        return forward[1] if forward else self._mapped(lambda one: (self._one(one),), theta)[0]

    def zero_loss(self) -> float:
        return float((self.y * self.y).sum() / (2 * self.samples))

    def field(self, theta: Array, forward: list | None = None) -> Array:
        return -(forward or self.forward(theta))[0]

    def jacobian(self, theta: np.ndarray) -> np.ndarray:
        """Minus the Hessian of the loss for one set of units, (units * features,) * 2."""
        import torch

        hessian = torch.func.hessian(self._one)(torch.as_tensor(theta))
        return -hessian.numpy().reshape((theta.size,) * 2)


def _double(data: Array) -> Array:
    """The data in double precision; whole numbers, such as tokens, as they are."""
    if hasattr(data, "detach"):
        return data.detach().double() if data.is_floating_point() else data
    data = np.asarray(data)
    return data.astype(float) if data.dtype.kind == "f" else data
