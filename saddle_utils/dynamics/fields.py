"""Compiled kernels: loss and gradient field of one run, by family (Eqs. 1, 9 and 44).

Inside the kernels the units of a run are the columns of theta (features, units), so that every
operation is a loop over units.  Kernels are plain loops: they compile fast, and once a machine.
"""

from __future__ import annotations

import hashlib
import math
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..networks import Attention, Linear, Network, Pointwise, Quadratic
from ..networks.pointwise import activation

try:
    from numba import config, njit
except ImportError:  # the same code then runs as it stands, a few hundred times slower
    import warnings

    warnings.warn("numba is not installed: the engines run uncompiled, and slowly", stacklevel=2)
    njit = None

LINEAR, QUADRATIC, ATTENTION, POINTWISE = range(4)
RAMP = 0  # an activation with one slope below 0 and one above
SMOOTH = ("tanh", "cubic", "sine", "sigmoid", "softplus", "gelu", "swish", "x_tanh", "square")
TANH, CUBIC, SINE, SIGMOID, SOFTPLUS, GELU, SWISH, X_TANH, SQUARE = range(1, 10)  # by `SMOOTH`


def _cache() -> str:
    """A folder for compiled kernels whose name changes with their source: numba would not notice
    that a kernel which calls a changed one must be compiled again."""
    here = Path(__file__).parent
    source = b"".join(path.read_bytes() for path in sorted(here.glob("*.py")))
    name = f"kernels-{hashlib.sha256(source).hexdigest()[:12]}"
    parent = here / "__pycache__"
    parent.mkdir(exist_ok=True) if os.access(here, os.W_OK) else None
    writable = os.access(parent, os.W_OK)
    return str((parent if writable else Path(tempfile.gettempdir())) / name)


CACHE = _cache()


def compiled(function: Callable, inline: str = "never") -> Callable:
    """The function compiled at its first call; kept on disk for later ones.  Sums may be reordered,
    so that they use vector instructions; not a number stays what it is."""
    if njit is None:
        return function
    before, config.CACHE_DIR = config.CACHE_DIR, CACHE
    try:
        maths = {"reassoc", "contract", "nsz"}
        return njit(cache=True, nogil=True, error_model="numpy", fastmath=maths, inline=inline)(
            function
        )
    finally:
        config.CACHE_DIR = before


def inlined(function: Callable) -> Callable:
    """A function that is compiled as part of those that call it."""
    return compiled(function, "always")


def problem(network: Network) -> tuple | None:
    """What the kernels take of a network with data for one run; None where there is no kernel.

    Its kind, (outputs, patches, n_v, n_u, activation), two matrices of data and two numbers:
    Syz, Szz and E|y|^2 for networks that see moments; inputs (patches * samples, n_u), labels and
    the slopes of the activation below and above 0 for others.
    """
    kinds = {Linear: LINEAR, Quadratic: QUADRATIC, Attention: ATTENTION, Pointwise: POINTWISE}
    kind = kinds.get(type(network))
    if kind is None:
        return None
    if kind == POINTWISE:
        act = activation(network.phi)
        if act.degree != 1 and network.phi not in SMOOTH:
            return None
        phi = RAMP if act.degree == 1 else 1 + SMOOTH.index(network.phi)
        a, b, numbers = network.flat_x, network.y, act.slopes
    else:
        a, b, numbers, phi = network.syz, network.szz, (network.syy, 0), 0
    outputs = network.n_v // network.patches
    dims = np.array([outputs, network.patches, network.n_v, network.n_u, phi])
    matrices = (np.ascontiguousarray(matrix, dtype=float) for matrix in (a, b))
    return kind, dims, *matrices, np.array(numbers, dtype=float)


@compiled
def put(values, out):
    """out = values; a loop, for compiling an assignment of arrays takes seconds."""
    for i in range(out.shape[0]):
        for k in range(out.shape[1]):
            out[i, k] = values[i, k]


@compiled
def times(a, b, out):
    """out = a @ b."""
    for i in range(a.shape[0]):
        for k in range(b.shape[1]):
            out[i, k] = 0.0
        for j in range(a.shape[1]):
            x = a[i, j]
            for k in range(b.shape[1]):
                out[i, k] += x * b[j, k]


@compiled
def times_turned(a, b, out):
    """out = a @ b.T."""
    for i in range(a.shape[0]):
        for k in range(b.shape[0]):
            x = 0.0
            for j in range(a.shape[1]):
                x += a[i, j] * b[k, j]
            out[i, k] = x


@compiled
def turned_times(a, b, out):
    """out = a.T @ b."""
    for i in range(a.shape[1]):
        for k in range(b.shape[1]):
            out[i, k] = 0.0
    for j in range(a.shape[0]):
        for i in range(a.shape[1]):
            x = a[j, i]
            for k in range(b.shape[1]):
                out[i, k] += x * b[j, k]


@compiled
def field(kind, dims, a, b, numbers, theta, on, out, work):
    """-dL/dtheta of one run into `out`; returns the loss. `on` is the pattern of a ReLU network."""
    if kind == POINTWISE:
        return pointwise_field(dims, a, b, numbers, theta, on, out, work)
    nv, nu, size = dims[2], dims[3], a.size
    m, g = work[:size].reshape(a.shape), work[size : 2 * size].reshape(a.shape)
    v, u = theta[:nv], theta[nv:]
    w = work[2 * size : 2 * size + theta.size].reshape(theta.shape)
    if kind == LINEAR:
        times_turned(v, u, m.reshape(nv, nu))
    elif kind == QUADRATIC:
        for o in range(nv):
            scale(v[o], u, w[:nu])
            times_turned(w[:nu], u, m[o].reshape(nu, nu))
    else:
        scale(v[0], u[: nu // 2], w[: nu // 2])
        times_turned(w[: nu // 2], u[nu // 2 :], m.reshape(nu // 2, nu // 2))
    times(m, b, g)
    loss = numbers[0]
    for o in range(a.shape[0]):
        for k in range(a.shape[1]):
            g[o, k] = a[o, k] - g[o, k]
            loss -= (a[o, k] + g[o, k]) * m[o, k]
    if kind == LINEAR:
        times(g.reshape(nv, nu), u, out[:nv])
        turned_times(g.reshape(nv, nu), v, out[nv:])
    elif kind == QUADRATIC:
        out[nv:] = 0.0
        for o in range(nv):
            times(g[o].reshape(nu, nu), u, w[:nu])
            for i in range(theta.shape[1]):
                out[o, i] = 0.0
            for k in range(nu):
                for i in range(theta.shape[1]):
                    out[o, i] += u[k, i] * w[k, i]
                    out[nv + k, i] += 2 * v[o, i] * w[k, i]
    else:
        d = nu // 2
        times(g.reshape(d, d), u[d:], w[:d])
        turned_times(g.reshape(d, d), u[:d], w[d:nu])
        for i in range(theta.shape[1]):
            out[0, i] = 0.0
        for k in range(d):
            for i in range(theta.shape[1]):
                out[0, i] += u[k, i] * w[k, i]
        scale(v[0], w[:nu], out[1:])
    return loss / 2


@compiled
def scale(weights, rows, out):
    """out = rows * weights, each row by the same weights."""
    for k in range(rows.shape[0]):
        for i in range(rows.shape[1]):
            out[k, i] = weights[i] * rows[k, i]


@compiled
def activate(phi, slopes, a, on, f, slope):
    """sigma(a) and sigma'(a); of a ramp by its pattern `on`, whatever the sign of a."""
    for s in range(a.shape[0]):
        if phi == RAMP:
            for i in range(a.shape[1]):
                slope[s, i] = slopes[0] + (slopes[1] - slopes[0]) * on[s, i]
                f[s, i] = a[s, i] * slope[s, i]
        elif phi == TANH:
            for i in range(a.shape[1]):
                f[s, i] = np.tanh(a[s, i])
                slope[s, i] = 1 - f[s, i] * f[s, i]
        elif phi == CUBIC:
            for i in range(a.shape[1]):
                slope[s, i] = 3 * a[s, i] * a[s, i]
                f[s, i] = a[s, i] * a[s, i] * a[s, i]
        else:
            for i in range(a.shape[1]):
                f[s, i], slope[s, i] = sigma(phi, a[s, i])


@compiled
def sigma(phi, a):
    """sigma(a) and sigma'(a) of the activations that are neither a ramp nor in `activate`."""
    if phi == SINE:
        return np.sin(a), np.cos(a)
    if phi == SQUARE:
        return a * a, 2 * a
    if phi == GELU:
        below = (1 + math.erf(a / np.sqrt(2.0))) / 2
        return a * below, below + a * np.exp(-a * a / 2) / np.sqrt(2 * np.pi)
    t = np.tanh(a if phi == X_TANH else a / 2)
    half = (1 + t) / 2
    if phi == X_TANH:
        return a * t, t + a * (1 - t * t)
    if phi == SIGMOID:
        return half, half * (1 - half)
    if phi == SWISH:
        return a * half, half + a * half * (1 - half)
    return (a if a > 40 else np.log1p(np.exp(a))), half


@compiled
def sigma2(phi, a, f, slope):
    """sigma''(a) of a smooth activation, given sigma(a) and sigma'(a)."""
    if phi == TANH:
        return -2 * f * slope
    if phi == CUBIC:
        return 6 * a
    if phi == SINE:
        return -f
    if phi == SQUARE:
        return 2.0
    if phi == SIGMOID:
        return slope * (1 - 2 * f)
    if phi == SOFTPLUS:
        return slope * (1 - slope)
    if phi == GELU:
        return (2 - a * a) * np.exp(-a * a / 2) / np.sqrt(2 * np.pi)
    t = np.tanh(a / 2) if phi == SWISH else np.tanh(a)
    if phi == SWISH:
        return (1 - t * t) * (2 - a * t) / 4
    return 2 * (1 - t * t) * (1 - f)


@compiled
def pointwise_field(dims, x, y, slopes, theta, on, out, work):
    """The field of f_o(x) = sum_i sum_p v_iop sigma(u_i . x_p) for x (patches * samples, n_u)."""
    outputs, patches, nv, phi = dims[0], dims[1], dims[2], dims[4]
    every, samples, units = x.shape[0], y.shape[1], theta.shape[1]
    n = units * every
    a, f = work[:n].reshape(every, units), work[n : 2 * n].reshape(every, units)
    slope = work[2 * n : 3 * n].reshape(every, units)
    r = work[3 * n : 3 * n + every * outputs].reshape(patches, samples, outputs)
    v = theta[:nv].reshape(outputs, patches, units)
    times(x, theta[nv:], a)
    activate(phi, slopes, a, on, f, slope)
    loss = 0.0
    for s in range(samples):
        for o in range(outputs):
            left = y[o, s]
            for p in range(patches):
                for i in range(units):
                    left -= v[o, p, i] * f[p * samples + s, i]
            loss += left * left
            r[0, s, o] = left / samples
    dv = out[:nv].reshape(outputs, patches, units)
    dv[:] = 0.0
    a[:] = 0.0
    for o in range(outputs):
        for p in range(patches):
            for s in range(samples):
                left, e = r[0, s, o], p * samples + s
                for i in range(units):
                    dv[o, p, i] += left * f[e, i]
                    a[e, i] += left * v[o, p, i]
    for e in range(every):
        for i in range(units):
            a[e, i] *= slope[e, i]
    turned_times(x, a, out[nv:])
    return loss / (2 * samples)


@compiled
def workspace(kind, a, b, theta):
    """Numbers that `field` needs to work with."""
    if kind == POINTWISE:
        return 3 * theta.shape[1] * a.shape[0] + a.shape[0] * b.shape[0]
    return 2 * a.size + theta.size


@compiled
def pattern(nv, x, theta, on, work):
    """1 into `on` (samples, units) where u . x is positive, else 0."""
    a = work[: on.size].reshape(on.shape)
    times(x, theta[nv:], a)
    for s in range(on.shape[0]):
        for i in range(on.shape[1]):
            on[s, i] = 1.0 if a[s, i] > 0 else 0.0


@compiled
def invert(matrix, out):
    """The inverse of a square matrix into `out`, by elimination with pivots; the rows of what is
    singular to rounding are left out, as zeros.  `matrix` is destroyed."""
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
            matrix[j, k] = matrix[j, k] / pivot if abs(pivot) > 1e-14 else 0.0
            out[j, k] = out[j, k] / pivot if abs(pivot) > 1e-14 else 0.0
        for i in range(n):
            ratio = matrix[i, j]
            if i != j and ratio != 0:
                for k in range(n):
                    matrix[i, k] -= ratio * matrix[j, k]
                    out[i, k] -= ratio * out[j, k]
