"""Training sets and settings of Figure 4: softmax attention, and two-unit teachers by activation.

Panels D (tanh) and F (x tanh x) are digitised, with settings found by matching.  The paper's data
of the others were not at hand: theirs is a teacher of two units of the same activation, along the
axes, which no single unit can fit.
"""

from collections.abc import Callable
from functools import cache, partial

import numpy as np

from .. import networks
from ..networks import Softmax, activation
from .figure1 import Panel

TITLES = {"x_tanh": "x tanh x", "leaky_relu": "Leaky ReLU", "gelu": "GELU"}
LETTERS = {"softmax": "A", "tanh": "D", "x_tanh": "F", "cubic": "G"}  # A and G are inferred
DIGITISED = {"tanh": "fig4d", "x_tanh": "fig4f"}


def _softmax(name: str, title: str, rank: int) -> Panel:
    """In-context regression on 8 tokens of variances 1 and .5; heads of this rank.

    Every prompt comes with its query and with the opposite one, so that the mean label of the
    context, which a head returns at zero, tells nothing of the label to be predicted.
    """
    rng = np.random.default_rng(2)
    x = np.sqrt([1.0, 0.5]) * rng.standard_normal((50, 9, 2))
    mirrored = np.concatenate([x[:, :-1], -x[:, -1:]], axis=1)
    x, w = np.concatenate([x, mirrored]), np.tile(rng.standard_normal((50, 2)), (2, 1))
    y = np.einsum("snd,sd->sn", x, w)
    return Panel(name, title, Softmax(x, y, rank), 0.15, 0.007, 0, 8, slice(1, 3), x, y, 1200)


def _teacher(
    phi: str, spread: float, gain: float, second: float, lr: float, init_scale: float, width: int,
    samples: int = 60, data: int = 0, seed: int = 0, apart: bool = False,
) -> Panel:  # fmt: skip
    """Two units of this activation, y = phi(gain x_2) + second phi(gain x_1), x ~ N(0, spread^2).

    `samples` inputs are drawn from `data`.  With `apart` the two terms are two outputs.
    """
    x = spread * np.random.default_rng(data).standard_normal((samples, 2))
    terms = np.array([1, second]) * activation(phi).f(gain * x[:, ::-1])
    net = networks.pointwise(x, y := terms if apart else terms.sum(1), phi)
    name, title = DIGITISED.get(phi, f"fig4_{phi}"), TITLES.get(phi, phi.capitalize())
    shown = slice(net.n_v, net.n_v + 2)
    return Panel(name, title, net, lr, init_scale, seed, width, shown, x, y)


FIGURE4: dict[str, Callable[[], Panel]] = {
    "softmax": partial(_softmax, "fig4_softmax", "Softmax attention", 1),
    "softmax_rank2": partial(_softmax, "fig4_softmax_rank2", "Softmax, keys of rank 2", 2),
    "sigmoid": partial(_teacher, "sigmoid", 2.0, 1.5, 1.0, 0.1, 1e-8, 20, apart=True),
    "sine": partial(_teacher, "sine", 1.0, 1.5, 0.6, 0.015, 1e-6, 50),
    "tanh": partial(_teacher, "tanh", 2.5, 1.0, -0.5, 0.01, 2e-6, 50, 200, seed=2),
    "x_tanh": partial(_teacher, "x_tanh", np.sqrt(0.5), 1.0, 1.0, 0.06, 0.0095, 10, 200, 3, 7),
    "cubic": partial(_teacher, "cubic", 0.7, 1.0, 0.8, 0.075, 0.05, 10, seed=1),
    "leaky_relu": partial(_teacher, "leaky_relu", 1.0, 1.0, -0.6, 0.025, 1e-6, 50),
    "gelu": partial(_teacher, "gelu", 1.0, 2.0, -0.6, 0.02, 1e-6, 50),
    "softplus": partial(_teacher, "softplus", 1.0, 3.0, 0.8, 0.04, 1e-8, 20, apart=True),
    "swish": partial(_teacher, "swish", 1.0, 2.0, -0.6, 0.02, 1e-6, 50),
}


@cache
def figure4_panel(name: str) -> Panel:
    """The panel of Figure 4 of this name ("softmax", "softmax_rank2", "tanh", ...).

    ValueError for an unknown name.
    """
    if name not in FIGURE4:
        raise ValueError(f"unknown panel {name!r}; known: {', '.join(FIGURE4)}")
    return FIGURE4[name]()
