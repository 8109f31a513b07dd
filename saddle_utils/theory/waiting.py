"""The pieces of a path of saddles: the escape of a dormant unit, and the drop that follows.

At a saddle the dormant units are so small that they see only the residual of the active ones
(`residual_task`).  Each family of networks has its own `FirstEscape` and `Drop`, which
`predictions` strings together to the `Walk` of a run: `diverging_path` and `relu`; `linear.path`,
`deep_path` and `pointwise_path` walk by themselves.  All of this is of one run: units have the
shape (units, features), and networks the data of this run alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..networks import Network, Pointwise, concat
from .activations import lowest_order


class Escape(NamedTuple):
    """State of a network when a dormant unit escapes.

    time : escape time since the network came to the saddle, inf if no unit escapes, and negative
        if the unit is larger than that already
    unit : the escaping unit, (1, features)
    others : all dormant units at that time, the escaping one as zero, (units, features)
    rival : how close the runner-up is, 1 for a tie: the ratio of the rates of growth, or of the
        sizes of units that diverge
    """

    time: float
    unit: np.ndarray
    others: np.ndarray
    rival: float


class FirstEscape(NamedTuple):
    """The dormant unit that escapes first from a saddle: its direction, of norm 1, (features,); its
    index; and a function of a size that returns the `Escape` at which the unit has that norm."""

    way: np.ndarray
    recruit: int
    at: Callable[[float], Escape]


class Drop(NamedTuple):
    """A drop of the loss, from the escape of a unit to the next saddle.

    saddle : active units at the next saddle, (units, features)
    lead, dormant : active and dormant units, `duration` after the escape
    duration : time that the dormant units have been carried along
    arrival : time after that at which the active units are at the saddle; a dormant unit that
        escapes before falls with them
    times, losses : since the escape, and of the active units, (T,)
    passed : levels of the plateaus that are passed on the way
    """

    saddle: np.ndarray
    lead: np.ndarray
    dormant: np.ndarray
    duration: float
    arrival: float
    times: np.ndarray
    losses: np.ndarray
    passed: Sequence[float] = ()


class Walk(NamedTuple):
    """The drops of one run.

    saddles : active units at the start and behind each drop, (units, features)
    levels : loss at these saddles
    falls : of each fall the number of drops that are over behind it, times and losses (T,); drops
        of one fall have merged
    recruits, rivals : of each drop, as in `path.Prediction`; empty where no unit escapes by itself
    after : when the unit after the last drop escapes, inf if none does
    lost : where the walk cannot go on, the index of the first drop that this puts in doubt
    """

    saddles: list[np.ndarray]
    levels: Sequence[float]
    falls: list[tuple[int, np.ndarray, np.ndarray]]
    recruits: Sequence[int] = ()
    rivals: Sequence[float] = ()
    after: float = np.inf
    lost: int | None = None


def residual_task(network: Network, theta: np.ndarray) -> Network:
    """The same network with the residual y - f of units theta (\\*runs, units, f) as its target.

    Dormant units beside theta move as in this network.  Where the network sees moments only, the
    residual matrix G = Syz - M Szz takes the place of Syz.
    """
    if not theta.shape[-2]:
        return network
    if isinstance(network, Pointwise):
        return replace(network, y=network.y - network.output(theta))
    syz = network.syz - network.moment_map(theta) @ network.szz
    return replace(network, syz=syz, syy=2 * network.loss(theta))


def degree_at_zero(network: Network) -> int:
    """Degree of dormant units in u: that of phi, or its lowest order at zero."""
    phi = getattr(network, "phi", "identity")  # deep networks: of each layer
    return int(network.degree or lowest_order(phi))


def best_amplitude(
    rest: Network, direction: np.ndarray, degree: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Norm of units of a direction (\\*runs, 1, features) at which the loss is least, (\\*runs,).

    The second array is the decrease of the loss, (\\*runs,).  A unit of degree p and norm r has the
    loss L_0 - g r^(p + 1) + e r^(2 p + 2) / 2.  Where phi has no degree of its own, p is `degree`,
    and the loss at v that of a unit of norm 1: right up to a factor.
    """
    degree = degree or rest.degree
    v, u = rest.split(direction)
    zero, one, mirrored = (rest.loss(concat([s * v, u])) for s in (0, 1, -1))
    gain, energy = (mirrored - one) / 2, np.maximum(one + mirrored - 2 * zero, 1e-300)
    return (np.abs(gain) / energy) ** (1 / (degree + 1)), gain**2 / (2 * energy)


def best_map(network: Network) -> np.ndarray:
    """Map M = Syz Szz^+ of least loss of a network that sees moments, (\\*runs, outputs, N)."""
    return network.syz @ np.linalg.pinv(network.szz, hermitian=True)


def learnable_loss(rest: Network) -> np.ndarray | float:
    """Largest decrease of the loss that further units can achieve, tr(G Szz^+ G') / 2, (\\*runs,).

    It is inf (unknown) for networks that do not see moments.
    """
    if isinstance(rest, Pointwise):
        return np.inf
    return (rest.syz * best_map(rest)).sum((-2, -1)) / 2
