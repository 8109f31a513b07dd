"""What the benchmark aims at, and whether it was reached in this run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from .engines import Result
from .scaling import Sweep

Judged = tuple[str, bool, str]  # a target, whether it was reached, and what was measured


def targets(results: Sequence[Result], samples: Sweep, imports: Mapping[str, float]) -> list[str]:
    """A line for each target: reached or not, and what was measured.

    Where a row's flow misses its accuracy, whatever its speed, the target is not reached.
    """
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(result.row.group, []).append(result)
    flows = [result for result in results if result.row.solver]
    missed = [result.row.name for result in flows if not result.accurate]
    judged = [("every flow as accurate as its goal", not missed, ", ".join(missed) or "all")]
    judged += _panels(groups["panel"])
    for name in ("quadratic", "attention"):
        judged += _limit(groups[name])
    for name in ("linear (1B) ensemble", "quadratic (1G) ensemble"):
        judged += _ensembles(*groups[name])
    spread = {
        name: samples.seconds[name].max() / samples.seconds[name].min() - 1
        for name in ("descend", "flow")
    }
    ours = {name: seconds for name, seconds in imports.items() if "alone" not in name}
    judged += [
        ("with moments, time within 20% from 10^2 to 10^6 samples", max(spread.values()) <= 0.2,
        _each(spread, "{:.0%}".format)), ("the package is imported in less than 1 s",
        max(ours.values()) < 1, _each(imports, duration)),
    ]  # fmt: skip
    return [
        f"{'reached' if reached else '**not reached**'}: {target} ({measured})"
        for target, reached, measured in judged
    ]


def _panels(panels: Sequence[Result]) -> list[Judged]:
    ratios = {result.row.name[:2]: result.ratio("flow") for result in panels}
    reached = all(result.accurate for result in panels) and min(ratios.values()) >= 20
    target = "flow 20 times as fast as plain on each panel of Figure 1"
    return [(target, reached, _each(ratios, times))]


def _limit(rows: Sequence[Result]) -> list[Judged]:
    first, *_, third, last = rows
    fast, growth = third.ratio("flow"), last.seconds["flow"] / first.seconds["flow"]
    grows = f"time of flow grows less than 5 times from {first.row.name} to {last.row.name}"
    return [
        (f"flow 10^4 times as fast as plain on {third.row.name}", third.accurate and fast >= 1e4,
        times(fast)), (grows, first.accurate and last.accurate and growth < 5, times(growth)),
    ]  # fmt: skip


def _ensembles(few: Result, many: Result) -> list[Judged]:
    engines = ("flow", "descend")
    ratios = {name: few.ratio(name) for name in engines}
    growth = {name: many.seconds[name] / few.seconds[name] for name in engines}
    return [
        (f"{few.row.name}: 200 times as fast as plain runs, by the faster engine",
        few.accurate and max(ratios.values()) >= 200, _each(ratios, times)),
        (f"{many.row.name}: flow in less than 8 times the time of {few.row.runs}",
        many.accurate and growth["flow"] < 8, _each(growth, times)),
    ]  # fmt: skip


def _each(values: Mapping[str, float], write: Callable[[float], str]) -> str:
    return ", ".join(f"{name} {write(value)}" for name, value in values.items())


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
