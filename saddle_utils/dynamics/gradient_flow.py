"""Gradient flow of one run by LSODA, or by RK45 where the field jumps."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
from scipy.integrate import odeint, solve_ivp

from ..networks import Network, runs_last
from .trajectories import RunFailedError, Trajectory, why_stuck

MAX_EVALUATIONS = 100_000  # of the field in one run of `flow`; the panels of Figure 1 need 4,000


def flow(
    network: Network,
    theta0: np.ndarray,
    times: np.ndarray | float,
    rtol: float = 1e-8,
    reduce: bool = True,
) -> Trajectory:
    """Gradient flow dtheta/dt = -dL/dtheta (section 2): its `Trajectory` at the times asked for.

    LSODA turns implicit on a plateau, with the exact Jacobian, so that a plateau of length 1 / eps
    costs about the same at every initial scale eps.  Fields that jump (ReLU) make implicit steps
    useless and have plateaus of length ln(1 / eps) only: there an explicit RK45 serves.

    Parameters
    ----------
    network : a network whose `field` and `jacobian` are known
    theta0 : initial units (\\*ensemble, units, features); the runs of an ensemble are integrated
        one by one: `flows` is faster
    times : increasing times (T,), or an end time: then, for one run, the solver's own steps
    rtol : relative tolerance; the absolute one is `rtol` times the root mean square of theta0, for
        what grows out of a small start must be known relative to that start
    reduce : integrate a linear network in as many units as features, exactly (`Network.reduce`)

    Raises
    ------
    ValueError : times or shapes that do not fit
    RunFailedError : the integration failed or is stuck; says at which time, and why
    """
    theta0 = np.asarray(network.check(theta0), dtype=float)
    own_steps = np.ndim(times) == 0
    grid = np.array([0.0, times]) if own_steps else np.asarray(times, dtype=float)
    if not (grid.size and np.isfinite(grid).all() and grid[0] >= 0 and (np.diff(grid) > 0).all()):
        raise ValueError("times must be finite, increasing and not negative")
    if theta0.ndim > 2 and own_steps:
        raise ValueError("runs of an ensemble take steps of their own: use `flows`")
    if theta0.ndim > 2:
        runs = [flow(network, start, grid, rtol, reduce) for start in theta0]
        losses, core = (np.stack([getattr(r, k) for r in runs], 1) for k in ("losses", "core"))
        basis = None if runs[0].basis is None else np.stack([run.basis for run in runs])
        return Trajectory(grid, losses, core, basis)
    tolerance = {"rtol": rtol, "atol": rtol * float(np.sqrt(np.mean(theta0**2)))}
    basis, theta0 = network.reduce(theta0) if reduce else (None, theta0)
    field, flat = _budgeted(network, theta0.shape, grid[-1]), theta0.ravel()

    def jacobian(time: float, flat: np.ndarray) -> np.ndarray:
        return network.jacobian(flat.reshape(theta0.shape))

    if network.smooth and not own_steps:  # the same LSODA, without Python between its steps
        late = grid[0] > 0
        values, info = odeint(
            field, flat, np.append(0, grid) if late else grid, Dfun=jacobian, tfirst=True,
            full_output=True, mxstep=MAX_EVALUATIONS, **tolerance,
        )  # fmt: skip
        values, message = values[int(late) :], info["message"]
        good = message == "Integration successful."
    else:
        solver = {"method": "LSODA", "jac": jacobian} if network.smooth else {"method": "RK45"}
        at = None if own_steps else grid
        solution = solve_ivp(field, (0.0, grid[-1]), flat, t_eval=at, **solver, **tolerance)
        grid, values = solution.t, solution.y.T
        good, message = solution.success, solution.message
    theta = values.reshape(-1, *theta0.shape)
    if not good or not np.isfinite(theta).all():
        why = why_stuck(network, theta0, 0, grid[-1])
        raise RunFailedError(
            f"gradient flow stopped before time {grid[-1]:.4g}: {message.rstrip('.')}: {why}"
        )
    return Trajectory(grid, network.loss(runs_last(theta)), theta, basis)


def _budgeted(network: Network, shape: tuple[int, ...], end: float) -> Callable:
    """The field as a function of time and flat units, which refuses more than MAX_EVALUATIONS."""
    left = itertools.count(MAX_EVALUATIONS, -1)

    def field(time: float, flat: np.ndarray) -> np.ndarray:
        theta = flat.reshape(shape)
        if next(left) <= 0:
            step = (
                0 if network.smooth else 6 * time / MAX_EVALUATIONS
            )  # RK45 evaluates it six times
            kink = "a unit slides along a sample (u . x = 0, where the field jumps): use `flows`"
            raise RunFailedError(
                f"gradient flow is stuck at time {time:.6g} after {MAX_EVALUATIONS} evaluations: "
                + why_stuck(network, theta, step, end, kink)
            )
        return network.field(theta).ravel()

    return field
