"""Time and error of a task by an engine: one way for all engines, ours and those of others.

Times are processor seconds on one thread, the shortest of several turns: what disturbs on a shared
machine only adds.  What would take long is timed over some of its steps and multiplied.
"""

import importlib
import resource
import timeit
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np

from ..dynamics import descend, flow, flows
from ..observables import dense_loss
from . import peers
from .peers import Curve, Ready
from .tasks import STEPS, Task

GOAL = 1e-6  # error of a flow
TOLERANCES = [10.0**-k for k in range(5, 14)]  # that are tried for it
EXACT = 1e-9  # tolerance of the flow against which errors are taken
LONG = 4.0  # seconds of a flow, above which no finer tolerance is tried
RECORD = 2e8  # bytes of weights that `descend` may record
MEMBERS, POINTS = 4, 401  # runs of an ensemble, and points of a curve, whose error is measured


def _descend(task: Task) -> Ready:
    def call(steps: int) -> list[Curve]:
        every = int(np.ceil((steps + 1) * task.theta.nbytes / RECORD))
        run = descend(task.network, task.theta, task.step, steps, every)
        return [(run.times, losses) for losses in run.losses.reshape(len(run.times), -1).T]

    return call


def _flow(task: Task) -> Ready:
    def call(rtol: float) -> list[Curve]:
        runs = flows(task.network, task.starts, task.end, rtol)
        return [(run.times, run.losses) for run in runs]

    return call


ENGINES: dict[str, Callable[[Task], Ready]] = {
    "plain": peers.plain,
    "torch.compile": peers.torch_compile,
    "jax": peers.jax,
    "numba": peers.numba,
    "Kvaerno5": partial(peers.diffrax, "Kvaerno5"),
    "Dopri8": partial(peers.diffrax, "Dopri8"),
    "descend": _descend,
    "flow": _flow,
}
NEEDS = {"plain": "torch._dynamo", "jax": "jax", "Kvaerno5": "diffrax", "Dopri8": "diffrax"}


@cache
def missing() -> dict[str, str]:
    """Engines that cannot be run here, and the package that each needs and that does not import."""
    found = {}
    for name, need in NEEDS.items():
        try:
            importlib.import_module(need)  # here, or it would be timed as if it were compiling
        except ImportError:
            found[name] = need
    return found


def measure(task: Task) -> list[dict[str, Any]]:
    """Run a task by all its engines, one after the other; a row of the table for each.

    `seconds` of all of it, `compiling` apart; `error`, the largest along the curve in fractions of
    the initial loss (see `error`), nan where it is not known; `why` the engine does not count, if
    it does not; and of descend `gap`, by how much the losses of the same steps differ.
    """
    rows, curves = [], {}
    for name in (name for name in task.engines if name not in missing()):
        call, compiling = timed(partial(ENGINES[name], task))
        row = {
            "task": task.name, "group": task.group, "steps": task.steps, "engine": name,
            "part": task.part(name), "compiling": compiling, "error": np.nan, "why": "",
        }  # fmt: skip
        if name in STEPS:
            steps, runs = task.count(name), len(task.starts) if name == "plain" else 1
            curves[name], spent = timed(partial(call, steps), again=True)
            row["seconds"] = spent * runs * task.steps / steps
        else:
            row |= within_the_goal(task, call)
        if name == "descend":
            row["gap"] = gap(task, curves)
            if steps == task.steps and "flow" in task.engines:
                row["error"] = worst(task, curves[name])
        rows.append(row)
    return rows


def cpu_seconds() -> float:
    """Seconds that the processor has spent on this process and its finished children."""
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, who))


def timed(call: Callable, again: bool = False) -> tuple[Any, float]:
    """What a call returns, and the seconds it takes.

    With `again` the shortest of five further turns, of one above .1 s, of none above 1 s.  In a
    turn a short call is repeated for a hundredth of a second.
    """
    before = cpu_seconds()
    result, spent = call(), cpu_seconds() - before
    if again and spent < 1:
        number, turns = max(1, int(0.01 / max(spent, 1e-6))), 1 if spent > 0.1 else 5
        spent = min(timeit.repeat(call, timer=cpu_seconds, number=number, repeat=turns)) / number
    return result, spent


def within_the_goal(task: Task, call: Ready) -> dict[str, Any]:
    """Seconds and error at the loosest tolerance within the goal, or why there is none."""
    for rtol in TOLERANCES:
        try:
            curves, seconds = timed(partial(call, rtol), again=True)
            found = {"seconds": seconds, "error": worst(task, curves), "rtol": rtol}
        except RuntimeError as failure:  # our own engine's too
            return {"seconds": np.nan, "why": str(failure)[:80]}
        if found["error"] <= GOAL:
            return found
        if seconds > LONG:
            return {**found, "why": f"above {seconds:.0f} s"}
    return {**found, "why": f"error {found['error']:.0e}"}


def gap(task: Task, curves: dict[str, list[Curve]]) -> float:
    """The largest difference of losses at the same steps from those of descend, over the first."""
    gaps = [0.0]
    for runs in (runs for name, runs in curves.items() if name != "descend"):
        for (times, losses), (_, others) in zip(curves["descend"], runs, strict=False):
            index = np.rint(times / task.step).astype(int)
            both = index < len(others)
            gaps.append(np.abs(others[index[both]] - losses[both]).max() / losses[0])
    return float(max(gaps))


def worst(task: Task, curves: list[Curve]) -> float:
    """The largest `error` of the first runs of a task."""
    return max(error(task, i, *curve) for i, curve in enumerate(curves[:MEMBERS]))


def error(task: Task, member: int, times: np.ndarray, losses: np.ndarray) -> float:
    """The largest error along a curve of a run, over the initial loss, against a tight flow.

    At equal times.  Where a run waits for 1e8 units of time and drops within three, that asks for
    the moment of the drop to 1e-14, and is not what one reads off a curve: there, with `curve`, a
    point is as far off as the exact curve is in loss, or in time as a fraction of all time.
    """
    some = np.unique(np.linspace(0, len(times) - 1, POINTS).astype(int))[1:]
    first, times, losses = losses[0], times[some], losses[some]
    if not task.curve:
        exact = flow(task.network, task.starts[member], times, EXACT).losses
        return float(np.abs(losses - exact).max() / first)
    when, level = _exact_curve(task, member)
    high = np.abs(losses - np.interp(times, when, level)) / first
    late = np.abs(times - np.interp(-losses, np.maximum.accumulate(-level), when)) / when[-1]
    return float(np.minimum(high, late).max())


@cache
def _exact_curve(task: Task, member: int) -> Curve:
    run = flow(task.network, task.starts[member], task.end, EXACT)
    return dense_loss(task.network, run, finer=40)
