"""Compiled kernels: one step of Runge and Kutta, explicit (Dormand-Prince), and what is between."""

import numpy as np

from .compiling import compiled, merged
from .fields import field
from .kinks import hold
from .tableaux import DP_A, DP_E, DP_P, RODAS_D


@compiled
def combine(base, h, weights, ks, out):
    """out = base + h times the sum of seven stages with these weights; all stages are finite."""
    for k in range(out.shape[0]):
        for i in range(out.shape[1]):
            out[k, i] = base[k, i] + h * (
                weights[0] * ks[0, k, i]
                + weights[1] * ks[1, k, i]
                + weights[2] * ks[2, k, i]
                + weights[3] * ks[3, k, i]
                + weights[4] * ks[4, k, i]
                + weights[5] * ks[5, k, i]
                + weights[6] * ks[6, k, i]
            )


@merged
def slide_field(data, work, kinks, theta, out):
    """The field of a run whose units slide along samples or rest at u = 0; returns the loss."""
    loss = field(data, work, kinks.on, theta, out)
    if kinks.on.shape[0]:
        hold(data, work, kinks, theta, out)
    return loss


@merged
def explicit(data, work, kinks, theta, h, ks, new, error):
    """A step of Dormand and Prince from theta, whose field is ks[0]: new, ks[6] its field.

    Returns the loss there and an estimate of the fastest rate of decay.
    """
    loss, bend, move = 0.0, 0.0, 0.0
    for stage in range(1, 7):
        combine(theta, h, DP_A[stage], ks, error if stage < 6 else new)
        loss = slide_field(data, work, kinks, error if stage < 6 else new, ks[stage])
    for k in range(theta.shape[0]):
        for i in range(theta.shape[1]):
            bend += (ks[6, k, i] - ks[5, k, i]) ** 2
            move += (new[k, i] - error[k, i]) ** 2
            error[k, i] = 0.0
    combine(error, h, DP_E, ks, error)
    return loss, np.sqrt(bend / move) if move > 0 else 0.0


@compiled
def invert_units(inverted, theta, out):
    """Units that move inverted, at w = theta / |theta|^2, to and fro; the others as they are.

    While a dormant unit grows as theta' = |theta|^2 M(n), n its direction, w moves as steadily as
    n does, and a step may make the unit several times as large, however small it is.
    """
    for i in range(theta.shape[1]):
        scale = 1.0
        if inverted[i]:
            scale = 0.0
            for k in range(theta.shape[0]):
                scale += theta[k, i] ** 2
        for k in range(theta.shape[0]):
            out[k, i] = theta[k, i] / scale


@compiled
def carry_along(inverted, theta, out):
    """Vectors at w as vectors at theta, or the other way round: |theta|^2 (1 - 2 n n')."""
    for i in range(theta.shape[1]):
        if inverted[i]:
            size = along = 0.0
            for k in range(theta.shape[0]):
                size += theta[k, i] ** 2
                along += theta[k, i] * out[k, i]
            for k in range(theta.shape[0]):
                out[k, i] = size * out[k, i] - 2 * along * theta[k, i]


@compiled
def between(stiff, room, theta, new, ks, h, s, weights, out):
    """The units at a part s of the step from theta to new that was just made, as exact as it is."""
    for k in range(7):
        weights[k] = 0.0
        if stiff:
            weights[k] = s * (1 - s) * (RODAS_D[0, k] + s * RODAS_D[1, k])
        else:
            for j in range(4):
                weights[k] += DP_P[j, k] * s ** (j + 1)
    moves, share = stiff and room.inverted.size > 0, s if stiff else 0.0
    if moves:
        invert_units(room.inverted, theta, room.start)
        invert_units(room.inverted, new, room.place)
        theta, new = room.start, room.place
    for k in range(theta.shape[0]):
        for i in range(theta.shape[1]):
            out[k, i] = (1 - share) * theta[k, i] + share * new[k, i]
    combine(out, 1.0 if stiff else h, weights, ks, out)
    if moves:
        invert_units(room.inverted, out, out)
