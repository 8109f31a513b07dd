"""Training sets and settings of Figure 4: softmax attention, and two-unit teachers by activation.

Panels D (tanh) and F (x tanh x) are digitised, with settings found by matching.  The paper's data
of the others were not at hand: theirs is a teacher of two units of the same activation, along the
axes, y = sigma(a x_2) + b sigma(a x_1), which no single unit can fit.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from .. import networks
from ..networks import Softmax, activation
from .figure1 import Panel


@dataclass(frozen=True)
class Teacher:
    """A panel whose target is y = sigma(gain x_2) + second sigma(gain x_1), x ~ N(0, spread^2).

    `lr`, `init_scale`, `seed`, `width` as in `Panel`; `samples` inputs are drawn from `data`.  With
    `apart` the two terms are two outputs.
    """

    spread: float
    gain: float
    second: float
    lr: float
    init_scale: float
    width: int
    samples: int = 60
    data: int = 0
    seed: int = 0
    apart: bool = False


TEACHERS = {
    "sigmoid": Teacher(2.0, 1.5, 1.0, 0.1, 1e-8, 20, apart=True),
    "sine": Teacher(1.0, 1.5, 0.6, 0.015, 1e-6, 50),
    "tanh": Teacher(2.5, 1.0, -0.5, 0.01, 2e-6, 50, 200, seed=2),
    "x_tanh": Teacher(np.sqrt(0.5), 1.0, 1.0, 0.06, 0.0095, 10, 200, 3, 7),
    "cubic": Teacher(0.7, 1.0, 0.8, 0.075, 0.05, 10, seed=1),
    "leaky_relu": Teacher(1.0, 1.0, -0.6, 0.025, 1e-6, 50),
    "gelu": Teacher(1.0, 2.0, -0.6, 0.02, 1e-6, 50),
    "softplus": Teacher(1.0, 3.0, 0.8, 0.04, 1e-8, 20, apart=True),
    "swish": Teacher(1.0, 2.0, -0.6, 0.02, 1e-6, 50),
}
TITLES = {
    "softmax": "Softmax attention", "softmax_rank2": "Softmax, keys of rank 2",
    "x_tanh": "x tanh x", "leaky_relu": "Leaky ReLU", "gelu": "GELU",
}  # fmt: skip
LETTERS = {"softmax": "A", "tanh": "D", "x_tanh": "F", "cubic": "G"}  # A and G are inferred
DIGITISED = {"tanh": "fig4d", "x_tanh": "fig4f"}


def _taught(phi: str) -> Panel:
    """The panel of an activation, with the data of its `Teacher`."""
    t = TEACHERS[phi]
    x = t.spread * np.random.default_rng(t.data).standard_normal((t.samples, 2))
    sigma = activation(phi).f
    terms = [sigma(t.gain * x[:, 1]), t.second * sigma(t.gain * x[:, 0])]
    y = np.stack(terms, axis=1) if t.apart else sum(terms)
    name, title = DIGITISED.get(phi, f"fig4_{phi}"), TITLES.get(phi, phi.capitalize())
    net = networks.pointwise(x, y, phi)
    shown = slice(net.n_v, net.n_v + 2)
    return Panel(name, title, net, t.lr, t.init_scale, t.seed, t.width, shown, x, y)


def _softmax(rank: int = 1, second: float = 0.5) -> Panel:
    """In-context regression on 8 tokens of variances 1 and `second`; heads of this rank.

    Every prompt comes with its query and with the opposite one, so that the mean label of the
    context, which a head returns at zero, tells nothing of the label to be predicted.
    """
    rng = np.random.default_rng(2)
    x = np.sqrt([1.0, second]) * rng.standard_normal((50, 9, 2))
    mirrored = np.concatenate([x[:, :-1], -x[:, -1:]], axis=1)
    x, w = np.concatenate([x, mirrored]), np.tile(rng.standard_normal((50, 2)), (2, 1))
    y = np.einsum("snd,sd->sn", x, w)
    name = "softmax" if rank == 1 else f"softmax_rank{rank}"
    net, shown = Softmax(x, y, rank), slice(1, 3)
    return Panel(f"fig4_{name}", TITLES[name], net, 0.15, 0.007, 0, 8, shown, x, y, 1200)


FIGURE4: dict[str, Callable[..., Panel]] = {
    "softmax": _softmax,
    "softmax_rank2": partial(_softmax, 2),
    **{phi: partial(_taught, phi) for phi in TEACHERS},
}


@cache
def figure4_panel(name: str) -> Panel:
    """The panel of Figure 4 of this name ("softmax", "softmax_rank2", "tanh", ...).

    ValueError for an unknown name.
    """
    if name not in FIGURE4:
        raise ValueError(f"unknown panel {name!r}; known: {', '.join(FIGURE4)}")
    return FIGURE4[name]()
