"""The tasks of the benchmark: what is trained, from where, and for how long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .. import networks, observables
from ..datasets import PANELS, panel
from ..dynamics import flow
from ..networks import Network, initial_units


@dataclass(frozen=True, eq=False)
class Row:
    """One task: gradient descent of `network` from theta for so many steps, by whatever engine.

    theta is one run (units, features) or an ensemble (runs, units, features); `step` is the
    learning rate in gradient-flow time; x and y are the data, which the plain way works on.
    `solver` names what flows: "flow", the batched "flows", or "" for nothing.  The flow's tolerance
    is chosen such that its error is at most `goal`, `at_equal_times` or else of the curve (see
    `accuracy`), against a flow as `tight` as this.
    """

    name: str
    network: Network
    x: np.ndarray
    y: np.ndarray
    theta: np.ndarray
    step: float
    steps: int
    group: str = ""
    solver: str = "flow"
    goal: float = 1e-6
    at_equal_times: bool = True
    tight: float = 1e-13
    every_token: bool = False

    @property
    def end(self) -> float:
        """Gradient-flow time of all steps."""
        return self.step * self.steps

    @property
    def single(self) -> np.ndarray:
        """The units of the first run (units, features)."""
        return self.theta if self.theta.ndim == 2 else self.theta[0]

    @property
    def runs(self) -> int:
        """How many runs there are."""
        return 1 if self.theta.ndim == 2 else len(self.theta)


def of_panel(
    name: str, label: str, seeds: int | Sequence[int] | None = None, width: int | None = None,
    **more: Any
) -> Row:  # fmt: skip
    """A panel of Figure 1 at its own settings or another width; an ensemble for several seeds."""
    p = panel(name)
    theta = initial_units(
        p.network, width or p.width, p.init_scale, p.seed if seeds is None else seeds
    )
    return Row(label, p.network, p.x, p.y, theta, p.step, p.epochs, **more)


def towards_the_limit(name: str, label: str, eps: float, **more: Any) -> Row:
    """A panel from the initial scale `eps`, the panel's own draw, until after its second drop."""
    p = panel(name)
    theta = initial_units(p.network, p.width, eps, p.seed)
    run = flow(p.network, theta, 4 * p.epochs * p.step * p.init_scale / eps)
    drops = observables.measure(run.times, run.losses / run.losses[0], min_drop=0.05).half_drops
    steps = int(1.1 * drops[1] / p.step)
    return Row(f"{label}, ε = {power(eps)}", p.network, p.x, p.y, theta, p.step, steps, **more)


def power_law(dimensions: int = 10, eps: float = 1e-15) -> Row:
    """A linear network that turns its input, of covariance n^-2, by a rotation: a drop each.

    The goal is 1e-4: what waits is no larger than the rounding errors of what has grown, and these
    set an error of 1e-5 to 5e-5 at every tolerance.
    """
    rng = np.random.default_rng(0)
    samples = 100 * dimensions
    white = np.linalg.qr(rng.standard_normal((samples, dimensions)))[0] * np.sqrt(samples)
    axes, turn = (np.linalg.qr(rng.standard_normal((dimensions, dimensions)))[0] for _ in range(2))
    x = white / np.arange(1, dimensions + 1) @ axes
    y = x @ turn
    net = networks.linear(x, y)
    theta = initial_units(net, 50, eps, 0)
    name = f"linear, {dimensions} dimensions, ε = {power(eps)}"
    return Row(name, net, x, y, theta, 1e-3, 10**7, "", "flows", 1e-4, tight=1e-12)


def digits_sized(phi: str, solver: str) -> Row:
    """A network of the size of those for MNIST, on inputs of covariance 1 / n and random classes.

    784 inputs, 1000 units, 10^4 samples; the class is the largest of ten random linear functions of
    the input, as a one-hot target.
    """
    rng = np.random.default_rng(0)
    x = rng.standard_normal((10_000, 784)) / np.sqrt(np.arange(1, 785))
    y = np.eye(10)[np.argmax(x @ rng.standard_normal((784, 10)), axis=1)]
    net = networks.build(phi, x, y)
    theta = initial_units(net, 1000, 1e-5, 0)
    name = f"{'ReLU' if phi == 'relu' else phi} of MNIST's size"
    return Row(name, net, x, y, theta, 0.1, 600, "large", solver, tight=1e-8)


def samples(count: int) -> Row:
    """A linear network on so many samples: the same hundred again and again, for equal runs."""
    x = np.random.default_rng(0).standard_normal((100, 3)) * [1.0, 0.8, 0.6]
    x = np.tile(x, (count // 100, 1))
    net = networks.linear(x, x)
    theta = initial_units(net, 50, 1e-6, 0)
    return Row(f"{count} samples", net, x, x, theta, 0.02, 2000, "samples")


def power(value: float) -> str:
    """A power of ten in few characters: 1e-6."""
    return f"{value:.0e}".replace("e-0", "e-")


def rows() -> list[Row]:
    """All rows of the table, in its order."""
    figure = [
        of_panel(name, f"1{name[-1].upper()} {panel(name).title}", group="panel",
        solver="flow" if panel(name).network.smooth else "flows") for name in PANELS
    ]  # fmt: skip
    limit = [
        towards_the_limit(name, label, eps, group=label, at_equal_times=False, tight=1e-11)
        for name, label in (("fig1g", "quadratic"), ("fig1f", "attention"))
        for eps in (1e-2, 1e-4, 1e-6, 1e-8)
    ]
    strict = [
        replace(row, name=f"{row.name}, at equal times", group="", at_equal_times=True, tight=1e-11)
        for row in limit
        if row.name.endswith("1e-6")
    ]
    ensembles = [
        of_panel(name, f"{label}, {n} seeds", range(n), group=f"{label} ensemble", solver="flows")
        for name, label in (("fig1b", "linear (1B)"), ("fig1g", "quadratic (1G)"))
        for n in (64, 1024)
    ]
    tokens = of_panel("fig1f", "attention, N × N matrices", group="tokens", every_token=True)
    large = [digits_sized("linear", "flows"), digits_sized("relu", "")]
    return [*figure, *limit, *strict, power_law(), *ensembles, tokens, *large]
