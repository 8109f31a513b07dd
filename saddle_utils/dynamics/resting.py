"""Compiled kernels: ReLU units that rest at u = 0, and how they leave.

A unit that shrinks to u = 0, as one with |v| > |u| may in finite time, rests there, and leaves
along the direction d of largest E[v . r sigma(d . x)] once this is positive: again the limit of
gradient descent with a vanishing learning rate.
"""

import numpy as np

from .compiling import compiled

CLIMBS = 8  # from so many samples or fewer, and from the best, is the steepest direction sought
OVERSHOOT = 4.0  # by how many tolerances a unit may miss what it has reached


@compiled
def comes_to_rest(data, kinks, new, out, i, rtol):
    """Whether a unit has shrunk to u = 0, to the tolerance, and does not grow again."""
    u2 = v2 = inward = 0.0
    for k in range(new.shape[0]):
        if k < data.right:
            v2 += new[k, i] ** 2
        else:
            u2 += new[k, i] ** 2
            inward += new[k, i] * out[k, i]
    small = u2 <= (OVERSHOOT * rtol) ** 2 * (u2 + v2)
    return small and not kinks.resting[i] and (inward <= 0 or kinks.count[i] > 0)


@compiled
def release(data, work, kinks, theta, i, rtol):
    """Whether a unit at u = 0 leaves: along the direction d of largest E[v . r sigma(d . x)], if
    that is positive.  It gets a length of the order of the tolerance."""
    every, nu, samples, scale, v2 = data.a.shape[0], data.n_right, data.b.shape[1], 0.0, 0.0
    pull, best, d, along = kinks.pull, kinks.aim[0], kinks.aim[1], kinks.aim[2]
    for e in range(every):
        pull[e] = 0.0
        for o in range(data.outputs):
            v = theta[o * data.patches + e // samples, i]
            pull[e] += v * work.g[o * samples + e % samples]
        scale += abs(pull[e]) * length(data.a[e])
    top = steepest(data, pull, d, best, along)
    if top <= 1e-9 * scale:
        return False
    for k in range(data.right):
        v2 += theta[k, i] ** 2
    for k in range(nu):
        theta[data.right + k, i] = 2 * OVERSHOOT * rtol * np.sqrt(v2) * best[k]
    for e in range(every):
        a = 0.0
        for k in range(nu):
            a += best[k] * data.a[e, k]
        kinks.on[e, i] = 1.0 if a > 0 else 0.0
    kinks.resting[i] = False
    return True


@compiled
def steepest(data, pull, d, best, along):
    """The largest sum_e pull_e sigma(d . x_e) of unit vectors d that was found, and d as `best`.

    Uphill by ever shorter steps, for maxima may lie on kinks, from the best of all samples and
    their opposites and from some of the others, for there may be several maxima.
    """
    top, starts = -np.inf, 2 * pull.size
    stride = (starts + CLIMBS - 1) // CLIMBS
    for start in range(starts):
        set_out(data, start, d)
        top = better(data, pull, d, best, along, top)
    for start in range(-stride, starts, stride):
        if start < 0:
            for k in range(d.size):
                d[k] = best[k]
        else:
            set_out(data, start, d)
        for step in range(40):
            top = better(data, pull, d, best, along, top)
            size = max(length(along), 1e-300)
            for k in range(d.size):
                d[k] += 0.5 * 0.85**step * along[k] / size
    return top


@compiled
def set_out(data, start, d):
    """A sample, or its opposite, as d."""
    for k in range(d.size):
        d[k] = (1 - 2 * (start % 2)) * data.a[start // 2, k]


@compiled
def better(data, pull, d, best, along, top):
    """d becomes a unit vector, and the best one if it is; the largest value, of `pull_along`."""
    size = max(length(d), 1e-300)
    for k in range(d.size):
        d[k] /= size
    value = pull_along(data, pull, d, along)
    if value > top:
        for k in range(d.size):
            best[k] = d[k]
    return max(value, top)


@compiled
def pull_along(data, pull, d, along):
    """sum_e pull_e sigma(d . x_e), and its gradient with respect to d into `along`."""
    value = 0.0
    for k in range(d.size):
        along[k] = 0.0
    for e in range(pull.size):
        a = 0.0
        for k in range(d.size):
            a += d[k] * data.a[e, k]
        weight = pull[e] * (data.high if a > 0 else data.low)
        value += weight * a
        for k in range(d.size):
            along[k] += weight * data.a[e, k]
    return value


@compiled
def length(d):
    """Length of a vector."""
    total = 0.0
    for k in range(d.size):
        total += d[k] ** 2
    return np.sqrt(total)
