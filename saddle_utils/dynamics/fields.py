"""Compiled kernels: loss, gradient field and Hessian of one run, by family (Eqs. 1, 9 and 44).

Inside the kernels the units of a run are the columns of theta (features, units), so that every
innermost loop is over units.  A unit of a network that sees moments of the data is a product of
factors, v and right (linear), or v, left and right, rows of theta: left = right = u in quadratic
networks, left = key and right = query in linear attention.  Kernels are plain loops over arrays
that exist: they compile fast, once a machine.
"""

import math
from collections import namedtuple

import numpy as np

from .compiling import compiled, merged
from .deep_fields import deep_curvature, deep_gradient, deep_map
from .problems import (
    CUBIC,
    DEEP,
    GELU,
    LINEAR,
    POINTWISE,
    RAMP,
    SIGMOID,
    SINE,
    SQUARE,
    SWISH,
    TANH,
    X_TANH,
)  # fmt: skip

# What `field` leaves behind: the map m and the residual g of moments, or the residual g of samples
# over their number; rows (.., units) are its scratch.
Work = namedtuple("Work", "m g rows")


def workspace(data, units):
    """Scratch for `field`."""
    if data.kind == DEEP:
        return Work(np.empty(data.a.size), np.empty(data.a.size), np.empty((data.n_left, 1)))
    rows = 2 * data.patches + 1 if data.kind == POINTWISE else 2
    size = data.b.size if data.kind == POINTWISE else data.a.size
    return Work(np.empty(size), np.empty(size), np.empty((rows, units)))


@compiled
def field(data, work, on, theta, out):
    """-dL/dtheta of one run into `out`; returns the loss.

    `on` (patches * samples, units) is the pattern of a ReLU network where that is given, else
    (0, units): then it follows from the inputs.
    """
    clear(out)
    if data.kind == POINTWISE:
        return pointwise_field(data, work, on, theta, out)
    m, g, vl, gr = work.m, work.g, work.rows[0], work.rows[1]
    units, n_right, columns = theta.shape[1], data.n_right, data.b.shape[0]
    c = 0
    if data.kind == DEEP:
        deep_map(data, work, theta)
    for o in range(data.n_v):
        for k in range(data.n_left):
            factor(data, theta, o, k, vl)
            for j in range(n_right):
                total = 0.0
                for i in range(units):
                    total += vl[i] * theta[data.right + j, i]
                m[c] = total
                c += 1
    loss = data.syy
    for o in range(data.a.shape[0]):
        for k in range(columns):
            g[o * columns + k] = data.a[o, k]
        for j in range(columns):
            x = m[o * columns + j]
            for k in range(columns):
                g[o * columns + k] -= x * data.b[j, k]
        for k in range(columns):
            loss -= (data.a[o, k] + g[o * columns + k]) * m[o * columns + k]
    if data.kind == DEEP:
        deep_gradient(data, work, out)
    c = 0
    for o in range(data.n_v):
        for k in range(data.n_left):
            factor(data, theta, o, k, vl)
            for i in range(units):
                gr[i] = 0.0
            for j in range(n_right):
                x = g[c]
                c += 1
                for i in range(units):
                    gr[i] += x * theta[data.right + j, i]
                    out[data.right + j, i] += x * vl[i]
            for i in range(units):
                if data.kind == LINEAR:
                    out[o, i] += gr[i]
                else:
                    out[o, i] += gr[i] * theta[data.left + k, i]
                    out[data.left + k, i] += gr[i] * theta[o, i]
    return loss / 2


@compiled
def clear(matrix):
    """Fill a matrix with zeros."""
    for k in range(matrix.shape[0]):
        for i in range(matrix.shape[1]):
            matrix[k, i] = 0.0


@compiled
def transpose(matrix):
    """The transpose of a square matrix, in its place."""
    for k in range(matrix.shape[0]):
        for c in range(k):
            matrix[k, c], matrix[c, k] = matrix[c, k], matrix[k, c]


@merged
def factor(data, theta, o, k, out):
    """The product of v_o and left_k of each unit; v_o where there is no left factor."""
    for i in range(out.size):
        out[i] = theta[o, i]
        if data.kind != LINEAR:
            out[i] *= theta[data.left + k, i]


@merged
def pointwise_field(data, work, on, theta, out):
    """`field` of f_o(x) = sum_i sum_p v_iop sigma(u_i . x_p); adds to `out`, which is 0."""
    patches, samples, units = data.patches, data.b.shape[1], theta.shape[1]
    rows, back, loss = work.rows, work.rows[2 * patches], 0.0
    for s in range(samples):
        for p in range(patches):
            inputs(data, theta, p * samples + s, rows[p])
            activate(data, on, p * samples + s, rows[p], rows[patches + p])
        for o in range(data.outputs):
            left = data.b[o, s]
            for p in range(patches):
                for i in range(units):
                    left -= theta[o * patches + p, i] * rows[p, i]
            loss += left * left
            work.g[o * samples + s] = left / samples
        for p in range(patches):
            for i in range(units):
                back[i] = 0.0
            for o in range(data.outputs):
                left, at = work.g[o * samples + s], o * patches + p
                for i in range(units):
                    back[i] += left * theta[at, i]
                    out[at, i] += left * rows[p, i]
            for i in range(units):
                back[i] *= rows[patches + p, i]
            for k in range(data.n_right):
                x = data.a[p * samples + s, k]
                for i in range(units):
                    out[data.right + k, i] += x * back[i]
    return loss / (2 * samples)


@merged
def inputs(data, theta, e, out):
    """u . x of each unit for one patch of one sample."""
    for i in range(out.size):
        out[i] = 0.0
    for k in range(data.n_right):
        x = data.a[e, k]
        for i in range(out.size):
            out[i] += x * theta[data.right + k, i]


@merged
def activate(data, on, e, a, slope):
    """sigma(a) in the place of a, and sigma'(a); of a ramp by its pattern, if that is given."""
    if data.phi != RAMP:
        for i in range(a.size):
            a[i], slope[i], _ = sigma(data.phi, a[i])
    elif on.shape[0]:
        for i in range(a.size):
            slope[i] = data.low + (data.high - data.low) * on[e, i]
            a[i] *= slope[i]
    else:
        for i in range(a.size):
            slope[i] = data.high if a[i] > 0 else data.low
            a[i] *= slope[i]


@compiled
def sigma(phi, a):
    """A smooth activation and its first two derivatives at a number."""
    if phi == SQUARE:
        return a * a, 2 * a, 2.0
    if phi == CUBIC:
        return a * a * a, 3 * a * a, 6 * a
    if phi == SINE:
        return math.sin(a), math.cos(a), -math.sin(a)
    if phi == GELU:
        whole = (1 + math.erf(a / math.sqrt(2.0))) / 2
        bell = math.exp(-a * a / 2) / math.sqrt(2 * math.pi)
        return a * whole, whole + a * bell, bell * (2 - a * a)
    t = math.tanh(a) if phi == TANH or phi == X_TANH else math.tanh(a / 2)
    if phi == TANH:
        return t, 1 - t * t, -2 * t * (1 - t * t)
    if phi == X_TANH:
        return a * t, t + a * (1 - t * t), 2 * (1 - t * t) * (1 - a * t)
    s = (1 + t) / 2
    slope = s * (1 - s)
    if phi == SIGMOID:
        return s, slope, slope * (1 - 2 * s)
    if phi == SWISH:
        return a * s, s + a * slope, slope * (2 + a * (1 - 2 * s))
    return max(a, 0.0) + math.log1p(math.exp(-abs(a))), s, slope  # softplus


@compiled
def curvature(data, work, on, theta, blocks, d):
    """The Hessian in parts, blocks (units, F, F) and D (units * F, rank), after `field` at theta.

    The Jacobian of the field is J = blocks - D W D', with W = Szz for each output of networks that
    see moments, and 1 / samples for others.
    """
    f, units = theta.shape
    if data.kind == POINTWISE:
        pointwise_curvature(data, work, on, theta, blocks, d)
        return
    if data.kind == DEEP:
        deep_curvature(data, work, theta, blocks[0], d)
        return
    for i in range(units):
        c, at, block = 0, i * f, blocks[i]
        for o in range(data.n_v):
            for k in range(data.n_left):
                for j in range(data.n_right):
                    x, r, row = work.g[c], theta[data.right + j, i], data.right + j
                    if data.kind == LINEAR:
                        d[at + o, c] += r
                        d[at + row, c] += theta[o, i]
                        both(block, o, row, x)
                    else:
                        v, left = theta[o, i], theta[data.left + k, i]
                        d[at + o, c] += left * r
                        d[at + row, c] += v * left
                        d[at + data.left + k, c] += v * r
                        both(block, o, row, x * left)
                        both(block, o, data.left + k, x * r)
                        both(block, data.left + k, row, x * v)
                    c += 1


@merged
def both(block, k, j, x):
    """Add to an entry of a symmetric matrix and to its mirror image."""
    block[k, j] += x
    block[j, k] += x


@compiled
def pointwise_curvature(data, work, on, theta, blocks, d):
    """`curvature` of networks with a pointwise activation."""
    f, units = theta.shape
    patches, samples, u = data.patches, data.b.shape[1], data.right
    a, slope = work.rows[0], work.rows[1]
    for p in range(patches):
        for s in range(samples):
            e = p * samples + s
            inputs(data, theta, e, work.rows[2])
            inputs(data, theta, e, a)
            activate(data, on, e, a, slope)
            for i in range(units):
                bend = 0.0
                for o in range(data.outputs):
                    k, c, x = o * patches + p, o * samples + s, work.g[o * samples + s]
                    d[i * f + k, c] += a[i]
                    bend += theta[k, i] * x
                    for j in range(data.n_right):
                        d[i * f + u + j, c] += theta[k, i] * slope[i] * data.a[e, j]
                        both(blocks[i], k, u + j, x * slope[i] * data.a[e, j])
                if data.phi != RAMP:
                    bend *= sigma(data.phi, work.rows[2, i])[2]
                    for k in range(data.n_right):
                        for j in range(data.n_right):
                            blocks[i, u + k, u + j] += bend * data.a[e, k] * data.a[e, j]
