"""Compiled kernels: one step of Runge and Kutta, explicit (Dormand-Prince) or implicit (RODAS).

RODAS is an L-stable Rosenbrock method of order 4 (Hairer and Wanner, Solving ODEs II, section
VI.4).  Units interact only through the output, so the Jacobian is block diagonal, less a part of
low rank, and Woodbury's identity makes a solve linear in the number of units.
"""

from __future__ import annotations

import numpy as np
from scipy.integrate import RK45

from .fields import (
    LINEAR,
    POINTWISE,
    QUADRATIC,
    RAMP,
    compiled,
    field,
    inlined,
    invert,
    put,
    sigma2,
    times,
    times_turned,
    turned_times,
)  # fmt: skip

DP_A, DP_E = np.zeros((7, 6)), RK45.E
DP_A[:6, :5], DP_A[6] = RK45.A, RK45.B
GAMMA = 0.25  # RODAS, in the variables that need no product with the Jacobian
RODAS_A, RODAS_C = np.zeros((6, 6)), np.zeros((6, 6))
RODAS_A[1:, :5] = [
    [1.544, 0, 0, 0, 0],
    [0.9466785280815826, 0.2557011698983284, 0, 0, 0],
    [3.314825187068521, 2.896124015972201, 0.9986419139977817, 0, 0],
    [1.221224509226641, 6.019134481288629, 12.53708333932087, -0.6878860361058950, 0],
    [1.221224509226641, 6.019134481288629, 12.53708333932087, -0.6878860361058950, 1],
]
RODAS_C[1:, :5] = [
    [-5.6688, 0, 0, 0, 0],
    [-2.430093356833875, -0.2063599157091915, 0, 0, 0],
    [-0.1073529058151375, -9.594562251023355, -20.47028614809616, 0, 0],
    [7.496443313967647, -10.24680431464352, -33.99990352819905, 11.70890893206160, 0],
    [8.083246795921522, -7.981132988064893, -31.52159432874371, 16.31930543123136,
     -6.058818238834054],
]  # fmt: skip


@compiled
def project(nv, x, held, count, out):
    """Take from du of every unit what would carry it off the samples that it slides along."""
    nu = out.shape[0] - nv
    for i in range(count.size):
        if count[i] == 0:
            continue
        basis, m = np.empty((count[i], nu)), 0
        for s in range(x.shape[0]):
            if held[s, i] and m < nu:
                size = 0.0
                for k in range(nu):
                    basis[m, k] = x[s, k]
                    size += x[s, k] ** 2
                for j in range(2 * m):  # Gram and Schmidt, twice for rounding
                    along = 0.0
                    for k in range(nu):
                        along += basis[m, k] * basis[j % m, k]
                    for k in range(nu):
                        basis[m, k] -= along * basis[j % m, k]
                left = 0.0
                for k in range(nu):
                    left += basis[m, k] ** 2
                if left > 1e-18 * size:
                    for k in range(nu):
                        basis[m, k] /= np.sqrt(left)
                    m += 1
        for j in range(m):
            along = 0.0
            for k in range(nu):
                along += basis[j, k] * out[nv + k, i]
            for k in range(nu):
                out[nv + k, i] -= along * basis[j, k]


@inlined
def slide_field(kind, dims, a, b, numbers, theta, on, held, count, out, work):
    """The field of a run whose units slide along the samples `held`; returns the loss."""
    loss = field(kind, dims, a, b, numbers, theta, on, out, work)
    if count.size:
        project(dims[2], a, held, count, out)
    return loss


@inlined
def explicit(kind, dims, a, b, numbers, theta, on, held, count, step, ks, new, error, work):
    """A step of Dormand and Prince from theta, whose field is ks[0]: new, ks[6] its field.

    Returns the loss there and an estimate of the fastest rate of decay.
    """
    rows, n = ks.reshape(7, -1), theta.size
    old, flat, e = theta.reshape(-1), new.reshape(-1), error.reshape(-1)
    last = np.zeros(n)
    for stage in range(1, 7):
        for j in range(n):
            last[j] = flat[j] if stage == 6 else last[j]
            flat[j] = old[j]
        for k in range(stage):
            weight = step * DP_A[stage, k]
            for j in range(n):
                flat[j] += weight * rows[k, j]
        loss = slide_field(kind, dims, a, b, numbers, new, on, held, count, ks[stage], work)
    bend = move = 0.0
    for j in range(n):
        total = 0.0
        for k in range(7):
            total += DP_E[k] * rows[k, j]
        e[j] = step * total
        bend += (rows[6, j] - rows[5, j]) ** 2
        move += (flat[j] - last[j]) ** 2
    return loss, np.sqrt(bend / move) if move > 0 else 0.0


@inlined
def curvature(kind, dims, a, b, theta, on, blocks, d, work):
    """The Hessian in parts: `blocks` (units, F, F) and D (units * F, rank), from the last `field`.

    J = blocks - D E', E = D Szz for networks that see moments and D / samples for others.
    """
    nv, nu, units = dims[2], dims[3], theta.shape[1]
    f = nv + nu
    if kind == POINTWISE:
        pointwise_curvature(dims, a, b, theta, on, blocks, d, work)
        e = np.empty_like(d)
        for j in range(d.shape[0]):
            for c in range(d.shape[1]):
                e[j, c] = d[j, c] / b.shape[1]
        return e
    g = work[a.size : 2 * a.size]
    for i in range(units):
        at, block = i * f, blocks[i]
        v, u = theta[:nv, i], theta[nv:, i]
        if kind == LINEAR:
            for j in range(nv):
                for k in range(nu):
                    block[j, nv + k] = block[nv + k, j] = g[j * nu + k]
                    d[at + j, j * nu + k] = u[k]
                    d[at + nv + k, j * nu + k] = v[j]
        elif kind == QUADRATIC:
            for o in range(nv):
                for k in range(nu):
                    for c2 in range(nu):
                        c = (o * nu + k) * nu + c2
                        block[o, nv + k] += 2 * g[c] * u[c2]
                        block[nv + k, nv + c2] += 2 * v[o] * g[c]
                        d[at + o, c] = u[k] * u[c2]
                        d[at + nv + k, c] += v[o] * u[c2]
                        d[at + nv + c2, c] += v[o] * u[k]
            for o in range(nv):
                for k in range(nu):
                    block[nv + k, o] = block[o, nv + k]
        else:
            h = nu // 2
            for k in range(h):
                for c2 in range(h):
                    c = k * h + c2
                    block[0, 1 + k] += g[c] * u[h + c2]
                    block[0, 1 + h + c2] += g[c] * u[k]
                    block[1 + k, 1 + h + c2] = block[1 + h + c2, 1 + k] = v[0] * g[c]
                    d[at, c] = u[k] * u[h + c2]
                    d[at + 1 + k, c] = v[0] * u[h + c2]
                    d[at + 1 + h + c2, c] = v[0] * u[k]
            for k in range(nu):
                block[1 + k, 0] = block[0, 1 + k]
    e, n = np.zeros_like(d), a.shape[1]
    for j in range(d.shape[0]):
        for o in range(a.shape[0]):
            for k in range(n):
                if d[j, o * n + k] != 0:
                    for c2 in range(n):
                        e[j, o * n + c2] += d[j, o * n + k] * b[k, c2]
    return e


@compiled
def pointwise_curvature(dims, x, y, theta, on, blocks, d, work):
    """`curvature` of networks with a pointwise activation, into `blocks` and `d`."""
    outputs, patches, nv, nu, phi = dims[0], dims[1], dims[2], dims[3], dims[4]
    every, samples, units = x.shape[0], y.shape[1], theta.shape[1]
    n, f = units * every, nv + nu
    value, slope = work[n : 2 * n].reshape(every, units), work[2 * n : 3 * n].reshape(every, units)
    r = work[3 * n : 3 * n + every * outputs].reshape(patches, samples, outputs)[0]
    a = np.empty((every, units))
    times(x, theta[nv:], a)
    for i in range(units):
        for p in range(patches):
            for s in range(samples):
                e = p * samples + s
                pull = 0.0
                for o in range(outputs):
                    j, c = o * patches + p, o * samples + s
                    d[i * f + j, c] += value[e, i]
                    pull += theta[j, i] * r[s, o]
                    for k in range(nu):
                        d[i * f + nv + k, c] += theta[j, i] * slope[e, i] * x[e, k]
                        blocks[i, j, nv + k] += r[s, o] * slope[e, i] * x[e, k]
                if phi == RAMP:
                    continue
                pull *= sigma2(phi, a[e, i], value[e, i], slope[e, i])
                for k in range(nu):
                    for c2 in range(nu):
                        blocks[i, nv + k, nv + c2] += pull * x[e, k] * x[e, c2]
        for j in range(nv):
            for k in range(nu):
                blocks[i, nv + k, j] = blocks[i, j, nv + k]


@inlined
def solver(step, blocks, d, e):
    """What solves (1 / step - J) x = r: inverse blocks, their product with D, and the inner part.

    Woodbury's identity, or one dense block where the rank exceeds the size.
    """
    units, f, n, rank = blocks.shape[0], blocks.shape[1], d.shape[0], d.shape[1]
    if rank >= n:
        whole = np.empty((1, n, n))
        times_turned(d, e, whole[0])
        for i in range(n):
            for k in range(n):
                whole[0, i, k] = -whole[0, i, k]
                if i // f == k // f:
                    whole[0, i, k] += blocks[i // f, i % f, k % f]
        blocks, rank, units, f = whole, 0, 1, n
    inverse, left, block = np.empty((units, f, f)), np.zeros((n, rank)), np.empty((f, f))
    for i in range(units):
        for k in range(f):
            for c2 in range(f):
                inverse[i, k, c2] = (1 / step if k == c2 else 0.0) - blocks[i, k, c2]
        put(inverse[i], block)
        invert(block, inverse[i])
        if rank:
            times(inverse[i], d[i * f : (i + 1) * f], left[i * f : (i + 1) * f])
    inner = np.zeros((rank, n))
    if rank:
        small, turned = np.empty((rank, rank)), np.empty((rank, rank))
        turned_times(e, left, small)
        for k in range(rank):
            small[k, k] += 1
        invert(small, turned)
        times_turned(turned, e, inner)
    return inverse, left, inner


@inlined
def implicit(kind, dims, a, b, numbers, theta, on, step, ks, new, error, work):
    """A step of RODAS from theta, whose field is ks[0]; as `explicit`, for smooth networks."""
    f, units = theta.shape
    n = theta.size
    rank = b.size if kind == POINTWISE else a.size
    blocks, d = np.zeros((units, f, f)), np.zeros((n, rank))
    us, here, rhs, x = np.zeros((6, f, units)), np.empty((f, units)), np.empty(n), np.empty(n)
    put(theta, new)
    loss = 0.0
    for stage in range(-1, 7):
        if stage > 0:
            for k in range(f):
                for i in range(units):
                    if stage < 6:
                        new[k, i] = theta[k, i]
                        for j in range(stage):
                            new[k, i] += RODAS_A[stage, j] * us[j, k, i]
                    else:
                        new[k, i] += us[5, k, i]
                        error[k, i] = us[5, k, i]
        if stage != 0:
            loss = field(kind, dims, a, b, numbers, new, on, here, work)
        if stage < 0:
            e = curvature(kind, dims, a, b, theta, on, blocks, d, work)
            inverse, left, inner = solver(GAMMA * step, blocks, d, e)
        elif stage < 6:
            for i in range(units):
                for k in range(f):
                    rhs[i * f + k] = here[k, i]
                    for j in range(stage):
                        rhs[i * f + k] += RODAS_C[stage, j] / step * us[j, k, i]
            solve(inverse, left, inner, rhs, x)
            for j in range(n):
                us[stage, j % f, j // f] = x[j]
    put(here, ks[6])
    return loss, np.inf


@compiled
def solve(inverse, left, inner, rhs, x):
    """x = (1 / step - J)^-1 rhs by the parts of `solver`; `rhs` is destroyed."""
    n, size, rank = rhs.size, inverse.shape[1], inner.shape[0]
    for j in range(n):
        block, row = j // size, j % size
        x[j] = 0.0
        for k in range(size):
            x[j] += inverse[block, row, k] * rhs[block * size + k]
    for c in range(rank):
        rhs[c] = 0.0
        for j in range(n):
            rhs[c] += inner[c, j] * x[j]
    for j in range(n):
        for c in range(rank):
            x[j] -= left[j, c] * rhs[c]
