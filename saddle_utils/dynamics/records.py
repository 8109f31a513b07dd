"""Compiled kernels: what a run records."""

from collections import namedtuple

import numpy as np

from .compiling import compiled

Tape = namedtuple("Tape", "times losses units")  # (T,), (T,) and (T, units, F)


@compiled
def copy(values, out):
    """out = values; a loop, for compiling an assignment of arrays takes long."""
    for i in range(out.shape[0]):
        for k in range(out.shape[1]):
            out[i, k] = values[i, k]


def blank(size, units, f):
    """A tape with room for so many records."""
    return Tape(np.empty(size), np.empty(size), np.empty((size, units, f)))


@compiled
def write(tape, filled, t, loss, theta, rotation, graded):
    """Record the units, rotated back where they are `graded`; the number of records."""
    tape.times[filled], tape.losses[filled] = t, loss
    for i in range(theta.shape[1]):
        for k in range(theta.shape[0]):
            total = theta[k, i]
            if graded:
                total = 0.0
                for j in range(theta.shape[1]):
                    total += theta[k, j] * rotation[j, i]
            tape.units[filled, i, k] = total
    return filled + 1
