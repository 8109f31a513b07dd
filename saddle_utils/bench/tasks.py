"""The tasks of the benchmark: what is trained, from where, for how long, and by whom."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from .. import networks, observables
from ..datasets import PANELS, panel
from ..dynamics import flow
from ..networks import Attention, Network, initial_units

STEPS = ("plain", "torch.compile", "jax", "numba", "descend")  # engines that take the same steps
FLOWS = ("Kvaerno5", "Dopri8", "flow")  # engines of gradient flow
PLAIN = ("plain", "jax", "descend", "flow")
WORK = 1e9  # of the steps that are timed: weights of all runs, times samples, times steps
MOST = {"plain": 300, "descend": 200_000}  # steps that are timed; of the others 20,000


@dataclass(frozen=True, eq=False)
class Task:
    """Gradient descent of `network` from theta for so many steps, or its flow, by `engines`.

    theta (units, features) or of an ensemble (runs, units, features); `step` is the learning rate
    in gradient-flow time; x and y are the data, on which the peers work.  A flow has the loosest
    tolerance whose error is at most 1e-6: at equal times, or with `curve` that of the curve (see
    `measure.error`).  With `every_token` attention is trained with its N x N matrices made whole.
    """

    name: str
    network: Network
    x: np.ndarray
    y: np.ndarray
    theta: np.ndarray
    step: float
    steps: int
    group: str = ""
    engines: Sequence[str] = STEPS + FLOWS
    curve: bool = False
    every_token: bool = False

    @property
    def end(self) -> float:
        """Gradient-flow time of all steps."""
        return self.step * self.steps

    @property
    def starts(self) -> np.ndarray:
        """The initial units with an axis of runs, (runs, units, features)."""
        return self.theta if self.theta.ndim == 3 else self.theta[None]

    def count(self, engine: str) -> int:
        """How many steps of an engine are timed: all, or as many as take it about a second."""
        in_moments = engine == "descend" and hasattr(self.network, "szz")
        samples = 1 if in_moments else len(self.x) * (self.x.shape[1] ** 2 * self.every_token or 1)
        weights = self.starts[0].size if engine == "plain" else self.theta.size
        most = min(self.steps, MOST.get(engine, 20_000))
        return int(np.clip(WORK / (samples * weights), 2, most))

    def part(self, engine: str) -> bool:
        """Whether only some of the steps or runs are timed, and the time is multiplied."""
        few = engine in STEPS and self.count(engine) < self.steps
        return few or (engine == "plain" and len(self.starts) > 1)

    def data(self) -> tuple[np.ndarray, ...]:
        """Inputs and labels (samples, outputs); of prompts what attention reads, z and the query.

        With `every_token` the tokens x and y (samples, N, ...), the label of the query hidden.
        """
        if not isinstance(self.network, Attention):
            return self.x, self.y.reshape(len(self.y), -1)
        labels = np.concatenate([self.y[:, :-1], 0 * self.y[:, -1:]], axis=1)[..., None]
        if self.every_token:
            return self.x, labels, self.y[:, -1:]
        return (labels * self.x).sum(1), self.x[:, -1].copy(), self.y[:, -1:]


def of_panel(name: str, label: str, seeds: int | range | None = None, **more: Any) -> Task:
    """A panel of Figure 1 at its own settings; an ensemble for several seeds."""
    p = panel(name)
    theta = initial_units(p.network, p.width, p.init_scale, p.seed if seeds is None else seeds)
    return Task(label, p.network, p.x, p.y, theta, p.step, p.epochs, **more)


def towards_the_limit(name: str, label: str, eps: float) -> Task:
    """A panel from the initial scale `eps`, the panel's own draw, until after its second drop."""
    p = panel(name)
    theta = initial_units(p.network, p.width, eps, p.seed)
    run = flow(p.network, theta, 4 * p.epochs * p.step * p.init_scale / eps)
    drops = observables.measure(run.times, run.losses / run.losses[0], min_drop=0.05).half_drops
    scale = f"{eps:.0e}".replace("e-0", "e-")
    implicit = ("Kvaerno5",) if name == "fig1g" and eps > 1e-5 else ()  # others take it minutes
    engines = ("plain", "jax", "numba", *implicit, "descend", "flow")
    task = of_panel(name, f"{label}, ε = {scale}", group=label, engines=engines, curve=True)
    return replace(task, theta=theta, steps=int(1.1 * drops[1] / p.step))


def diagonal(features: int = 30) -> Task:
    """A diagonal linear network, f = sum_i v_i u_i x_i, on fewer samples than features.

    As public notebooks have it: v_i = 0 and u_i = sqrt 2 eps, three features in the teacher.  To
    the engines it is a model of one's own, through `Autograd`.
    """
    x = np.random.default_rng(0).standard_normal((features // 2, features))
    y = x[:, :3] @ np.array([[1.0], [-0.7], [0.4]])
    net = networks.Autograd(lambda t, x: x @ (t[:, :1] * t[:, 1:]), x, y, 1, 1)
    theta = np.stack([np.zeros(features), np.full(features, np.sqrt(2) * 1e-4)], axis=1)
    return Task("diagonal linear network", net, x, y, theta, 0.02, 2000, "own", PLAIN)


def digits_sized(phi: str) -> Task:
    """A network of the size of those for MNIST, on inputs of covariance 1 / n and random classes.

    784 inputs, 1000 units, 10^4 samples; the class is the largest of ten random linear functions of
    the input, as a one-hot target.  "deep" has three hidden ReLU layers of 1000 units.
    """
    rng, sizes = np.random.default_rng(0), [784, 1000, 1000, 1000, 10]
    x = rng.standard_normal((10_000, 784)) / np.sqrt(np.arange(1, 785))
    y = np.eye(10)[np.argmax(x @ rng.standard_normal((784, 10)), axis=1)]
    name = {"linear": "linear of", "relu": "ReLU of", "deep": "four layers of ReLU,"}[phi]
    if phi == "deep":
        net = networks.deep(sizes, x, y)
        layers = [rng.standard_normal(a * b) / np.sqrt(a) for a, b in pairwise(sizes)]
        theta = np.concatenate(layers)[None]
    else:
        net = networks.build(phi, x, y)
        theta = initial_units(net, 1000, 1e-5, 0)
    engines = PLAIN if phi == "linear" else PLAIN[:3]
    return Task(f"{name} MNIST's size", net, x, y, theta, 0.1, 600, engines=engines)


def samples(count: int) -> Task:
    """A linear network on so many samples: the same hundred again and again, for equal runs."""
    x = np.random.default_rng(0).standard_normal((100, 3)) * [1.0, 0.8, 0.6]
    x = np.tile(x, (count // 100, 1))
    net = networks.linear(x, x)
    theta = initial_units(net, 50, 1e-6, 0)
    return Task(f"linear, {count:,} samples", net, x, x, theta, 0.02, 2000, "samples", PLAIN)


def listed() -> list[Task]:
    """All rows of the table, in its order."""
    many = ("plain", "jax", "numba", "descend", "flow")
    engines = dict.fromkeys(PANELS, ("plain", "jax", "numba", "Dopri8", "descend", "flow"))
    engines |= {"fig1b": ("torch.compile", *engines["fig1b"]), "fig1g": STEPS + FLOWS}
    rows = [
        of_panel(name, f"1{name[-1].upper()} {panel(name).title}", group="panel", engines=some)
        for name, some in engines.items()
    ]
    for name, label in (("fig1g", "quadratic"), ("fig1f", "attention")):
        rows += [towards_the_limit(name, label, eps) for eps in (1e-2, 1e-4, 1e-6, 1e-8)]
    for name, label, counts in (
        ("fig1b", "linear (1B)", (64, 1024)),
        ("fig1g", "quadratic (1G)", (64, 1024)),
        ("fig1d", "ReLU (1D)", (64,)),
    ):
        rows += [of_panel(name, f"{label}, {n} seeds", range(n), engines=many) for n in counts]
    own = partial(of_panel, group="own", engines=PLAIN, every_token=True)
    rows += [own("fig1f", "attention, N × N matrices made whole"), diagonal()]
    return [*rows, samples(100), samples(10**6), digits_sized("linear"), digits_sized("relu")]


def for_gpu() -> list[Task]:
    """The rows of the GPU table: ensembles up to 10^4 seeds, and networks of MNIST's size."""
    kinds = (("fig1b", "linear (1B)"), ("fig1g", "quadratic (1G)"))
    return [
        *[of_panel(name, f"{label}, {n} seeds", range(n))
          for name, label in kinds for n in (64, 1024, 10_000)],
        *map(digits_sized, ("linear", "relu", "deep")),
    ]  # fmt: skip
