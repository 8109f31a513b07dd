"""Compiled kernels: one step of Runge and Kutta, explicit (Dormand-Prince) or implicit (RODAS).

RODAS is an L-stable Rosenbrock method of order 4 (Hairer and Wanner, Solving ODEs II, section
VI.4).  Units interact only through the output, so the Jacobian is block diagonal, less a part of
low rank, and Woodbury's identity makes a solve linear in the number of units.
"""

from collections import namedtuple

import numpy as np

from .compiling import compiled, merged
from .fields import clear, curvature, field
from .kinks import hold, hold_curvature
from .problems import POINTWISE
from .tableaux import DP_A, DP_E, DP_P, GAMMA, RODAS_A, RODAS_C, RODAS_D

# Scratch of implicit steps: the Jacobian in its parts (`curvature`) and D W; what `solver` makes of
# them; `whole`, in the place of blocks, where the rank exceeds the size.
Room = namedtuple("Room", "blocks d e whole inverse left inner small turned inside x")


def room_for_steps(data, units, f):
    """Scratch for implicit steps."""
    n, rank = units * f, data.b.size if data.kind == POINTWISE else data.a.size
    blocks, inner = (1, n, n) if rank >= n else (units, f, f), 0 if rank >= n else rank
    sizes = ((units, f, f), (n, rank), (n, rank), blocks if rank >= n else (0, 0, 0), blocks,
             (n, inner), (n, inner), (inner, inner), (inner, inner), rank, (2, n))  # fmt: skip
    return Room(*(np.empty(size) for size in sizes))


NO_ROOM = Room(*(np.empty((0,) * axes) for axes in (3, 2, 2, 3, 3, 2, 2, 2, 2, 1, 2)))


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
def jacobian(data, work, kinks, room, theta, out):
    """The field in `out` and its Jacobian in the parts of `curvature`, in room."""
    slide_field(data, work, kinks, theta, out)
    clear(room.d)
    for i in range(theta.shape[1]):
        clear(room.blocks[i])
    curvature(data, work, kinks.on, theta, room.blocks, room.d)
    if kinks.on.shape[0]:
        hold_curvature(data, kinks, room.blocks, room.d)


@compiled
def implicit(data, work, kinks, room, theta, h, ks, new, error):
    """A step of RODAS from theta; as `explicit`, with ks[1:6] its stages."""
    f, units = theta.shape
    jacobian(data, work, kinks, room, theta, ks[6])
    solver(data, GAMMA * h, room)
    for stage in range(6):
        if stage:
            combine(theta, 1.0, RODAS_A[stage], ks, new)
            slide_field(data, work, kinks, new, ks[6])
        combine(ks[6], 1 / h, RODAS_C[stage], ks, error)
        solve(room, error)
        for k in range(f):
            for i in range(units):
                if stage < 5:
                    ks[stage + 1, k, i] = room.x[0, i * f + k]
                else:
                    error[k, i] = room.x[0, i * f + k]
                    new[k, i] += error[k, i]
    return slide_field(data, work, kinks, new, ks[6])


@compiled
def between(stiff, theta, new, ks, h, s, weights, out):
    """The units at a part s of the step from theta to new that was just made, as exact as it is."""
    share = s if stiff else 0.0
    for k in range(7):
        weights[k] = 0.0
        if stiff:
            weights[k] = s * (1 - s) * (RODAS_D[0, k] + s * RODAS_D[1, k])
        else:
            for j in range(4):
                weights[k] += DP_P[j, k] * s ** (j + 1)
    for k in range(theta.shape[0]):
        for i in range(theta.shape[1]):
            out[k, i] = (1 - share) * theta[k, i] + share * new[k, i]
    combine(out, 1.0 if stiff else h, weights, ks, out)


@compiled
def solver(data, step, room):
    """Get `room` ready to solve (1 / step - J) x = r; loses its blocks.

    Woodbury's identity, or one dense block where the rank exceeds the size.
    """
    blocks, inverse, d, e = room.blocks, room.inverse, room.d, room.e
    (units, f, _), (n, rank) = blocks.shape, room.inner.shape
    weigh(data, d, e)
    if room.whole.size:
        for j in range(n):
            for k in range(n):
                total = blocks[j // f, j % f, k % f] if j // f == k // f else 0.0
                for c in range(d.shape[1]):
                    total -= d[j, c] * e[k, c]
                room.whole[0, j, k] = total
        blocks, units, f = room.whole, 1, n
    clear(room.small)
    for c in range(rank):
        room.small[c, c] = 1.0
    for i in range(units):
        for k in range(f):
            for j in range(f):
                blocks[i, k, j] = -blocks[i, k, j]
            blocks[i, k, k] += 1 / step
        invert(blocks[i], inverse[i])
        for k in range(f):
            at = i * f + k
            for c in range(rank):
                room.left[at, c] = 0.0
            for j in range(f):
                for c in range(rank):
                    room.left[at, c] += inverse[i, k, j] * d[i * f + j, c]
            for j in range(rank):
                for c in range(rank):
                    room.small[j, c] += room.left[at, j] * e[at, c]
    if rank:
        invert(room.small, room.turned)
    for j in range(n):
        for c in range(rank):
            room.inner[j, c] = 0.0
        for k in range(rank):
            for c in range(rank):
                room.inner[j, c] += room.turned[k, c] * e[j, k]


@compiled
def weigh(data, d, e):
    """D W of `curvature` into e."""
    n = data.a.shape[1]
    for j in range(d.shape[0]):
        if data.kind == POINTWISE:
            for c in range(d.shape[1]):
                e[j, c] = d[j, c] / data.b.shape[1]
            continue
        for c in range(d.shape[1]):
            e[j, c] = 0.0
        for o in range(data.a.shape[0]):
            for c in range(n):
                x = d[j, o * n + c]
                for k in range(n):
                    e[j, o * n + k] += x * data.b[c, k]


@compiled
def solve(room, rhs):
    """x[0] = (1 / step - J)^-1 rhs by the parts of `solver`, unit by unit; `rhs` is (F, units)."""
    inverse, inside, x, rank, at = room.inverse, room.inside, room.x, room.inner.shape[1], 0
    units, f = inverse.shape[0], inverse.shape[1]
    for c in range(rank):
        inside[c] = 0.0
    for i in range(rhs.shape[1]):
        for k in range(rhs.shape[0]):
            x[1, at] = rhs[k, i]
            at += 1
    at = 0
    for i in range(units):
        for k in range(f):
            total = 0.0
            for j in range(f):
                total += inverse[i, k, j] * x[1, i * f + j]
            for c in range(rank):
                inside[c] += room.inner[at, c] * total
            x[0, at] = total
            at += 1
    for j in range(at):
        for c in range(rank):
            x[0, j] -= room.left[j, c] * inside[c]


@compiled
def invert(matrix, out):
    """The inverse of a square matrix into `out`, by elimination with pivots; `matrix` is lost."""
    n = matrix.shape[0]
    for i in range(n):
        for k in range(n):
            out[i, k] = 1.0 if i == k else 0.0
    for j in range(n):
        best = j
        for i in range(j + 1, n):
            if abs(matrix[i, j]) > abs(matrix[best, j]):
                best = i
        pivot = matrix[best, j]
        for k in range(n):
            matrix[j, k], matrix[best, k] = matrix[best, k], matrix[j, k]
            out[j, k], out[best, k] = out[best, k], out[j, k]
        for k in range(n):
            matrix[j, k] /= pivot
            out[j, k] /= pivot
        for i in range(n):
            ratio = matrix[i, j]
            if i != j and ratio != 0:
                for k in range(n):
                    matrix[i, k] -= ratio * matrix[j, k]
                    out[i, k] -= ratio * out[j, k]
