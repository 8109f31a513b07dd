"""Update rules for `dynamics.descend`, and what each of them does at a saddle and at a minimum.

A rule turns the gradient field and its own state, None before the first step, into the move by
which the units go, theta <- theta + lr * move, and the next state.  Rules work element by element
on numpy arrays and torch tensors; an ensemble is no special case.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = Any  # a numpy array or a torch tensor
Rule = Callable[[Array, Any], tuple[Array, Any]]


def gradient(field: Array, state: None) -> tuple[Array, None]:
    """Plain gradient descent: the move is the field."""
    return field, state


def momentum(beta: float = 0.9) -> Rule:
    """Heavy ball as `torch.optim.SGD(momentum=beta)`: w <- beta w + field, the move is w."""

    def rule(field: Array, state: Array | None) -> tuple[Array, Array]:
        move = field if state is None else beta * state + field
        return move, move

    return rule


def adam(betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8) -> Rule:
    """Adam as `torch.optim.Adam`: the mean of the field over the root of its mean square + eps.

    Both are exponential averages without bias, with memories of 1 / (1 - betas) steps.
    """

    def rule(field: Array, state: tuple | None) -> tuple[Array, tuple]:
        step, mean, square = (0, 0.0, 0.0) if state is None else state
        step += 1
        mean = betas[0] * mean + (1 - betas[0]) * field
        square = betas[1] * square + (1 - betas[1]) * field * field
        root = (square / (1 - betas[1] ** step)) ** 0.5
        return mean / (1 - betas[0] ** step) / (root + eps), (step, mean, square)

    return rule


def growth_rate(rate: np.ndarray | float, lr: float, beta: float = 0.0) -> np.ndarray:
    """Growth per unit of time lr of a direction that gradient flow lets grow at `rate`, exact.

    ln(z) / lr with z the larger root of z^2 - (1 + beta + lr rate) z + beta = 0, for the growth
    theta_{n+1} = theta_n + lr rate theta_n + beta (theta_n - theta_{n-1}) of linear and ReLU units
    at a saddle: ln(1 + lr rate) / lr without momentum.  As lr -> 0 it is rate / (1 - beta).
    """
    middle = (1 + beta + lr * np.asarray(rate)) / 2
    return np.log(middle + np.sqrt(middle**2 - beta)) / lr


def slowdown(product: np.ndarray | float, beta: float = 0.0) -> np.ndarray:
    """Waits over those of gradient flow, of the product lr times rate: lr rate / ln(z).

    lr rate / ln(1 + lr rate) without momentum, at most 1 / ln 2 below the edge of stability; see
    `growth_rate`.
    """
    return product / growth_rate(product, 1.0, beta)


def two_cycle(multiple: float) -> np.ndarray:
    """Strengths p >= q between which a mode jumps at `multiple` times the edge of stability, (2,).

    Balanced units of a mode of strength s = 1 obey u <- u (1 + m - m u^2) with m = lr s, the
    multiple of the edge 1 / s.  Above m = 1 the fixed point u^2 = 1 gives way to a cycle with
    p + q = 1 + 1 / m and p q = 1 / m^2, stable up to m = sqrt(5) - 1; above m = 2 runs diverge.
    """
    middle = (1 + 1 / multiple) / 2
    half = np.sqrt(max(middle**2 - 1 / multiple**2, 0.0))
    return np.array([middle + half, middle - half])
