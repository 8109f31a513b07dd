"""The pieces of a path of saddles: dormant units, the escape of one, and the drop that follows.

At a saddle the dormant units are so small that they see only the residual of the active ones
(`residual_task`).  Each family of networks solves this stage in its own way, and returns a
`FirstEscape` and a `Drop`, which `predictions` strings together: `linear.path`, `quadratic.path`
and `relu`.  Units have the shape (runs, units, features); networks carry data for each run.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.interpolate import CubicHermiteSpline

from ..dynamics import Trajectory
from ..networks import Network, Pointwise, concat

ARRIVED = 1e-5  # a narrow network whose gradient is this fraction of its largest is at its saddle


class Escape(NamedTuple):
    """State of a network when a dormant unit escapes.

    time : escape time since the network came to the saddle, inf if no unit escapes, and negative
        if the unit is larger than that already, (runs,)
    unit : the escaping unit, (runs, 1, features)
    others : all other dormant units at that time, (runs, units, features)
    rival : how close the runner-up is, 1 for a tie, (runs,): the ratio of the rates of growth, or
        of the sizes for quadratic units
    """

    time: np.ndarray
    unit: np.ndarray
    others: np.ndarray
    rival: np.ndarray


class FirstEscape(NamedTuple):
    """The dormant unit that escapes first from a saddle.

    direction : that of the escaping unit, of norm 1, (runs, 1, features)
    recruit : index of the unit, (runs,); -1 for linear networks, where all units take part
    share : part of each unit in the escaping one, a unit vector in unit space, (runs, units)
    at : function of a size (runs,) that returns the `Escape` at which the unit has that norm
    """

    direction: np.ndarray
    recruit: np.ndarray
    share: np.ndarray
    at: Callable[[np.ndarray], Escape]


class Drop(NamedTuple):
    """A drop of the loss, from the escape of a unit to the next saddle.

    saddle : active units at the next saddle, (runs, units, features)
    dormant : dormant units `duration` after the escape, (runs, units, features)
    duration : time that the dormant units have been carried along, (runs,)
    arrival : time at which the active units are at the next saddle, (runs,); a unit that escapes
        before falls with them; nan where the family goes back in time instead
    curves : times since the escape and loss of the active units, a pair for each run
    lead : active units `duration` after the escape if they are not at the saddle yet, its shape
    passed : levels of the plateaus that are passed on the way, nan behind the last, (runs, n)
    """

    saddle: np.ndarray
    dormant: np.ndarray
    duration: np.ndarray
    arrival: np.ndarray
    curves: list[tuple[np.ndarray, np.ndarray]]
    lead: np.ndarray | None = None
    passed: np.ndarray | None = None


def residual_task(network: Network, theta: np.ndarray) -> Network:
    """The same network with the residual y - f of the units theta (runs, units, f) as its target.

    Dormant units beside theta move as in this network.  Where the network sees moments only, the
    residual matrix G = Syz - M Szz takes the place of Syz.
    """
    if not theta.shape[-2]:
        return network
    if isinstance(network, Pointwise):
        return replace(network, y=network.y - network.output(theta))
    syz = network.syz - network.moment_map(theta) @ network.szz
    return replace(network, syz=syz, syy=2 * network.loss(theta))


def arrived(network: Network, run: Trajectory) -> int:
    """The record at which a run comes to a fixed point (see ARRIVED); 0 if it never moves."""
    speed = np.abs(network.field(run.theta)).max((1, 2))
    moving = np.flatnonzero(speed > ARRIVED * speed.max())
    return min(int(moving[-1]) + 1, len(speed) - 1) if len(moving) else 0


def impulse(
    network: Network, run: Trajectory, force: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Integral over a run of what `force` is of its units, less what it is at the end.

    The units between two records lie on the cubic through them with the field as slope, as exact as
    the run itself; three points of Gauss there.  The force itself may bend too much for a spline.
    """
    nodes, weights = np.polynomial.legendre.leggauss(3)
    steps = np.diff(run.times)[:, None] / 2
    times = (run.times[:-1, None] + steps * (1 + nodes)).ravel()
    units = CubicHermiteSpline(run.times, run.theta, network.field(run.theta))(times)
    return np.tensordot((steps * weights).ravel(), force(units) - force(run.theta[-1:]), 1)


def best_amplitude(
    rest: Network, direction: np.ndarray, degree: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Norm of a unit of this direction (runs, 1, features) at which the loss is least, (runs,).

    The second array is the decrease of the loss, (runs,).  A unit of degree p and norm r has the
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


def learnable_loss(rest: Network) -> np.ndarray:
    """Largest decrease of the loss that further units can achieve, tr(G Szz^+ G') / 2, (runs,).

    It is inf (unknown) for networks that do not see moments.
    """
    if isinstance(rest, Pointwise):
        return np.full(len(rest.y), np.inf)
    return (rest.syz * best_map(rest)).sum((-2, -1)) / 2
