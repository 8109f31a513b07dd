"""The page of the benchmark: machine, picture, table, targets, explorers; its words in page.md."""

import os
import platform
import re
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from ..notebook.colours import BLUE, BROWN, FAINT, GREEN, GREY, ORANGE, PINK, PURPLE, RED
from ..notebook.ledger import markdown_table
from ..notebook.look import draw_words
from .measure import EXACT, GOAL, LONG, missing
from .tasks import FLOWS, STEPS

WORDS = Path(__file__).parent / "page.md"
PEERS = {"descend": [*STEPS[:-1]], "flow": [*STEPS[:-1], *FLOWS[:-1]]}  # of each of our engines
ENGINES = [*PEERS["flow"], *PEERS]
COLOURS = dict(zip(ENGINES, (ORANGE, BROWN, RED, PURPLE, PINK, GREY, BLUE, GREEN), strict=True))
CLOCK = {1e-4: "100 µs", 1e-2: "10 ms", 1: "1 s", 60: "1 min", 3600: "1 h", 86400: "1 day",
         2.6e6: "1 month"}  # fmt: skip
# processor seconds, on both cores together, in which flow shall train an ensemble
ENSEMBLES = {"linear (1B), 1024 seeds": 0.15, "quadratic (1G), 1024 seeds": 0.84,
             "ReLU (1D), 64 seeds": 0.06}  # fmt: skip
EXPLORERS = ["explorer", "median", "95th percentile", "pictures"]
GROWTH = {"quadratic": 3, "attention": 3, "samples": 1.2}  # of flow's time, at most, in a group


def machine() -> str:
    """Processor, cores, versions, and whether it is shared with other work."""
    info = Path("/proc/cpuinfo")
    model = re.search(r"model name\s*: (.+)", info.read_text() if info.exists() else "")
    known = {"numpy", "numba", "torch", "jax", "diffrax"} - set(missing().values())
    versions = ", ".join(f"{name} {version(name)}" for name in sorted(known))
    busy, cores = os.getloadavg()[2], os.cpu_count() or 1
    shared = (
        f" The machine was shared with other work (a load of {busy:.1f} on {cores} cores), which "
        "makes processor seconds several times as long, for all engines alike: read the ratios."
    )
    return (
        f"{model[1] if model else platform.machine()}, one thread on one of {cores} cores; Python "
        f"{platform.python_version()}, {versions}.{shared * (busy > 1.5)}"
    )


def page(
    found: pd.DataFrame, redraws: Mapping[str, np.ndarray], imports: Mapping[str, float], gpu: str
) -> str:
    """The whole page, in Markdown, of the rows that `measure` returns for all tasks."""
    spent = [
        [name, *map(duration, np.quantile(seconds, [0.5, 0.95])), len(seconds)]
        for name, seconds in redraws.items()
    ]
    absent = [f"- Left out, for {need} does not import: {name}.\n"
              for name, need in missing().items()]  # fmt: skip
    return WORDS.read_text().format(
        machine=machine(), table=table(found), long=f"{LONG:g}", exact=one_digit(EXACT),
        gap=one_digit(found.gap.max()), absent="".join(absent),
        targets="\n".join(f"- {line}" for line in targets(found, redraws, imports)),
        explorers=markdown_table(EXPLORERS, spent, "---:"),
        gpu=gpu,
    )  # fmt: skip


def by_engine(found: pd.DataFrame, column: str) -> pd.DataFrame:
    """A column as a table of tasks (rows) by engines (columns), in order; nan if not run."""
    wide = found.pivot(index="task", columns="engine", values=column)
    return wide.reindex(index=found.task.unique(), columns=ENGINES)


def seconds_of(found: pd.DataFrame) -> pd.DataFrame:
    """Seconds of tasks by engines: inf where an engine does not count, nan where it was not run."""
    return by_engine(found.assign(seconds=found.seconds.where(found.why == "", np.inf)), "seconds")


def table(found: pd.DataFrame) -> str:
    """A row of Markdown for each task, below the head."""
    seconds = seconds_of(found)
    cells = by_engine(found.assign(cell=[_cell(row) for row in found.itertuples()]), "cell")
    cells.insert(0, "steps", found.groupby("task").steps.first().map("{:,}".format))
    for ours, peers in PEERS.items():
        ratios = (seconds[peers].min(axis=1) / seconds[ours]).map(times)
        best = "**" + ratios + "** (" + seconds[peers].idxmin(axis=1) + ")"
        cells[f"best peer / {ours}"] = best.where(seconds[ours] < np.inf)
    cells = cells.astype(object).fillna("").reset_index()
    return markdown_table(cells.columns, cells.to_numpy(), "---:")


def _cell(row: Any) -> str:
    """The seconds of an engine, of compiling if it does, and its error."""
    if row.why:
        return f"({row.why})"
    compiling = f" + {duration(row.compiling)}" if row.compiling > 0.02 else ""
    error = f" ({one_digit(row.error)})" if np.isfinite(row.error) else ""
    return f"{'~ ' * row.part}{duration(row.seconds)}{compiling}{error}"


def draw(found: pd.DataFrame) -> Figure:
    """Seconds of every task, a row each, by every engine, a dot each; hollow if multiplied."""
    places = {name: row for row, name in enumerate(found.task.unique())}
    fig, ax = plt.subplots(figsize=(7.2, 0.24 * len(places) + 1.0))
    for row in found.itertuples():
        colour, size = COLOURS[row.engine], 6.5 if row.engine in PEERS else 4.5
        face = "white" if row.part else colour
        ax.plot(row.seconds, places[row.task], "o", ms=size, mec=colour, mfc=face)
    ax.set(xscale="log", ylim=(len(places) - 0.5, -0.5), xlabel="processor time")
    ax.set_yticks([*places.values()], [*places], fontsize=7.5)
    ax.set_xticks([*CLOCK], [*CLOCK.values()])
    ax.minorticks_off()
    ax.grid(color=FAINT, lw=0.4, alpha=0.5)
    draw_words(ax, [*COLOURS.items()], top=0.98, step=0.05, x=1.01, ha="left")
    return fig


def targets(
    found: pd.DataFrame, redraws: Mapping[str, np.ndarray], imports: Mapping[str, float]
) -> list[str]:
    """A line for each target: met or missed, and what was measured."""
    flows = found[found.engine == "flow"].set_index("task")
    errors = flows.error.where(flows.why == "", np.inf)
    seconds, names = seconds_of(found), found.groupby("group").task.unique()
    panels = seconds.loc[names["panel"]].rename(index=lambda name: name[:2])
    best = panels[PEERS["flow"]].min(axis=1)
    compiled = panels.jax + by_engine(found, "compiling").jax[names["panel"]].to_numpy()
    lines = [_judged("every flow is within its goal", errors, one_digit, most=GOAL)]
    for aim, ratios, least in (
        ("flow is 100 times as fast as plain", panels.plain / panels.flow, 100),
        ("flow is faster than every peer", best / panels.flow, 1),
        ("descend is no slower than jax's compiled loop", panels.jax / panels.descend, 1),
        ("descend is faster than jax with its compiling", compiled / panels.descend, 1),
    ):
        if ratios.notna().all():  # jax is here
            lines.append(_judged(f"{aim} on each panel of Figure 1", ratios, times, least=least))
    for group, most in GROWTH.items():
        first, last = names[group][0], names[group][-1]
        ratio = {last: seconds.flow[last] / seconds.flow[first]}
        aim = f"time of flow grows less than {most} times from {first} to the last of its kind"
        lines.append(_judged(aim, ratio, times, most=most))
    for name, most in ENSEMBLES.items():
        aim = f"flow of an ensemble in at most {duration(most)}"
        lines.append(_judged(aim, {name: seconds.flow[name]}, duration, most=most))
    for q, most, word in ((0.5, 0.1, "median"), (0.95, 0.25, "95th percentile")):
        late = {name: np.quantile(spent, q) for name, spent in redraws.items()}
        aim = f"every explorer draws anew in {duration(most)}, {word}"
        lines.append(_judged(aim, late, duration, most=most))
    aim = "the package is imported in less than 1 s, torch left out"
    return [*lines, _judged(aim, imports, duration, most=1)]


def _judged(
    aim: str, found: Mapping[str, float], write: Callable[[float], str],
    least: float = -np.inf, most: float = np.inf,
) -> str:  # fmt: skip
    """A target as a line: met, with what is nearest to missing it, or missed, with all that do."""
    found = pd.Series(found)
    missed = found[~found.between(least, most)]
    nearest = found.nsmallest(1) if least > -np.inf else found.nlargest(1)
    verdict, shown = ("met", nearest) if missed.empty else ("**missed**", missed)
    return f"{verdict}: {aim} ({', '.join(f'{n} {write(v)}' for n, v in shown.items())})"


def duration(seconds: float) -> str:
    """Two digits in the unit that fits, from microseconds to days."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1), ("ms", 1e-3)):
        if float(f"{seconds:.1e}") >= size:
            return f"{_two_digits(seconds / size)} {unit}"
    return f"{_two_digits(seconds * 1e6)} µs"


def times(ratio: float) -> str:
    """A ratio in two digits, with thousands set apart, or as a power of ten."""
    return f"{ratio:.1e}".replace("e+0", "e") if ratio >= 1e6 else _two_digits(ratio)


def one_digit(value: float) -> str:
    """An error, as "3e-7"."""
    return f"{value:.0e}".replace("e-0", "e-")


def _two_digits(value: float) -> str:
    value = float(f"{value:.1e}")
    return f"{value:g}" if value < 10 else f"{value:,.0f}"
