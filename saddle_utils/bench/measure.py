"""Time and error of a task by an engine: one way for all engines, ours and those of others.

Times are processor seconds on one thread, the shortest of several turns: what disturbs on a shared
machine only adds.  What would take long is timed over some of its steps and multiplied.
"""

import importlib.util
import timeit
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import numpy as np

from ..dynamics import Trajectory, descend, flow, flows
from ..observables import dense_loss
from . import peers
from .peers import Curves, Ready, cpu_seconds
from .tasks import STEPS, Task

GOAL = 1e-6  # error of a flow
TOLERANCES = [float(f"{digit}e-{k}") for k in range(5, 14) for digit in (3, 1)][1:]
DECADES = [10.0**-k for k in range(6, 10)]  # those that peers try
RECORD = 2e8  # bytes of weights that `descend` may record
LONG = 1.0  # seconds of a peer's flow, above which no finer tolerance is tried
MEMBERS, POINTS = 4, 401  # runs of an ensemble, and points of a curve, whose error is measured


def _descend(task: Task) -> Ready:
    def call(steps: int) -> Curves:
        every = int(np.ceil((steps + 1) * task.theta.nbytes / RECORD))
        run = descend(task.network, task.theta, task.step, steps, every)
        return run.times, run.losses.reshape(len(run.times), -1)

    return call, 0.0


def _flow(task: Task) -> Ready:
    return partial(flows, task.network, task.starts, task.end), 0.0


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
NEEDS = {"jax": "jax", "numba": "numba", "Kvaerno5": "diffrax", "Dopri8": "diffrax"}


@dataclass
class Outcome:
    """What an engine made of a task: seconds of all of it, of compiling, error and tolerance.

    The error is the largest along the curve, in fractions of the initial loss (see `error`); nan
    where the engine was not run to the end.  `why` says why an engine does not count.
    """

    seconds: float = np.nan
    compiling: float = 0.0
    error: float = np.nan
    rtol: float = np.nan
    why: str = ""


@dataclass
class Result:
    """The outcomes of a task by engine, and by how much the losses of the same steps differ."""

    task: Task
    by: dict[str, Outcome] = field(default_factory=dict)
    agreement: float = 0.0

    def seconds(self, engine: str) -> float:
        """Seconds by an engine; inf where it was not run, or not within the goal."""
        found = self.by.get(engine)
        return np.inf if found is None or found.why else found.seconds

    def best(self, ours: str) -> tuple[str, float]:
        """The fastest peer and its seconds: of `flow` any, of `descend` one that takes steps."""
        peers = [name for name in self.by if name in STEPS or ours == "flow"]
        names = [name for name in peers if name not in ("descend", "flow")]
        return min(((name, self.seconds(name)) for name in names), key=lambda pair: pair[1])


@cache
def missing() -> dict[str, str]:
    """Engines that cannot be run here, and the package that each of them needs."""
    return {name: need for name, need in NEEDS.items() if not importlib.util.find_spec(need)}


def measure(task: Task) -> Result:
    """Run a task by all its engines, one after the other."""
    result, curves = Result(task), {}
    for name in (name for name in task.engines if name not in missing()):
        outcome = result.by[name] = Outcome()
        call, outcome.compiling = ENGINES[name](task)
        if name in STEPS:
            steps, runs = task.count(name), len(task.starts) if name == "plain" else 1
            curves[name], once = timed(partial(call, steps))
            outcome.seconds = seconds(partial(call, steps), once) * task.steps / steps * runs
        elif name == "flow":
            _to_the_goal(task, TOLERANCES, call, outcome)
        else:
            _to_the_goal(task, DECADES, call, outcome, LONG)
    if task.count("descend") == task.steps and "flow" in result.by:
        result.by["descend"].error = worst(task, curves["descend"])
    result.agreement = agreement(task, curves)
    return result


def timed(call: Callable) -> tuple[Any, float]:
    """What a call returns, and the seconds it takes."""
    before = cpu_seconds()
    return call(), cpu_seconds() - before


def seconds(call: Callable, once: float) -> float:
    """The shortest of the seconds of a call, the first of which took `once`: of five turns, of one
    where it took above .1 s, and of none above 1 s.

    In a turn a short call is repeated for a hundredth of a second.
    """
    if once > 1:
        return once
    number, turns = max(1, int(0.01 / max(once, 1e-6))), 1 if once > 0.1 else 5
    return min(timeit.repeat(call, timer=cpu_seconds, number=number, repeat=turns)) / number


def _to_the_goal(
    task: Task, tolerances: list[float], call: Callable, outcome: Outcome, longest: float = np.inf
) -> bool:
    """Time the loosest tolerance whose error is within the goal; says whether there is one.

    What takes more than the `longest` seconds at a tolerance is not tried at a finer one.
    """
    once = 0.0
    for outcome.rtol in tolerances:
        if once > longest:
            outcome.why = f"above {once:.0f} s"
            return False
        try:
            found, once = timed(partial(call, outcome.rtol))
            outcome.error = worst(task, found)
        except RuntimeError as failure:  # our own engine's too
            outcome.why = str(failure)[:80]
            return False
        if outcome.error <= GOAL:
            outcome.seconds = seconds(partial(call, outcome.rtol), once)
            return True
    outcome.why = f"error {outcome.error:.0e}"
    return False


def agreement(task: Task, curves: dict[str, Curves]) -> float:
    """The largest difference of losses at the same steps from those of descend, over the first."""
    times, losses = curves["descend"]
    index, gaps = np.rint(times / task.step).astype(int), [0.0]
    for _, others in curves.values():
        if others is not losses:
            both, runs = index < len(others), others.shape[1]
            gaps.append(np.abs(others[index[both]] - losses[both, :runs]).max() / losses[0, 0])
    return float(max(gaps))


def worst(task: Task, found: Curves | list[Trajectory]) -> float:
    """The largest `error` of the first runs of a task."""
    if isinstance(found, list):
        pairs = [(run.times, run.losses) for run in found[:MEMBERS]]
    else:
        pairs = [(found[0], column) for column in found[1].T[:MEMBERS]]
    return max(error(task, i, *pair) for i, pair in enumerate(pairs))


def error(task: Task, member: int, times: np.ndarray, losses: np.ndarray) -> float:
    """The largest error along a curve of a run, over the initial loss, against a tight flow.

    At equal times.  Where a run waits for 1e8 units of time and drops within three, that asks for
    the moment of the drop to 1e-14, and is not what one reads off a curve: there, with `curve`, a
    point is as far off as the exact curve is in loss, or in time as a fraction of all time.
    """
    some = np.unique(np.linspace(0, len(times) - 1, POINTS).astype(int))[1:]
    first, times, losses = losses[0], times[some], losses[some]
    if not task.curve:
        exact = flow(task.network, task.starts[member], times, task.tight).losses
        return float(np.abs(losses - exact).max() / first)
    when, level = _exact_curve(task, member)
    high = np.abs(losses - np.interp(times, when, level)) / first
    late = np.abs(times - np.interp(-losses, np.maximum.accumulate(-level), when)) / when[-1]
    return float(np.minimum(high, late).max())


@cache
def _exact_curve(task: Task, member: int) -> Curves:
    run = flow(task.network, task.starts[member], task.end, task.tight)
    return dense_loss(task.network, run, finer=40)
