r"""The layers of deep networks: sizes, skips, and how one row of weights holds them.

    h_0 = x,   h_l = sigma_l(W_l h_{l-1}) + sum of h_a over the skips (a, l),   f = h_L,

with no activation in the last layer and no biases.  A skip (a, b) adds h_a to h_b: it jumps the
layers a + 1 to b.  The first layer may be a convolution: one kernel a unit, for all patches of the
input; the next layer then reads each unit's patches, ordered (unit, patch).

**How theta holds the layers.**  A deep network is one row of weights, theta (\*ensemble, 1,
weights): the matrices W_1 to W_L, each (outputs, inputs), row by row, one after the other.
`weights` gives views of them, `pack` the row of them, and `units` the weights into and out of the
units of a hidden layer, (v_i; u_i), as in a network of two layers.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from .base import Array, Network, concat
from .pointwise import activation


@dataclass(frozen=True)
class Units(Network):
    """The units of a hidden layer, (v_i; u_i) as in a network of two layers, without a loss."""

    n_v: int
    n_u: int
    degree: float | None
    parity: int


@dataclass(frozen=True)
class Layered(Network):
    """The base of deep networks: their layers, without a loss.

    sizes : inputs (of a patch), widths of the hidden layers (in kernels, of a convolution), outputs
    phis : the activation of each hidden layer
    skips : pairs (a, b) of layers, 0 the input and len(sizes) - 1 the output: h_a is added to h_b

    `patches` counts those that the first layer convolves, and is 1 if it is fully connected.
    ValueError for sizes, activations or skips that do not fit.
    """

    sizes: tuple[int, ...]
    phis: tuple[str, ...]
    skips: tuple[tuple[int, int], ...]
    n_v: ClassVar[int] = 0

    def __post_init__(self) -> None:
        vars(self).update(patches=self.inputs // self.sizes[0])
        smooth = all([activation(phi).smooth for phi in self.phis])
        last, counts = self.depth, [*self.sizes]
        if last < 1 + (self.patches > 1) or min(counts) < 1 or len(self.phis) != last - 1:
            raise ValueError(
                f"sizes {list(self.sizes)} with {len(self.phis)} activations and {self.patches} "
                "patches: wanted inputs, positive widths and outputs, an activation for each "
                "hidden layer, and a hidden layer after a convolution"
            )
        counts[1] *= self.patches
        for a, b in self.skips:
            inside = 2 * (self.patches > 1) <= a < b <= last
            if not inside or counts[a] != counts[b]:
                raise ValueError(
                    f"a skip from layer {a} to {b} of sizes {counts}: wanted two layers of the "
                    f"same size, in order, from 0 (after the convolution, if any) to {last}"
                )
        vars(self).update(smooth=smooth, n_u=sum(a * b for a, b in self.shapes))

    @property
    def inputs(self) -> int:
        """Number of inputs, those of all patches together."""
        raise NotImplementedError

    @property
    def depth(self) -> int:
        """Number of layers of weights, L."""
        return len(self.sizes) - 1

    @cached_property
    def shapes(self) -> list[tuple[int, int]]:
        """(outputs, inputs) of the matrix of each layer."""
        inputs = [*self.sizes[:-1]]
        if self.patches > 1:
            inputs[1] *= self.patches
        return list(zip(self.sizes[1:], inputs, strict=True))

    @cached_property
    def offsets(self) -> list[int]:
        """Where the matrix of each layer begins among the weights."""
        return [0, *itertools.accumulate(a * b for a, b in self.shapes[:-1])]

    @cached_property
    def streams(self) -> list[tuple[int, ...]]:
        """The hidden layers, from 1 on, that share their units: those joined by skips, in order.

        Without skips each hidden layer is a stream.  Layers joined to the input or the output are
        left out, for their units are not the network's to choose.
        """
        group = list(range(self.depth + 1))
        for a, b in self.skips:
            group = [group[a] if g == group[b] else g for g in group]
        fixed = {group[0], group[-1]}
        members = {g: tuple(k for k, other in enumerate(group) if other == g) for g in group}
        return sorted(layers for g, layers in members.items() if g not in fixed)

    def weights(self, theta: Array) -> list[Array]:
        """Views of the matrices W_1 to W_L in theta, each (\\*ensemble, outputs, inputs)."""
        return [
            theta[..., 0, first : first + a * b].reshape(*theta.shape[:-2], a, b)
            for first, (a, b) in zip(self.offsets, self.shapes, strict=True)
        ]

    def norms(self, theta: np.ndarray) -> np.ndarray:
        """Frobenius norms of the matrices W_1 to W_L in theta, (\\*ensemble, layers)."""
        return np.sqrt(np.add.reduceat(theta[..., 0, :] ** 2, self.offsets, axis=-1))

    def units(self, theta: Array, stream: int) -> Array:
        """The units (v_i; u_i) of a stream (see `streams`), (\\*ensemble, units, features).

        u_i are the rows of the matrices that write to the stream, v_i the columns of those that
        read from it, for each patch: without skips the rows of W_l and the columns of W_{l+1}.
        """
        weights, layers = self.weights(theta), self.streams[stream]
        width = self.sizes[layers[0]]
        read = [weights[k].mT for k in layers]
        read = [w.reshape(*w.shape[:-2], width, -1) for w in read]
        return concat([*read, *(weights[k - 1] for k in layers)])

    def hidden(self, stream: int) -> Units:
        """What kind of units the `units` of a stream are."""
        layers = self.streams[stream]
        width = self.sizes[layers[0]]
        n_v, n_u = (sum(math.prod(self.shapes[k - i]) for k in layers) // width for i in (0, 1))
        kinds = {(a.degree, a.parity) for a in (activation(self.phis[k - 1]) for k in layers)}
        return Units(n_v, n_u, *(kinds.pop() if len(kinds) == 1 else (None, 0)))

    def scaled(self, theta: Array, factors: Sequence[float]) -> Array:
        """Theta with the weights of layer l multiplied by factors[l], l from 0."""
        counts = [a * b for a, b in self.shapes]
        if len(factors) != len(counts):
            raise ValueError(f"{len(factors)} factors for {len(counts)} layers")
        return theta * np.repeat(np.asarray(factors, dtype=float), counts)

    def draw(self, rng: np.random.Generator, width: int = 1) -> np.ndarray:
        """One row of standard normal weights (1, weights), the first layer drawn first.

        ValueError for a width other than 1: the widths of the layers are those of the network.
        """
        if width != 1:
            raise ValueError(
                f"width is {width}; a deep network has its own widths: wanted 1, a row"
            )
        return rng.standard_normal((1, self.n_u))


def pack(weights: Sequence[Array]) -> Array:
    """The row theta (\\*ensemble, 1, weights) of matrices (\\*ensemble, outputs, inputs)."""
    return concat([m.reshape(*m.shape[:-2], -1) for m in weights])[..., None, :]
