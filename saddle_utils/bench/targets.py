"""What the benchmark aims at, and whether it was reached in this run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .engines import Result
from .scaling import Sweep


def targets(results: Sequence[Result], samples: Sweep, imports: Mapping[str, float]) -> list[str]:
    """A line for each target: reached or not, and what was measured.

    Where a row's flow misses its accuracy, whatever its speed, the target is not reached.
    """
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(result.row.group, []).append(result)
    flows = [result for result in results if result.row.solver]
    missed = [result.row.name for result in flows if not result.accurate]
    lines = [_line("every flow as accurate as its goal", not missed, ", ".join(missed) or "all")]
    panels = groups["panel"]
    lines.append(
        _line(
            "flow 20 times as fast as plain on each panel of Figure 1",
            all(result.accurate and result.ratio("flow") >= 20 for result in panels),
            ", ".join(f"{result.row.name[:2]} {times(result.ratio('flow'))}" for result in panels),
        )
    )
    for name in ("quadratic", "attention"):
        first, *_, third, last = groups[name]
        growth = last.seconds["flow"] / first.seconds["flow"]
        lines.append(
            _line(
                f"flow 10^4 times as fast as plain on {third.row.name}",
                third.accurate and third.ratio("flow") >= 1e4,
                times(third.ratio("flow")),
            )
        )
        lines.append(
            _line(
                f"time of flow grows less than 5 times from {first.row.name} to {last.row.name}",
                first.accurate and last.accurate and growth < 5,
                times(growth),
            )
        )
    for name in ("linear (1B) ensemble", "quadratic (1G) ensemble"):
        few, many = groups[name]
        fast = ", ".join(f"{engine} {times(few.ratio(engine))}" for engine in ("flow", "descend"))
        growth = {engine: many.seconds[engine] / few.seconds[engine] for engine in few.seconds}
        lines.append(
            _line(
                f"{few.row.name}: 200 times as fast as plain runs, by the faster engine",
                few.accurate and max(few.ratio("flow"), few.ratio("descend")) >= 200,
                fast,
            )
        )
        lines.append(
            _line(
                f"{many.row.name}: flow in less than 8 times the time of {few.row.runs}",
                many.accurate and growth["flow"] < 8,
                ", ".join(f"{engine} {times(growth[engine])}" for engine in ("flow", "descend")),
            )
        )
    spread = {
        engine: samples.seconds[engine].max() / samples.seconds[engine].min() - 1
        for engine in ("descend", "flow")
    }
    lines.append(
        _line(
            "with moments, time within 20% from 10^2 to 10^6 samples",
            max(spread.values()) <= 0.2,
            ", ".join(f"{engine} {value:.0%}" for engine, value in spread.items()),
        )
    )
    lines.append(
        _line(
            "the package is imported in less than 1 s",
            all(seconds < 1 for name, seconds in imports.items() if "alone" not in name),
            ", ".join(f"{name} {duration(seconds)}" for name, seconds in imports.items()),
        )
    )
    return lines


def _line(target: str, reached: bool, measured: str) -> str:
    return f"{'reached' if reached else '**not reached**'}: {target} ({measured})"


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
