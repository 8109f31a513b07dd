"""Heun's method: steps of fixed length, of a length of its own for each run.

Theory takes them where the field jumps at kinks and what is asked for needs no more than a tenth of
a percent.  The kernel is cached by its own source; those of `fields` name the folder it is in.
"""

import numpy as np

from ..networks import Network
from .compiling import kernel
from .fields import field, workspace
from .problems import problems
from .trajectories import in_threads


def heun_path(network: Network, theta: np.ndarray, step: np.ndarray, count: int) -> np.ndarray:
    """Units (count + 1, runs, units, features) of gradient flow: theta (runs, units, features) and
    after each of `count` steps of Heun's method of length `step` (runs,)."""
    data = problems(network, theta)
    if data is not None:
        starts = np.ascontiguousarray(theta.swapaxes(1, 2))
        paths = in_threads(lambda i: heun_run(data[i], starts[i], step[i], count), len(theta))
        return np.stack(paths, axis=1)
    path, h = [theta], step[:, None, None]
    for _ in range(count):
        slope = network.field(path[-1])
        path.append(path[-1] + h / 2 * (slope + network.field(path[-1] + h * slope)))
    return np.stack(path)


@kernel
def heun_run(data, start, step, count):
    """Units (count + 1, units, F) of one run from `start` (F, units)."""
    f, units = start.shape
    work, on = workspace(data, units), np.zeros((0, units))
    theta, ahead, first, second = start.copy(), start.copy(), start.copy(), start.copy()
    path = np.empty((count + 1, units, f))
    for n in range(count + 1):
        for k in range(f):
            for i in range(units):
                path[n, i, k] = theta[k, i]
        if n == count:
            break
        field(data, work, on, theta, first)
        for k in range(f):
            for i in range(units):
                ahead[k, i] = theta[k, i] + step * first[k, i]
        field(data, work, on, ahead, second)
        for k in range(f):
            for i in range(units):
                theta[k, i] += step / 2 * (first[k, i] + second[k, i])
    return path
