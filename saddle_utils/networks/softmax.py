"""Softmax self-attention on in-context regression, with keys and queries of any rank."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import numpy as np

from .base import Array, Network, concat


@dataclass(frozen=True)
class Softmax(Network):
    """Heads v_i sum_n p_in y_n, p_i = softmax over n of x_q' Q_i K_i' x_n (paper, Eq. 1, Figure 4).

    It is `Attention` with a softmax in place of the sum: tokens x (prompts, tokens, d) and labels
    y (prompts, tokens); the last token is the query, to which the heads attend from all others.
    A unit is v_i, then the `rank` columns of K_i and those of Q_i: theta (\\*ensemble, units,
    1 + 2 rank d).  At u = 0 a head attends to all tokens alike, phi = mean of y_n, which is not 0.
    """

    x: Array
    y: Array
    rank: int = 1
    axes: ClassVar[dict[str, int]] = {"x": 3, "y": 2}
    n_v = 1

    def __post_init__(self) -> None:
        vars(self).update(n_u=2 * self.rank * self.x.shape[-1])

    @property
    def samples(self) -> int:
        return self.y.shape[-2]

    def subset(self, index: np.ndarray) -> "Softmax":
        return replace(self, x=self.x[index], y=self.y[index])

    @cached_property
    def context(self) -> tuple[Array, Array]:
        """Tokens (tokens, d, prompts) and labels (tokens, prompts), without the query: sums over
        tokens then run along prompts, which are many."""
        x, y = self.x[:, :-1].transpose(1, 2, 0), self.y[:, :-1].T
        return np.ascontiguousarray(x), np.ascontiguousarray(y)

    def forward(self, theta: Array) -> tuple[Array, ...]:
        """v and K; attention p (\\*ensemble, units, tokens, prompts); phi, y - f; and Q' x_q.

        phi is (\\*ensemble, units, prompts), Q' x_q (\\*ensemble, units, rank, prompts).
        """
        v, u = self.split(theta)
        v, columns = v[..., 0], u.reshape(*u.shape[:-1], 2, self.rank, -1)
        k, q = columns[..., 0, :, :], columns[..., 1, :, :]
        x, y = self.context
        asked = q @ self.x[:, -1].T
        direction = k.swapaxes(-1, -2) @ asked  # K Q' x_q (units, d, prompts)
        scores = (x * direction[..., None, :, :]).sum(-2)
        weights = np.exp(scores - scores.real.max(-2, keepdims=True))
        p = weights / weights.sum(-2, keepdims=True)
        phi = (p * y).sum(-2)
        r = self.y[:, -1] - (v[..., None] * phi).sum(-2)
        return v, k, p, phi, r, asked

    def output(self, theta: Array) -> Array:
        """f of each prompt, (\\*ensemble, prompts)."""
        return self.y[:, -1] - self.forward(theta)[-2]

    def loss(self, theta: Array, forward: tuple | None = None) -> Array:
        r = (forward or self.forward(theta))[-2]
        return (r * r).sum(-1) / (2 * self.samples)

    def zero_loss(self) -> float:
        return float((self.y[:, -1] ** 2).sum() / (2 * self.samples))

    def field(self, theta: Array, forward: tuple | None = None) -> Array:
        v, k, p, phi, r, asked = forward or self.forward(theta)
        r, (x, y) = r[..., None, :] / self.samples, self.context
        dv = (r * phi).sum(-1)[..., None]
        slopes = p * (y - phi[..., None, :])  # of phi with respect to the scores
        along = (slopes[..., None, :] * x).sum(-3)  # (units, d, prompts)
        pull = (v[..., None] * r)[..., None, :] * along
        dk = asked @ pull.swapaxes(-1, -2)
        dq = k @ pull @ self.x[:, -1]
        flat = (part.reshape(*part.shape[:-2], -1) for part in (dk, dq))
        return concat([dv, *flat])
