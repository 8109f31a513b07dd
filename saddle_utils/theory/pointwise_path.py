"""Drops of networks whose activation is smooth: its lowest order at zero decides (section 5).

Small units see sigma(a) ~ c_p a^p.  For p >= 2 (x tanh x, cubic) a unit that waits diverges at a
finite time of order eps^(1 - p), by itself, as in Proposition 5, and the narrow network has one
unit for each that has gone.  For p = 1 (tanh, sine, GELU, swish) units grow as in a linear network,
all along one ray; but a ray of such units is no invariant manifold (Theorem 3), so after the first
drop there is no saddle to rest at.  For p = 0 (sigmoid, softplus) zero is no fixed point if labels
have a mean: it is learned at once.
"""

from dataclasses import replace

import numpy as np

from ..dynamics import flows
from ..networks import Linear, Pointwise
from ..observables import dense_loss, passage_time
from .activations import lowest_order, taylor
from .divergence import TINY, first_escape
from .linear.path import first_linear_escape
from .waiting import Drop, FirstEscape, arrived, best_amplitude, impulse

POWERS = {2: "square", 3: "cubic"}  # activations of one order
RAY = 1e-4  # size at which units of lowest order 1 are no longer followed as a linear network
FOLDS = 30  # and for how many e-folds of the fastest mode they are, of which nine make up for RAY
LONGEST = 1e3  # a drop is followed for so many times the growth time of its unit at the beginning


def power_task(rest: Pointwise) -> Pointwise:
    """What small units see of an activation of lowest order p: the network of c_p a^p.

    c_p is a factor of the labels, which changes nothing but what the units can learn.
    """
    order = lowest_order(rest.phi)
    return replace(rest, phi=POWERS[order], y=taylor(rest.phi)[order] * rest.y)


def first_power_escape(rest: Pointwise, dormant: np.ndarray) -> FirstEscape:
    """The unit that diverges first, of an activation of lowest order p >= 2 (`first_escape`)."""
    return first_escape(power_task(rest), dormant, lowest_order(rest.phi))


def power_field(rest: Pointwise, theta: np.ndarray) -> np.ndarray:
    """Field of dormant units by the lowest order c_p a^p of the activation, shape of theta."""
    return power_task(rest).field(TINY * theta) / TINY ** lowest_order(rest.phi)


def power_drop(network: Pointwise, start: np.ndarray, dormant: np.ndarray) -> Drop:
    """The drop of a narrow network from units `start`, of which the last is escaping.

    As for quadratic units, it is short against the wait: the dormant units get a kick by the
    integral of r - r(end), and otherwise move by the residual of the next saddle all along.
    """
    order, moves = lowest_order(network.phi), start[:, -1].any(-1)
    size = np.maximum(np.linalg.norm(start[:, -1], axis=-1), 1e-300)
    pull = np.abs(power_field(network, start[:, -1:] / size[:, None, None])).max((1, 2))
    fold = 1 / np.maximum(pull * size ** (order - 1), 1e-300)
    ends = np.where(moves, LONGEST * fold, 1e-9)  # the others stay where they are
    runs = flows(network, start, ends, rtol=1e-6 if order == 2 else 1e-8)
    nets = [network.runs(np.array([i])) for i in range(len(start))]
    kicks = [-impulse(net, run, net.output) for net, run in zip(nets, runs, strict=True)]
    kicked = dormant + power_field(replace(network, y=np.stack(kicks)), dormant)
    curves = [dense_loss(net, run) for net, run in zip(nets, runs, strict=True)]
    arrival = np.array([run.times[arrived(net, run)] for net, run in zip(nets, runs, strict=True)])
    return Drop(np.stack([run.theta[-1] for run in runs]), kicked, 0 * size, arrival, curves)


def linear_task(network: Pointwise) -> Linear:
    """What small units see of an activation of lowest order 1: the linear network of c_1 a."""
    z = taylor(network.phi)[1] * np.moveaxis(network.x, -3, -2)  # (\\*runs, samples, patches, n_u)
    z, y = z.reshape(*z.shape[:-2], -1), network.y
    moments = (y @ z, z.mT @ z, (y**2).sum((-2, -1)))
    return Linear(*(m / network.samples for m in moments), network.patches)


def ray_drop(
    network: Pointwise, theta0: np.ndarray
) -> tuple[np.ndarray, np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
    """Levels (runs, 2) of the first drop, its begin (runs,) and curves, for lowest order 1 at zero.

    The wait is that of the linear network of c_1 a, exactly, until the fastest mode has RAY times
    its best size.  From there all units, now nearly on one ray, are followed by gradient flow.
    Units of a ray are equal to one unit only while they are small; so the level behind the drop is
    that of the linear network too, and the network does not rest there.
    Where they are larger than RAY at the start, nothing waits, and this is the flow itself.
    """
    task = linear_task(network)
    first = first_linear_escape(task, theta0)
    size, taken = best_amplitude(task, first.direction)
    off = first.at(RAY * size)
    alive = np.isfinite(off.time) & (size > 0)
    theta = off.others + first.share[..., None] @ off.unit
    rate = np.linalg.norm(task.syz.reshape(len(theta), task.n_v, -1), 2, axis=(1, 2))
    ends = np.where(rate > 0, FOLDS / np.maximum(rate, 1e-300), 1.0)  # or nothing is left to learn
    runs = flows(network, theta, ends, rtol=1e-9)
    levels = np.stack([task.syy / 2, task.syy / 2 - taken], axis=1)
    curves = []
    for i, (run, middle) in enumerate(zip(runs, levels.mean(1), strict=True)):
        net = network.runs(np.array([i]))
        curve, half = dense_loss(net, run), passage_time(net, run, middle)
        place = np.searchsorted(curve[0], half)  # a record there, more exact than those around
        curves.append((np.insert(curve[0], place, half), np.insert(curve[1], place, middle)))
    return levels, np.where(alive, np.maximum(off.time, 0), np.inf), curves


def mean_drop(
    network: Pointwise, theta0: np.ndarray
) -> tuple[np.ndarray, np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
    """Levels, begin and curves as of `ray_drop`, for activations that do not vanish at zero.

    With small u the map is the constant m = c_0 sum_i v_i, and dm = H c_0^2 (E y - m): the loss
    falls at once to that of the mean, at the rate 2 H c_0^2.  Units share the mean, and each has
    1 / H of it, so the next drops come without a plateau.  This holds up to 1 / H.
    """
    if network.patches != 1:
        raise ValueError("the mean of a convolution is not predicted: one patch only")
    rate = theta0.shape[1] * taylor(network.phi)[0] ** 2
    left = network.y.mean(-1) - taylor(network.phi)[0] * network.split(theta0)[0].sum(1)
    top = (network.y**2).mean(-1).sum(-1) / 2
    bottom = top - (network.y.mean(-1) ** 2).sum(-1) / 2
    times = np.linspace(0, 10 / rate, 2001)
    fall = (left**2).sum(-1)[:, None] / 2 * np.exp(-2 * rate * times)
    curves = [(times, low + part) for low, part in zip(bottom, fall, strict=True)]
    return np.stack([top, bottom], axis=1), np.zeros(len(theta0)), curves
