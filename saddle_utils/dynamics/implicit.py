"""Compiled kernels: one implicit step of Runge and Kutta (RODAS), unit by unit.

RODAS is an L-stable Rosenbrock method of order 4 (Hairer and Wanner, Solving ODEs II, section
VI.4).  Units interact only through the output, so the Jacobian is block diagonal, less a part of
low rank, and Woodbury's identity makes a solve linear in the number of units.
"""

from collections import namedtuple

import numpy as np

from .compiling import compiled, merged
from .fields import clear, curvature, transpose
from .kinks import hold_curvature
from .problems import POINTWISE
from .records import copy
from .steps import carry_along, combine, invert_units, slide_field
from .tableaux import GAMMA, RODAS_A, RODAS_C

# Scratch of implicit steps: the units that move `inverted`, the start of the step as it moves, and
# a place; the Jacobian in its parts, blocks - D E'; what `solver` makes of them; `whole`, in the
# place of blocks, where the rank exceeds the size.
Room = namedtuple(
    "Room", "inverted start place blocks d e whole inverse left small turned inside x"
)


def room_for_steps(data, units, f):
    """Scratch for implicit steps."""
    n, rank = units * f, data.b.size if data.kind == POINTWISE else data.a.size
    blocks, inner = ((1, n, n), 0) if rank >= n else ((units, f, f), rank)
    whole = blocks if rank >= n else (0, 0, 0)
    sizes = (units, (f, units), (f, units), (units, f, f), (n, rank), (n, rank), whole, blocks,
             (n, inner), (inner, inner), (inner, inner), rank, (2, n))  # fmt: skip
    return Room(*(np.zeros(size) for size in sizes))


NO_ROOM = Room(*(np.empty((0,) * axes) for axes in (1, 2, 2, 3, 2, 2, 3, 3, 2, 2, 2, 1, 2)))


@merged
def moving_field(data, work, kinks, room, start, out):
    """`slide_field` of units as they move in an implicit step."""
    invert_units(room.inverted, start, room.place)
    slide_field(data, work, kinks, room.place, out)
    carry_along(room.inverted, start, out)


@compiled
def jacobian(data, work, kinks, room, theta, out):
    """The field of the units as they move, in `out`, and its Jacobian in `room`."""
    slide_field(data, work, kinks, theta, out)
    clear(room.d)
    for i in range(theta.shape[1]):
        clear(room.blocks[i])
    curvature(data, work, kinks.on, theta, room.blocks, room.d)
    if kinks.on.shape[0]:
        hold_curvature(data, kinks, room.blocks, room.d)
    weigh(data, room.d, room.e)
    f, units = theta.shape
    for i in range(units):
        if room.inverted[i]:
            size = along = 0.0
            for k in range(f):
                size += theta[k, i] ** 2
                along += theta[k, i] * out[k, i]
            at = i * f
            reflect(theta, i, 1 / size, room.d[at : at + f])
            reflect(theta, i, size, room.e[at : at + f])
            reflect(theta, i, 1.0, room.blocks[i])
            transpose(room.blocks[i])
            reflect(theta, i, 1.0, room.blocks[i])
            for k in range(f):
                room.blocks[i, k, k] -= 2 * along / size
                for j in range(f):
                    curl = out[k, i] * theta[j, i] - theta[k, i] * out[j, i]
                    room.blocks[i, k, j] += 2 * curl / size
    invert_units(room.inverted, theta, room.start)
    carry_along(room.inverted, room.start, out)


@compiled
def reflect(theta, i, scale, rows):
    """Rows (F, ..) of a unit become scale (1 - 2 n n') times them."""
    size = 0.0
    for k in range(theta.shape[0]):
        size += theta[k, i] ** 2
    for c in range(rows.shape[1]):
        along = 0.0
        for k in range(theta.shape[0]):
            along += theta[k, i] * rows[k, c]
        for k in range(theta.shape[0]):
            rows[k, c] = scale * (rows[k, c] - 2 * along / size * theta[k, i])


@compiled
def implicit(data, work, kinks, room, theta, h, ks, new, error):
    """A step of RODAS from theta; as `explicit`, with ks[1:6] its stages."""
    f, units = theta.shape
    jacobian(data, work, kinks, room, theta, ks[6])
    solver(GAMMA * h, room)
    for stage in range(6):
        if stage:
            combine(room.start, 1.0, RODAS_A[stage], ks, new)
            moving_field(data, work, kinks, room, new, ks[6])
        combine(ks[6], 1 / h, RODAS_C[stage], ks, error)
        solve(room, error)
        for k in range(f):
            for i in range(units):
                if stage < 5:
                    ks[stage + 1, k, i] = room.x[0, i * f + k]
                else:
                    error[k, i] = room.x[0, i * f + k]
                    new[k, i] += error[k, i]
    invert_units(room.inverted, new, new)
    carry_along(room.inverted, new, error)
    return slide_field(data, work, kinks, new, ks[6])


@compiled
def solver(step, room):
    """Get `room` ready to solve (1 / step - J) x = r; loses its blocks.

    Woodbury's identity, or one dense block where the rank exceeds the size.
    """
    blocks, inverse, d, e = room.blocks, room.inverse, room.d, room.e
    (units, f, _), (n, rank) = blocks.shape, room.left.shape
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
    inverse, inside, x, rank, at = room.inverse, room.inside, room.x, room.left.shape[1], 0
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
                inside[c] += room.e[at, c] * total
            x[0, at] = total
            at += 1
    for k in range(rank):
        total = 0.0
        for c in range(rank):
            total += room.turned[c, k] * inside[c]
        for j in range(at):
            x[0, j] -= room.left[j, k] * total


@compiled
def invert(matrix, out):
    """The inverse of a square matrix into `out`, by elimination in its place, with pivots, which
    are kept in the matrix: it is lost."""
    n = matrix.shape[0]
    copy(matrix, out)
    for j in range(n):
        best = j
        for i in range(j + 1, n):
            if abs(out[i, j]) > abs(out[best, j]):
                best = i
        for k in range(n):
            out[j, k], out[best, k] = out[best, k], out[j, k]
        matrix[0, j], pivot, out[j, j] = best, out[j, j], 1.0
        for k in range(n):
            out[j, k] /= pivot
        for i in range(n):
            ratio = out[i, j]
            if i != j and ratio != 0:
                out[i, j] = 0.0
                for k in range(n):
                    out[i, k] -= ratio * out[j, k]
    for j in range(n - 1, -1, -1):
        best = int(matrix[0, j])
        for i in range(n):
            out[i, j], out[i, best] = out[i, best], out[i, j]
