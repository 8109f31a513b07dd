"""Gradient flow by the length of its path, for waits so long that time itself cannot be resolved.

Deep networks wait for scale^-(depth - 2): at a scale of 1e-6 a drop that takes a time of 1 comes
after 1e24, and no floating-point time tells its beginning from its end.  Along the path the wait is
short: in a unit of tau the layer that changes fastest, for its size, changes by its own size.
"""

from __future__ import annotations

import itertools

import numpy as np
from scipy.integrate import solve_ivp

from ..networks import Layered, Network
from .trajectories import RunFailedError

MOST = 5_000  # evaluations of the field of a run
LONGEST = 100.0  # units of tau
MARCH = 0.04  # step in tau where the field jumps


def escape(
    network: Network, theta0: np.ndarray, level: float, rtol: float = 1e-8
) -> tuple[float, np.ndarray]:
    """Gradient-flow time at which the loss first falls to `level`, and the units there.

    Of one run from theta0 (units, features).  ValueError where the loss starts below `level`,
    RunFailedError where it does not fall to it (a saddle or a minimum above).  Fields that jump, as
    those of ReLU networks do, are followed by steps of a fixed size in tau, to about 1e-3.
    """
    theta0 = np.asarray(network.check(theta0), dtype=float)
    if not network.loss(theta0) > level:
        raise ValueError(f"the loss starts at {network.loss(theta0):g}, not above {level:g}")

    if not network.smooth:
        return _march(network, theta0, level)
    left = itertools.count(MOST, -1)

    def along(_: float, state: np.ndarray) -> np.ndarray:
        if next(left) <= 0:
            raise RunFailedError(f"the loss does not fall to {level:g} by time {state[-1]:.3g}")
        theta = state[:-1].reshape(theta0.shape)
        field = network.field(theta)
        slowness = _slowness(network, theta, field)
        return np.append(field * slowness, slowness)

    def height(_: float, state: np.ndarray) -> float:
        return float(network.loss(state[:-1].reshape(theta0.shape))) - level

    height.terminal = True  # type: ignore[attr-defined]
    start = np.append(theta0, 0.0)
    first = _slowness(network, theta0, network.field(theta0))
    sizes = np.append(np.full(theta0.size, np.sqrt(np.mean(theta0**2))), first)
    found = solve_ivp(
        along, (0.0, LONGEST), start, method="DOP853", rtol=rtol, atol=rtol * sizes, events=height
    )
    if not len(found.t_events[0]):
        raise RunFailedError(f"the loss does not fall to {level:g}: {found.message}")
    state = found.y_events[0][0]
    return float(state[-1]), state[:-1].reshape(theta0.shape)


def _slowness(network: Network, theta: np.ndarray, field: np.ndarray) -> float:
    """Time in which the layer that changes fastest would change by its own size."""
    parts = [theta, field]
    if isinstance(network, Layered):
        parts = [network.weights(part) for part in parts]
    norms = [[np.linalg.norm(w) for w in part] for part in parts]
    return min(size / max(speed, 1e-300) for size, speed in zip(*norms, strict=True))


def _march(network: Network, theta: np.ndarray, level: float) -> tuple[float, np.ndarray]:
    """`escape` by Heun's method with steps of MARCH, linear between the last two."""
    time, loss = 0.0, float(network.loss(theta))
    for _ in range(int(LONGEST / MARCH)):
        field = network.field(theta)
        step = MARCH * _slowness(network, theta, field)
        ahead = theta + step * field
        ahead = theta + step * (field + network.field(ahead)) / 2
        below = float(network.loss(ahead))
        if below <= level:
            part = (loss - level) / (loss - below)
            return time + part * step, theta + part * (ahead - theta)
        theta, time, loss = ahead, time + step, below
    raise RunFailedError(f"the loss does not fall to {level:g}: it is {loss:g} at time {time:.3g}")
