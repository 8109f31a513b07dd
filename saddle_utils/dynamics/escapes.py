"""Gradient flow by the length of its path, for waits so long that time itself cannot be resolved.

Deep networks wait for scale^-(depth - 2): at a scale of 1e-6 a drop that takes a time of 1 comes
after 1e24, and no floating-point time tells its beginning from its end.  Along the path the wait is
short: d theta / d tau = field |theta| / |field|, and dt / d tau = |theta| / |field|.
"""

from __future__ import annotations

import numpy as np
from scipy.integrate import solve_ivp

from ..networks import Network
from .trajectories import RunFailedError

LONGEST = 1e3  # units of path length, in which a run doubles its weights or walks their length


def escape(
    network: Network, theta0: np.ndarray, level: float, rtol: float = 1e-8
) -> tuple[float, np.ndarray]:
    """Gradient-flow time at which the loss first falls to `level`, and the units there.

    Of one run from theta0 (units, features).  ValueError where the loss starts below `level`,
    RunFailedError where it does not fall to it (a saddle or a minimum above).
    """
    theta0 = np.asarray(network.check(theta0), dtype=float)
    if not network.loss(theta0) > level:
        raise ValueError(f"the loss starts at {network.loss(theta0):g}, not above {level:g}")

    def along(_: float, state: np.ndarray) -> np.ndarray:
        theta = state[:-1].reshape(theta0.shape)
        field = network.field(theta)
        slowness = np.linalg.norm(theta) / max(np.linalg.norm(field), 1e-300)
        return np.append(field * slowness, slowness)

    def height(_: float, state: np.ndarray) -> float:
        return float(network.loss(state[:-1].reshape(theta0.shape))) - level

    height.terminal = True  # type: ignore[attr-defined]
    start = np.append(theta0, 0.0)
    first = np.linalg.norm(theta0) / max(np.linalg.norm(network.field(theta0)), 1e-300)
    sizes = np.append(np.full(theta0.size, np.sqrt(np.mean(theta0**2))), first)
    found = solve_ivp(
        along, (0.0, LONGEST), start, method="DOP853", rtol=rtol, atol=rtol * sizes, events=height
    )
    if not len(found.t_events[0]):
        raise RunFailedError(f"the loss does not fall to {level:g}: {found.message}")
    state = found.y_events[0][0]
    return float(state[-1]), state[:-1].reshape(theta0.shape)
