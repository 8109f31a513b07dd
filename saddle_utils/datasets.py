"""The training sets of Figure 1's panels and the settings that reproduce them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from . import networks
from .files import REFERENCE
from .networks import Network


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


def whitened(singular_values: list[float]) -> networks.Linear:
    """Linear network with whitened inputs, Sxx = I, and the target diag(singular_values)."""
    target = np.diag(np.asarray(singular_values, dtype=float))
    return networks.Linear(target, np.eye(len(target)), float((target**2).sum()))


def power_law(kappa: float, modes: int = 3) -> np.ndarray:
    """Strengths s_n proportional to n^-kappa, n = 1, 2, ..., of sum 1 (Figure 2), (modes,)."""
    if not 0 <= kappa < np.inf or modes < 1:
        raise ValueError(f"kappa is {kappa} and modes {modes}; wanted 0 or more, and 1 or more")
    strengths = np.arange(1, modes + 1) ** -float(kappa)
    return strengths / strengths.sum()


def figure2(name: str, kappa: float = 1.0) -> Network:
    """The network of this name on the three features of Figure 2, of strengths `power_law(kappa)`.

    In all of them the strengths are what units at zero see, the singular values of E[y phi] seen as
    a matrix between v and u (of the quadratic form for units of degree 2):

    "linear"     white inputs and the target diag(s)
    "attention"  tokens N(0, diag(sqrt s)), 31 to a prompt, z the mean of y_n x_n: E[y z x_q'] =
                 diag(s), in infinitely many prompts
    "quadratic"  y = sum_n s_n (x_n^2 - 1) / 2 of white Gaussian x, and phi = (u . x)^2 - |u|^2
    "relu"       three orthogonal inputs, the n-th with a label on the n-th output
    "conv"       a linear convolution: the n-th of three orthogonal kernels in either of two patches
                 has a label on the n-th output

    Their inputs are white: a mode of degree 1 is learned when its strength is s_n.  ValueError for
    another name, or a negative kappa.
    """
    s = power_law(kappa)
    eye = np.eye(3)
    if name == "linear":
        return whitened(s)
    if name == "attention":
        context, net = 31, networks.attention_population(np.diag(np.sqrt(s)), 31)
        return replace(net, syz=net.syz / context, szz=net.szz / context**2)
    if name == "quadratic":
        pairs = np.einsum("ac,bd->abcd", eye, eye) + np.einsum("ad,bc->abcd", eye, eye)
        return networks.Quadratic(np.diag(s).reshape(1, 9), pairs.reshape(9, 9), (s @ s) / 2)
    if name == "relu":
        return networks.pointwise(np.sqrt(3) * eye, np.sqrt(3) * np.diag(s))
    if name == "conv":
        x = np.sqrt(6) * np.einsum("pq,na->pnqa", np.eye(2), eye).reshape(6, 2, 3)
        return networks.linear(x, np.sqrt(3) * np.tile(np.diag(s), (2, 1)))
    raise ValueError(f"unknown network {name!r}; known: linear, attention, quadratic, relu, conv")


def stacked(nets: Sequence[Network]) -> Network:
    """One network with a data set for each run, for `ensembles.flows`, from networks of one kind.

    ValueError if they are of different kinds or shapes.
    """
    if len({type(net) for net in nets}) != 1:
        raise ValueError("wanted networks of one kind")
    arrays = {name: np.stack([getattr(net, name) for net in nets]) for name in nets[0].axes}
    return replace(nets[0], **arrays)  # type: ignore[type-var]


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


@dataclass(frozen=True)
class Line:
    """One-dimensional regression: inputs (P,), targets (P,) and the ReLU network with a bias."""

    inputs: np.ndarray
    targets: np.ndarray
    network: Network


def line() -> Line:
    """A zigzag on 21 points of [-2, 2], of mean square 1; the units have u = (weight, bias)."""
    inputs = np.linspace(-2, 2, 21)
    targets = np.interp(inputs, (-2, 0.26, 1.12, 1.34, 2), (0.73, -0.54, -0.52, 0.15, 0.47))
    targets /= np.sqrt(np.mean(targets**2))
    with_bias = np.stack([inputs, np.ones_like(inputs)], axis=1)
    return Line(inputs, targets, networks.pointwise(with_bias, targets))
