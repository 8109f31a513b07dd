"""Gradient flow, the limit of a vanishing learning rate: of one run, or of an ensemble.

Every run takes steps of its own, as long as the accuracy allows: a few dozen a drop.  It begins
with explicit steps; where stability limits them for long, as on the plateaus of units that wait for
1 / eps and for badly scaled data, it turns implicit, with the exact Jacobian.  ReLU networks jump
where a unit passes a sample: steps end there (`kinks`).  A linear network moves in as many units as
it has features, exactly (`Linear.reduce`).

The three families of `networks` run in compiled kernels (`runs`), the runs of an ensemble on all
cores, with results that do not depend on their number.  Other networks go through scipy's LSODA.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy.integrate import solve_ivp

from ..networks import Network
from .fields import problem
from .gradient_descent import LARGE
from .runs import DONE, flow_run
from .trajectories import RunFailedError, Trajectory, why_stuck

MAX_STEPS = 200_000  # of one run, besides the times asked for; three drops take about 300
MAX_EVALUATIONS = 100_000  # of the field of a network without a kernel, in one run
DENSE = 1000  # weights of such a run up to which a dense Jacobian pays


def flow(
    network: Network,
    theta0: np.ndarray,
    times: np.ndarray | float,
    rtol: float = 1e-8,
    reduce: bool = True,
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
    if np.ndim(times) == 1 and len(grid) == 1:
        grid = np.append(0.0, grid)  # a grid of one time is not an end
        return _last(flow(network, theta0, grid, rtol, reduce))
    starts = theta0.reshape(-1, *theta0.shape[-2:])
    runs = _all(network, starts, [grid] * len(starts), rtol, reduce)
    if theta0.ndim == 2:
        return runs[0]
    losses, core = (np.stack([getattr(r, k) for r in runs], 1) for k in ("losses", "core"))
    basis = None if runs[0].basis is None else np.stack([run.basis for run in runs])
    shape = theta0.shape[:-2]
    return Trajectory(
        grid,
        losses.reshape(-1, *shape),
        core.reshape(len(grid), *shape, *core.shape[2:]),
        None if basis is None else basis.reshape(*shape, *basis.shape[1:]),
    )


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
    ends = np.broadcast_to(np.asarray(ends, dtype=float), len(theta0))
    if not (np.isfinite(ends) & (ends > 0)).all():
        raise ValueError("a run must end at a finite, positive time")
    return _all(network, theta0, [np.array([end]) for end in ends], rtol, True)


def _all(
    network: Network, starts: np.ndarray, grids: list, rtol: float, reduce: bool
) -> list[Trajectory]:
    """The runs of all starts, each at the times of its grid, on all cores."""
    count = range(len(starts))
    nets = [network.runs(np.array([i])) for i in count]
    nets = [network if net is network else net.squeezed() for net in nets]
    known = [problem(network)] * len(nets) if nets[0] is network else [*map(problem, nets)]
    scales = np.sqrt(np.mean(starts**2, axis=(1, 2)))
    bases, cores = network.reduce(starts) if reduce else (None, starts)
    columns = np.ascontiguousarray(cores.swapaxes(1, 2))

    def run(i: int) -> Trajectory:
        basis = None if bases is None else bases[i]
        if known[i] is None or known[i][2].size * columns.shape[2] > LARGE:
            return _by_scipy(nets[i], cores[i], grids[i], rtol, scales[i], basis)
        kernel = *known[i], columns[i], grids[i], rtol, rtol * scales[i], MAX_STEPS + len(grids[i])
        status, times, losses, thetas = flow_run(*kernel)
        units = np.ascontiguousarray(thetas.swapaxes(1, 2))
        if status != DONE:
            raise RunFailedError(_why(nets[i], i, times, units, cores[i], grids[i]))
        return Trajectory(times, losses, units, basis)

    if len(starts) == 1:
        return [run(0)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(run, count))


def _why(network: Network, run: int, times, units, start, grid) -> str:
    """What the error of a run says that is stuck."""
    reached, last = (times[-1], units[-1]) if len(times) else (0.0, start)
    step = times[-1] - times[-2] if len(grid) == 1 and len(times) > 1 else 0.0
    kink = "its units cross and slide along so many samples that events do not end: use `descend`"
    why = why_stuck(network, last, step, grid[-1], kink)
    return f"run {run} is stuck at time {reached:.6g}: {why}"


def _by_scipy(network, theta0, grid, rtol, scale, basis) -> Trajectory:
    """A run by scipy: of a network without a kernel, or so large that array code is faster."""
    left = itertools.count(MAX_EVALUATIONS, -1)

    def field(time: float, flat: np.ndarray) -> np.ndarray:
        theta = flat.reshape(theta0.shape)
        if next(left) <= 0:
            step, kink = time / MAX_EVALUATIONS, "its field jumps: use `descend`"
            why = why_stuck(network, theta, step, grid[-1], kink)
            raise RunFailedError(f"gradient flow is stuck at time {time:.6g}: {why}")
        return network.field(theta).ravel()

    def jacobian(time: float, flat: np.ndarray) -> np.ndarray:
        return network.jacobian(flat.reshape(theta0.shape))

    solver: dict[str, str | Callable] = {"method": "DOP853" if network.smooth else "RK45"}
    if network.smooth and theta0.size <= DENSE:
        solver = {"method": "LSODA", "jac": jacobian}
    solution = solve_ivp(
        field, (0.0, grid[-1]), theta0.ravel(), t_eval=grid if len(grid) > 1 else None,
        rtol=rtol, atol=rtol * scale, **solver,
    )  # fmt: skip
    theta = solution.y.T.reshape(-1, *theta0.shape)
    if not solution.success or not np.isfinite(theta).all():
        raise RunFailedError(f"gradient flow stopped before {grid[-1]:.4g}: {solution.message}")
    return Trajectory(solution.t, network.loss(theta), theta, basis)


def _last(run: Trajectory) -> Trajectory:
    return Trajectory(run.times[1:], run.losses[1:], run.core[1:], run.basis)
