"""Update rules for `descend`: plain gradient descent, momentum and Adam.

A rule takes the gradient field -dL/dtheta and its own state, None before the first step, and
returns the move of theta <- theta + lr * move and its next state.  Rules work element by element on
numpy arrays and torch tensors, of any shape.
"""

from collections.abc import Callable
from typing import Any

from ..networks import Array

Rule = Callable[[Array, Any], tuple[Array, Any]]


def gradient(field: Array, state: None) -> tuple[Array, None]:
    """Plain gradient descent: the move is the gradient field."""
    return field, state


gradient.kernel = (0, 0.0, 0.0, 0.0)  # what the compiled loop takes of a rule: momentum 0


def momentum(beta: float = 0.9) -> Rule:
    """Momentum, as `torch.optim.SGD(momentum=beta)`: the move is w <- beta w + field."""

    def rule(field: Array, state: Array | None) -> tuple[Array, Array]:
        move = field if state is None else beta * state + field
        return move, move

    rule.kernel = (0, beta, 0.0, 0.0)
    return rule


def adam(betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8) -> Rule:
    """Adam, as `torch.optim.Adam`: the move is the mean field over its root mean square + eps.

    Both are exponential averages over 1 / (1 - betas) steps, corrected for their bias.
    """

    def rule(field: Array, state: tuple | None) -> tuple[Array, tuple]:
        step, mean, square = (0, 0.0, 0.0) if state is None else state
        step += 1
        mean = betas[0] * mean + (1 - betas[0]) * field
        square = betas[1] * square + (1 - betas[1]) * field * field
        root = (square / (1 - betas[1] ** step)) ** 0.5
        return mean / (1 - betas[0] ** step) / (root + eps), (step, mean, square)

    rule.kernel = (1, *betas, eps)
    return rule
