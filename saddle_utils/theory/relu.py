"""ReLU networks: dormant units align into rays, which grow exponentially; one escapes first.

A dormant unit sees only the residual r of its saddle.  It turns until it grows in a straight line,
along a local maximum of |E[r sigma(u . x)]| over directions u, or until it is off on all samples.
Units of one direction, a ray, act as one (Theorem 3 iii).  The field jumps at kinks, where a unit
switches on a sample, and units slide along kinks; so all flows here take short steps of fixed size.
"""

from dataclasses import dataclass

import numpy as np

from ..dynamics import heun_path
from ..networks import Pointwise, concat
from .waiting import Drop, Escape, FirstEscape, best_amplitude, residual_task

STEP = 0.1  # length of a step over the time in which the fastest unit grows e-fold
TURN, CHUNK, CHUNKS, SETTLE = 140, 50, 16, 300  # steps: to align, during a drop, and after it
ALIKE = 1e-5  # units of one direction, to this much of 1 - cosine, are one
SEEN, GROWN = 0.02, 0.1  # of the largest norm: a dormant unit is no longer small; and matters
RESTED = 3e-3  # of the largest speed: a narrow network is at rest
MERGED = 0.03  # of the loss: a lower level is another drop
CALM = 0.3  # of its decrease that is left when the loss counts as fallen
TINY = 1e-100  # units of that size move as others do, but their part in the output is nothing
TOLERANCE = 1e-9  # of angles and slopes where an extremum lies on a kink


def first_relu_escape(rest: Pointwise, dormant: np.ndarray) -> FirstEscape:
    """The ray that escapes from this saddle first, with the units that are on it by then.

    `rest` is the residual task there and `dormant` the units (runs, units, features).  These are
    followed for 14 e-folds of the fastest direction, in which they turn into rays; from there on
    each grows at the rate that it has.  Where a ray escapes before, it is one unit for those that
    are aligned by then, and the others stay as they are.
    """
    fold = efold_time(rest)
    path = heun_path(rest, TINY * dormant, STEP * fold, TURN) / TINY
    last = path[-1]
    field, norm = rest.field(TINY * last) / TINY, np.linalg.norm(last, axis=-1)
    ray = last / np.maximum(norm, 1e-300)[..., None]
    rates = (ray * field).sum(-1) / np.maximum(norm, 1e-300)
    runs, growing = np.arange(len(last)), rates * fold[:, None] > 1e-3
    fastest = np.where(growing, rates, -np.inf).argmax(-1)
    reach, _ = best_amplitude(rest, ray[runs, fastest][:, None])
    with np.errstate(divide="ignore", invalid="ignore"):
        due = np.where(growing, np.log(reach[:, None] / norm) / rates, np.inf)
    recruit = due.argmin(-1)
    same = growing & ((ray * ray[runs, recruit][:, None]).sum(-1) > 0.99)
    v, u = rest.split(ray[runs, recruit][:, None])
    parts = [part / np.maximum(np.linalg.norm(part, axis=-1), 1e-300)[..., None] for part in (v, u)]
    direction, rate = concat(parts) / np.sqrt(2), np.maximum(rates[runs, recruit], 1e-300)
    total = np.linalg.norm(np.where(same, norm, 0), axis=-1)
    rival = np.where(growing & ~same, rates, 0).max(-1) / rate

    def at(size: np.ndarray) -> Escape:
        with np.errstate(divide="ignore", invalid="ignore"):
            more = np.where(growing.any(-1), np.log(size / total) / rate, np.inf)
        grown = np.exp(rates * np.where(np.isfinite(more), more, 0)[:, None])
        now, time = grown[..., None] * last, np.maximum(more + TURN * STEP * fold, 0)
        unit, together = size[:, None, None] * direction, same.copy()
        for i in np.flatnonzero(more < 0):  # units still turn when it escapes
            place = min(time[i] / (STEP * fold[i]), TURN - 1e-9)
            k = int(place)
            now[i] = path[k, i] + (place - k) * (path[k + 1, i] - path[k, i])
            lone = now[i] / np.maximum(np.linalg.norm(now[i], axis=-1, keepdims=True), 1e-300)
            together[i] = lone @ lone[recruit[i]] > 1 - ALIKE
            unit[i] = np.linalg.norm(now[i][together[i]]) * lone[recruit[i]]
        return Escape(time, unit, np.where(together[..., None], 0, now), rival)

    share = np.where(same, norm, 0) / np.maximum(total, 1e-300)[:, None]
    return FirstEscape(direction, recruit, share, at)


def relu_drop(network: Pointwise, start: np.ndarray, dormant: np.ndarray) -> Drop:
    """The drop of a narrow network from units `start`, of which the last is escaping.

    The dormant units are carried along until the narrow network rests; then it goes on by itself,
    for SETTLE steps, to its saddle.  A dormant unit that is no longer small before it rests falls
    with it (`_fall`), and stays a unit of its own.
    """
    first, now = efold_time(network), efold_time(residual_task(network, start[:, :-1]))
    step = np.minimum(STEP * now, 2 * STEP * first)
    theta = np.concatenate([start, dormant], axis=1)
    seen = np.zeros(theta.shape[:2], dtype=bool)
    seen[:, : start.shape[1]] = True
    falls = _fall(network, theta, seen, step)
    seen, ends = np.stack([fall[0] for fall in falls]), np.stack([fall[1][-1] for fall in falls])
    norm = np.linalg.norm(ends, axis=-1)
    own = slice(start.shape[1], None)
    seen[:, own] &= (norm > SEEN * norm.max(1, keepdims=True))[:, own]
    width = seen.sum(1).max()
    order = np.argsort(~seen, axis=1, kind="stable")[:, :width, None]
    lead = np.take_along_axis(np.where(seen[..., None], ends, 0), order, 1)
    cut, passed = (np.array([fall[k] for fall in falls]) for k in (2, 3))
    rest = heun_path(network, lead, 2 * STEP * first, SETTLE)
    curves, duration = [], np.zeros(len(theta))
    after = network.loss(rest[1:]).T
    for i, (fell, path, *_) in enumerate(falls):
        duration[i] = step[i] * (len(path) - 1)
        times, losses = step[i] * np.arange(len(path)), network.runs(i).loss(path[:, fell])
        if not cut[i]:
            long = duration[i] + 2 * STEP * first[i] * np.arange(1, SETTLE + 1)
            times, losses = np.append(times, long), np.append(losses, after[i])
        curves.append((times, losses))
    never = np.full(len(theta), np.nan)
    others = np.where(seen[:, own, None], 0, ends[:, own])
    lead = np.where(cut[:, None, None], lead, rest[-1])
    return Drop(rest[-1], others, duration, never, curves, lead, passed[:, None])


def _fall(
    network: Pointwise,
    theta: np.ndarray,
    seen: np.ndarray,
    step: np.ndarray,
    alone: np.ndarray | None = None,
) -> list[tuple[np.ndarray, np.ndarray, bool, float]]:
    """For each run the units that are `seen` in the end, (units,), and the path to rest, (T, ...).

    Also whether it is cut before, and the level that the first of the units would have come to
    alone, nan if the others make no difference to it.

    All units move by the residual of those that are seen.  Where another comes to be GROWN times as
    large as the largest of these before they rest, the path is cut when it was SEEN times as large;
    if that was before the loss has fallen, the fall is repeated with it among them.
    """
    rows, runs = seen[..., None], np.arange(len(theta))
    scale = np.where(rows, 1, TINY)  # ReLU units of that size grow as they do, and are not seen
    parts, speed = [(theta * scale)[None]], np.empty((0, len(theta)))
    move = runs
    for _ in range(CHUNKS):
        more = np.repeat(parts[-1][-1:], CHUNK + 1, axis=0)
        more[:, move] = heun_path(network.runs(move), more[0, move], step[move], CHUNK)
        parts.append(more[1:])
        speed = np.append(speed, np.linalg.norm(np.diff(more, axis=0), axis=(-2, -1)), axis=0)
        behind = np.arange(len(speed))[:, None] > speed.argmax(0)
        still = behind & (speed < RESTED * speed.max(0))
        move = np.flatnonzero(~still.any(0) & speed.any(0))
        if not len(move):
            break
    path = np.concatenate(parts)
    whole, steps = path / scale, np.arange(len(path))
    rest = np.where(still.any(0), still.argmax(0), len(speed) - 1) + 1
    some, order = steps[::4], np.argsort(~seen, axis=1, kind="stable")[:, : seen.sum(1).max(), None]
    level, top = (network.loss(path[k, runs]) for k in (rest, 0 * rest))
    losses = network.loss(np.take_along_axis(path[some], order[None], 2))
    half = some[(losses < level + CALM * (top - level)).argmax(0)]
    norm = np.linalg.norm(whole, axis=-1)
    led = np.where(seen, norm, 0).max((0, 2))
    share = np.where(seen, 0, norm / np.where(led > 0, led, np.inf)[:, None])
    share[steps[:, None] > rest] = 0
    large = (share > SEEN) & (share.max(0) > GROWN)
    early = (large & (steps[:, None, None] <= half[:, None])).any(0)
    alone = level if alone is None else alone
    due = large.any(-1)
    cut, passed = due.any(0), np.where(alone - level > MERGED * top, alone, np.nan)
    stop = np.where(cut, due.argmax(0), rest)
    found = [(seen[i], whole[: stop[i] + 1, i], cut[i], passed[i]) for i in runs]
    again = np.flatnonzero(early.any(1))
    if len(again):
        more = (network.runs(again), theta[again], (seen | early)[again], step[again])
        for i, fall in zip(again, _fall(*more, alone[again]), strict=True):
            found[i] = fall
    return found


def tearing_rate(network: Pointwise, saddle: np.ndarray) -> np.ndarray:
    """Fastest rate at which the units of one ray part at a saddle, (runs,).

    The `saddle` has one unit for each ray, (runs, units, features).  Units of a ray are on for the
    same samples, where the network is linear.  Their differences grow at the largest singular value
    of E[r x_p] over those samples, with a row for each output and patch.  For one output and one
    patch it is 0 at a fixed point.
    """
    rest, (_, u) = residual_task(network, saddle), network.split(saddle)
    on = (u[:, None] @ network.x.mT > 0) * 1.0  # (runs, patches, units, samples)
    pulls = np.einsum("ros,rphs,rpsk->rhopk", rest.y / network.samples, on, network.x)
    return np.linalg.norm(pulls.reshape(*u.shape[:2], -1, network.n_u), 2, axis=(2, 3)).max(-1)


def efold_time(network: Pointwise) -> np.ndarray:
    """Time in which the fastest dormant unit grows e-fold, (runs,), up to a factor of order one.

    1 / |E[y sigma(u . x)]|, with the largest value among the directions u of the samples.
    """
    samples = np.concatenate(list(np.moveaxis(network.x, -3, 0)), axis=-2)
    u = samples / np.maximum(np.linalg.norm(samples, axis=-1, keepdims=True), 1e-300)
    silent = np.zeros((*u.shape[:-1], network.n_v))
    pull = network.split(network.field(concat([silent, u])))[0]
    rate = np.linalg.norm(pull, axis=-1).max(-1)
    return 1 / np.where(rate > 0, rate, 1.0)  # any time, where nothing grows


@dataclass(frozen=True)
class ReluDirections:
    """Directions into which small ReLU units align, in descending order of their rates of growth.

    directions : unit vectors u, (n, 2)
    rates : the rate U = |E[y sigma(u . x)]| of each, (n,)
    signs : sign of v of the units that align there, (n,)
    """

    directions: np.ndarray
    rates: np.ndarray
    signs: np.ndarray

    @property
    def first_time(self) -> float:
        """Time of the first drop over ln(1 / eps), 1 / U_1, for balanced units |v_i| = |u_i|."""
        return float(1 / self.rates[0])

    @property
    def exponent(self) -> float:
        """Exponent 1 - U_2 / U_1 to which the units of the second direction are suppressed."""
        return float(1 - self.rates[1] / self.rates[0]) if len(self.rates) > 1 else 1.0


def relu_directions(network: Pointwise) -> ReluDirections:
    """All local maxima of |E[y sigma(u . x)]| over unit vectors u of the plane, exact.

    This is the ReLU analogue of Theorem 4: a balanced small unit grows at the rate
    |E[y sigma(u . x)]| while u turns uphill.  Between two kinks u . x_p = 0 the mean is A . u with
    one vector A, so its extrema lie along A, where that is between them, or on a kink.
    ValueError for another network than ReLU with one output, one patch and two inputs; or if no
    direction grows.
    """
    if getattr(network, "phi", None) != "relu" or (network.n_v, network.n_u) != (1, 2):
        raise ValueError("wanted a ReLU network with one output, one patch and two inputs")
    x, y = network.x[0], network.y[0]
    x, y = x[np.any(x != 0, axis=1)], y[np.any(x != 0, axis=1)]
    turn = np.arctan2(x[:, 1], x[:, 0])
    kinks = np.unique(np.concatenate([turn + np.pi / 2, turn - np.pi / 2]) % (2 * np.pi))
    kinks = kinks[np.diff(kinks, prepend=kinks[-1] - 2 * np.pi) > TOLERANCE]
    width = np.diff(kinks, append=kinks[0] + 2 * np.pi)
    inside = _circle(kinks + width / 2) @ x.T > 0
    a = inside @ (y[:, None] * x) / network.samples  # cell k lies between kinks k and k + 1
    size, along = np.linalg.norm(a, axis=1), np.arctan2(a[:, 1], a[:, 0])
    found = []
    for half, sign in ((0, 1), (np.pi, -1)):  # A . u = |A| at its angle, -|A| opposite
        into = (along + half - kinks) % (2 * np.pi)
        own = (size > 0) & (TOLERANCE < into) & (into < width - TOLERANCE)
        found.append(np.stack([along + half, sign * size], axis=1)[own])
    value, normal = np.sum(a * _circle(kinks), axis=1), _circle(kinks + np.pi / 2)
    slope = [np.sign(value) * np.sum(cell * normal, axis=1) for cell in (np.roll(a, 1, 0), a)]
    small = TOLERANCE * size.max()
    peak = (slope[0] >= -small) & (slope[1] <= small) & (np.abs(value) > small)
    angle, value = np.concatenate([*found, np.stack([kinks, value], axis=1)[peak]]).T
    if not len(value):
        raise ValueError("E[y sigma(u . x)] vanishes for all u: no direction grows")
    order = np.argsort(-np.abs(value))
    return ReluDirections(_circle(angle[order]), np.abs(value[order]), np.sign(value[order]))


def _circle(angles: np.ndarray) -> np.ndarray:
    """Unit vectors at these angles, (\\*angles, 2)."""
    return np.stack([np.cos(angles), np.sin(angles)], axis=-1)
