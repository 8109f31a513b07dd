"""Compiled kernels: a whole run of one network, by gradient descent or by gradient flow."""

import numpy as np
from scipy.linalg import lapack

from .compiling import compiled, kernel, merged
from .fields import clear, field, workspace
from .kinks import kink_after, let_go, remember, room_for_kinks, set_pattern, turn
from .problems import LINEAR
from .records import blank, copy, write
from .steps import NO_ROOM, between, explicit, implicit, room_for_steps, slide_field

EDGE = 3.0  # step times rate at which stability limits the explicit method, 3.3, less a margin
PATIENCE = 10  # explicit steps at that edge before a run turns implicit for good
PAYS = 40  # explicit steps to the end of a run for which it would not, over 10 + the rank
CHATTER, FINE = 50, 2e-3  # attempts between two looks at whether kinks crowd; steps where they do
RECORDS = 256  # of a tape for the steps of a run; another one follows
ROUNDING = 1e-11  # relative tolerance below which implicit steps only measure rounding


def flow_one(data, start, grid, end, rtol, floor, limit):
    """Gradient flow from units `start` (F, units) at time 0 to `end`: whether that was reached, and
    times (T,), losses (T,) and units (T, units, F) at the times of the grid or, where it is empty,
    at all steps of the solver."""
    f, units = start.shape
    work, spare = workspace(data, units), workspace(data, units)
    kinks, room = room_for_kinks(data, units), NO_ROOM
    places, now, marks, tapes = np.zeros((13, f, units)), np.zeros(12), np.zeros(4, int), []
    places[0], now[4], rotation = start, 1e-300, np.empty((0, 0))
    tape = blank(grid.size or RECORDS, units, f)
    while True:
        flow_run(data, work, spare, kinks, room, places, rotation, now, marks, tape, grid, end,
                 rtol, floor, limit)  # fmt: skip
        filled, _, _, stiff = marks
        if stiff and room is NO_ROOM:
            room = room_for_steps(data, units, f)
            if data.kind == LINEAR and units <= f:
                places[0], rotation = grade(places[0])
        elif filled == RECORDS and not grid.size and now[0] < end:
            tapes.append(tape)
            tape, marks[0] = blank(RECORDS, units, f), 0
        else:
            break
    tapes.append([part[:filled] for part in tape])
    whole = map(np.concatenate, zip(*tapes, strict=True)) if len(tapes) > 1 else tapes[0]
    return now[0] >= end, *whole


@kernel
def flow_run(
    data, work, spare, kinks, room, places, rotation, now, marks, tape, grid, end, rtol, floor,
    limit,
):  # fmt: skip
    """`flow_one` up to its end, the end of its tape, or the first step for which it has no room.

    `places`, `now` and `marks` hold all that it needs when it is called again.
    """
    theta, new, error, point, aside = places[0], places[1], places[2], places[3], places[4]
    ks, crowd, weights, t, step = places[5:], now[2:5], now[5:], now[0], now[1]
    own, relu, filled, limited = grid.size == 0, kinks.on.shape[0] > 0, marks[0], marks[1]
    stiff, pays = marks[3] > 0, PAYS * (10 + min(work.g.size, theta.size))
    if marks[2] == 0:
        set_pattern(data, kinks, theta)
    loss = slide_field(data, work, kinks, theta, ks[0])
    if marks[2] == 0:
        step = min(0.01 * root_mean_square(theta) / max(root_mean_square(ks[0]), 1e-300), end)
        if own or grid[0] == 0:
            filled = write(tape, filled, t, loss, theta, rotation)
    while t < end and marks[2] < limit and (step >= 1e-14 * t or relu):
        if (own and filled == tape.times.size) or (stiff and room.x.size == 0):
            break
        marks[2] += 1
        crowds = relu and not stiff and marks[2] % CHATTER == 0
        stride = crowded(crowd, theta, ks[0], t) if crowds else 0.0
        h = min(step, growth_limit(theta, ks[0], rtol)) if stiff else step
        h = min(stride, end if own else grid[filled] - t) if stride else h
        last = t + h * (1 + 1e-12) >= end
        h = end - t if last else h
        loss, rate, factor, good = attempt(
            data, work, kinks, room, stiff, stride, theta, h, ks, new, error, rtol, floor
        )
        limited = limited + 1 if h * rate > EDGE and end - t > pays * h else 0
        step = h * factor
        crowd[2] = max(crowd[2], min(rate, 1 / h))
        if not good:
            continue
        part = 1.0
        if relu and not stride:
            loss, part = up_to_kink(
                data, work, kinks, stiff, theta, new, h, ks, point, rtol, loss, weights
            )
        before, t = t, end if last and part == 1 else t + part * h
        while filled < grid.size and grid[filled] <= t * (1 + 1e-15):
            s = (grid[filled] - before) / h
            between(stiff or stride > 0, theta, new, ks, h, s, weights, error)
            at = field(data, spare, kinks.on, error, aside)
            filled = write(tape, filled, grid[filled], at, error, rotation)
        if part < 1:
            new, point = point, new
            copy(ks[7], ks[6])
        changed = relu and not stride and turn(data, work, kinks, new, ks, rtol)
        crowd[1] += changed
        theta, new = new, theta
        copy(ks[6], ks[0])
        stiff = stiff or limited >= PATIENCE
        loss = settle(data, work, kinks, theta, ks[0], loss, changed)
        if own:
            filled = write(tape, filled, t, loss, theta, rotation)
    now[0], now[1], marks[0], marks[1], marks[3] = t, step, filled, limited, stiff
    copy(theta, aside)
    copy(aside, places[0])


@compiled
def attempt(data, work, kinks, room, stiff, stride, theta, h, ks, new, error, rtol, floor):
    """A step from theta to `new`: the loss there, the fastest rate of decay, the factor of the next
    step, and whether this one is good; if not, it is to be made again, shorter."""
    if stride:
        return creep(data, work, kinks, theta, new, ks, h / CHATTER), 0.0, 1 / CHATTER, True
    if stiff:
        loss, rate = implicit(data, work, kinks, room, theta, h, ks, new, error), np.inf
        coarser = max(1.0, ROUNDING / rtol)
        rtol, floor = coarser * rtol, coarser * floor
    else:
        loss, rate = explicit(data, work, kinks, theta, h, ks, new, error)
    size = error_norm(theta, new, error, floor, rtol, work.rows[0])
    if size == np.inf:
        for stage in range(1, 7):
            clear(ks[stage])
    factor = min(max(0.9 * max(size, 1e-10) ** (-0.25 if stiff else -0.2), 0.2), 5.0)
    return loss, rate, factor, size <= 1


@compiled
def up_to_kink(data, work, kinks, stiff, theta, new, h, ks, point, rtol, loss, weights):
    """The loss and the part of a good step that ends where the first unit crosses or leaves a
    sample, to the tolerance: `point`, its field ks[7].  The loss of the step and 1 where none does.
    """
    s, part = 1.0, kink_after(data, work, kinks, stiff, theta, new, h, ks, 1.0, new, rtol)
    while part < s and s > 1e-12:
        s = part
        between(stiff, theta, new, ks, h, s, weights, point)
        loss = slide_field(data, work, kinks, point, ks[7])
        part = kink_after(data, work, kinks, stiff, theta, new, h, ks, s, point, rtol)
    return loss, s


@compiled
def settle(data, work, kinks, theta, out, loss, changed):
    """The loss where kinks have `changed`, with the field in `out`, once all that let go have."""
    while changed:
        loss = slide_field(data, work, kinks, theta, out)
        changed = let_go(kinks)
    remember(kinks)
    return loss


@merged
def error_norm(theta, new, error, floor, rtol, largest):
    """Root mean square of the error of a step over what is tolerated; inf for what is no number.

    Tolerated is `floor`, `rtol` of each weight, and what rounding makes of the largest of its unit.
    """
    total = 0.0
    for i in range(theta.shape[1]):
        largest[i] = 0.0
    for k in range(theta.shape[0]):
        for i in range(theta.shape[1]):
            largest[i] = max(largest[i], abs(new[k, i]))
    for k in range(theta.shape[0]):
        for i in range(theta.shape[1]):
            tolerated = floor + rtol * max(abs(theta[k, i]), abs(new[k, i])) + 1e-15 * largest[i]
            total += (error[k, i] / tolerated) ** 2
    size = np.sqrt(total / theta.size)
    return size if np.isfinite(size) else np.inf


@compiled
def growth_limit(theta, out, rtol):
    """The longest implicit step in which every unit changes by little: an L-stable method would
    damp the growth of dormant units that it steps over."""
    return min(0.5, 10 * rtol**0.25) * time_scale(theta, out)


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


@compiled
def crowded(crowd, theta, out, t):
    """The time of CHATTER steps of a fixed size where kinks crowd so that these advance no less,
    else 0.  `crowd` holds the time of the last look, and the kinks and fastest rate since."""
    stride = CHATTER * min(FINE * time_scale(theta, out), 0.5 / crowd[2])
    crowds = crowd[1] > CHATTER // 4 and t - crowd[0] < stride
    crowd[0], crowd[1], crowd[2] = t, 0.0, 1e-300
    return stride if crowds else 0.0


@compiled
def creep(data, work, kinks, theta, new, ks, step):
    """CHATTER steps of Heun's method to `new`, whatever samples its units pass; the loss there."""
    copy(theta, new)
    for _ in range(CHATTER):
        field(data, work, kinks.on[:0], new, ks[1])
        for k in range(theta.shape[0]):
            for i in range(theta.shape[1]):
                ks[3, k, i] = new[k, i] + step * ks[1, k, i]
        field(data, work, kinks.on[:0], ks[3], ks[2])
        for k in range(theta.shape[0]):
            for i in range(theta.shape[1]):
                new[k, i] += step * (ks[1, k, i] + ks[2, k, i]) / 2
    set_pattern(data, kinks, new)
    return field(data, work, kinks.on, new, ks[6])


@compiled
def root_mean_square(a):
    """Root mean square of a matrix."""
    total = 0.0
    for i in range(a.shape[0]):
        for k in range(a.shape[1]):
            total += a[i, k] ** 2
    return np.sqrt(total / a.size)


def grade(units):
    """Rotate units (F, units) of a linear network into orthogonal ones: these and the rotation,
    with units = these @ rotation.

    What has been learned and what is still small are then different units, each known to its own
    size, as by the rotations of Jacobi (LAPACK's gejsv).
    """
    turned = lapack.dgejsv(units)[2]
    return units @ turned, np.ascontiguousarray(turned.T)


def descend_one(data, start, lr, steps, every, rule, beta=0.0, beta2=0.0, eps=0.0):
    """Gradient descent with momentum or Adam (rule 0, 1), or Heun's method (2), from units `start`
    (F, units): the step by which the loss was no number, or -1, and losses (T,) and units
    (T, units, F) of every so many steps."""
    f, units = start.shape
    tape, places = blank(steps // every + 1, units, f), np.zeros((4, f, units))
    places[0] = start
    stopped = descend_run(
        data, workspace(data, units), tape, places, lr, steps, every, rule, beta, beta2, eps
    )
    return stopped, tape.losses, tape.units


@kernel
def descend_run(data, work, tape, places, lr, steps, every, rule, beta, beta2, eps):
    """`descend_one` with all that it writes to."""
    theta, out, first, second, none = places[0], places[1], places[2], places[3], work.rows[:0]
    for step in range(steps + 1):
        loss = field(data, work, none, theta, out)
        if step % every == 0:
            write(tape, step // every, step * lr, loss, theta, none)
        if not np.isfinite(loss):
            return step
        if rule == 2:
            for k in range(theta.shape[0]):
                for i in range(theta.shape[1]):
                    first[k, i] = theta[k, i] + lr * out[k, i]
            field(data, work, none, first, second)
        one, two = 1 - beta ** (step + 1), 1 - beta2 ** (step + 1)
        for k in range(theta.shape[0]):
            for i in range(theta.shape[1]):
                if rule == 0:
                    first[k, i] = beta * first[k, i] + out[k, i]
                    theta[k, i] += lr * first[k, i]
                elif rule == 1:
                    first[k, i] = beta * first[k, i] + (1 - beta) * out[k, i]
                    second[k, i] = beta2 * second[k, i] + (1 - beta2) * out[k, i] ** 2
                    theta[k, i] += lr * first[k, i] / one / (np.sqrt(second[k, i] / two) + eps)
                else:
                    theta[k, i] += lr / 2 * (out[k, i] + second[k, i])
    return -1
