"""The path of a linear network from saddle to saddle, for any input covariance and convolutions.

Dormant units obey dTheta = Theta A with A = [[0, G], [G', 0]]', one residual matrix G for all (Eq.
9), and rotations among the units are a symmetry.  So the mode that grows most can be rotated into a
unit of its own, and becomes active when it has a thousandth of its best size.  The active units are
followed as a narrow network, which comes to rest at a saddle or is joined by the next unit before;
the dormant ones are carried along by its residual.  All that is neglected is what they change of
it, a millionth.
"""

from collections.abc import Callable

import numpy as np
from scipy.interpolate import CubicHermiteSpline

from ...dynamics import Trajectory, flow
from ...networks import Linear
from ...observables import dense_loss
from ..path import Prediction
from ..waiting import Walk, best_amplitude, best_map, learnable_loss, residual_task
from .saddles import learned_shares, linear_saddle, residual_matrix

LONGEST = 1e6  # longest time, times the largest curvature, for which a narrow network is followed
SLOW = 1e-3  # modes that grow so much slower than the fastest wait for ever
SLIGHT = 1e-6  # and so do those that can take no more than this fraction of the loss
SMALL = 1e-3  # of its best size: a mode that is larger becomes an active unit
LITTLE = 1e-3  # of what the best mode takes of the loss: one that takes less is not asked
SETTLED = 1e-3  # of a drop: what may be left of the last one where its curve ends
LARGE = 3.0  # and all units are active if they are larger at random by so much
RESTED, LEAVES = 1e-4, 10.0  # of its largest speed: a narrow network is at a saddle; and goes on
ENOUGH = 30.0  # e-folds, from SMALL, in which a new unit shows which mode of the data it learns
FOLDS, TURN = 1.0, 0.1  # in one step: e-folds of dormant units, relative change of the residual
FIRST = 16.0  # e-folds after which a narrow network is first looked at
RTOL, FINER = 1e-9, 8  # of the active units; points of their curve for each record
GAUSS = 0.5 - np.sqrt(3) / 6, 0.5 + np.sqrt(3) / 6  # where in a step the residual is taken
WEIGHTS = (3 + 2 * np.sqrt(3)) / 12, (3 - 2 * np.sqrt(3)) / 12  # of both, in its first half

Curve = tuple[np.ndarray, np.ndarray]


def linear_walk(network: Linear, theta0: np.ndarray, drops: int) -> Walk:
    """The walk of one run from units theta0 (units, features).

    The loss of the active units is one curve, which holds all drops.
    """
    dormant, clock, after = network.reduce(theta0)[1], 0.0, np.inf
    lead, origin, modes = dormant[:0], float(network.loss(dormant[:0])), []
    saddles, levels, curves, rivals, due, goal = [lead], [origin], [], [], True, np.inf
    curvature = 2 * np.linalg.norm(best_map(network), 2) * np.linalg.norm(network.szz, 2)
    longest = LONGEST / max(curvature, 1e-300)
    while due:
        rest, rank = residual_task(network, saddles[-1]), len(saddles) - 1
        able = rank < len(lead) + len(dormant) and learnable_loss(rest) > SLIGHT * origin
        if not able or rank == len(lead) or rank >= drops:
            if able and len(dormant):
                goal = SMALL * _best_size(rest)
            settled = levels[-1] + SETTLED * (levels[max(rank - 1, 0)] - levels[-1])
            settled = -np.inf if able and len(dormant) else settled
            due, curve, lead, dormant = _until(network, lead, dormant, goal, settled, longest)
            if rank:
                curves.append((clock + curve[0], curve[1]))
            clock += curve[0][-1]
            if rank == drops:
                after = clock if due else np.inf
            if rank >= drops and curve[1][-1] < (levels[drops - 1] + levels[drops]) / 2:
                break
            if due:  # all units at once, if they are large at random
                taken = len(dormant) if _is_large(dormant, goal) else 1
                lead, dormant = np.concatenate([lead, dormant[:taken]]), dormant[taken:]
        if due and able:  # others only help to learn what is left of the last mode
            rates = _rates(rest)
            rivals.append(rates[1] / max(rates[0], 1e-300))
            units = np.concatenate([lead, dormant])
            saddles.append(_next_saddle(network, saddles[-1], units, modes, longest))
            levels.append(float(network.loss(saddles[-1])))
    whole = (np.concatenate(part) for part in zip(*curves, strict=True))
    return Walk(saddles, levels, [(len(rivals), *whole)] if rivals else [], (), rivals, after)


def timing_errors(network: Linear, found: Prediction) -> np.ndarray:
    """How far what is tolerated may move each predicted time, over the time, (runs, drops).

    A unit whose size is off by a relative d comes d / s earlier, at the rate s of its saddle: the
    first of the rates there.  Each step of the active units may add RTOL to d, and what is
    neglected SMALL^2.  If the drop before comes later by D, a unit that grew at s' before and at s
    behind is later by (1 - s' / s) D; s' is the second of the rates before.
    """
    curves = [
        max((when for when, _ in of_run), key=len) for of_run in zip(*found.falls, strict=True)
    ]
    steps = [np.searchsorted(when, t) / FINER for when, t in zip(curves, found.times, strict=True)]
    late, errors, before = np.zeros(len(curves)), np.zeros(found.times.shape), None
    for k, saddle in enumerate(found.saddles[:-1]):
        rates = np.maximum(_rates(residual_task(network, saddle)), 1e-300)
        carried = 0 if before is None else np.abs(1 - before[:, 1] / rates[:, 0])
        late = carried * late + (RTOL * np.array(steps)[:, k] + SMALL**2) / rates[:, 0]
        errors[:, k], before = late / found.times[:, k], rates
    return errors


def _until(
    network: Linear, lead: np.ndarray, dormant: np.ndarray, goal: float, settled: float,
    longest: float,
) -> tuple[bool, Curve, np.ndarray, np.ndarray]:  # fmt: skip
    """Follow the active units `lead` (k, n) until a mode of the dormant ones has the size `goal`.

    Whether one has; times since and losses of the active units; these; and the dormant units, that
    mode rotated into the first.  None has by the time `longest`, nor, for a goal of inf, before the
    loss is `settled`.
    """
    dormant, size = _rotated(network, lead, dormant)
    due = size > goal or _is_large(dormant, goal)
    span = FIRST / max(float(np.linalg.norm(network.syz)), 1e-300)
    times, losses = [np.zeros(1)], [np.full(1, network.loss(lead))]
    while not due and times[-1][-1] < longest and losses[-1][-1] > settled:
        run, residual = _followed(network, lead, span)
        due, end, dormant, size = _carried(run, residual, dormant, size, goal)
        before = run.at(end), run.times[np.searchsorted(run.times, end, side="right") - 1]
        lead = before[0]
        if end > before[1] and len(lead):
            lead = flow(network, lead, end - before[1], rtol=RTOL).theta[-1]
        since, loss = dense_loss(network, run, FINER) if len(lead) else (run.times, run.losses)
        shown = (since > 0) & (since < end)
        times.append(times[-1][-1] + np.append(since[shown], end))
        losses.append(np.append(loss[shown], network.loss(lead)))
        span = 2 * span
    curve = np.concatenate(times), np.concatenate(losses)
    return bool(due), curve, lead, _rotated(network, lead, dormant)[0]


def _followed(
    network: Linear, lead: np.ndarray, span: float
) -> tuple[Trajectory, Callable[[np.ndarray], np.ndarray]]:
    """Active units followed for a time, and their residual matrices (T, n_v, n_u) at times (T,)."""
    if not len(lead):
        g, loss = network.residual(network.moment_map(lead)), np.full(2, network.loss(lead))
        run = Trajectory(np.array([0, span]), loss, lead[None].repeat(2, 0))
        return run, lambda times: np.broadcast_to(g, (len(times), *g.shape))
    run = flow(network, lead, span, rtol=RTOL)
    path = CubicHermiteSpline(run.times, run.theta, network.field(run.theta))
    return run, lambda times: network.residual(network.moment_map(path(times)))


def _carried(
    run: Trajectory,
    residual: Callable[[np.ndarray], np.ndarray],
    dormant: np.ndarray,
    size: float,
    goal: float,
) -> tuple[bool, float, np.ndarray, float]:
    """Dormant units (m, n) beside a run, until a mode of them, now of this `size`, comes to `goal`.

    Whether one does, when, or the end of the run; the units then, and the size.
    """
    if goal == np.inf:
        return False, run.times[-1], dormant, size
    g = residual(run.times)
    rates, turns = (
        np.linalg.norm(g, 2, axis=(1, 2)),
        np.linalg.norm(np.diff(g, axis=0), axis=(1, 2)),
    )
    rates = np.maximum(np.maximum(rates[1:], rates[:-1]), 1e-300)
    places = np.cumsum(np.append(0, np.diff(run.times) * rates / FOLDS + turns / rates / TURN))
    grid = np.interp(np.linspace(0, places[-1], int(places[-1]) + 2), places, run.times)
    for k, (step, growing) in enumerate(zip(*unit_steps(residual, grid), strict=True)):
        grown = dormant @ step
        larger = _largest(grown, growing)
        if larger > goal:
            part = np.clip(np.log(goal / size) / np.log(larger / size), 0, 1)
            end = grid[k] + part * (grid[k + 1] - grid[k])
            step, growing = (a[0] for a in unit_steps(residual, np.array([grid[k], end])))
            return True, end, dormant @ step, _largest(dormant @ step, growing)
        dormant, size = grown, larger
    return False, run.times[-1], dormant, size


def unit_steps(
    residual: Callable[[np.ndarray], np.ndarray], grid: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What each step of a grid of times makes of a dormant unit, which becomes unit @ step, (T, n,
    n); and the growing modes at its end, (T, n, modes).

    A commutator-free exponential of fourth order, exact where G is constant, however long the step.
    """
    wide = np.diff(grid)
    early, late = (residual(grid[:-1] + share * wide) for share in GAUSS)
    big, small = WEIGHTS
    pair = np.stack([big * early + small * late, small * early + big * late], axis=1)
    q, s, r = np.linalg.svd(pair * wide[:, None, None, None], full_matrices=False)
    grow, decay = (np.concatenate([q, sign * r.mT], axis=-2) / np.sqrt(2) for sign in (1, -1))
    steps = (grow * np.expm1(s)[..., None, :]) @ grow.mT + np.eye(grow.shape[-2])
    steps += (decay * np.expm1(-s)[..., None, :]) @ decay.mT
    return steps[:, 0] @ steps[:, 1], grow[:, 1]


def _largest(dormant: np.ndarray, growing: np.ndarray) -> float:
    """Size of the largest of the `growing` modes (n, modes) of dormant units (m, n)."""
    return float(np.sqrt(((dormant @ growing) ** 2).sum(0).max()))


def _rotated(network: Linear, lead: np.ndarray, dormant: np.ndarray) -> tuple[np.ndarray, float]:
    """Dormant units (m, n), rotated so that the largest growing mode is in the first alone, the
    next in the first two, and so on; and the size of the largest."""
    q, _, r = np.linalg.svd(network.residual(network.moment_map(lead)), full_matrices=False)
    strength = (dormant[:, : len(q)] @ q + dormant[:, len(q) :] @ r.T) / np.sqrt(2)
    sizes = np.linalg.norm(strength, axis=0)
    rows = np.argsort(-np.linalg.norm(strength, axis=1), kind="stable")
    turn = np.linalg.qr(strength[rows][:, np.argsort(-sizes, kind="stable")], mode="complete")[0]
    return turn.T @ dormant[rows], float(sizes.max(initial=0))


def _is_large(dormant: np.ndarray, goal: float) -> bool:
    """Whether dormant units (m, n) are larger than the goal of a mode in any direction."""
    return float(np.linalg.norm(dormant)) > LARGE * goal * max(len(dormant), 1) ** 0.5


def growing_modes(rest: Linear) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The modes that grow in a residual task: their rates, descending, (modes,), as units of norm 1
    (modes, features), their best sizes, and what they take of the loss."""
    q, s, r = np.linalg.svd(residual_matrix(rest), full_matrices=False)
    modes = np.concatenate([q, r.T]).T / np.sqrt(2)
    return s, modes, *best_amplitude(rest, modes[:, None])


def _best_size(rest: Linear) -> float:
    """The smallest of the best sizes of the modes that grow in a residual task and take some of it:
    a mode that is larger than its own changes the residual, even where a faster one is due."""
    rates, _, sizes, taken = growing_modes(rest)
    grows = rates > SLOW * rates[0]
    return float(sizes[grows & (taken >= LITTLE * taken[grows].max())].min())


def _next_saddle(
    network: Linear, saddle: np.ndarray, units: np.ndarray, modes: list[int], longest: float
) -> np.ndarray:
    """The saddle (k + 1, n) to which a narrow network comes from one of k units and a small unit.

    That is the mode that will first have its best size: in what all units (m, n) have of it beside
    the k directions of unit space that are learned.  Where the data decouple the modes, the
    network rests where that one is learned, even if another would lower the loss more: a narrow
    network leaves that saddle later than the units that wait.  In closed form with all `modes` that
    are learned, to which the new one is added; by the flow for a convolution.
    """
    rates, growing, best, taken = growing_modes(residual_task(network, saddle))
    able = (rates > SLOW * rates[0]) & (taken > LITTLE * taken.max())
    learned = np.linalg.qr(units @ saddle.T)[0]
    sizes = np.linalg.norm((units - learned @ (learned.T @ units)) @ growing.T, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        due = np.where(able, np.maximum(np.log(best / sizes), 0) / rates, np.inf)
    k = int(np.nanargmin(due))
    end = min(longest, ENOUGH / rates[k]) if network.patches == 1 else longest
    run = flow(network, np.concatenate([saddle, SMALL * best[k] * growing[k : k + 1]]), end)
    speed = np.linalg.norm(network.field(run.theta), axis=(1, 2))
    rests = np.maximum.accumulate(speed < RESTED * np.maximum.accumulate(speed))
    slowest = np.minimum.accumulate(np.where(rests, speed, np.inf))
    leaves = np.append(np.flatnonzero(rests & (speed > LEAVES * slowest)), len(speed))[0]
    units = run.theta[speed[:leaves].argmin() if rests.any() else -1]
    if network.patches > 1:
        return units
    shares = learned_shares(network, network.moment_map(units))
    shares[modes] = -np.inf
    modes.append(int(shares.argmax()))
    return linear_saddle(network, modes, len(modes))


def _rates(task: Linear) -> np.ndarray:
    """Rates at which modes grow, descending, and a zero, (\\*runs, modes + 1)."""
    rates = np.linalg.svd(residual_matrix(task), compute_uv=False)
    return np.concatenate([rates, 0 * rates[..., :1]], axis=-1)
