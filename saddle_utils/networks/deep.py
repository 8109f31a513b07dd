"""Deep networks, linear or with pointwise activations: backpropagation in closed form.

How they are built of layers, and how theta holds those, says `networks.layers`.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from .base import Array, Sampled
from .layers import Layered, pack
from .pointwise import ACTIVATIONS


class Backpropagation(Layered):
    """The gradient field of layers, for any loss of their map."""

    @cached_property
    def columns(self) -> Array:
        """What the first layer reads, (\\*runs, n_u, patches * columns)."""
        raise NotImplementedError

    def residual(self, f: Array) -> Array:
        """-dL/df of the map f (\\*ensemble, outputs, columns), in its shape."""
        raise NotImplementedError

    def forward(self, theta: Array) -> tuple[list, list, list, list, Array]:
        """Weights; W_l h_{l-1} and sigma of it, of hidden layers; h_0 to h_L; the residual."""
        weights, pre, post, h = self.weights(theta), [], [], [self.columns]
        for layer, w in enumerate(weights, 1):
            out = w @ h[-1]
            if layer < self.depth:
                out = self._by_patch(out) if layer == 1 else out
                pre.append(out)
                out = ACTIVATIONS[self.phis[layer - 1]].f(out)
                post.append(out)
            h.append(sum([h[a] for a, b in self.skips if b == layer], out))
        return weights, pre, post, h, self.residual(h[-1])

    def output(self, theta: Array) -> Array:
        return self.forward(theta)[3][-1]

    def field(self, theta: Array, forward: tuple | None = None) -> Array:
        weights, pre, post, h, r = forward or self.forward(theta)
        errors, _ = self.backward(weights, pre, post, r)
        return pack([g @ a.mT for g, a in zip(errors, h, strict=False)])

    def backward(self, weights: list, pre: list, post: list, r: Array) -> tuple[list, list]:
        """-dL/d(W_l h_{l-1}) of each layer l from 1, and -dL/dh_l of each l from 0, from `forward`.

        All (\\*ensemble, outputs, columns); None for what is not needed, the input's.
        """
        back, out = [None] * self.depth + [r], []
        for layer in range(self.depth, 0, -1):
            g = back[layer]
            for a, b in self.skips:
                if b == layer:
                    back[a] = g if back[a] is None else back[a] + g
            if layer < self.depth:
                act = ACTIVATIONS[self.phis[layer - 1]]
                g = g * act.df(pre[layer - 1], post[layer - 1])
                g = self._by_unit(g) if layer == 1 else g
            out.append(g)
            if layer > 1:
                through = weights[layer - 1].mT @ g
                back[layer - 1] = through if back[layer - 1] is None else back[layer - 1] + through
        return out[::-1], back

    def _by_unit(self, of_patches: Array) -> Array:
        """An array (units * patches, columns) as (units, patches * columns)."""
        if self.patches == 1:
            return of_patches
        columns = of_patches.shape[-1] * self.patches
        return of_patches.reshape(*of_patches.shape[:-2], -1, columns)


@dataclass(frozen=True)
class Deep(Sampled, Backpropagation):
    """A deep network with pointwise activations; x (patches, samples, n_u), y (outputs, samples).

    `networks.deep` builds it from data with samples first.
    """

    @property
    def inputs(self) -> int:
        return self.x.shape[-3] * self.x.shape[-1]

    @cached_property
    def columns(self) -> Array:
        return self.x.reshape(*self.x.shape[:-3], -1, self.x.shape[-1]).mT

    def residual(self, f: Array) -> Array:
        return (self.y - f) / self.samples


@dataclass(frozen=True)
class DeepLinear(Backpropagation):
    r"""A deep linear network, by moments: dW_l = (W_L ... W_{l+1})' G (W_{l-1} ... W_1)'.

    G = Syz - W Szz is the residual matrix of the map W = W_L ... W_1 (Eq. 9), and the moments are
    those of `Linear`.  Computed as backpropagation with the unit vectors as data and G as error.
    """

    syz: Array
    szz: Array
    syy: float
    axes: ClassVar[dict[str, int]] = {"syz": 2, "szz": 2, "syy": 0}

    @property
    def inputs(self) -> int:
        return self.syz.shape[-1]

    @cached_property
    def columns(self) -> Array:
        size = self.sizes[0]
        unit = np.eye(size * self.patches).reshape(self.patches, size, self.patches * size)
        unit = np.ascontiguousarray(unit.swapaxes(0, 1).reshape(size, -1))
        if isinstance(self.syz, np.ndarray):
            return unit
        import torch

        return torch.as_tensor(unit, device=self.syz.device)

    def residual(self, f: Array) -> Array:
        return self.syz - f @ self.szz

    def field(self, theta: Array, forward: tuple | None = None) -> Array:
        if forward or self.skips or self.patches > 1:
            return super().field(theta, forward)
        maps, found, weights = [None], [], self.weights(theta)
        for w in weights:
            maps.append(w if maps[-1] is None else w @ maps[-1])
        g = self.residual(maps.pop())
        for w in reversed(weights):
            below = maps.pop()
            found.append(g if below is None else g @ below.mT)
            g = w.mT @ g
        return pack(found[::-1])

    def loss(self, theta: Array, forward: tuple | None = None) -> Array:
        *_, h, g = forward or self.forward(theta)
        return (self.syy - ((self.syz + g) * h[-1]).sum((-2, -1))) / 2

    def zero_loss(self) -> float:
        return self.syy / 2


@dataclass(frozen=True)
class Completion(DeepLinear):
    """A deep linear network that is to fit some entries of a matrix: L = sum (M - W)^2 / 2 of them.

    syz : the entries of M (outputs, inputs) that are given, 0 for others; szz and syy belong to it
    seen : 1.0 for the entries that are given, else 0.0, in the same shape
    """

    seen: Array
    axes: ClassVar[dict[str, int]] = {**DeepLinear.axes, "seen": 2}

    def residual(self, f: Array) -> Array:
        return self.syz - self.seen * f

    def loss(self, theta: Array, forward: tuple | None = None) -> Array:
        r = (forward or self.forward(theta))[-1]
        return (r * r).sum((-2, -1)) / 2
