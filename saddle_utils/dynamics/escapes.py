"""Gradient flow by the length of its path, for waits so long that time itself cannot be resolved.

Deep networks wait for scale^-(depth - 2): at a scale of 1e-6 a drop that takes a time of 1 comes
after 1e24, and no floating-point time tells its beginning from its end.  Along the path the wait is
short: in a unit of tau the layers change by their own sizes.
"""

import numpy as np

from ..networks import Layered, Network
from .trajectories import RunFailedError

LONGEST = 60.0  # units of tau
SMOOTH, JUMPING = 0.1, 0.04  # steps in tau, of fields that are smooth and of those that jump
SECANTS = 6  # that find where a step crosses a level


def escape(
    network: Network, theta0: np.ndarray, level: float, step: float | None = None
) -> tuple[float, np.ndarray]:
    """`escapes` of one run from theta0 (units, features): its time and its units there.

    RunFailedError where the loss does not fall to the level (a saddle or a minimum above).
    """
    times, ends = escapes(network, np.asarray(theta0)[None], level, step)
    if np.isnan(times[0]):
        raise RunFailedError(f"the loss does not fall to {level:g} within {LONGEST:g} of its path")
    return float(times[0]), ends[0]


def escapes(
    network: Network, theta0: np.ndarray, levels: np.ndarray | float, step: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Gradient-flow times at which the loss first falls to `levels`, (runs,), and the units there.

    Of runs from theta0 (runs, units, features), each to its own level or all to one; nan where the
    loss does not fall to it within a path of `LONGEST`.  By the classical Runge-Kutta method with
    steps of a fixed size in tau, the last one as long as it takes: to 1e-5 or so in smooth fields,
    to about 1e-3 in fields that jump, as those of ReLU networks do.  ValueError where a loss starts
    below its level.
    """
    theta = np.array(network.check(theta0), dtype=float)
    levels = np.broadcast_to(np.asarray(levels, dtype=float), len(theta))
    losses = np.asarray(network.loss(theta))
    if not (losses > levels).all():
        raise ValueError(f"losses start at {losses}, not above {levels}")
    step = step or (SMOOTH if network.smooth else JUMPING)
    times, ends, left = np.full(len(theta), np.nan), theta.copy(), np.arange(len(theta))
    now = np.zeros(len(theta))
    for _ in range(int(LONGEST / step)):
        move, wait = _step(network, theta, np.full(len(theta), step))
        below = np.asarray(network.loss(theta + move))
        done = below <= levels[left]
        if done.any():
            drops, found = (losses - levels[left])[done], left[done]
            end, last = _crossing(network, theta[done], levels[found], drops, below[done], step)
            times[found], ends[found] = now[done] + last, end
            if done.all():
                break
        theta, now, losses, left = (a[~done] for a in (theta + move, now + wait, below, left))
    return times, ends


def _crossing(
    network: Network, theta: np.ndarray, levels: np.ndarray, above: np.ndarray, below: np.ndarray,
    step: float,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Units and time (runs,) at which a step from theta crosses the level, by the Illinois method.

    `above` is the loss over the level before the step, `below` the loss after it.
    """
    low, high = np.zeros(len(theta)), np.full(len(theta), step)
    bottom, top, was = below - levels, above, np.zeros(len(theta))
    for _ in range(SECANTS):
        part = low + (high - low) * top / (top - bottom)
        move, wait = _step(network, theta, part)
        value = np.asarray(network.loss(theta + move)) - levels
        side = np.where(value <= 0, 1, -1)
        half = np.where(side == was, 0.5, 1)  # twice on one side: the other end counts half
        low, top = np.where(side > 0, (low, half * top), (part, value))
        high, bottom = np.where(side > 0, (part, value), (high, half * bottom))
        was = side
    return theta + move, wait


def _step(network: Network, theta: np.ndarray, step: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Changes of units (runs, units, features) and of time (runs,) in a step of tau."""
    moves, waits = [], []
    for ahead in (0.0, 0.5, 0.5, 1.0):
        at = theta + ahead * moves[-1] if moves else theta
        field = network.field(at)
        waits.append(step * _slowness(network, at, field))
        moves.append(waits[-1][:, None, None] * field)
    return tuple((p[0] + 2 * p[1] + 2 * p[2] + p[3]) / 6 for p in (moves, waits))


def _slowness(network: Network, theta: np.ndarray, field: np.ndarray) -> np.ndarray:
    """Time in which the layers would change by their own sizes (root of their squares), (runs,)."""
    layered = isinstance(network, Layered)
    size, speed = (
        network.norms(part) if layered else np.sqrt((part * part).sum((-2, -1)))[..., None]
        for part in (theta, field)
    )
    rates = speed / np.maximum(size, 1e-300)
    return 1 / np.maximum(np.sqrt((rates * rates).sum(-1)), 1e-300)
