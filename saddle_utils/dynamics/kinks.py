"""Compiled kernels: ReLU units that cross a sample, slide along it, or rest at u = 0.

Between two crossings of u_i . x_s = 0 the pattern of active samples is constant and the field is
smooth.  At a crossing the field jumps.  Where it points back from either side, the unit slides
along the sample (Filippov), which counts with a factor between 0 and 1; the unit leaves when the
factor reaches 0 or 1.  A unit that shrinks to u = 0, as one with |v| > |u| may in finite time,
rests there, and leaves along the direction d of largest E[v . r sigma(d . x)] once this is
positive.  All of it is the limit of gradient descent with a vanishing learning rate.
"""

from __future__ import annotations

import numpy as np

from .fields import POINTWISE, compiled, field, inlined, invert, times, times_turned
from .steps import project

OVERSHOOT, EXIT = 4.0, 1e-6


@inlined
def events(dims, x, y, slopes, theta, new, on, held, count, resting, h, ks, rtol, work):
    """What a good step ran into: the part of it to keep, and whether the pattern changed.

    A part below 1 ends the step at its first crossing or exit, and changes nothing.
    """
    nv, nu, units, every = dims[2], dims[3], theta.shape[1], x.shape[0]
    part, changed = 1.0, False
    crossed = np.zeros((every, units), np.bool_)
    for i in range(units):
        if resting[i]:
            continue
        size = 0.0
        for k in range(nv + nu):
            size += new[k, i] ** 2
        size = np.sqrt(size)
        for s in range(every):
            if held[s, i]:
                continue
            a1 = norm = 0.0
            for k in range(nu):
                a1 += x[s, k] * new[nv + k, i]
                norm += x[s, k] ** 2
            if (a1 > 0) == (on[s, i] > 0) or norm == 0:
                continue
            if abs(a1) <= OVERSHOOT * rtol * size * np.sqrt(norm):
                crossed[s, i] = changed = True
                continue
            a0 = d0 = d1 = 0.0
            for k in range(nu):
                a0 += x[s, k] * theta[nv + k, i]
                d0 += h * x[s, k] * ks[0, nv + k, i]
                d1 += h * x[s, k] * ks[6, nv + k, i]
            part = min(part, min(max(first_root(a0, a1, d0, d1) + rtol, 0.0), 0.9))
    leaving = np.zeros((every, units), np.int8)
    if count.sum():
        both = np.empty((2, every, units))
        for k in range(2):  # behind the step, and before it
            factors(dims, x, y, slopes, theta if k else new, on, held, count, work, both[k])
        for i in range(units):
            for s in range(every):
                after, before = both[0, s, i], both[1, s, i]
                if held[s, i] and (after < 0 or after > 1):
                    border = 1.0 if after > 1 else 0.0
                    if abs(after - border) > EXIT and 0 < before < 1:
                        root = (border - before) / (after - before)
                        part = min(part, min(max(root, 0.05), 0.9))
                    else:
                        leaving[s, i], changed = (1 if after > 1 else -1), True
    if part < 1:
        return part, False
    for i in range(units):
        if count[i]:
            for s in range(every):
                if held[s, i] and leaving[s, i]:
                    held[s, i], on[s, i] = False, 1.0 if leaving[s, i] > 0 else 0.0
                    count[i] -= 1
        u2 = v2 = inward = 0.0
        for k in range(nv):
            v2 += new[k, i] ** 2
        for k in range(nu):
            u2 += new[nv + k, i] ** 2
            inward += new[nv + k, i] * ks[6, nv + k, i]
        if (
            not resting[i]
            and (inward <= 0 or count[i])
            and u2 <= (OVERSHOOT * rtol) ** 2 * (u2 + v2)
        ):
            resting[i], count[i], changed = True, 0, True
            for k in range(nu):
                new[nv + k, i] = 0.0
            for s in range(every):
                on[s, i], held[s, i], crossed[s, i] = 0.0, False, False
        for s in range(every):
            if crossed[s, i]:
                on[s, i] = 1 - on[s, i]
    out = ks[0]
    if changed or resting.any():
        field(POINTWISE, dims, x, y, slopes, new, on, out, work)
    for i in range(units):
        if resting[i]:
            changed |= release(dims, x, y, slopes, new, on, resting, i, rtol, work)
    if changed:
        project(nv, x, held, count, out)
        for i in range(units):
            for s in range(every):
                if crossed[s, i]:
                    speed = a = norm = 0.0
                    for k in range(nu):
                        speed += x[s, k] * out[nv + k, i]
                        a += x[s, k] * new[nv + k, i]
                        norm += x[s, k] ** 2
                    if speed * (2 * on[s, i] - 1) < 0:  # the field points back from either side
                        held[s, i], on[s, i] = True, 0.0
                        count[i] += 1
                        for k in range(nu):
                            new[nv + k, i] -= a / norm * x[s, k]
    return 1.0, changed


@compiled
def first_root(a0, a1, d0, d1):
    """Where the cubic with these ends and slopes at 0 and 1 vanishes, by Newton's method."""
    c2, c3 = 3 * (a1 - a0) - 2 * d0 - d1, 2 * (a0 - a1) + d0 + d1
    root = min(max(a0 / (a0 - a1), 0.0), 1.0) if a0 != a1 else 0.0
    for _ in range(6):
        slope = d0 + root * (2 * c2 + 3 * root * c3)
        value = a0 + root * (d0 + root * (c2 + root * c3))
        if slope != 0:
            root = min(max(root - value / slope, 0.0), 1.0)
    return root


@compiled
def factors(dims, x, y, slopes, theta, on, held, count, work, found):
    """The factors (samples, units) with which samples count for units that slide along them, into
    `found`: between 0 and 1 for as long as they do."""
    outputs, patches, nv, nu, units, every = (
        dims[0],
        dims[1],
        dims[2],
        dims[3],
        theta.shape[1],
        x.shape[0],
    )
    samples = y.shape[1]
    raw = np.empty_like(theta)
    field(POINTWISE, dims, x, y, slopes, theta, on, raw, work)
    n = units * every
    r = work[3 * n : 3 * n + every * outputs].reshape(patches, samples, outputs)[0]
    for i in range(units):
        if count[i] == 0:
            continue
        rows, where, m = np.empty((count[i], nu)), np.empty(count[i], np.int64), 0
        for s in range(every):
            if held[s, i]:
                for k in range(nu):
                    rows[m, k] = x[s, k]
                where[m] = s
                m += 1
        along, force = np.zeros((m, 1)), np.empty((m, 1))
        gram, dual = np.empty((m, m)), np.empty((m, m))
        for j in range(m):
            for k in range(nu):
                along[j, 0] += rows[j, k] * raw[nv + k, i]
        times_turned(rows, rows, gram)
        invert(gram, dual)
        times(dual, along, force)
        for j in range(m):
            s, pull = where[j], 0.0
            p = s // samples
            for o in range(outputs):
                pull += theta[o * patches + p, i] * r[s % samples, o]
            pull *= slopes[1] - slopes[0]
            found[s, i] = -force[j, 0] / pull if pull != 0 else 0.5


@compiled
def release(dims, x, y, slopes, theta, on, resting, i, rtol, work):
    """Whether a unit at u = 0 leaves: along the direction d of largest E[v . r sigma(d . x)], if
    that is positive.  It gets a length of the order of the tolerance."""
    outputs, patches, nv, nu, every = dims[0], dims[1], dims[2], dims[3], x.shape[0]
    samples, n = y.shape[1], theta.shape[1] * x.shape[0]
    r = work[3 * n : 3 * n + every * outputs].reshape(patches, samples, outputs)[0]
    pull, scale = np.zeros(every), 0.0
    for s in range(every):
        for o in range(outputs):
            pull[s] += theta[o * patches + s // samples, i] * r[s % samples, o]
    best, top = np.zeros(nu), -np.inf
    d, along = np.empty(nu), np.empty(nu)
    for start in range(2 * every):  # uphill from every sample, and from its opposite ...
        for k in range(nu):
            d[k] = x[start // 2, k] if start % 2 else -x[start // 2, k]
        before = -np.inf
        for _ in range(5):
            if not normalise(d):
                break
            value = pull_along(x, pull, slopes, d, along)
            if value > top:
                top = value
                for k in range(nu):
                    best[k] = d[k]
            if value <= before * (1 + 1e-12):
                break
            before = value
            for k in range(nu):
                d[k] = along[k]
    for k in range(nu):
        d[k] = best[k]
    for step in range(100):  # ... then by ever shorter steps, for maxima may lie on kinks
        if not normalise(d):
            break
        value = pull_along(x, pull, slopes, d, along)
        if value > top:
            top = value
            for k in range(nu):
                best[k] = d[k]
        if normalise(along):
            for k in range(nu):
                d[k] += 0.5 * 0.93**step * along[k]
    for s in range(every):
        norm = 0.0
        for k in range(nu):
            norm += x[s, k] ** 2
        scale += abs(pull[s]) * np.sqrt(norm)
    if top <= 1e-9 * scale:
        return False
    v2 = 0.0
    for k in range(nv):
        v2 += theta[k, i] ** 2
    for k in range(nu):
        theta[nv + k, i] = 2 * OVERSHOOT * rtol * np.sqrt(v2) * best[k]
    for s in range(every):
        a = 0.0
        for k in range(nu):
            a += best[k] * x[s, k]
        on[s, i] = 1.0 if a > 0 else 0.0
    resting[i] = False
    return True


@compiled
def pull_along(x, pull, slopes, d, along):
    """sum_s pull_s sigma(d . x_s), and its gradient with respect to d into `along`."""
    value = 0.0
    for k in range(d.size):
        along[k] = 0.0
    for s in range(x.shape[0]):
        a = 0.0
        for k in range(d.size):
            a += d[k] * x[s, k]
        weight = pull[s] * (slopes[1] if a > 0 else slopes[0])
        value += weight * a
        for k in range(d.size):
            along[k] += weight * x[s, k]
    return value


@compiled
def normalise(d):
    """Give d the length 1; False if it has none."""
    size = 0.0
    for k in range(d.size):
        size += d[k] ** 2
    for k in range(d.size):
        d[k] /= np.sqrt(size)
    return size > 0
