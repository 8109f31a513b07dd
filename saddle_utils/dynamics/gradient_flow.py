"""Gradient flow, the limit of a vanishing learning rate: of one run, or of an ensemble.

Every run takes steps of its own, as long as the accuracy allows: a few dozen a drop.  It begins
with explicit steps; where stability limits them for long, as on the plateaus of units that wait for
1 / eps and for badly scaled data, it turns implicit, with the exact Jacobian.  ReLU networks jump
where a unit passes a sample: steps end there (`kinks`).  Their flow is no continuous function of
the start: where a unit only just touches a sample, or stops at u = 0, the least change decides on
which side it goes on, and tolerances then lead to different runs, as learning rates do in descent.
Times that are asked for are interpolated, to the accuracy of the steps.  A linear network moves in
as many units as it has features, exactly (`Linear.reduce`).

The families of `networks` run in compiled kernels (`runs`), the runs of an ensemble on all cores,
with results that do not depend on their number.  Other networks go through scipy.
"""

import itertools
from collections.abc import Callable, Sequence

import numpy as np

from ..networks import Network
from .problems import LARGE, problems
from .runs import flow_many
from .trajectories import RunFailedError, Trajectory, in_threads

MAX_STEPS = 200_000  # of one run, besides the times asked for; three drops take about 300
MAX_EVALUATIONS = 100_000  # of the field of a network without a kernel, in one run
DENSE = 1000  # weights of such a run up to which a dense Jacobian pays
KINKED = 50 * LARGE  # numbers up to which kernels take ReLU networks, for scipy sees no kinks
KINK = "its units cross and slide along so many samples that events do not end: use `descend`"
ROUNDING = (
    "the initial scale is so small that rounding drowns the units that are dormant, or the time of "
    "a drop in the time of the plateau before it: start from larger units"
)
FAR = (
    "this network has no compiled kernel, and its end is too many times its fastest time scale "
    f"for {MAX_EVALUATIONS} evaluations of the field: end the run earlier, or use `descend`"
)


def flow(
    network: Network,
    theta0: np.ndarray,
    times: np.ndarray | float,
    rtol: float = 1e-8,
    reduce: bool = True,
    level: float = -np.inf,
) -> Trajectory:
    """Gradient flow dtheta/dt = -dL/dtheta (section 2) of one run, or of many at given times.

    The absolute tolerance is `rtol` times the root mean square of theta0: what grows out of a small
    start must be known relative to that start.

    Parameters
    ----------
    network : a network whose `field` and `jacobian` are known
    theta0 : initial units (\\*ensemble, units, features)
    times : increasing times (T,) from 0, or an end time: then, for one run, the solver's own steps
    rtol : relative tolerance
    reduce : integrate a linear network in as many units as features, exactly (`Linear.reduce`);
        not where that is itself the claim (Theorem 3)
    level : a run that takes its own steps ends before its end time where its loss falls so far

    Raises
    ------
    ValueError : times or shapes that do not fit
    RunFailedError : the integration got stuck; says at which time, and why
    """
    theta0 = np.asarray(network.check(theta0), dtype=float)
    grid = np.atleast_1d(np.asarray(times, dtype=float))
    rising = grid.size and np.isfinite(grid).all() and (np.diff(grid) > 0).all()
    if not rising or grid[0] < 0 or grid[-1] == 0:
        raise ValueError("times must be finite, increasing and not negative")
    if theta0.ndim > 2 and np.ndim(times) == 0:
        raise ValueError("runs of an ensemble take steps of their own: use `dynamics.flows`")
    shape, starts = theta0.shape[:-2], theta0.reshape(-1, *theta0.shape[-2:])
    ends, grid = np.full(len(starts), grid[-1]), grid[: np.ndim(times) * grid.size]
    runs = _all(network, starts, grid, ends, rtol, reduce, level)
    return Trajectory.together(runs, shape) if shape else runs[0]


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
    RunFailedError : a run got stuck; says which, at which time, and why
    """
    theta0 = np.asarray(network.check(theta0), dtype=float)
    if theta0.ndim != 3:
        raise ValueError(f"theta0 has shape {theta0.shape}; wanted (runs, units, features)")
    ends = np.asarray(ends, dtype=float)
    if ends.shape not in ((), (len(theta0),)):
        raise ValueError(
            f"ends has shape {ends.shape}; wanted one end for all {len(theta0)} runs, or one for "
            "each.  At times of your choice: `dynamics.flow`"
        )
    ends = np.broadcast_to(ends, len(theta0))
    if not (np.isfinite(ends) & (ends > 0)).all():
        raise ValueError("a run must end at a finite, positive time")
    return _all(network, theta0, np.empty(0), ends, rtol, True)


def _all(
    network: Network,
    starts: np.ndarray,
    grid: np.ndarray,
    ends: Sequence[float],
    rtol: float,
    reduce: bool,
    level: float = -np.inf,
) -> list[Trajectory]:
    """The runs of all starts, at the times of a grid or their own, on all cores."""
    floors = rtol * np.sqrt(np.mean(starts**2, axis=(1, 2)))
    bases, cores = network.reduce(starts) if reduce else (None, starts)
    largest = LARGE if network.smooth else KINKED
    data, columns = problems(network, cores, largest), np.ascontiguousarray(cores.swapaxes(1, 2))

    limit = MAX_STEPS + len(grid)

    def some(part: np.ndarray) -> list[tuple]:
        if data is None:
            return [
                (True, *by_scipy(network.runs(i), cores[i], grid, ends[i], rtol, floors[i], level))
                for i in part
            ]
        kinds = [part] if data[0] is data[-1] else part[:, None]
        each = (
            flow_many(data[k[0]], columns[k], grid, ends[k], rtol, floors[k], limit, level)
            for k in kinds
        )
        return [run for found in each for run in found]

    def whole(i: int, done: bool, *found: np.ndarray) -> Trajectory:
        if not done:
            net = network.runs(i)
            if not cores[i].any() and not net.field(cores[i]).any():  # at a saddle from the start
                found = np.append(grid[:1], 0.0)[:1], net.loss(cores[i])[None], cores[i][None]
            elif not len(found[1]) or found[1][-1] >= rtol**2 * net.zero_loss():
                reached, why = np.append(0.0, found[0])[-1], ROUNDING if network.smooth else KINK
                raise RunFailedError(f"run {i} is stuck at time {reached:.6g}: {why}")
            # else the loss only falls, and what is left is no more
            found = _rested(found, grid, ends[i])
        return Trajectory(*found, None if bases is None else bases[i])

    return [whole(i, *run) for i, run in enumerate(in_threads(some, len(starts)))]


def _rested(found: Sequence[np.ndarray], grid: np.ndarray, end: float) -> list[np.ndarray]:
    """Times, losses and units of a run that rests from the last record on, up to its end."""
    later = grid[len(found[0]) :] if len(grid) else np.array([end])
    times, *rest = found
    return [np.append(times, later), *(np.append(a, a[-1:].repeat(len(later), 0), 0) for a in rest)]


def by_scipy(
    network: Network, theta0: np.ndarray, grid: np.ndarray, end: float, rtol: float, floor: float,
    level: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Times, losses and units of one run by scipy, from a network's `field` and `jacobian`.

    For networks without a kernel, or so large that array code is faster.
    """
    from scipy.integrate import solve_ivp

    left = itertools.count(MAX_EVALUATIONS, -1)

    def field(time: float, flat: np.ndarray) -> np.ndarray:
        if next(left) <= 0:
            raise RunFailedError(f"gradient flow is stuck at time {time:.6g}: {FAR}")
        return network.field(flat.reshape(theta0.shape)).ravel()

    def above(time: float, flat: np.ndarray) -> float:
        return float(network.loss(flat.reshape(theta0.shape))) - level

    above.terminal = True

    def jacobian(time: float, flat: np.ndarray) -> np.ndarray:
        return network.jacobian(flat.reshape(theta0.shape))

    solver: dict[str, str | Callable] = {"method": "DOP853" if network.smooth else "RK45"}
    if network.smooth and theta0.size <= DENSE:
        solver = {"method": "LSODA", "jac": jacobian}
    times = grid if len(grid) else None
    if level > -np.inf:
        solver["events"] = above
    solution = solve_ivp(
        field, (0.0, end), theta0.ravel(), t_eval=times, rtol=rtol, atol=floor, **solver
    )
    theta = solution.y.T.reshape(-1, *theta0.shape)
    if not solution.success or not np.isfinite(theta).all():
        raise RunFailedError(f"gradient flow stopped before {end:.4g}: {solution.message}")
    return solution.t, network.loss(theta), theta
