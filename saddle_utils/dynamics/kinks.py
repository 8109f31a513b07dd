"""Compiled kernels: ReLU units that cross a sample, or slide along it; `resting` has those at 0.

Between two crossings of u_i . x_e = 0 the pattern of active samples is constant and the field is
smooth.  At a crossing the field jumps.  Where it points back from either side, the unit slides
along the sample (Filippov), which counts with a factor between 0 and 1; the unit leaves when the
factor reaches 0 or 1.  It is the limit of gradient descent with a vanishing learning rate.
"""

from collections import namedtuple

import numpy as np

from .compiling import compiled
from .fields import clear, field, inputs, transpose
from .problems import POINTWISE, RAMP
from .resting import OVERSHOOT, comes_to_rest, release
from .tableaux import DP_P, RODAS_D

EXIT = 1e-6
# State of the units at the samples (patches * samples, units): the pattern `on`, whether the unit
# slides along the sample, with which factor it counts, now and before the step, and whether that
# ends (`turns`); `count` of samples along which a unit slides, and whether it rests at u = 0.
# `basis` is scratch: orthonormal rows, then the triangle, the products and the samples they span;
# so are `pull` of each sample and the rows of `aim`, of `release`.
Kinks = namedtuple("Kinks", "on held factor before turns count resting basis pull aim")


def room_for_kinks(data, units):
    """Room for the state of a run; none of the samples for networks without kinks."""
    kinked = data.kind == POINTWISE and data.phi == RAMP and data.low != data.high
    every, nu = data.a.shape[0] if kinked else 0, data.n_right
    on, factor, before = np.zeros((3, every, units))
    held, turns = np.zeros((every, units), bool), np.zeros((every, units), int)
    count, resting = np.zeros(units, int), np.zeros(units, bool)
    basis, pull, aim = np.empty((nu, 2 * nu + 2)), np.empty(every), np.empty((3, nu))
    return Kinks(on, held, factor, before, turns, count, resting, basis, pull, aim)


@compiled
def set_pattern(data, kinks, theta):
    """The pattern of units that do not slide or rest."""
    for i in range(theta.shape[1]):
        kinks.count[i], kinks.resting[i] = 0, False
    for e in range(kinks.on.shape[0]):
        inputs(data, theta, e, kinks.on[e])
        for i in range(theta.shape[1]):
            kinks.on[e, i] = 1.0 if kinks.on[e, i] > 0 else 0.0
            kinks.held[e, i] = False


@compiled
def span(data, kinks, i):
    """An orthonormal basis of the samples along which a unit slides (Gram and Schmidt, twice)."""
    basis, nu, m = kinks.basis, data.n_right, 0
    for e in range(kinks.held.shape[0]):
        if not kinks.held[e, i] or m == nu:
            continue
        size = left = 0.0
        for k in range(nu):
            basis[m, k] = data.a[e, k]
            basis[m, nu + k] = 0.0
            size += data.a[e, k] ** 2
        for j in range(2 * m):
            along = 0.0
            for k in range(nu):
                along += basis[m, k] * basis[j % m, k]
            basis[m, nu + j % m] += along
            for k in range(nu):
                basis[m, k] -= along * basis[j % m, k]
        for k in range(nu):
            left += basis[m, k] ** 2
        if left > 1e-18 * size:
            for k in range(nu):
                basis[m, k] /= np.sqrt(left)
            basis[m, nu + m], basis[m, 2 * nu + 1] = np.sqrt(left), e
            m += 1
    return m


@compiled
def hold(data, work, kinks, theta, out):
    """Take from du what would carry units off the samples along which they slide, or off u = 0.

    What holds a unit is a part of the pull of these samples, their `factor`.
    """
    nu, u, basis, samples = data.n_right, data.right, kinks.basis, data.b.shape[1]
    for i in range(theta.shape[1]):
        if kinks.resting[i]:
            for k in range(nu):
                out[u + k, i] = 0.0
        if kinks.count[i] == 0:
            continue
        m = span(data, kinks, i)
        for j in range(m):
            along = 0.0
            for k in range(nu):
                along += basis[j, k] * out[u + k, i]
            for k in range(nu):
                out[u + k, i] -= along * basis[j, k]
            basis[j, 2 * nu] = along
        for j in range(m - 1, -1, -1):
            for k in range(j + 1, m):
                basis[j, 2 * nu] -= basis[k, nu + j] * basis[k, 2 * nu]
            basis[j, 2 * nu] /= basis[j, nu + j]
            e, pull = int(basis[j, 2 * nu + 1]), 0.0
            for o in range(data.outputs):
                row = o * data.patches + e // samples
                pull += (data.high - data.low) * theta[row, i] * work.g[o * samples + e % samples]
            if pull < 0:
                kinks.factor[e, i] = -basis[j, 2 * nu] / pull
            else:  # no ridge any more but a valley, which it leaves to the side of the force
                kinks.factor[e, i] = 2.0 if basis[j, 2 * nu] > 0 else -1.0


@compiled
def hold_curvature(data, kinks, blocks, d):
    """Take the same from both sides of the Jacobian, in its parts."""
    f, u = blocks.shape[1], data.right
    for i in range(blocks.shape[0]):
        rows, block = d[i * f : (i + 1) * f], blocks[i]
        if kinks.resting[i]:
            clear(rows)
            clear(block)
        m = span(data, kinks, i) if kinks.count[i] else 0
        for j in range(m):
            project(kinks.basis[j], u, rows)
            project(kinks.basis[j], u, block)
            transpose(block)
            project(kinks.basis[j], u, block)


@compiled
def project(direction, u, rows):
    """Take the part along a direction from the rows of a matrix that belong to u."""
    for c in range(rows.shape[1]):
        along = 0.0
        for k in range(rows.shape[0] - u):
            along += direction[k] * rows[u + k, c]
        for k in range(rows.shape[0] - u):
            rows[u + k, c] -= along * direction[k]


@compiled
def kink_after(data, work, kinks, stiff, theta, new, h, ks, s, at, rtol):
    """The part of a step from theta to new up to which no unit crosses or leaves a sample.

    That is at most the part s, where the units are `at`.  It is s if units cross or leave no sooner
    than there, to the tolerance; then `turns` says which.
    """
    part, a = s, work.rows[0]
    for e in range(kinks.on.shape[0]):
        inputs(data, at, e, a)
        for i in range(a.size):
            kinks.turns[e, i] = 0
            if kinks.held[e, i]:
                after, before = kinks.factor[e, i], kinks.before[e, i]
                if 0 <= after <= 1:
                    continue
                border = 1.0 if after > 1 else 0.0
                if abs(after - border) > EXIT and 0 < before < 1:
                    root = (border - before) / (after - before)
                    part = min(part, s * min(max(root, 0.05), 0.9))
                else:
                    kinks.turns[e, i] = 1 if after > 1 else -1
            elif (a[i] > 0) != (kinks.on[e, i] > 0) and not kinks.resting[i]:
                root = crossing(data, kinks, stiff, theta, new, h, ks, s, at, e, i, rtol)
                part = min(part, root)
                kinks.turns[e, i] = root == s
    return part


@compiled
def crossing(data, kinks, stiff, theta, new, h, ks, s, at, e, i, rtol):
    """The part of a step at which a unit is just behind a sample; s if it is no further there.

    Found by bisection of the polynomial by which `between` interpolates the step.
    """
    a0 = a1 = reached = norm = size = p1 = p2 = p3 = p4 = 0.0
    for k in range(theta.shape[0]):
        size += at[k, i] ** 2
        if k >= data.right:
            x = data.a[e, k - data.right]
            norm += x * x
            a0 += x * theta[k, i]
            a1 += x * new[k, i]
            reached += x * at[k, i]
            for m in range(7):
                slope = x * ks[m, k, i]
                if stiff:
                    p1 += RODAS_D[0, m] * slope
                    p2 += (RODAS_D[1, m] - RODAS_D[0, m]) * slope
                    p3 -= RODAS_D[1, m] * slope
                else:
                    p1 += h * DP_P[0, m] * slope
                    p2 += h * DP_P[1, m] * slope
                    p3 += h * DP_P[2, m] * slope
                    p4 += h * DP_P[3, m] * slope
    band = OVERSHOOT * rtol * np.sqrt(size * norm)
    if abs(reached) <= band or (a0 > 0) != (kinks.on[e, i] > 0):
        return s
    p1 += a1 - a0 if stiff else 0.0
    low, high, middle = 0.0, s, a0 + (0.5 if a0 > 0 else -0.5) * band
    for _ in range(50):
        root = (low + high) / 2
        value = middle + root * (p1 + root * (p2 + root * (p3 + root * p4)))
        if (value > 0) == (a0 > 0):
            low = root
        else:
            high = root
    return min(high, 0.999999 * s)


@compiled
def turn(data, work, kinks, new, ks, rtol):
    """Units at the end of a step cross, slide, leave, rest or are released; whether any does."""
    u, nu, changed, rest = data.right, data.n_right, False, False
    for i in range(new.shape[1]):
        for e in range(kinks.on.shape[0]):
            if kinks.turns[e, i]:
                changed = True
                if kinks.held[e, i]:
                    kinks.held[e, i], kinks.on[e, i] = False, max(kinks.turns[e, i], 0)
                    kinks.turns[e, i] = 0
                    kinks.count[i] -= 1
                else:
                    kinks.on[e, i] = 1 - kinks.on[e, i]
        if comes_to_rest(data, kinks, new, ks[6], i, rtol):
            changed, kinks.resting[i], kinks.count[i] = True, True, 0
            for k in range(nu):
                new[u + k, i] = 0.0
            for e in range(kinks.on.shape[0]):
                kinks.on[e, i], kinks.held[e, i], kinks.turns[e, i] = 0.0, False, 0
        rest |= kinks.resting[i]
    if changed:
        field(data, work, kinks.on, new, ks[0])
    if rest:
        for i in range(new.shape[1]):
            changed |= kinks.resting[i] and release(data, work, kinks, new, i, rtol)
    if changed:
        hold(data, work, kinks, new, ks[0])
        for e in range(kinks.on.shape[0]):
            for i in range(new.shape[1]):
                if kinks.turns[e, i]:
                    begin_to_slide(data, kinks, new, ks[0], e, i)
    return changed


@compiled
def let_go(kinks):
    """Whether units leave samples at once, for another event has put their factor out of reach."""
    changed = False
    for i in range(kinks.count.size):
        if kinks.count[i]:
            for e in range(kinks.on.shape[0]):
                factor = kinks.factor[e, i]
                if kinks.held[e, i] and (factor < -EXIT or factor > 1 + EXIT):
                    kinks.held[e, i], kinks.on[e, i] = False, 1.0 if factor > 1 else 0.0
                    kinks.count[i] -= 1
                    changed = True
    return changed


@compiled
def remember(kinks):
    """Keep the factors of the samples along which units slide until after the next step."""
    for i in range(kinks.count.size):
        if kinks.count[i]:
            for e in range(kinks.on.shape[0]):
                kinks.before[e, i] = kinks.factor[e, i]


@compiled
def begin_to_slide(data, kinks, new, out, e, i):
    """Let a unit that has just crossed a sample slide if the field points back from either side."""
    speed = a = norm = 0.0
    for k in range(data.n_right):
        x = data.a[e, k]
        speed += x * out[data.right + k, i]
        a += x * new[data.right + k, i]
        norm += x * x
    if speed * (2 * kinks.on[e, i] - 1) < 0:
        kinks.held[e, i], kinks.on[e, i], kinks.factor[e, i] = True, 0.0, 0.5
        kinks.count[i] += 1
        for k in range(data.n_right):
            new[data.right + k, i] -= a / norm * data.a[e, k]
