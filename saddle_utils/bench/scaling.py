"""How the time of a task grows, by the three engines: sweeps, and the figure of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .. import networks
from ..notebook.look import BLUE, FAINT, GREEN, GREY, ORANGE
from .accuracy import flow_runs
from .engines import Result, in_turns, multiplied, stepping
from .rows import Row, of_panel, samples

RTOL = 1e-6  # of the flows; at 1B's settings the error is then below 1e-6
COLOURS = {"plain": ORANGE, "descend": BLUE, "flow": GREEN, "moments": GREY}
CLOCK = {1e-5: "10 µs", 1e-3: "1 ms", 1: "1 s", 60: "1 min", 3600: "1 h", 86400: "1 day"}
THRIFT = 0.2  # of the seconds that a turn may take in the table


@dataclass(frozen=True)
class Sweep:
    """Seconds of one task at values x (n,), by engine; `whole` says where all steps were run."""

    x: np.ndarray
    seconds: dict[str, np.ndarray]
    whole: dict[str, np.ndarray]

    def columns(self, name: str) -> dict[str, np.ndarray]:
        """The table behind the picture, its first column called `name`."""
        return {name: self.x, **{f"{key}_seconds": s for key, s in self.seconds.items()}}


def sweep(x: Sequence[float], rows: Sequence[Row]) -> Sweep:
    """Time the rows at values x, all of them in turns; on rows of samples the moments too."""
    calls, counted = {}, {}
    for i, row in enumerate(rows):
        steppers, timed = stepping(row, THRIFT)
        calls |= {(name, i): call for name, call in steppers.items()}
        calls["flow", i] = partial(flow_runs, row, row.theta, RTOL)
        counted |= {(name, i): steps for name, steps in timed.items()}
        if row.group == "samples":
            calls["moments", i] = partial(networks.linear, row.x, row.y)
    order = ("plain", "descend", "moments", "flow")
    spent, _ = in_turns(dict(sorted(calls.items(), key=lambda call: order.index(call[0][0]))))
    seconds: dict[str, np.ndarray] = {}
    whole: dict[str, np.ndarray] = {}
    for (name, i), time in spent.items():
        steps = counted.get((name, i), rows[i].steps)
        total = multiplied(time, rows[i], name, steps)
        seconds.setdefault(name, np.zeros(len(rows)))[i] = total
        whole.setdefault(name, np.zeros(len(rows), bool))[i] = total == time
    return Sweep(np.asarray(x, dtype=float), seconds, whole)


def by_scale(results: Sequence[Result]) -> Sweep:
    """The sweep over 1 / eps, of rows that were measured for the table."""
    x = [1 / float(result.row.name.split("= ")[1]) for result in results]
    seconds = {name: np.array([r.seconds[name] for r in results]) for name in results[0].seconds}
    whole = {
        name: np.array([r.timed.get(name, r.row.steps) == r.row.steps for r in results])
        for name in seconds
    }
    return Sweep(np.array(x), seconds, whole)


def by_width() -> Sweep:
    """Panel 1B with 2 to 512 units."""
    widths = [2, 8, 32, 128, 512]
    return sweep(widths, [of_panel("fig1b", "", width=n, solver="flows") for n in widths])


def by_samples() -> Sweep:
    """A linear network on 10^2 to 10^6 samples."""
    counts = [10**k for k in range(2, 7)]
    return sweep(counts, [samples(count) for count in counts])


def by_seeds() -> Sweep:
    """Panel 1B from 1 to 1024 seeds."""
    counts = [4**k for k in range(6)]
    return sweep(counts, [of_panel("fig1b", "", range(n), solver="flows") for n in counts])


def draw(sweeps: dict[str, Sweep]) -> Figure:
    """Time against what grows, a panel for each sweep by "title; axis".

    Hollow where a part was timed and multiplied.
    """
    fig, axes = plt.subplots(2, 2, figsize=(7.2, 5.4), sharey=True)
    for ax, letter, (label, swept) in zip(axes.flat, "ABCD", sweeps.items(), strict=True):
        for engine, seconds in swept.seconds.items():
            colour, whole = COLOURS[engine], swept.whole[engine]
            ax.loglog(swept.x, seconds, color=colour, lw=1.3)
            ax.plot(swept.x[whole], seconds[whole], "o", ms=4.5, color=colour)
            ax.plot(swept.x[~whole], seconds[~whole], "o", ms=4.5, mec=colour, mfc="white")
        _name_lines(ax, swept)
        title, x_label = label.split("; ")
        low, high = swept.x[[0, -1]]
        ax.set(title=f"{letter}  {title}", xlabel=x_label, ylabel="time" if letter in "AC" else "")
        ax.set_xlim(low / 1.5, high * (high / low) ** 0.3)
        ax.set_xticks([t for t in 10.0 ** np.arange(9) if low <= t <= high], minor=False)
        ax.minorticks_off()
        ax.set_yticks(list(CLOCK), CLOCK.values())
        ax.set_ylim(5e-6, 5e5)
        ax.grid(axis="y", color=FAINT, lw=0.4, alpha=0.5)
    return fig


def _name_lines(ax: Axes, swept: Sweep) -> None:
    """Name each engine at the end of its line, apart where lines end together."""
    style = {"textcoords": "offset points", "va": "center", "fontsize": 7.5, "fontweight": "bold"}
    floor = 0.0
    ends = {name: s[-1] for name, s in swept.seconds.items() if name != "moments"}
    for name in sorted(ends, key=ends.__getitem__):
        height = max(ends[name], floor)
        floor = 4 * height  # the height of the letters, on this axis
        ax.annotate(name, (swept.x[-1], height), (7, 0), color=COLOURS[name], **style)
    if "moments" in swept.seconds:
        at = swept.x[-3], swept.seconds["moments"][-3]
        ax.annotate("making the moments, once", at, (6, -8), color=COLOURS["moments"], **style)
