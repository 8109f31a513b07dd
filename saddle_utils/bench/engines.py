"""Time and accuracy of a task by the three engines: the plain way, `descend` and `flow`.

Times are those of one thread, as the processor counts them, so that other work on the machine does
not.  The engines take turns, and medians are taken over the turns.  What would take long is timed
over some of its steps and multiplied.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from time import process_time
from typing import Any

import numpy as np

from ..dynamics import Trajectory, descend
from .accuracy import Errors, accuracy, flow_runs, members, tolerance
from .rows import Row

BUDGET = {"plain": 0.4, "descend": 3.5}  # seconds for one turn; beyond, steps are multiplied
RECORD = 2e8  # bytes of weights that `descend` may record


@dataclass(frozen=True)
class Result:
    """What was measured of a row: seconds of the whole task by each engine, errors, tolerance.

    `timed` counts the steps that were timed of plain and descend; `errors` of descend and flow are
    missing where the engine was not run to the end.  `agreement` is the largest difference of the
    losses of plain and descend, over the initial loss.
    """

    row: Row
    seconds: dict[str, float]
    timed: dict[str, int]
    errors: dict[str, Errors]
    rtol: float | None
    agreement: float

    @property
    def accurate(self) -> bool:
        """Whether the flow's error, at equal times or of the curve as the row says, is its goal."""
        return self.errors["flow"][0 if self.row.at_equal_times else 1] <= self.row.goal

    def ratio(self, engine: str) -> float:
        """How many times faster than the plain way an engine is."""
        return self.seconds["plain"] / self.seconds[engine]


def measure(row: Row) -> Result:
    """Time a row by all engines in turns, and measure their errors."""
    errors, rtol, flowing = {}, None, {}
    if row.solver:
        rtol, errors["flow"] = tolerance(row)
        flowing = {"flow": lambda: flow_runs(row, row.theta, rtol)}
    calls, timed = stepping(row)
    seconds, last = in_turns({**calls, **flowing})
    seconds |= {name: multiplied(seconds[name], row, name, timed[name]) for name in timed}
    first = members(row, last["descend"])
    if row.solver and timed["descend"] == row.steps:
        errors["descend"] = accuracy(row, first)
    steps = np.rint(first[0].times / row.step).astype(int)
    both = steps < len(last["plain"])
    gap = np.abs(last["plain"][steps[both]] - first[0].losses[both]).max() / last["plain"][0]
    return Result(row, seconds, timed, errors, rtol, float(gap))


def stepping(row: Row, thrift: float = 1.0) -> tuple[dict[str, Callable], dict[str, int]]:
    """The plain way and descent over as many steps as are timed, and these numbers of steps."""
    calls = {"plain": plain_way(row), "descend": descent(row)}
    timed = {name: fitting(call, row.steps, thrift * BUDGET[name]) for name, call in calls.items()}
    return {name: partial(call, timed[name]) for name, call in calls.items()}, timed


def multiplied(seconds: float, row: Row, engine: str, steps: int) -> float:
    """Seconds of a whole row from those of so many steps, of one run if the engine is plain."""
    return seconds * row.steps / steps * (row.runs if engine == "plain" else 1)


def plain_way(row: Row) -> Callable[[int], np.ndarray]:
    """A function that trains the first run the plain way for n steps, and returns n losses."""
    import torch

    from . import plain

    torch.set_num_threads(1)
    x, y = plain.data(row.network, row.x, row.y)
    outputs = y.shape[1]

    def call(n: int) -> np.ndarray:
        model = plain.model(row.network, row.single, row.every_token)
        return np.array(plain.train(model, x, y, row.step * outputs / 2, n)) * outputs / 2

    return call


def descent(row: Row) -> Callable[[int], Trajectory]:
    """A function that descends for n steps, recorded as often as memory allows."""
    every = int(np.ceil((row.steps + 1) * row.theta.nbytes / RECORD))
    return lambda n: descend(row.network, row.theta, row.step, n, every)


def fitting(call: Callable[[int], Any], steps: int, budget: float) -> int:
    """How many steps to time: all that fit in `budget` seconds, a round number if not all do."""
    call(1)  # imports and first touches
    n, spent = 1, 0.0
    while True:
        start = process_time()
        call(n)
        spent = process_time() - start
        if spent > budget / 20 or n == steps:
            break
        n = min(steps, 10 * n)
    fit = n * budget / spent
    digit = 10 ** int(np.log10(max(fit, 1)))
    return steps if fit >= steps else max(int(fit // digit * digit), 1)


def in_turns(calls: dict[Any, Callable[[], Any]]) -> tuple[dict[Any, float], dict[Any, Any]]:
    """Medians of the seconds of each call, and what each returned last.

    Five turns; three for what takes more than .3 s, one for what takes more than 1 s.
    """
    spent: dict[Any, list[float]] = {name: [] for name in calls}
    last = {}
    for turn in range(5):
        for name, call in calls.items():
            if turn and turn >= (5 if spent[name][0] < 0.3 else 3 if spent[name][0] < 1 else 1):
                continue
            start = process_time()
            last[name] = call()
            spent[name].append(process_time() - start)
    return {name: float(np.median(times)) for name, times in spent.items()}, last
