"""How long an explorer takes from a slider's move to the new picture, drawing included."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator

import numpy as np

from .. import studies
from ..dynamics import RunFailedError
from ..notebook import Explorer
from .peers import cpu_seconds

PLACES = 15  # random places of all knobs, besides the ends of each


def found() -> Iterator[tuple[str, Callable[[], Explorer]]]:
    """Every function of a study whose name ends in "explorer" and that needs no arguments."""
    for module in pkgutil.iter_modules(studies.__path__):
        study = importlib.import_module(f"{studies.__name__}.{module.name}")
        for name, function in sorted(vars(study).items()):
            own = name.endswith("explorer") and function.__module__.startswith(study.__name__)
            if own and not function.__code__.co_argcount:
                yield f"{module.name}.{name}", function


def redraws(explorer: Explorer, places: int = PLACES, seed: int = 0) -> np.ndarray:
    """Processor seconds of each redraw: presets, both ends of every knob, random places of all.

    Where a run cannot be made it is the error that is shown, and timed.
    """
    rng, spent, knobs = np.random.default_rng(seed), [], explorer.sliders
    first = {name: knob.value for name, knob in knobs.items()}
    moves = [*explorer.presets.values()]
    moves += [{**first, name: end} for name, knob in knobs.items() for end in knob.ends()]
    moves += [{name: knob.somewhere(rng) for name, knob in knobs.items()} for _ in range(places)]
    for values in moves:
        cast = {name: type(knobs[name].value)(value) for name, value in values.items()}
        start = cpu_seconds()
        try:
            explorer.render(**cast)
        except (RunFailedError, ValueError):
            pass
        spent.append(cpu_seconds() - start)
    return np.array(spent)


def times() -> dict[str, np.ndarray]:
    """`redraws` of every explorer, by its name."""
    return {name: redraws(make()) for name, make in found()}
