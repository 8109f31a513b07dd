"""A one-layer linear transformer: linear attention, then a linear layer, with a residual stream."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .base import Array, concat, dots
from .quadratic import Attention


@dataclass(frozen=True)
class Transformer(Attention):
    r"""In-context regression by h = [x_q; 0] + sum_i o_i (k_i . z)(q_i . x_q), f = ((I + W) h)_y.

    The heads write o_i, in all d + 1 coordinates, to the stream of the query token, where x_q is
    already; the linear layer W adds to it, and the label is read off the last coordinate, so only
    the last row w of W matters.  With a = w + e_y

        f = sum_i (a . o_i)(k_i . z)(q_i . x_q) + w_x . x_q .

    theta (\*ensemble, heads + 1, (d + 1) + 2 d) has a row (o_i; k_i; q_i) for each head, and a last
    row (w; 0) for the linear layer.  The moments are those of [z x_q'; x_q], d^2 + d features.
    """

    @property
    def d(self) -> int:
        """Number of coordinates of x."""
        return round((self.syz.shape[-1] + 0.25) ** 0.5 - 0.5)

    @cached_property
    def n_v(self) -> int:  # type: ignore[override]
        return self.d + 1

    @cached_property
    def n_u(self) -> int:  # type: ignore[override]
        return 2 * self.d

    def moment_map(self, theta: Array) -> Array:
        """Coefficients of f in the features [z x_q'; x_q], (\\*ensemble, 1, d^2 + d)."""
        a, out, u, w = self._parts(theta)
        left, right = self.sides(u)
        m = (((out * a).sum(-1)[..., None] * left).mT) @ right
        m = m.reshape(*m.shape[:-2], 1, -1)
        return concat([m, w[..., : self.d]])

    def field(self, theta: Array, forward: tuple[Array, Array] | None = None) -> Array:
        g = (forward or self.forward(theta))[1]
        a, out, u, _ = self._parts(theta)
        force = self.force(u, g[..., 0, : self.d**2])
        each = dots(force, u)  # (k_i, q_i) on the residual, (*ensemble, heads, 1)
        heads = concat([each * a, 2 * (out * a).sum(-1)[..., None] * force])
        layer = (each * out).sum(-2)[..., None, :]
        layer = [layer[..., : self.d] + g[..., self.d**2 :], layer[..., self.d :]]
        layer = concat([*layer, 0 * u[..., :1, :]])
        return concat([heads.mT, layer.mT]).mT

    def draw(self, rng: np.random.Generator, width: int) -> np.ndarray:
        """One set of weights (width + 1, features): queries, keys, outputs, then the linear layer.

        Keys and queries are standard normal; outputs and the linear layer have the variance of
        their fan-in d + 1.
        """
        query, key = (rng.standard_normal((width, self.d)) for _ in range(2))
        out = rng.standard_normal((width + 1, self.d + 1)) / np.sqrt(self.d + 1)
        heads = np.concatenate([out[:-1], key, query], axis=1)
        return np.concatenate([heads, np.concatenate([out[-1:], 0 * heads[:1, self.n_v :]], 1)])

    def _parts(self, theta: Array) -> tuple[Array, Array, Array, Array]:
        """a (\\*ensemble, 1, d + 1), o (\\*ensemble, heads, d + 1), u = [k; q], and w, as a."""
        w = theta[..., -1:, : self.n_v]
        a = concat([w[..., :-1], w[..., -1:] + 1])
        return a, theta[..., :-1, : self.n_v], theta[..., :-1, self.n_v :], w
