"""The six deep networks of Figure 5, on the data of Figure 1."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.optimize import nnls

from ... import networks
from ...datasets import panel
from ...networks import Network
from ...theory.deep import fixed_levels


@dataclass(frozen=True)
class DeepPanel:
    """A panel of Figure 5: how to build its network, and how it is trained.

    build : the network of hidden layers of this width (heads, of attention)
    scale : standard deviation of all initial weights
    step, steps : of gradient descent, in gradient-flow time; a step of 0 stands for gradient flow
        up to the time `steps`
    seed : of the run that is drawn, the first of the ensemble
    layers : names of the layers whose width is measured
    """

    letter: str
    title: str
    build: Callable[[int], Network]
    scale: float
    step: float
    steps: int
    seed: int
    width: int = 20
    layers: tuple[str, ...] = ("layer 1", "layer 2")

    def rows(self, width: int) -> int:
        """The width that `initial_units` takes: 1 for layers, the heads of attention."""
        return width if len(self.layers) == 1 else 1

    @cache  # noqa: B019 - a panel lives as long as the program
    def narrow_levels(self, width: int) -> np.ndarray:
        """Levels of the fixed points of networks with hidden layers of this width, ascending."""
        return fixed_levels(self.build(width), self.rows(width))


def split(y: np.ndarray, outputs: list[int]) -> np.ndarray:
    """Labels (samples,) as (samples, 2), each in the column that `outputs` says, 0 in the other."""
    return y[:, None] * np.eye(2)[outputs]


def few_points(x: np.ndarray) -> np.ndarray:
    """At most five points of the plane with all fourth moments of x (samples, 2).

    A network of homogeneous quadratic units, on labels that are quadratic forms of x, has the same
    loss on them: it depends on fourth moments alone.  ValueError if none are found.
    """

    def fourth_powers(points: np.ndarray) -> np.ndarray:
        return points[:, :1] ** np.arange(5) * points[:, 1:] ** (4 - np.arange(5))

    angles = np.linspace(0, np.pi, 360, endpoint=False)
    rays, moments = np.stack([np.cos(angles), np.sin(angles)], axis=1), fourth_powers(x).mean(0)
    weights, error = nnls(fourth_powers(rays).T, moments)
    if error > 1e-12 * np.linalg.norm(moments):
        raise ValueError("no points on 360 rays have the fourth moments of these samples")
    kept = np.flatnonzero(weights)
    return (len(kept) * weights[kept, None]) ** 0.25 * rays[kept]


def quadratic_labels(x: np.ndarray) -> np.ndarray:
    """Panel G's label split in two, x_1^2 and x_2^2, normalised as there, (samples, 2)."""
    return x**2 / np.sqrt(np.mean((panel("fig1g").x ** 2).sum(1) ** 2))


@cache
def panels() -> dict[str, DeepPanel]:
    """The panels A to F of Figure 5 by their letters."""
    b, c, d, e, f, g = (panel(f"fig1{letter}") for letter in "bcdefg")
    points, square = few_points(g.x), ("square", "identity")
    labels_c, labels_e = split(c.y, [0, 1, 0, 1]), split(e.y, [0, 0, 1, 1])
    found = [
        DeepPanel("A", "three linear layers",
            lambda h: networks.deep_linear([2, h, h, 2], b.x, b.y), 1e-3, 0.14, 3200, 1),
        DeepPanel("B", "linear convolution, then linear layers",
            lambda h: networks.deep_linear([2, h, h, 2], c.x, labels_c), 1e-3, 0.3, 1800, 3),
        DeepPanel("C", "three ReLU layers",
            lambda h: networks.deep([2, h, h, 1], d.x, d.y), 1e-3, 0.36, 6600, 0),
        DeepPanel("D", "ReLU convolution, then ReLU layers",
            lambda h: networks.deep([2, h, h, 2], e.x, labels_e), 5e-4, 0.36, 6600, 0),
        DeepPanel("E", "linear transformer: attention, then a linear layer",
            lambda h: networks.transformer(f.x, f.y), f.init_scale, f.step, 2500, 0,
            10, ("heads",)),
        DeepPanel("F", "quadratic layer, then linear layers",
            lambda h: networks.deep([2, h, h, 2], points, quadratic_labels(points), square),
            5e-3, 0.0, 6000, 2, 10),
    ]  # fmt: skip
    return {p.letter: p for p in found}
