"""How accurate the engines are, along the whole loss curve, in fractions of the initial loss.

The reference is a tight flow.  The error at equal times is the largest vertical distance of the
curves.  Where a run waits for 1e8 units of time and drops within three, that asks for the moment
of the drop to 1e-14, and is not what one reads off a curve.  There the error of the curve counts,
the largest distance from it in the plane of loss and time, as fractions of their full range: how
far a square around a point must reach along both axes to meet the exact curve.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.interpolate import CubicHermiteSpline

from ..dynamics import Trajectory, flow, flows
from .rows import Row

TOLERANCES = [float(f"{digit}e-{k}") for k in range(5, 14) for digit in (3, 1)][1:]
BISECTIONS = 40  # of a distance, down to rounding
MEMBERS = 8  # of an ensemble whose accuracy is measured
GRID = 5000  # steps up to which a flow is recorded at each of them, as the other engines are

Errors = tuple[float, float]  # at equal times, and of the curve


def flow_runs(row: Row, theta: np.ndarray, rtol: float) -> list[Trajectory]:
    """Gradient flow of a row from theta: at every step of a short run, else the solver's own."""
    if row.solver == "flows":
        return flows(row.network, theta if theta.ndim == 3 else theta[None], row.end, rtol)
    times = row.end if row.steps > GRID else np.linspace(0, row.end, row.steps + 1)
    return [flow(row.network, theta, times, rtol)]


def tolerance(row: Row) -> tuple[float, Errors]:
    """The largest tolerance at which the flow's error is within the goal, and the errors there."""
    some = row.theta if row.theta.ndim == 2 else row.theta[:MEMBERS]
    for rtol in TOLERANCES:
        errors = accuracy(row, flow_runs(row, some, rtol))
        if errors[0 if row.at_equal_times else 1] <= row.goal:
            break
    return rtol, errors


def accuracy(row: Row, runs: list[Trajectory]) -> Errors:
    """Largest errors of these runs of a row: at equal times, and of the curve."""
    each = [_errors(run, *_reference(row, i, run.times)) for i, run in enumerate(runs)]
    at_equal_times, curve = np.max(each, axis=0)
    return float(at_equal_times), float(curve)


def members(row: Row, run: Trajectory) -> list[Trajectory]:
    """The run there is, or the first of an ensemble, whose accuracy is measured."""
    return [run] if row.theta.ndim == 2 else [run.member(i) for i in range(MEMBERS)]


def _errors(run: Trajectory, exact: np.ndarray, curve: Trajectory) -> Errors:
    first, last, falling = curve.losses[0], curve.times[-1], -np.maximum.accumulate(-curve.losses)
    vertical = np.abs(run.losses - exact) / first
    low, high = np.zeros(len(vertical)), vertical
    for _ in range(BISECTIONS):
        size = (low + high) / 2
        before, after = (
            np.interp(run.times + side * size * last, curve.times, falling) for side in (-1, 1)
        )
        meets = (before >= run.losses - size * first) & (after <= run.losses + size * first)
        low, high = np.where(meets, low, size), np.where(meets, size, high)
    return vertical.max(), high.max()


def _reference(row: Row, member: int, times: np.ndarray) -> tuple[np.ndarray, Trajectory]:
    """Exact losses at these times, and the whole curve at the steps of its solver."""
    curve, theta = _curve(row, member), row.theta if row.theta.ndim == 3 else row.theta[None]
    if not _twice(row):
        slopes = [-(row.network.field(units) ** 2).sum() for units in curve.theta]
        return CubicHermiteSpline(curve.times, curve.losses, slopes)(times), curve
    return flow(row.network, theta[member], times, row.tight).losses, curve


@lru_cache(maxsize=2 * MEMBERS)
def _curve(row: Row, member: int) -> Trajectory:
    if not _twice(row):
        return flow_runs(row, row.theta, row.tight)[0]
    theta = row.theta if row.theta.ndim == 3 else row.theta[None]
    return flow(row.network, theta[member], row.end, row.tight)


def _twice(row: Row) -> bool:
    """Whether the reference is solved again at given times, or interpolated: what is too large."""
    return row.solver == "flow" or row.theta.ndim == 3 or not row.network.smooth
