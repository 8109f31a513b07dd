"""Compiled kernels: a whole run of one network by gradient descent, or by Heun's method."""

import numpy as np

from .compiling import kernel
from .fields import field, workspace
from .records import blank, write


def descend_one(data, start, lr, steps, every, rule, beta=0.0, beta2=0.0, eps=0.0):
    """Gradient descent with momentum or Adam (rule 0, 1), or Heun's method (2), from units `start`
    (F, units): the step by which the loss was no number, or -1, and losses (T,) and units
    (T, units, F) of every so many steps."""
    f, units = start.shape
    tape, places = blank(steps // every + 1, units, f), np.zeros((4, f, units))
    places[0] = start
    stopped = descend_run(
        data, workspace(data, units), tape, places, lr, steps, every, rule, beta, beta2, eps
    )
    return stopped, tape.losses, tape.units


@kernel
def descend_run(data, work, tape, places, lr, steps, every, rule, beta, beta2, eps):
    """`descend_one` with all that it writes to."""
    theta, out, first, second, none = places[0], places[1], places[2], places[3], work.rows[:0]
    for step in range(steps + 1):
        loss = field(data, work, none, theta, out)
        if step % every == 0:
            write(tape, step // every, step * lr, loss, theta, none, False)
        if not np.isfinite(loss):
            return step
        if rule == 2:
            for k in range(theta.shape[0]):
                for i in range(theta.shape[1]):
                    first[k, i] = theta[k, i] + lr * out[k, i]
            field(data, work, none, first, second)
        one, two = 1 - beta ** (step + 1), 1 - beta2 ** (step + 1)
        for k in range(theta.shape[0]):
            for i in range(theta.shape[1]):
                if rule == 0:
                    first[k, i] = beta * first[k, i] + out[k, i]
                    theta[k, i] += lr * first[k, i]
                elif rule == 1:
                    first[k, i] = beta * first[k, i] + (1 - beta) * out[k, i]
                    second[k, i] = beta2 * second[k, i] + (1 - beta2) * out[k, i] ** 2
                    theta[k, i] += lr * first[k, i] / one / (np.sqrt(second[k, i] / two) + eps)
                else:
                    theta[k, i] += lr / 2 * (out[k, i] + second[k, i])
    return -1
