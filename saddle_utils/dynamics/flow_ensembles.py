"""Gradient flow of an ensemble: all runs advance together, each with its own time and step size.

Runs are on their plateaus for different times: one step size for all would be that of whichever run
drops, and one run after the other pays Python's overhead for each.  Here time and step size are
vectors, and runs are fastest in memory (`networks.runs_last`).

Every run begins with explicit steps (`runge_kutta`): a few dozen a drop.  Units of degree above 1
have plateaus of length 1 / eps and more, and there what has been learned makes the problem stiff.
A run whose steps are limited by stability, not by accuracy, turns implicit for good, unless the end
is near.  Units of degree 1 escape exponentially, which takes few explicit steps; an implicit one
would miss what grows below its tolerance.

Linear networks are integrated in as many units as features, exactly (`Network.reduce`).  Networks
whose field jumps where a unit passes a sample (ReLU) take steps that end there (`sliding`).
"""

from __future__ import annotations

import numpy as np

from ..networks import Network, runs_last
from .runge_kutta import attempt
from .sliding import Steps, pass_kinks, pattern
from .trajectories import RunFailedError, Trajectory, why_stuck

MAX_STEPS = 20_000  # of one run; a run with three drops takes about 300
PATIENCE = 10  # explicit steps in a row limited by stability after which a run turns implicit
CHUNK = 2048  # points of all runs whose losses are computed together
PAYS = 400  # explicit steps left to the end of a run below which turning implicit does not pay


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def flows(
    network: Network, theta0: np.ndarray, ends: np.ndarray | float, rtol: float = 1e-6
) -> list[Trajectory]:
    """Gradient flow (section 2) of an ensemble: a `Trajectory` of each run, at its own steps.

    Parameters
    ----------
    network : one network for all runs, or one a run: data with a leading axis (runs, ...)
    theta0 : initial units (runs, units, features)
    ends : the time at which each run ends, (runs,) or one for all
    rtol : relative tolerance of a step; the absolute one is `rtol` times the root mean square of
        the run's theta0, for what grows out of a small start must be known relative to it

    Raises
    ------
    ValueError : shapes that do not fit, ends that are not positive, or an activation whose
        derivative jumps and that is not linear on either side of the jump
    RunFailedError : a run is stuck; says which, at which time, and why
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
        new, new_field, error, slow = attempt(nets, theta, field, step, implicit, far)
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
    run, size, at = runs[worst], step[worst], time[worst]
    size = 0.0 if implicit[worst] or size < 1e-14 * at else size
    kink = "the first layer of a unit is caught at zero, where the field jumps: use `descend`"
    why = why_stuck(network.runs(runs[[worst]]), theta[worst], size, ends[run], kink)
    some = f"{len(runs)} of {len(ends)} runs are not done"
    raise RunFailedError(f"run {run} is stuck at time {at:.6g} ({some}): {why}")


def _first_step(theta: np.ndarray, field: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """A hundredth of the time in which the field would change the units by their own size."""
    size, speed = (np.sqrt(np.mean(a**2, axis=(1, 2))) for a in (theta, field))
    return np.minimum(0.01 * size / np.maximum(speed, 1e-300), ends)


def _trajectories(
    network: Network, record: list[tuple], basis: np.ndarray | None, count: int
) -> list[Trajectory]:
    """The trajectory of each of `count` runs, from the runs, times and units of each step."""
    runs, times, thetas = zip(*record, strict=True)
    order = np.argsort(np.concatenate(runs), kind="stable")
    theta = np.empty((len(order), *thetas[0].shape[1:]))
    places = np.split(np.argsort(order), np.cumsum([len(part) for part in runs])[:-1])
    for place, part in zip(places, thetas, strict=True):  # copies each weight once: they are many
        theta[place] = part
    runs, times = np.concatenate(runs)[order], np.concatenate(times)[order]
    parts = [slice(i, i + CHUNK) for i in range(0, len(runs), CHUNK)]
    losses = np.concatenate([network.runs(runs[p]).loss(runs_last(theta[p])) for p in parts])
    ends = np.cumsum(np.bincount(runs, minlength=count))[:-1]
    each = zip(*(np.split(a, ends) for a in (times, losses, theta)), strict=True)
    return [Trajectory(*run, None if basis is None else basis[i]) for i, run in enumerate(each)]
