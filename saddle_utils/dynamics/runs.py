"""Compiled kernels: a whole run of one network by gradient flow."""

import numpy as np
from scipy.linalg import lapack

from .compiling import compiled, kernel
from .fields import clear, field, workspace
from .implicit import NO_ROOM, implicit, room_for_steps
from .kinks import kink_after, let_go, remember, room_for_kinks, set_pattern, turn
from .problems import BILINEAR, DEEP, LINEAR
from .records import blank, copy, write
from .step_sizes import CHATTER, crowded, error_norm, growth_limit, root_mean_square, time_scale
from .steps import between, explicit, slide_field

EDGE = 3.0  # step times rate at which stability limits the explicit method, 3.3, less a margin
PATIENCE = 10  # explicit steps at that edge before a run turns implicit
PAYS = 40  # explicit steps to the end of a run for which it would not, over 10 + the rank
RECORDS = 256  # of a tape for the steps of a run; another one follows
TIME, STEP, TURNED = range(3)  # of a run's numbers; then 3 of `crowded` and 7 weights
FILLED, LIMITED, ATTEMPTS, STIFF, GRADED, RUN = range(6)  # of its counts
ROUNDING = 1e-11  # relative tolerance below which implicit steps only measure rounding


def flow_many(data, starts, grid, ends, rtol, floors, limit, level):
    """Gradient flow of one network from each of `starts` (runs, F, units) at time 0 to its end, or
    to the first step at which its loss has fallen to a `level`.  For each run whether it came to
    either, and times (T,), losses (T,) and units (T, units, F), at the times of the grid or, where
    it is empty, at all steps."""
    runs, f, units = starts.shape
    work, spare = workspace(data, units), workspace(data, units)
    kinks, room = room_for_kinks(data, units), NO_ROOM
    rotation = np.zeros((units, units) if data.kind == LINEAR and units <= f else (0, 0))
    places, now, marks = np.zeros((13, f, units)), np.zeros(13), np.zeros(6, int)
    spans, found = np.zeros((runs, 2), int), []
    tape, least = blank(max(RECORDS * min(runs, 8), grid.size), units, f), max(grid.size, 1)
    while True:
        flow_runs(data, work, spare, kinks, room, places, rotation, now, marks, tape, starts, spans,
                  grid, ends, rtol, floors, limit, level)  # fmt: skip
        run, filled = marks[RUN], marks[FILLED]
        for i in range(len(found), run):
            times, losses, path = (part[slice(*spans[i])] for part in tape)
            done = times.size > 0 and (times[-1] >= ends[i] or losses[-1] <= level)
            found.append((done, times, losses, path))
        if run == runs:
            return found
        if filled + least > tape.times.size:  # another tape, which begins with what this run has
            begun = [part[spans[run, 0] : filled] for part in tape]
            tape = blank(max(tape.times.size, 2 * len(begun[0])), units, f)
            for part, records in zip(tape, begun, strict=True):
                part[: len(records)] = records
            spans[run, 0], marks[FILLED] = 0, len(begun[0])
        if marks[STIFF]:
            room = room_for_steps(data, units, f) if room is NO_ROOM else room
            if rotation.size and not marks[GRADED]:
                places[0], rotation[:] = grade(places[0])
                marks[GRADED] = 1


@kernel
def flow_runs(
    data, work, spare, kinks, room, places, rotation, now, marks, tape, starts, spans, grid, ends,
    rtol, floors, limit, level,
):  # fmt: skip
    """`flow_many` up to the last run, to the end of the tape, or to where a run lacks room.

    `places`, `now` and `marks` hold all that it needs when it is called again.
    """
    while marks[RUN] < starts.shape[0]:
        i = marks[RUN]
        if marks[ATTEMPTS] == 0:
            spans[i, 0] = marks[FILLED]
            if marks[FILLED] + max(grid.size, 1) > tape.times.size:
                return
            copy(starts[i], places[0])
        if not flow_run(data, work, spare, kinks, room, places, rotation, now, marks, tape,
                        spans[i, 0], grid, ends[i], rtol, floors[i], limit, level):  # fmt: skip
            return
        spans[i, 1], marks[RUN] = marks[FILLED], i + 1
        for k in range(LIMITED, RUN):
            marks[k] = 0


@compiled
def flow_run(
    data, work, spare, kinks, room, places, rotation, now, marks, tape, first, grid, end, rtol,
    floor, limit, level,
):  # fmt: skip
    """One run, whose records begin at `first`, until it is over, or has to wait; whether it is."""
    theta, new, error, point, aside = places[0], places[1], places[2], places[3], places[4]
    own, relu, ks = grid.size == 0, kinks.on.shape[0] > 0, places[5:]
    loss = begin(data, work, kinks, theta, ks[0], now, marks, tape, own or grid[0] == 0, end)
    crowd, weights, t, step = now[3:6], now[6:], now[TIME], now[STEP]
    filled, limited, stiff, fallen = marks[FILLED], marks[LIMITED], marks[STIFF] > 0, False
    graded, waits, least = marks[GRADED] > 0, False, 0.0 if relu else 1e-14
    while t < end and not fallen and marks[ATTEMPTS] < limit and step > least * t:
        lacks_room = room.x.size == 0 or (rotation.size > 0 and not graded)
        waits = (own and filled == tape.times.size) or (stiff and lacks_room)
        if waits:
            break
        marks[ATTEMPTS] += 1
        looks = relu and not stiff and marks[ATTEMPTS] % CHATTER == 0
        stride = crowded(crowd, theta, ks[0], t) if looks else 0.0
        h = min(step, growth_limit(data, room, theta, ks[0], rtol)) if stiff else step
        h = min(stride, end if own else grid[filled - first] - t) if stride else h
        last = t + h * (1 + 1e-12) >= end
        h = end - t if last else h
        loss, rate, factor, good = attempt(
            data, work, kinks, room, stiff, stride, theta, h, ks, new, error, rtol, floor
        )
        turns = other_way(data, work, theta, stiff, h, rate, now[TURNED], end - t)
        limited, step = limited + 1 if turns else 0, h * factor
        crowd[2] = max(crowd[2], min(rate, 1 / h))
        if not good:
            continue
        part = 1.0
        if relu and not stride:
            loss, part = up_to_kink(
                data, work, kinks, room, stiff, theta, new, h, ks, point, rtol, loss, weights
            )
        before, t = t, end if last and part == 1 else t + part * h
        while filled - first < grid.size and grid[filled - first] <= t * (1 + 1e-15):
            s = (grid[filled - first] - before) / h
            between(stiff or stride > 0, room, theta, new, ks, h, s, weights, error)
            at = field(data, spare, kinks.on, error, aside)
            filled = write(tape, filled, grid[filled - first], at, error, rotation, graded)
        if part < 1:
            new, point = point, new
            copy(ks[7], ks[6])
        changed = relu and not stride and turn(data, work, kinks, new, ks, rtol)
        crowd[1] += changed
        theta, new = new, theta
        copy(ks[6], ks[0])
        if limited >= PATIENCE:
            now[TURNED], stiff, limited = now[TURNED] if stiff else h / 2, not stiff, 0
            marks[STIFF] = stiff
        loss = settle(data, work, kinks, theta, ks[0], loss, changed)
        fallen = loss <= level
        if own:
            filled = write(tape, filled, t, loss, theta, rotation, graded)
    now[TIME], now[STEP], marks[FILLED], marks[LIMITED] = t, step, filled, limited
    copy(theta, places[0])
    return not waits


@compiled
def begin(data, work, kinks, theta, out, now, marks, tape, recorded, end):
    """The loss and field of the units; at the start of a run also the pattern, the first step, and
    the first record, if there is one."""
    if marks[ATTEMPTS] == 0:
        set_pattern(data, kinks, theta)
    loss = slide_field(data, work, kinks, theta, out)
    if marks[ATTEMPTS] == 0:
        for k in range(now.size):
            now[k] = 0.0
        now[STEP] = min(0.01 * root_mean_square(theta) / max(root_mean_square(out), 1e-300), end)
        now[5] = 1e-300
        if recorded:
            marks[FILLED] = write(tape, marks[FILLED], 0.0, loss, theta, theta, False)
    return loss


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
    if data.kind == BILINEAR and size <= 1 and (stiff or h * rate < EDGE):  # growth speeds up
        factor *= min(1.0, max(0.5, time_scale(new, ks[6]) / time_scale(theta, ks[0])))
    return loss, rate, factor, size <= 1


@compiled
def other_way(data, work, theta, stiff, h, rate, edge, left):
    """Whether stability limits explicit steps, and for long, or, in networks where growth speeds
    up, implicit steps are as short as explicit ones may be."""
    if stiff:
        return data.kind == BILINEAR and h < edge
    cost = theta.size**2 / 4000 if data.kind == DEEP else min(work.g.size, theta.size)
    return h * rate > EDGE and left > PAYS * (10 + cost) * h


@compiled
def up_to_kink(data, work, kinks, room, stiff, theta, new, h, ks, point, rtol, loss, weights):
    """The loss and the part of a good step that ends where the first unit crosses or leaves a
    sample, to the tolerance: `point`, its field ks[7].  The loss of the step and 1 where none does.
    """
    s, part = 1.0, kink_after(data, work, kinks, stiff, theta, new, h, ks, 1.0, new, rtol)
    while part < s and s > 1e-12:
        s = part
        between(stiff, room, theta, new, ks, h, s, weights, point)
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


def grade(units):
    """Rotate units (F, units) of a linear network into orthogonal ones: these and the rotation,
    with units = these @ rotation.

    What has been learned and what is still small are then different units, each known to its own
    size, as by the rotations of Jacobi (LAPACK's gejsv).
    """
    turned = lapack.dgejsv(units)[2]
    return units @ turned, np.ascontiguousarray(turned.T)
