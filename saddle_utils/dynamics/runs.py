"""Compiled kernels: a whole run of one network, by gradient descent or by gradient flow."""

from __future__ import annotations

import numpy as np

from .fields import LINEAR, POINTWISE, RAMP, compiled, field, inlined, pattern, put, workspace
from .fields import times as product
from .kinks import events
from .steps import explicit, implicit, slide_field

EDGE = 3.0  # step times rate at which stability limits the explicit method, 3.3, less a margin
PATIENCE = 10  # explicit steps at that edge before a run turns implicit for good
PAYS = 400  # explicit steps to the end of a run for which it would not
CHATTER, FINE = 50, 2e-3  # attempts between two looks at whether events crowd; steps where they do
ROUNDING = 1e-11  # relative tolerance below which implicit steps only measure rounding
DONE, STUCK = 0, 1


@compiled
def flow_run(kind, dims, a, b, numbers, theta, grid, rtol, floor, limit):
    """Gradient flow from units theta (F, units) at time 0 to the last time of `grid`.

    Recorded are the times of the grid, or, if it holds one time, all steps of the solver.  Returns
    DONE or STUCK, times (T,), losses (T,) and units (T, F, units).
    """
    f, units = theta.shape
    ramp = kind == POINTWISE and dims[4] == RAMP
    relu, every = ramp and numbers[0] != numbers[1], a.shape[0] if ramp else 0
    on, held = np.zeros((every, units)), np.zeros((every, units), np.bool_)
    count, resting = np.zeros(units if relu else 0, np.int64), np.zeros(units, np.bool_)
    work, turn, theta = np.empty(workspace(kind, a, b, theta)), np.eye(units), theta.copy()
    ks, new, error = np.empty((7, f, units)), np.empty((f, units)), np.empty((f, units))
    own, end = grid.size == 1, grid[-1]
    room = 256 if own else grid.size
    times, losses, thetas = np.empty(room), np.empty(room), np.empty((room, f, units))
    t, step, mark, loss, filled, limited, tries = 0.0, -1.0, 0.0, 0.0, 0, 0, 0
    stiff, stale, ready, crowd, fastest = False, True, own or grid[0] == 0, 0, 1e-300
    if relu:
        pattern(dims[2], a, theta, on, work)
    while tries < limit and (step < 0 or step >= 1e-14 * t or relu):
        if stale:
            loss = slide_field(kind, dims, a, b, numbers, theta, on, held, count, ks[0], work)
            stale = False
        if ready:
            if filled == times.size:
                times, losses, thetas = doubled(times), doubled(losses), doubled_rows(thetas)
            times[filled], losses[filled], ready = t, loss, False
            product(theta, turn, thetas[filled]) if stiff else put(theta, thetas[filled])
            filled += 1
            if t >= end:
                return DONE, times[:filled], losses[:filled], thetas[:filled]
        if step < 0:
            speed = root_mean_square(ks[0])
            step = min(0.01 * root_mean_square(theta) / max(speed, 1e-300), end)
        tries += 1
        target = end if own else grid[filled]
        if relu and tries % CHATTER == 0:
            ahead = CHATTER * min(FINE * time_scale(theta, ks[0]), 0.5 / fastest)
            many, crowd, fastest = crowd > CHATTER // 4, 0, 1e-300
            if many and t - mark < ahead:  # events crowd: steps of a fixed size advance no less
                ready, ahead = own or t + ahead >= target, min(ahead, target - t)
                heun(
                    dims,
                    a,
                    b,
                    numbers,
                    theta,
                    ahead / CHATTER,
                    on,
                    held,
                    count,
                    resting,
                    ks,
                    new,
                    work,
                )
                t, step = t + ahead, ahead / CHATTER
                stale, mark = True, t
                t = target if ready and not own else t
                continue
            mark = t
        h = min(step, growth_limit(theta, ks[0], rtol)) if stiff else step
        clipped = t + h * (1 + 1e-12) >= target
        h = target - t if clipped else h
        if stiff:
            new_loss, rate = implicit(kind, dims, a, b, numbers, theta, on, h, ks, new, error, work)
        else:
            new_loss, rate = explicit(
                kind, dims, a, b, numbers, theta, on, held, count, h, ks, new, error, work
            )
        coarser = max(1.0, ROUNDING / rtol) if stiff else 1.0
        size = error_norm(theta, new, error, coarser * floor, coarser * rtol)
        factor = min(max(0.9 * max(size, 1e-10) ** (-0.25 if stiff else -0.2), 0.2), 5.0)
        part, changed = (1.0 if size <= 1 else 0.0), False
        if relu and part == 1:
            part, changed = events(
                dims, a, b, numbers, theta, new, on, held, count, resting, h, ks, rtol, work
            )
            factor = part if part < 1 else factor
            crowd, fastest = crowd + (changed or part < 1), max(fastest, min(rate, 1 / h))
        if not relu and not stiff:
            limited = limited + 1 if h * rate > EDGE and end - t > PAYS * h else 0
        if part < 1:
            step = h * factor
            continue
        t, loss, stale, ready = (target if clipped else t + h), new_loss, changed, own or clipped
        theta, new = new, theta
        put(ks[6], ks[0])
        step = h * factor if not clipped or factor < 1 else step
        if limited >= PATIENCE and not stiff:
            stiff, step = True, h
            if kind == LINEAR and units <= f:
                grade(theta, turn)
                stale = True
    return STUCK, times[:filled], losses[:filled], thetas[:filled]


@compiled
def error_norm(theta, new, error, floor, rtol):
    """Root mean square of the error of a step over what is tolerated; inf for what is no number.

    Tolerated is `floor`, `rtol` of each weight, and what rounding makes of the largest of its unit.
    """
    total = 0.0
    for i in range(theta.shape[1]):
        largest = 0.0
        for k in range(theta.shape[0]):
            largest = max(largest, abs(new[k, i]))
        for k in range(theta.shape[0]):
            tolerated = floor + rtol * max(abs(theta[k, i]), abs(new[k, i])) + 1e-15 * largest
            total += (error[k, i] / tolerated) ** 2
    size = np.sqrt(total / theta.size)
    return size if np.isfinite(size) else np.inf


@compiled
def growth_limit(theta, out, rtol):
    """The longest implicit step in which every unit changes by little: an L-stable method would
    damp the growth of dormant units that it steps over."""
    return min(0.5, 10 * rtol**0.25) * time_scale(theta, out)


@compiled
def doubled(a):
    """A copy with room for as much again."""
    out = np.empty(2 * a.size)
    for i in range(a.size):
        out[i] = a[i]
    return out


@compiled
def doubled_rows(a):
    """A copy (2 T, F, units) with room for as much again."""
    out = np.empty((2 * a.shape[0], a.shape[1], a.shape[2]))
    for i in range(a.shape[0]):
        put(a[i], out[i])
    return out


@compiled
def root_mean_square(a):
    """Root mean square of a matrix."""
    total = 0.0
    for i in range(a.shape[0]):
        for k in range(a.shape[1]):
            total += a[i, k] ** 2
    return np.sqrt(total / a.size)


@compiled
def grade(theta, turn):
    """Rotate the units of a linear network into orthogonal ones, theta into theta @ turn.T.

    What has been learned and what is still small are then different units, each known to its own
    size.  By Jacobi rotations of pairs of columns.
    """
    f, units = theta.shape
    for _ in range(12):
        for i in range(units):
            for j in range(i):
                aa = bb = ab = 0.0
                for k in range(f):
                    aa += theta[k, i] ** 2
                    bb += theta[k, j] ** 2
                    ab += theta[k, i] * theta[k, j]
                if abs(ab) <= 1e-16 * np.sqrt(aa * bb) or ab == 0:
                    continue
                zeta = (bb - aa) / (2 * ab)
                tangent = (1.0 if zeta >= 0 else -1.0) / (abs(zeta) + np.sqrt(1 + zeta * zeta))
                c = 1 / np.sqrt(1 + tangent * tangent)
                rotate(theta, i, j, c, c * tangent)
                rotate(turn.T, i, j, c, c * tangent)


@compiled
def rotate(columns, i, j, c, s):
    """Rotate two columns of a matrix in their plane."""
    for k in range(columns.shape[0]):
        a, b = columns[k, i], columns[k, j]
        columns[k, i], columns[k, j] = c * a - s * b, s * a + c * b


@compiled
def time_scale(theta, out):
    """The time in which the fastest unit would change by its own size."""
    fastest = 0.0
    for i in range(theta.shape[1]):
        size = speed = 0.0
        for k in range(theta.shape[0]):
            size += theta[k, i] ** 2
            speed += out[k, i] ** 2
        if size > 0:
            fastest = max(fastest, speed / size)
    return 1 / np.sqrt(fastest) if fastest > 0 else np.inf


@inlined
def heun(dims, x, y, slopes, theta, step, on, held, count, resting, ks, new, work):
    """CHATTER steps of second order of a ReLU network, whatever samples its units pass."""
    for i in range(theta.shape[1]):
        count[i], resting[i] = 0, False
        for s in range(on.shape[0]):
            held[s, i] = False
    for half in range(2 * CHATTER):
        second = half % 2
        at = new if second else theta
        pattern(dims[2], x, at, on, work)
        field(POINTWISE, dims, x, y, slopes, at, on, ks[second], work)
        for k in range(theta.shape[0]):
            for i in range(theta.shape[1]):
                if second:
                    theta[k, i] += step * (ks[0, k, i] + ks[1, k, i]) / 2
                else:
                    new[k, i] = theta[k, i] + step * ks[0, k, i]
    pattern(dims[2], x, theta, on, work)


@compiled
def descend_run(kind, dims, a, b, numbers, theta, lr, steps, every, rule, beta, beta2, eps):
    """Gradient descent, heavy ball or Adam (rule 0, 1, 2) from units theta (F, units).

    Returns the step by which the loss was no number, or -1, and losses (T,) and units (T, F, units)
    of every so many steps.
    """
    n = steps // every + 1
    losses, thetas = np.empty(n), np.empty((n, *theta.shape))
    theta, out = theta.copy(), np.empty_like(theta)
    first, second = np.zeros_like(theta), np.zeros_like(theta)
    work = np.empty(workspace(kind, a, b, theta))
    relu = kind == POINTWISE and dims[4] == RAMP
    on = np.empty((a.shape[0] if relu else 0, theta.shape[1]))
    for step in range(steps + 1):
        if relu:
            pattern(dims[2], a, theta, on, work)
        loss = field(kind, dims, a, b, numbers, theta, on, out, work)
        if step % every == 0:
            losses[step // every] = loss
            put(theta, thetas[step // every])
        if not np.isfinite(loss):
            return step, losses, thetas
        if rule == 0:
            for k in range(theta.shape[0]):
                for i in range(theta.shape[1]):
                    theta[k, i] += lr * out[k, i]
        elif rule == 1:
            for k in range(theta.shape[0]):
                for i in range(theta.shape[1]):
                    first[k, i] = beta * first[k, i] + out[k, i]
                    theta[k, i] += lr * first[k, i]
        else:
            one, two = 1 - beta ** (step + 1), 1 - beta2 ** (step + 1)
            for k in range(theta.shape[0]):
                for i in range(theta.shape[1]):
                    first[k, i] = beta * first[k, i] + (1 - beta) * out[k, i]
                    second[k, i] = beta2 * second[k, i] + (1 - beta2) * out[k, i] ** 2
                    theta[k, i] += lr * first[k, i] / one / (np.sqrt(second[k, i] / two) + eps)
    return -1, losses, thetas
