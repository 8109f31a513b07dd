"""Gradient descent of one run by hand, as loops that numba compiles: a peer of our engines."""

import numpy as np
from numba import njit


@njit(fastmath=True)
def pointwise(x, y, v, u, low, lr, steps):
    """Losses before every step of f_o = sum_ip v_iop sigma(u_i . x_p) with the slope `low` below 0.

    x (samples, patches, n), y (samples, outputs), v (units, outputs, patches), u (units, n); v and
    u are overwritten.
    """
    samples, patches, n = x.shape
    units, outputs, losses = len(u), y.shape[1], np.zeros(steps)
    a, r = np.empty((patches, units)), np.empty(outputs)
    for step in range(steps):
        dv, du = np.zeros_like(v), np.zeros_like(u)
        for s in range(samples):
            for p in range(patches):
                for i in range(units):
                    z = 0.0
                    for k in range(n):
                        z += u[i, k] * x[s, p, k]
                    a[p, i] = z
            for o in range(outputs):
                left = y[s, o]
                for p in range(patches):
                    for i in range(units):
                        left -= v[i, o, p] * a[p, i] * (1.0 if a[p, i] > 0 else low)
                losses[step] += left**2 / (2 * samples)
                r[o] = left
            for p in range(patches):
                for i in range(units):
                    slope, back = 1.0 if a[p, i] > 0 else low, 0.0
                    for o in range(outputs):
                        dv[i, o, p] += r[o] * a[p, i] * slope
                        back += r[o] * v[i, o, p]
                    for k in range(n):
                        du[i, k] += back * slope * x[s, p, k]
        v += lr / samples * dv
        u += lr / samples * du
    return losses


@njit(fastmath=True)
def products(z, x, y, v, k, q, lr, steps):
    """Losses before every step of f = sum_i v_i (k_i . z)(q_i . x): attention, or with k and q one
    array and z and x one, a quadratic network.

    z and x (samples, n), y (samples,), v (units,), k and q (units, n), overwritten.
    """
    samples, n = x.shape
    units, losses = len(v), np.zeros(steps)
    a, b = np.empty(units), np.empty(units)
    for step in range(steps):
        dv, dk, dq = np.zeros_like(v), np.zeros_like(k), np.zeros_like(q)
        for s in range(samples):
            r = y[s]
            for i in range(units):
                a[i], b[i] = 0.0, 0.0
                for j in range(n):
                    a[i] += k[i, j] * z[s, j]
                    b[i] += q[i, j] * x[s, j]
                r -= v[i] * a[i] * b[i]
            losses[step] += r**2 / (2 * samples)
            for i in range(units):
                dv[i] += r * a[i] * b[i]
                for j in range(n):
                    dk[i, j] += r * v[i] * b[i] * z[s, j]
                    dq[i, j] += r * v[i] * a[i] * x[s, j]
        v += lr / samples * dv
        k += lr / samples * dk
        q += lr / samples * dq
    return losses
