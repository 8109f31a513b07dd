"""Training sets and settings that reproduce the panels of Figure 1, and the paper's own curves."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from .. import networks
from ..networks import Network

Points = tuple[tuple[float, float], tuple[float, float]]  # two points of the plane
REFERENCE = Path(__file__).parent / "reference"  # the digitised panels
LEVELS = ("plateau_level", "final_loss")


@dataclass(frozen=True)
class Panel:
    """A panel of Figure 1: a network on its training set, and how it is trained.

    `lr` is the paper's kind of learning rate, with respect to the mean squared error over samples
    and outputs; `step` is the same in gradient-flow time (that of L = E|y - f|^2 / 2).
    `shown` are the two features of theta that the figure draws as dots, x and y the data.
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
        return 2 * self.lr / (self.network.n_v // self.network.patches)  # divided by the outputs

    def epochs_from(self, init_scale: float) -> int:
        """Epochs that a run takes from another initial scale, one to ten times the panel's.

        Plateaus last as ln(1 / scale) for units of degree 1, as 1 / scale for those of degree 2.
        """
        logs = np.log([init_scale, self.init_scale])
        ratio = logs[0] / logs[1] if self.network.degree == 1 else self.init_scale / init_scale
        return int(self.epochs * min(max(ratio, 1), 10))


def _unit(degrees: float) -> np.ndarray:
    """The unit vector of the plane at this angle."""
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])


def _linear(first: float = 1.42, second: float = 1.40, points: Points | None = None) -> Panel:
    """Panel B: two inputs, each with an output of its own, of the labels `first` and `second`."""
    x = np.array(points or (3.0 * _unit(73.2), 1.16 * _unit(163.2)))
    net = networks.linear(x, y := np.diag([first, second]))
    return Panel("fig1b", "Linear fully-connected", net, 0.01, 1e-6, 1, 50, slice(2, 4), x, y)


def _linear_convolution(
    first: float = 1.55, second: float = 1.25, points: Points | None = None
) -> Panel:
    """Panel C: two kernels, each in either of two patches, labelled in one of them."""
    one = _unit(162)
    k1, k2 = np.array(points or (2.7 * one, (-2 * one[1], 2 * one[0])))
    o, weak = np.zeros(2), k1 * (2 / 2.7)
    x = np.array([[k1, o], [o, k2], [k2, o], [o, weak]])
    net = networks.linear(x, y := np.array([first, second, 0, 0]))
    return Panel("fig1c", "Linear convolutional", net, 0.01, 1e-7, 0, 50, slice(2, 4), x, y)


def _relu(
    angle: float = 90.0, first: float = 1.0, second: float = -1.0, points: Points | None = None
) -> Panel:
    """Panel D: two inputs of opposite labels, `angle` degrees apart unless `points` says where."""
    one, turn = np.array([-1.0, 2.0]), np.radians(-angle)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    x, y = np.array(points or (one, rotation @ one / 2)), np.array([first, second])
    net = networks.pointwise(x, y)
    return Panel("fig1d", "ReLU fully-connected", net, 0.01, 1e-6, 1, 50, slice(1, 3), x, y)


def _relu_convolution(
    first: float = 1.05, second: float = -0.86, points: Points | None = None
) -> Panel:
    """Panel E: two kernels, each in either patch, with the labels `first` and `second`."""
    (k1, k2), o = np.array(points or ((2.5, 0.0), (0.0, 2.0))), np.zeros(2)
    x = np.array([[k1, o], [o, k1], [k2, o], [o, k2]])
    net = networks.pointwise(x, y := np.array([first, first, second, second]))
    return Panel("fig1e", "ReLU convolutional", net, 0.01, 2e-7, 3, 50, slice(2, 4), x, y)


def _attention(
    context: int = 31, first: float = 0.5, second: float = 0.5, prompts: int | None = 5000
) -> Panel:
    """Panel F: in-context regression on `context` tokens, whose variances are `first` and `second`.

    On so many prompts; None has the moments of infinitely many, and no data.
    """
    scale = 0.015 / np.sqrt(30)
    rest = 0.02, scale, 23, 10, slice(3, 5)
    if prompts is None:
        net, none = networks.attention_population(np.diag([first, second]), context), np.zeros(0)
        return Panel("fig1f", "Linear self-attention", net, *rest, none, none)
    rng = np.random.default_rng(2)
    x = np.sqrt([first, second]) * rng.standard_normal((prompts, context + 1, 2))
    y = np.einsum("snd,sd->sn", x, rng.standard_normal((prompts, 2)))
    return Panel("fig1f", "Linear self-attention", networks.attention(x, y), *rest, x, y)


def _quadratic(second: float = 1.0) -> Panel:
    """Panel G: y = x_1^2 + `second` x_2^2, normalised to a mean square of 1."""
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
def panel(name: str, **knobs: float | Points | None) -> Panel:
    """The panel of Figure 1 of this name ("fig1b" to "fig1g"), with its data varied by `knobs`.

    ValueError for an unknown name, TypeError for a knob that its training set lacks.
    """
    if name not in PANELS:
        raise ValueError(f"unknown panel {name!r}; known: {', '.join(PANELS)}")
    return PANELS[name](**knobs)


@dataclass(frozen=True)
class Digitised:
    """A panel of the paper, read off its animation: epochs and losses (n,) of the loss curve, its
    plateau and end, epochs of half-drops (2,), and the weights drawn as dots (dots, 2).
    """

    epochs: np.ndarray
    losses: np.ndarray
    plateau_level: float
    final_loss: float
    half_drops: np.ndarray
    weights_plateau: np.ndarray
    weights_final: np.ndarray


def digitised(name: str) -> Digitised:
    """The digitised panel ("fig1b" to "fig1g", "fig4d", "fig4f"); losses to .0015, epochs to 3.

    Of Figure 4 the weights are those of the units that stand apart from the others, and the level
    is nan where there is no plateau.
    """
    epochs, losses = np.loadtxt(REFERENCE / f"{name}_loss.csv", delimiter=",", skiprows=1).T
    features = json.loads((REFERENCE / "panels.json").read_text())[name]
    dots = []
    for part in ("plateau", "final"):
        file, found = REFERENCE / f"{name}_weights_{part}.csv", features[part]
        if file.exists():
            dots.append(np.loadtxt(file, delimiter=",", skiprows=1, ndmin=2))
        else:
            units = [unit["u"] for unit in found.get("units", [])]
            dots.append(np.array(units or found["units_norm_gt_0.2"]))
    levels = [np.nan if features[key] is None else features[key] for key in LEVELS]
    half = np.array(features["half_drop_epochs"], dtype=float)
    return Digitised(epochs, losses, *levels, half, *dots)
