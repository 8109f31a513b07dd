r"""Gradient flow of a whole ensemble at once: every run takes steps of its own.

Why this is fast.  The runs of an ensemble wait for different times, so one step size for all would
crawl at the pace of whichever run drops; integrating them one by one pays Python's overhead for
each.  Here all runs advance in one batched array operation, and time and step size are vectors.

Units of degree 1 leave saddles exponentially: an explicit pair of orders 5 and 4 (Dormand and
Prince, coefficients from scipy) takes a few dozen steps a drop.  Units of higher degree wait for
1 / eps and more, and there what has been learned makes the problem stiff.  Then an L-stable
Rosenbrock method of order 4 (RODAS, Hairer and Wanner, Solving ODEs II, section VI.4) steps over
the wait.  Its linear systems have the structure of Eq. 1: units interact only through the output,
so the Jacobian is block diagonal, less a part of low rank (`Network.curvature`), and Woodbury's
identity makes a solve linear in the number of units.

ReLU networks jump where a unit passes a sample.  Steps end there, and units that slide along a
sample are projected (`sliding`).

Linear networks are integrated in as many units as features, exactly (`Linear.reduce`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.integrate import RK45

from .dynamics import RunFailedError, Trajectory
from .networks import Network, runs_last
from .sliding import Pattern, Steps, pass_kinks, pattern

MAX_STEPS = 20_000  # of one run; a run with three drops takes about 300
EDGE = 3.0  # step times rate at which stability limits the explicit method, 3.3, less a margin
PATIENCE = 10  # explicit steps at that edge before a run turns implicit for good
CHUNK = 2048  # points of all runs whose losses are computed together
PAYS = 400  # explicit steps to the end of a run for which it would not

# RODAS in the variables that need no product with the Jacobian.
GAMMA = 0.25
A = [np.array(row) for row in (
    [],
    [1.544],
    [0.9466785280815826, 0.2557011698983284],
    [3.314825187068521, 2.896124015972201, 0.9986419139977817],
    [1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950],
    [1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950, 1.0],
)]  # fmt: skip
C = [np.array(row) for row in (
    [],
    [-5.6688],
    [-2.430093356833875, -0.2063599157091915],
    [-0.1073529058151375, -9.594562251023355, -20.47028614809616],
    [7.496443313967647, -10.24680431464352, -33.99990352819905, 11.70890893206160],
    [8.083246795921522, -7.981132988064893, -31.52159432874371, 16.31930543123136,
     -6.058818238834054],
)]  # fmt: skip


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def flows(
    network: Network, theta0: np.ndarray, ends: np.ndarray | float, rtol: float = 1e-6
) -> list[Trajectory]:
    """Gradient flow of an ensemble, each run at its own steps up to its own end (section 2).

    Parameters
    ----------
    network : one network for all runs, or one a run: data with a leading axis (runs, ...)
    theta0 : initial units (runs, units, features)
    ends : the time at which each run ends, (runs,) or one for all
    rtol : relative tolerance of a step; the absolute one is `rtol` times the root mean square of
        the run's theta0, for what grows out of a small start must be known relative to it

    Raises
    ------
    ValueError : shapes that do not fit, or ends that are not positive
    RunFailedError : a run got stuck; says which, and at which time
    """
    theta0 = np.asarray(network.check(theta0), dtype=float)
    if theta0.ndim != 3:
        raise ValueError(f"theta0 has shape {theta0.shape}; wanted (runs, units, features)")
    ends = np.broadcast_to(np.asarray(ends, dtype=float), len(theta0))
    if not (np.isfinite(ends) & (ends > 0)).all():
        raise ValueError("a run must end at a finite, positive time")
    floor = rtol * np.sqrt(np.mean(theta0**2, axis=(1, 2), keepdims=True))
    basis, theta0 = network.reduce(theta0)
    runs, theta, time = np.arange(len(theta0)), runs_last(theta0), np.zeros(len(theta0))
    nets = network.runs(runs) if network.smooth else pattern(network, theta)
    field, limited = nets.field(theta), np.zeros(len(theta0), dtype=int)
    can_turn = network.smooth and network.degree is not None and network.degree > 1
    step = _first_step(theta, field, ends)
    record = [(runs, time, theta)]
    for _ in range(MAX_STEPS):
        implicit = limited >= PATIENCE
        far = (ends[runs] - time > PAYS * step) & can_turn
        new, new_field, error, slow = _attempt(nets, theta, field, step, implicit, far)
        scale = floor[runs] + rtol * np.maximum(np.abs(theta), np.abs(new))
        size = np.sqrt(np.mean((error / scale) ** 2, axis=(1, 2)))
        size = np.where(np.isfinite(size), np.maximum(size, 1e-10), np.inf)
        factor = 0.9 * size ** np.where(implicit, -1 / 4, -1 / 5)
        good, factor = size <= 1, np.minimum(np.maximum(factor, 0.2), 5.0)
        limited = np.where(slow, limited + 1, 0)
        if not network.smooth:
            tried = Steps(theta, field, new, new_field, step)
            part, after = pass_kinks(nets, tried, good, rtol)
            good, factor = good & (part == 1), np.where(part < 1, part, factor)
            if after is not nets:
                nets, new_field = after, after.field(new)
        if good.all():
            theta, field, time = new, new_field, time + step
        else:
            keep = good[:, None, None]
            theta, field = np.where(keep, new, theta), np.where(keep, new_field, field)
            time = np.where(good, time + step, time)
        record.append((runs[good], time[good], theta[good]))
        left = time < ends[runs] * (1 - 1e-12)
        step = np.minimum(step * factor, ends[runs] - time)
        if (left & (step < 1e-14 * time)).any():
            break
        if not left.all():
            runs, time, step, limited = (a[left] for a in (runs, time, step, limited))
            theta, field = runs_last(theta[left]), runs_last(field[left])
            nets = network.runs(runs) if network.smooth else nets.runs(left)
        if not len(runs):
            return _trajectories(network, record, basis, len(theta0))
    worst = int(np.argmin(step / np.maximum(time, 1e-300)))
    raise RunFailedError(
        f"run {runs[worst]} is stuck at time {time[worst]:.6g} ({len(runs)} of {len(ends)} runs "
        "are not done): the first layer of a ReLU unit is caught at zero (use `descend`), or the "
        "initial scale is so small that rounding drowns the units that wait"
    )


# the units a step later, the field there, the error, and whether stability limits the step
Stepped = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _attempt(
    nets: Network | Pattern,
    theta: np.ndarray,
    field: np.ndarray,
    step: np.ndarray,
    implicit: np.ndarray,
    far: np.ndarray,
) -> Stepped:
    """A step of each run by its method; what turns implicit is `far` from its end."""
    if not implicit.any():
        return _dormand_prince(nets, theta, field, step, far)
    if implicit.all():
        return _rodas(nets, theta, field, step, far)
    parts = []
    for method, mine in ((_dormand_prince, ~implicit), (_rodas, implicit)):
        few = (runs_last(a[mine]) for a in (theta, field))
        parts.append(method(nets.runs(mine), *few, step[mine], far[mine]))
    back = np.argsort(np.concatenate([np.flatnonzero(~implicit), np.flatnonzero(implicit)]))
    new, new_field, error, slow = (np.concatenate(p)[back] for p in zip(*parts, strict=True))
    return runs_last(new), runs_last(new_field), runs_last(error), slow


def _dormand_prince(
    network: Network | Pattern,
    theta: np.ndarray,
    field: np.ndarray,
    step: np.ndarray,
    far: np.ndarray,
) -> Stepped:
    h, (slopes, combine) = step[:, None, None], _workspace(theta, 7)
    slopes[0] = field
    for k, row in enumerate(RK45.A[1:], 1):
        at = theta + h * combine(row[:k])
        slopes[k] = network.field(at)
    new = theta + h * combine(RK45.B)
    slopes[6] = network.field(new)
    if far.any():  # slopes 5 and 6 are at the same time: their difference shows the largest rate
        bend, move = slopes[6] - slopes[5], new - at
        rate = (bend * bend).sum((1, 2)) / (move * move).sum((1, 2))
        far = far & (step * np.sqrt(rate) > EDGE)
    return new, slopes[6], h * combine(RK45.E), far


def _rodas(
    network: Network, theta: np.ndarray, field: np.ndarray, step: np.ndarray, far: np.ndarray
) -> Stepped:
    h, (stages, combine) = step[:, None, None], _workspace(theta, 6)
    solve, at, here = _solver(network, theta, GAMMA * step), theta, field
    for k, (a, c) in enumerate(zip(A, C, strict=True)):
        if k:
            at = theta + combine(a)
            here = network.field(at) + combine(c) / h
        stages[k] = solve(here)
    new = at + stages[5]
    return new, network.field(new), stages[5], np.ones_like(far)


def _workspace(theta: np.ndarray, count: int) -> tuple[np.ndarray, Callable]:
    """Room for `count` arrays like theta, and the function that sums the first with weights.

    The room has theta's order of memory, so that a sum is one product of BLAS.
    """
    order = np.argsort(theta.strides)[::-1]
    back = np.argsort(order)
    shape = [theta.shape[axis] for axis in order]
    rows = np.empty((count, theta.size))

    def combine(weights: np.ndarray) -> np.ndarray:
        return (weights @ rows[: len(weights)]).reshape(shape).transpose(back)

    return rows.reshape(count, *shape).transpose(0, *back + 1), combine


def _solver(
    network: Network, theta: np.ndarray, step: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """The solution x of (1 / step - J) x = r for each run, as a function of r (runs, units, f)."""
    blocks, d, e = network.curvature(theta)
    shape = theta.shape
    inverse = np.linalg.inv(np.eye(shape[-1]) / step[:, None, None, None] - blocks)
    d = (inverse @ d.reshape(*shape, -1)).reshape(d.shape)
    inner = np.linalg.inv(np.eye(d.shape[-1]) + e.mT @ d) @ e.mT  # (runs, rank, units * f)

    def solve(r: np.ndarray) -> np.ndarray:
        x = (inverse @ r[..., None]).reshape(len(r), -1, 1)
        return (x - d @ (inner @ x)).reshape(shape)

    return solve


def _first_step(theta: np.ndarray, field: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """A hundredth of the time in which the field would change the units by their own size."""
    size, speed = (np.sqrt(np.mean(a**2, axis=(1, 2))) for a in (theta, field))
    return np.minimum(0.01 * size / np.maximum(speed, 1e-300), ends)


def _trajectories(
    network: Network, record: list[tuple], basis: np.ndarray | None, count: int
) -> list[Trajectory]:
    runs, times, theta = (np.concatenate(part) for part in zip(*record, strict=True))
    order = np.argsort(runs, kind="stable")
    ends = np.cumsum(np.bincount(runs, minlength=count))[:-1]
    parts = [slice(i, i + CHUNK) for i in range(0, len(runs), CHUNK)]
    losses = [network.runs(runs[part]).loss(runs_last(theta[part])) for part in parts]
    each = zip(
        *(np.split(a[order], ends) for a in (times, np.concatenate(losses), theta)), strict=True
    )
    return [Trajectory(*run, None if basis is None else basis[i]) for i, run in enumerate(each)]
