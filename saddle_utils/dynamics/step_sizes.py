"""Compiled kernels: how long a step may be."""

import numpy as np

from .compiling import compiled, merged
from .problems import BILINEAR

SMALL = 0.2  # of the largest unit: smaller ones move inverted in implicit steps
GROWN = 0.8  # of the time in which such a unit would escape: a step makes it five times as large
CHATTER, FINE = 50, 2e-3  # attempts between two looks at whether kinks crowd; steps where they do


@merged
def error_norm(theta, new, error, floor, rtol, largest):
    """Root mean square of the error of a step over what is tolerated; inf for what is no number.

    Tolerated is `floor`, `rtol` of each weight, and what rounding makes of the largest of its unit.
    """
    total = 0.0
    for i in range(theta.shape[1]):
        largest[i] = 0.0
    for k in range(theta.shape[0]):
        for i in range(theta.shape[1]):
            largest[i] = max(largest[i], abs(new[k, i]))
    for k in range(theta.shape[0]):
        for i in range(theta.shape[1]):
            tolerated = floor + rtol * max(abs(theta[k, i]), abs(new[k, i])) + 1e-15 * largest[i]
            total += (error[k, i] / tolerated) ** 2
    size = np.sqrt(total / theta.size)
    return size if np.isfinite(size) else np.inf


@compiled
def growth_limit(data, room, theta, out, rtol):
    """The longest implicit step in which every unit changes by little: an L-stable method would
    damp the growth of dormant units that it steps over.  Those that may grow more move inverted."""
    largest, shortest, little = 0.0, np.inf, min(0.5, 10 * rtol**0.25)
    for i in range(theta.shape[1]):
        size, _ = size_and_speed(theta, out, i)
        largest = max(largest, size)
    for i in range(theta.shape[1]):
        size, speed = size_and_speed(theta, out, i)
        room.inverted[i] = data.kind == BILINEAR and 0 < size < SMALL * largest
        if size > 0 and speed > 0:
            shortest = min(shortest, (GROWN if room.inverted[i] else little) * size / speed)
    return shortest


@compiled
def time_scale(theta, out):
    """The time in which the fastest unit would change by its own size."""
    shortest = np.inf
    for i in range(theta.shape[1]):
        size, speed = size_and_speed(theta, out, i)
        if size > 0 and speed > 0:
            shortest = min(shortest, size / speed)
    return shortest


@compiled
def crowded(crowd, theta, out, t):
    """The time of CHATTER steps of a fixed size where kinks crowd so that these advance no less,
    else 0.  `crowd` holds the time of the last look, and the kinks and fastest rate since."""
    stride = CHATTER * min(FINE * time_scale(theta, out), 0.5 / crowd[2])
    crowds = crowd[1] > CHATTER // 4 and t - crowd[0] < stride
    crowd[0], crowd[1], crowd[2] = t, 0.0, 1e-300
    return stride if crowds else 0.0


@compiled
def size_and_speed(theta, out, i):
    """The size of a unit and how fast it changes."""
    size = speed = 0.0
    for k in range(theta.shape[0]):
        size += theta[k, i] ** 2
        speed += out[k, i] ** 2
    return np.sqrt(size), np.sqrt(speed)


@compiled
def root_mean_square(a):
    """Root mean square of a matrix."""
    total = 0.0
    for i in range(a.shape[0]):
        for k in range(a.shape[1]):
            total += a[i, k] ** 2
    return np.sqrt(total / a.size)
