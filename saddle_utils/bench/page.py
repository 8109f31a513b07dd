"""The page of the benchmark: machine, picture, table, targets, explorers, as Markdown."""

import os
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from ..notebook.colours import BLUE, FAINT, GREEN, GREY, ORANGE, PINK, PURPLE, RED, YELLOW
from .measure import Result, missing
from .tasks import FLOWS, STEPS

ENGINES = (*STEPS[:-1], *FLOWS[:-1], "descend", "flow")  # peers, and ours
COLUMNS = ["task", "steps", *ENGINES, "best peer / descend", "best peer / flow"]
COLOURS = dict(zip(ENGINES, (ORANGE, YELLOW, RED, PURPLE, PINK, GREY, BLUE, GREEN), strict=True))
CLOCK = {
    1e-4: "100 µs",
    1e-2: "10 ms",
    1: "1 s",
    60: "1 min",
    3600: "1 h",
    86400: "1 day",
    2.6e6: "1 month",
}
NOTES = """\
- Seconds are those of one thread as the processor counts them, the shortest of five turns (of one
  above .1 s). ~ was timed over some of the steps, of plain ensembles over one run, and
  multiplied. Behind a + what compiling took: once a shape for jax and torch.compile, once a machine
  for our kernels, which are kept on disk and not counted.
- Engines that take steps, all the same ones. **plain**: `torch.optim.SGD` and `backward()` in a
  loop; **torch.compile** of the gradient and update of a step, for two rows, since each takes it
  10 s to compile and jax is faster; **jax**: `lax.scan`, jitted; **numba**: a loop written by hand
  for the family; **descend**: ours. The data are the same for all: of a prompt the peers too see
  only what attention reads.
- Engines of gradient flow, at their own steps: **Kvaerno5** (implicit) and **Dopri8** (explicit) of
  diffrax, and our **flow**. Each has the loosest tolerance whose error, in brackets, is at most
  1e-6; one that takes above 1 s at a looser one is not tried further, and (above 2 s) is what it
  took there. The error of descend is that of all that take steps: how far these are from the flow.
  Kvaerno5 is left out where nothing is stiff, for it takes seconds there, and on 5000 prompts and
  from ε below 1e-4, where it takes from 20 s to minutes.
- An error is the largest along the curve of the loss, over the initial loss, against a flow at a
  tolerance of 1e-10 or less (1e-8 for MNIST's size): at equal times, but in the rows in ε as the
  distance in loss or in time, in fractions of all of it. There a drop of three units of time
  follows a plateau of up to 1e8, and 1e-6 at equal times would ask for 14 digits of its moment.
- The last columns set ours against the fastest peer, compiling left out: descend against those that
  take steps, flow against all.
- MNIST's size: 784 inputs, 1000 units, 10 outputs, 10^4 samples."""
ENSEMBLES = {"linear (1B), 1024 seeds": 0.073, "quadratic (1G), 1024 seeds": 0.42,
             "ReLU (1D), 64 seeds": 0.03}  # fmt: skip
CORES = 2  # over which the processor seconds of ensembles are shared
Pairs = Sequence[tuple[str, float]]


def machine() -> str:
    """Processor, cores, memory, versions, and whether it is shared with other work."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(": ")[1] for line in lines if line.startswith("model name")]
    known = filter(find_spec, ("numpy", "numba", "torch", "jax", "diffrax"))
    packages = set(known) - set(missing().values())
    versions = ", ".join(f"{name} {version(name)}" for name in sorted(packages))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    busy, cores = os.getloadavg()[2], os.cpu_count() or 1
    shared = (
        f" The machine was shared with other work (a load of {busy:.1f} on {cores} cores), which "
        "makes processor seconds several times as long, for all engines alike: read the ratios."
    )
    return (
        f"{(names or [platform.machine()])[0]}, one thread on one of {cores} cores, {memory:.0f} GB"
        f" of memory; Python {platform.python_version()}, {versions}.{shared * (busy > 1.5)}"
    )


def page(
    results: Sequence[Result], redraws: Mapping[str, np.ndarray], imports: Mapping[str, float],
    gpu: Sequence[str],
) -> str:  # fmt: skip
    """The whole page."""
    gap = f"{max(result.agreement for result in results):.0e}"
    absent = [f"- Left out, for {need} is not installed: {name}." for name, need in
              missing().items()]  # fmt: skip
    return "\n".join([
        "# Benchmarks", "", "The same tasks by our engines and by what others would use, by "
        "`make bench` in one run.", "", machine(), "",
        "![Seconds of each task by each engine](bench_engines.png)", "", *table(results), "", NOTES,
        f"- Losses of engines that take the same steps differ by at most {gap} of the initial one.",
        *absent, "", "## Targets", "",
        *[f"- {line}" for line in targets(results, redraws, imports)], "", "## Explorers", "",
        "Processor time from a slider's move to the new picture in the kernel, drawing included: "
        "at every preset, both ends of every slider, and random places of all.", "",
        *explorer_table(redraws), "", "## GPU", "", *gpu, "",
    ])  # fmt: skip


def table(results: Sequence[Result]) -> list[str]:
    """Lines of Markdown, a row for each result."""
    lines = [f"| {' | '.join(COLUMNS)} |", "|---|" + "---:|" * (len(COLUMNS) - 1)]
    for result in results:
        cells = [result.task.name, f"{result.task.steps:,}"]
        cells += [_cell(result, name) for name in ENGINES]
        for ours in ("descend", "flow"):
            peer, seconds = result.best(ours)
            there = result.seconds(ours) < np.inf
            cells.append(f"**{times(seconds / result.seconds(ours))}** ({peer})" * there)
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _cell(result: Result, name: str) -> str:
    """The seconds of an engine, of compiling if it does, and its error."""
    found = result.by.get(name)
    if found is None or found.why:
        return f"({found.why})" if found else ""
    compiling = f" + {duration(found.compiling)}" if found.compiling > 0.02 else ""
    error = f" ({found.error:.0e})".replace("e-0", "e-") if np.isfinite(found.error) else ""
    return f"{'~ ' * result.task.part(name)}{duration(found.seconds)}{compiling}{error}"


def explorer_table(redraws: Mapping[str, np.ndarray]) -> list[str]:
    """Lines of Markdown: median and 95th percentile of each explorer."""
    lines = ["| explorer | median | 95th percentile | pictures |", "|---|---:|---:|---:|"]
    for name, spent in redraws.items():
        middle, late = map(duration, np.quantile(spent, [0.5, 0.95]))
        lines.append(f"| {name} | {middle} | {late} | {len(spent)} |")
    return lines


def draw(results: Sequence[Result]) -> Figure:
    """Seconds of every task, a row each, by every engine, a dot each; hollow if multiplied."""
    fig, ax = plt.subplots(figsize=(7.2, 0.24 * len(results) + 1.0))
    for row, result in enumerate(results):
        for name, found in result.by.items():
            face = "white" if result.task.part(name) else COLOURS[name]
            size = 6.5 if name in ("descend", "flow") else 4.5
            ax.plot(found.seconds, row, "o", ms=size, mec=COLOURS[name], mfc=face)
    names = [result.task.name for result in results]
    ax.set(xscale="log", ylim=(len(results) - 0.5, -0.5), xlabel="processor time")
    ax.set_yticks(range(len(results)), names, fontsize=7.5)
    ax.set_xticks(list(CLOCK), CLOCK.values())
    ax.minorticks_off()
    ax.grid(color=FAINT, lw=0.4, alpha=0.5)
    for place, (name, colour) in enumerate(COLOURS.items()):
        ax.text(1.01, 0.98 - 0.05 * place, name, color=colour, fontsize=8, fontweight="bold",
                transform=ax.transAxes, va="top")  # fmt: skip
    return fig


def columns(results: Sequence[Result]) -> dict[str, list]:
    """The table behind the picture: tasks, and seconds and errors by engine."""
    table = {"task": [result.task.name for result in results]}
    for name in ENGINES:
        for what in ("seconds", "compiling", "error"):
            values = [getattr(result.by.get(name), what, np.nan) for result in results]
            table[f"{name}_{what}"] = values
    return table


def targets(
    results: Sequence[Result], redraws: Mapping[str, np.ndarray], imports: Mapping[str, float]
) -> list[str]:
    """A line for each target: met or missed, and what was measured."""
    of = {result.task.name: result for result in results}
    off = [name for name, result in of.items() if "flow" in result.by and result.by["flow"].why]
    judged = [("every flow within its goal", not off, ", ".join(off) or "all")]
    judged += _panels([result for result in results if result.task.group == "panel"])
    for group in ("quadratic", "attention", "samples"):
        rows = [result for result in results if result.task.group == group]
        growth = rows[-1].seconds("flow") / rows[0].seconds("flow")
        most = 3 if group != "samples" else 1.2
        aim = f"time of flow grows less than {most} times from {rows[0].task.name} to "
        judged.append((aim + rows[-1].task.name, growth < most, times(growth)))
    for name, most in ENSEMBLES.items():
        spent = of[name].seconds("flow") / CORES
        aim = f"flow of {name} in at most {duration(most)}, half of the processor time on each core"
        judged.append((aim, spent <= most, duration(spent)))
    for q, most, word in ((0.5, 0.1, "median"), (0.95, 0.25, "95th percentile")):
        late = [(name, float(np.quantile(spent, q))) for name, spent in redraws.items()]
        slow = [(name, value) for name, value in late if value > most]
        aim = f"every explorer draws anew in {duration(most)}, {word}"
        judged.append((aim, not slow, _each(slow, duration) or f"all {len(late)}"))
    slowest = max(seconds for name, seconds in imports.items() if "alone" not in name)
    aim = "the package is imported in less than 1 s, torch left out"
    judged.append((aim, slowest < 1, _each(imports.items(), duration)))
    return [f"{'met' if met else '**missed**'}: {aim} ({found})" for aim, met, found in judged]


def _panels(panels: Sequence[Result]) -> list[tuple[str, bool, str]]:
    """Flow and descend against the peers, on each panel of Figure 1."""

    def ratios(theirs: Callable[[Result], float], ours: str) -> Pairs:
        return [(r.task.name[:2], theirs(r) / r.seconds(ours)) for r in panels]

    plain, best = (lambda r: r.seconds("plain")), (lambda r: r.best("flow")[1])
    aims = [("flow 100 times as fast as plain", ratios(plain, "flow"), 100),
            ("flow faster than every peer", ratios(best, "flow"), 1)]  # fmt: skip
    if all("jax" in result.by for result in panels):
        both = ratios(lambda r: r.by["jax"].seconds + r.by["jax"].compiling, "descend")
        run = ratios(lambda r: r.seconds("jax"), "descend")
        aims += [("descend no slower than jax's compiled loop", run, 1),
                 ("descend faster than jax with its compiling", both, 1)]  # fmt: skip
    return [
        (f"{aim} on each panel of Figure 1", min(dict(found).values()) >= least,
         _each(found, times)) for aim, found, least in aims
    ]  # fmt: skip


def _each(values: Iterable[tuple[str, float]], write: Callable[[float], str]) -> str:
    return ", ".join(f"{name} {write(value)}" for name, value in values)


def duration(seconds: float) -> str:
    """Two digits in the unit that fits, from microseconds to days."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1), ("ms", 1e-3)):
        if seconds >= size:
            return f"{_two_digits(seconds / size)} {unit}"
    return f"{_two_digits(seconds * 1e6)} µs"


def times(ratio: float) -> str:
    """A ratio in two digits, with thousands set apart, or as a power of ten."""
    return f"{ratio:.1e}".replace("e+0", "e") if ratio >= 1e6 else _two_digits(ratio)


def _two_digits(value: float) -> str:
    value = float(f"{value:.1e}")
    return f"{value:g}" if value < 10 else f"{value:,.0f}"
