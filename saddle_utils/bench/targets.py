"""What the benchmark aims at, and whether it was met in this run."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from .measure import Result

ENSEMBLES = {"linear (1B), 1024 seeds": 0.073, "quadratic (1G), 1024 seeds": 0.42,
             "ReLU (1D), 64 seeds": 0.03}  # fmt: skip
CORES = 2  # over which the processor seconds of ensembles are shared
Pairs = Sequence[tuple[str, float]]


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
