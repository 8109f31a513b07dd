"""The training sets of Figure 1, settings that reproduce its panels, and the paper's own curves."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from .. import networks
from ..networks import Network

REFERENCE = Path(__file__).parent / "reference"  # the digitised panels


@dataclass(frozen=True)
class Panel:
    """A panel of Figure 1: a network on its training set, and how it is trained.

    `lr` is the paper's kind of learning rate, with respect to the mean squared error over samples
    and outputs; `step` is the same in gradient-flow time (that of L = E|y - f|^2 / 2).
    `shown` are the two features of theta drawn as dots in the figure.
    """

    name: str
    title: str
    network: Network
    lr: float
    init_scale: float
    seed: int
    width: int
    shown: slice
    x: np.ndarray
    y: np.ndarray
    epochs: int = 2000

    @property
    def step(self) -> float:
        """Gradient-flow time of one epoch of full-batch gradient descent."""
        outputs = self.network.n_v // self.network.patches
        return 2 * self.lr / outputs

    def epochs_from(self, init_scale: float) -> int:
        """Epochs that a run takes from another initial scale; never fewer than the panel's.

        Plateaus last as ln(1 / scale) where units have degree 1, as 1 / scale where they have
        degree 2; at most ten times the panel's epochs.
        """
        logs = np.log([init_scale, self.init_scale])
        ratio = logs[0] / logs[1] if self.network.degree == 1 else self.init_scale / init_scale
        return int(self.epochs * min(max(ratio, 1), 10))


def _unit(degrees: float) -> np.ndarray:
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])


def _linear(second: float = 1.40) -> Panel:
    """1B: two orthogonal inputs, the second with a label of strength `second`."""
    r1, r2 = _unit(73.2), _unit(163.2)
    x, y = np.array([3.0 * r1, 1.16 * r2]), np.diag([1.42, second])
    net = networks.linear(x, y)
    return Panel("fig1b", "Linear fully-connected", net, 0.01, 1e-6, 1, 50, slice(2, 4), x, y)


def _linear_convolution(second: float = 1.25) -> Panel:
    """1C: two orthogonal kernels, the second on the second patch with a label `second`."""
    k1, k2, o = _unit(162), np.array([-_unit(162)[1], _unit(162)[0]]), np.zeros(2)
    x = np.array([[2.7 * k1, o], [o, 2 * k2], [2 * k2, o], [o, 2 * k1]])
    y = np.array([1.55, second, 0, 0])
    net = networks.linear(x, y)
    return Panel("fig1c", "Linear convolutional", net, 0.01, 1e-7, 0, 50, slice(2, 4), x, y)


def _relu(angle: float = 90.0) -> Panel:
    """1D: two inputs of opposite labels, `angle` degrees apart."""
    first = np.array([-1.0, 2.0])
    turn = np.radians(-angle)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    x, y = np.array([first, rotation @ first / 2]), np.array([1.0, -1.0])
    net = networks.pointwise(x, y)
    return Panel("fig1d", "ReLU fully-connected", net, 0.01, 1e-6, 1, 50, slice(1, 3), x, y)


def _relu_convolution(second: float = -0.86) -> Panel:
    """1E: two orthogonal kernels, the second with the label `second`, seen in either patch."""
    x = np.array([[2.5, 0, 0, 0], [0, 0, 2.5, 0], [0, 2, 0, 0], [0, 0, 0, 2]]).reshape(4, 2, 2)
    y = np.array([1.05, 1.05, second, second])
    net = networks.pointwise(x, y)
    return Panel("fig1e", "ReLU convolutional", net, 0.01, 2e-7, 3, 50, slice(2, 4), x, y)


@cache
def _prompts(context: int, second: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    x = np.sqrt([0.5, second]) * rng.standard_normal((5000, context + 1, 2))
    w = rng.standard_normal((5000, 2))
    return x, np.einsum("snd,sd->sn", x, w)


def _attention(context: int = 31, second: float = 0.5) -> Panel:
    """1F: in-context linear regression, tokens of variance .5 and `second`, `context` of them."""
    x, y = _prompts(context, second)
    net = networks.attention(x, y)
    scale = 0.015 / np.sqrt(30)
    return Panel("fig1f", "Linear self-attention", net, 0.02, scale, 23, 10, slice(3, 5), x, y)


def _quadratic(second: float = 1.0) -> Panel:
    """1G: y = |x|^2, normalised; the second coordinate counts `second` times as much."""
    x = np.random.default_rng(41).standard_normal((1000, 2))
    y = x[:, 0] ** 2 + second * x[:, 1] ** 2
    y /= np.sqrt(np.mean(y**2))
    net = networks.quadratic(x, y)
    return Panel("fig1g", "Quadratic", net, 0.04, 0.005, 7, 10, slice(1, 3), x, y)


PANELS: dict[str, Callable[..., Panel]] = {
    "fig1b": _linear,
    "fig1c": _linear_convolution,
    "fig1d": _relu,
    "fig1e": _relu_convolution,
    "fig1f": _attention,
    "fig1g": _quadratic,
}


@cache
def panel(name: str, **knobs: float) -> Panel:
    """The panel of Figure 1 of this name ("fig1b" to "fig1g"), its data varied by `knobs`.

    Raises ValueError for an unknown name, TypeError for a knob that its training set lacks.
    """
    if name not in PANELS:
        raise ValueError(f"unknown panel {name!r}; known: {', '.join(PANELS)}")
    return PANELS[name](**knobs)


@dataclass(frozen=True)
class Digitised:
    """The paper's own panel, read off its animation: loss curve, features, weights as dots."""

    epochs: np.ndarray
    losses: np.ndarray
    plateau_level: float
    final_loss: float
    half_drops: np.ndarray
    weights_plateau: np.ndarray  # (dots, 2)
    weights_final: np.ndarray


def digitised(name: str) -> Digitised:
    """The digitised panel ("fig1b" to "fig1g"); losses are read to .0015, epochs to 3."""

    def table(part: str) -> np.ndarray:
        return np.loadtxt(REFERENCE / f"{name}_{part}.csv", delimiter=",", skiprows=1, ndmin=2)

    features = json.loads((REFERENCE / "panels.json").read_text())[name]
    loss = table("loss")
    return Digitised(
        loss[:, 0],
        loss[:, 1],
        features["plateau_level"],
        features["final_loss"],
        np.array(features["half_drop_epochs"], dtype=float),
        table("weights_plateau"),
        table("weights_final"),
    )
