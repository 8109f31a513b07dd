"""The page of the benchmark: machine, table, targets and scaling, as Markdown."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from .engines import Result
from .rows import power
from .scaling import Sweep
from .targets import duration, targets, times

COLUMNS = (
    "| task | steps | plain | descend | flow | plain / descend | plain / flow "
    "| error of plain and descend | error of flow | rtol |"
)
NOTES = """\
- **plain**: `torch.nn` modules, `torch.optim.SGD` and `backward()` in a Python loop, float64, one
  run after the other. **descend**: the same steps by closed-form gradients, in moments of the data
  where there are any, all runs of an ensemble at once. **flow**: gradient flow; ensembles, ReLU,
  the network of MNIST's size and the one in ten dimensions by `ensembles.flows`, the rest by
  `dynamics.flow`. A short run is recorded at every step, a long flow at the solver's own.
- Times are seconds of one thread as the processor counts them, which other work on the machine
  disturbs less than a clock on the wall: medians of five turns, which the engines take one after
  the other; of three for what takes more than .3 s, one turn above 1 s. ~ was timed over the steps
  in brackets, of an ensemble one run, and multiplied.
- Errors are the largest along the whole loss curve, over the initial loss, against a flow at a
  tolerance of 1e-12 or less (1e-8 for MNIST's size). The first is at equal times. The second is
  that of the curve: the distance from the exact one in the plane of time and loss, each as a
  fraction of its range. The tolerance of flow is the loosest of 1e-5, 3e-6, 1e-6, ... whose error
  is at most 1e-6: at equal times, but in the rows in ε that of the curve. There a drop of three
  units of time follows a plateau of up to 1e8, and 1e-6 at equal times asks for 14 digits of its
  moment. What is left of a growth with 1 / ε is its logarithm: a wait that ends in 1 / (t* - t) is
  stepped over one e-fold of t* - t after the other.
- A step of plain costs .08 to .14 ms in the small panels, however little there is to compute. A
  ReLU flow ends a step at every crossing and slides along samples, in array operations of Python:
  with two samples and 50 units they cost as much as all steps of descent.
- In ten dimensions at ε = 1e-15 the goal is 1e-4: weights that wait are as small as the rounding
  errors of those that have grown, and rounding sets an error of 1e-5 to 5e-5 at any tolerance.
- The plain attention makes the row of the attention matrix that it reads. In the row with N × N
  matrices it makes them whole, for each of 5000 prompts and 10 heads, as a transformer does.
- MNIST's size: 784 inputs, 1000 units, 10 outputs, 10^4 samples. The ReLU network has no flow: its
  field jumps whenever a unit passes a sample, and `descend` serves; its steps are two products of
  matrices, which no engine can spare.
- Imports are measured in fresh interpreters, in processor seconds, and do not include torch."""


def machine() -> str:
    """Processor, cores, memory and versions."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(": ")[1] for line in lines if line.startswith("model name")]
    processor = names[0] if names else platform.processor() or platform.machine()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "torch"))
    return (
        f"{processor}, one thread on one of {os.cpu_count()} cores, {memory:.0f} GB of memory; "
        f"Python {platform.python_version()}, {versions}."
    )


def page(
    results: Sequence[Result], samples: Sweep, imports: Mapping[str, float], gpu: Sequence[str]
) -> str:
    """The whole page."""
    worst = max(result.agreement for result in results)
    return "\n".join(
        [
            "# Benchmarks",
            "",
            "The same tasks by three engines, by `make bench` in one run.",
            "",
            machine(),
            "",
            *table(results),
            "",
            NOTES,
            f"- Plain and descend take the same steps: their losses differ by at most "
            f"{power(worst)} of the initial one.",
            "",
            "## Targets",
            "",
            *[f"- {line}" for line in targets(results, samples, imports)],
            "",
            "## Scaling",
            "",
            "![Time against initial scale, units, samples and seeds](bench_scaling.png)",
            "",
            "Hollow: timed over some of the steps or runs and multiplied. Data: "
            "`data/bench_scaling*.csv`.",
            "",
            "## GPU",
            "",
            *gpu,
            "",
        ]
    )


def table(results: Sequence[Result]) -> list[str]:
    """Lines of Markdown, a row for each result."""
    lines = [COLUMNS, "|---|" + "---:|" * (COLUMNS.count("|") - 2)]
    for result in results:
        row, cells = result.row, []
        for name in ("plain", "descend"):
            steps = result.timed[name]
            part = steps < row.steps or (name == "plain" and row.runs > 1)
            note = f" ({steps:,})" if steps < row.steps else ""
            cells.append(f"{'~ ' if part else ''}{duration(result.seconds[name])}{note}")
        flow = "flow" in result.seconds
        cells.append(duration(result.seconds["flow"]) if flow else "")
        cells.append(times(result.ratio("descend")))
        cells.append(f"**{times(result.ratio('flow'))}**" if flow else "")
        for name in ("descend", "flow"):
            pair = result.errors.get(name)
            cells.append(", ".join(map(power, pair)) if pair else "not run")
        cells.append(power(result.rtol) if result.rtol else "")
        lines.append(f"| {row.name} | {row.steps:,} | {' | '.join(cells)} |")
    return lines
