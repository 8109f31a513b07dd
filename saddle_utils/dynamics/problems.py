"""What the kernels take of a network."""

from collections import namedtuple

import numpy as np

from ..networks import Attention, DeepLinear, Linear, Network, Pointwise, Quadratic
from ..networks.pointwise import activation
from .deep_fields import deep_layers

LARGE = 200_000  # numbers of data times units
LINEAR, BILINEAR, POINTWISE, DEEP = range(4)
RAMP, SQUARE, CUBIC, TANH, SINE, SIGMOID, SOFTPLUS, GELU, SWISH, X_TANH = range(10)
SMOOTH = {
    "square": SQUARE, "cubic": CUBIC, "tanh": TANH, "sine": SINE, "sigmoid": SIGMOID,
    "softplus": SOFTPLUS, "gelu": GELU, "swish": SWISH, "x_tanh": X_TANH,
}  # fmt: skip

# What a kernel takes of a network.  `left` and `right` are the first rows of these factors, of
# n_left and n_right features; `low` and `high` the slopes of a ramp below and above 0.  The data
# are a = Syz and b = Szz (and E|y|^2 = syy), or inputs a (patches * samples, n_u) and labels b.
# Of a deep network `layers` says how its weights lie, see `deep_fields`; it has no n_v, and
# n_left is the length of its scratch.
Data = namedtuple(
    "Data", "kind phi outputs patches n_v left right n_left n_right low high syy a b layers"
)


def problems(network: Network, theta: np.ndarray, largest: int = LARGE) -> list[Data] | None:
    """The data of a network for each run of theta (runs, units, features).

    None for a network that has no kernel, or whose data times units are more numbers than
    `largest`, from which BLAS is faster.
    """
    members = [network.runs(i) for i in range(len(theta))]
    shared = members[0] is network
    data = [problem(member) for member in members[: 1 if shared else None]]
    if data[0] is None or data[0].a.size * theta.shape[1] > largest:
        return None
    if data[0].kind == DEEP and theta.shape[2] * data[0].b.shape[0] > largest:
        return None
    return data * len(theta) if shared else data


def problem(network: Network) -> Data | None:
    """The data of a network for one run; None for a network that has no kernel."""
    family, layers = type(network), np.zeros((0, 4), dtype=int)
    n_v, n_u = network.n_v, network.n_u
    if family is Pointwise:
        act = activation(network.phi)
        phi = RAMP if act.degree == 1 else SMOOTH.get(network.phi)
        kind, shape, (low, high), syy = POINTWISE, (n_v, n_v, 0, n_u), act.slopes, 0.0
        low = high if act.smooth else low
        a, b = network.flat_x, network.y
    elif family in (Linear, Quadratic, Attention):
        kind, phi, low, high = BILINEAR, RAMP, 1.0, 1.0
        shape = (n_v, n_v, n_u, n_u)
        if family is Linear:
            kind, shape = LINEAR, (n_v, n_v, 1, n_u)
        elif family is Attention:
            shape = (n_v, n_v + n_u // 2, n_u // 2, n_u // 2)
        a, b, syy = network.syz, network.szz, float(network.syy)
    elif family is DeepLinear and network.patches == 1 and not network.skips:
        kind, phi, low, high = DEEP, RAMP, 1.0, 1.0
        a, b, syy = network.syz, network.szz, float(network.syy)
        layers, scratch = deep_layers(network.sizes, a.shape[1], a.shape[0])
        shape = (0, 0, scratch, 0)
    else:
        return None
    if phi is None:
        return None
    a, b = (np.ascontiguousarray(matrix, dtype=float) for matrix in (a, b))
    outputs, numbers = n_v // network.patches, (float(low), float(high), syy)
    return Data(kind, phi, outputs, network.patches, n_v, *shape, *numbers, a, b, layers)
