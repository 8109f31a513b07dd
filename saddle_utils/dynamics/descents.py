"""Compiled kernel: a whole run of one network by gradient descent, or by Heun's method."""

import numpy as np

from .compiling import kernel
from .fields import field


@kernel
def descend_run(data, work, places, losses, thetas, run, lr, steps, every, rule, beta, beta2, eps):
    """A run from places[0] by gradient descent with momentum or Adam (rule 0, 1) or Heun's method
    (2): the step by which the loss is no number, or -1.  Every so many steps it writes the loss to
    losses (T, runs) and the units to thetas (T, runs, units, F), in the column of this run."""
    theta, out, first, second, none = places[0], places[1], places[2], places[3], work.rows[:0]
    for step in range(steps + 1):
        loss = field(data, work, none, theta, out)
        if step % every == 0:
            losses[step // every, run] = loss
            for i in range(theta.shape[1]):
                for k in range(theta.shape[0]):
                    thetas[step // every, run, i, k] = theta[k, i]
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
