"""ReLU networks: dormant units align into rays, which grow exponentially; one escapes first.

A dormant unit sees only the residual r of its saddle.  It turns until it grows in a straight line,
along a local maximum of |E[r sigma(u . x)]| over directions u, or until it is off on all samples.
Units of one direction, a ray, act as one (Theorem 3 iii).  The field jumps at kinks, where a unit
switches on a sample, and units slide along kinks; so all flows here take short steps of fixed size.
A step of Heun's method multiplies what grows at a rate r by 1 + h + h^2 / 2, with h = r step, and
not by exp h: so a time is read off what a unit has grown meanwhile (`_clock`).
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


def first_ray_escape(rest: Pointwise, dormant: np.ndarray) -> FirstEscape:
    """The ray that escapes from this saddle first, with the units that are on it by then.

    `rest` is the residual task there and `dormant` the units (units, features).  These are followed
    for 14 e-folds of the fastest direction, in which they turn into rays; from there on each grows
    at the rate that it has.  Where a ray escapes before, it is one unit for those that are aligned
    by then, and the others stay as they are.
    """
    fold = efold_time(rest)
    path = _steps(rest, TINY * dormant, STEP * fold, TURN) / TINY
    last = path[-1]
    norms = np.linalg.norm(path, axis=-1)
    field, norm, clocks = rest.field(TINY * last) / TINY, norms[-1], _clock(norms, STEP * fold)
    ray = _unit(last)
    rates = (ray * field).sum(-1) / np.maximum(norm, 1e-300)
    growing = rates * fold > 1e-3
    reach, _ = best_amplitude(rest, ray[np.where(growing, rates, -np.inf).argmax()][None])
    with np.errstate(divide="ignore", invalid="ignore"):
        due = np.where(growing, clocks[-1] + np.log(reach / norm) / rates, np.inf)
    recruit = int(due.argmin())
    same, rate = growing & (ray @ ray[recruit] > 0.99), max(rates[recruit], 1e-300)
    way = concat([_unit(part) for part in rest.split(ray[recruit])]) / np.sqrt(2)
    total = np.linalg.norm(norm[same])
    rival = np.where(growing & ~same, rates, 0).max() / rate

    def at(size: float) -> Escape:
        more = np.log(size / total) / rate if growing.any() else np.inf
        time, now = max(more + clocks[-1, recruit], 0), last
        unit, together = size * way, same
        if more < 0:  # units still turn when it escapes
            place = np.interp(time, clocks[:, recruit], np.arange(TURN + 1))
            k = min(int(place), TURN - 1)
            now = path[k] + (place - k) * (path[k + 1] - path[k])
            lone = _unit(now)
            together = lone @ lone[recruit] > 1 - ALIKE
            unit = np.linalg.norm(now[together]) * lone[recruit]
        elif np.isfinite(more):
            now = np.exp(rates * (time - clocks[-1]))[:, None] * last
        return Escape(time, unit[None], np.where(together[:, None], 0, now), rival)

    return FirstEscape(way, recruit, at)


def ray_drop(network: Pointwise, start: np.ndarray, dormant: np.ndarray) -> Drop:
    """The drop of a narrow network from units `start`, of which the last is escaping.

    The dormant units are carried along until the narrow network rests; then it goes on by itself,
    for SETTLE steps, to its saddle.  A dormant unit that is no longer small before it rests falls
    with it (`_fall`), and stays a unit of its own.
    """
    long = 2 * STEP * efold_time(network)
    step = min(STEP * efold_time(residual_task(network, start[:-1])), long)
    theta, own = np.concatenate([start, dormant]), np.arange(len(start) + len(dormant)) < len(start)
    fell, path, cut, passed = _fall(network, theta, own, step)
    norm = np.linalg.norm(path[-1], axis=-1)
    kept = fell & (own | (norm > SEEN * norm.max()))
    rest = _steps(network, path[-1, kept], long, SETTLE)
    duration = step * (len(path) - 1)
    escaping = np.linalg.norm(path[:, len(start) - 1], axis=-1)
    times, losses = _clock(escaping, step), network.loss(path[:, fell])
    if not cut:
        times = np.append(times, duration + long * np.arange(1, SETTLE + 1))
        losses = np.append(losses, network.loss(rest[1:]))
    others = np.where(kept[:, None], 0, path[-1])[len(start) :]
    return Drop(rest[-1], rest[0 if cut else -1], others, duration, 0.0, times, losses, passed)


def _fall(
    network: Pointwise, theta: np.ndarray, seen: np.ndarray, step: float, alone: float | None = None
) -> tuple[np.ndarray, np.ndarray, bool, list[float]]:
    """The units that are `seen` in the end, (units,), and the path to rest, (T, units, features).

    Also whether it is cut before, and the level that the first of the units would have come to
    alone, if the others make a difference to it.

    All units move by the residual of those that are seen.  Where another comes to be GROWN times as
    large as the largest of these before they rest, the path is cut when it was SEEN times as large;
    if that was before the loss has fallen, the fall is repeated with it among them.
    """
    scale = np.where(seen, 1, TINY)[:, None]  # units of that size grow as they do, unseen
    path, speed, still = [(theta * scale)[None]], np.empty(0), np.zeros(1, dtype=bool)
    for _ in range(CHUNKS):
        more = _steps(network, path[-1][-1], step, CHUNK)
        path.append(more[1:])
        speed = np.append(speed, np.linalg.norm(np.diff(more, axis=0), axis=(1, 2)))
        still = (np.arange(len(speed)) > speed.argmax()) & (speed < RESTED * speed.max())
        if still.any() or not speed.any():
            break
    rest = (int(still.argmax()) if still.any() else len(speed) - 1) + 1
    whole = np.concatenate(path) / scale
    level, top = network.loss(whole[rest, seen]), network.loss(whole[0, seen])
    half = 4 * int((network.loss(whole[::4, seen]) < level + CALM * (top - level)).argmax())
    norm = np.linalg.norm(whole, axis=-1)
    size = np.where(seen, 0, norm / norm[:, seen].max())[: rest + 1]
    large = (size > SEEN) & (size.max(0) > GROWN)
    alone = level if alone is None else alone
    early = large[: half + 1].any(0)
    if early.any():
        return _fall(network, theta, seen | early, step, alone)
    cut = bool(large.any())
    stop = int(large.any(1).argmax()) if cut else rest
    return seen, whole[: stop + 1], cut, [float(alone)] if alone - level > MERGED * top else []


def _clock(norms: np.ndarray, step: float) -> np.ndarray:
    """Times (T, \\*units) by which units of these norms have grown so, in T - 1 steps of Heun."""
    grown = np.maximum(np.diff(np.log(np.maximum(norms, 1e-300)), axis=0), 0)
    h = np.sqrt(2 * np.exp(grown) - 1) - 1
    times = np.cumsum(np.where(h > 1e-8, grown / np.maximum(h, 1e-8), 1), axis=0)
    return step * np.concatenate([0 * times[:1], times])


def _steps(network: Pointwise, theta: np.ndarray, step: float, count: int) -> np.ndarray:
    """Units (count + 1, units, features) of one run after each of `count` steps (`heun_path`)."""
    return heun_path(network, theta[None], np.array([step]), count)[:, 0]


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors (\\*n, features) of norm 1 in these directions."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-300)


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
    pulls = pulls.reshape(*u.shape[:2], network.n_v, network.n_u)
    return np.linalg.norm(pulls, 2, axis=(2, 3)).max(-1, initial=0)


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
