"""What a reader waits for: a picture after a slider's move, drawing included, and an import."""

import subprocess
import sys
from contextlib import suppress
from functools import partial
from timeit import repeat

import numpy as np

from ..dynamics import RunFailedError
from ..notebook import Explorer
from .measure import cpu_seconds, timed

PLACES = 15  # random places of all knobs, besides the ends of each
PARTS = {
    "the engines": "import saddle_utils.dynamics",
    "what a notebook takes": "import saddle_utils.studies.figure1",
}


def redraws(explorer: Explorer, places: int = PLACES, seed: int = 0) -> np.ndarray:
    """Processor seconds of each redraw: presets, both ends of every knob, random places of all.

    Where a run cannot be made it is the error that is shown, and timed.
    """
    rng, knobs = np.random.default_rng(seed), explorer.sliders
    moves = [*explorer.presets.values()]
    moves += [{**explorer.first, name: end} for name, knob in knobs.items() for end in knob.ends()]
    moves += [{name: knob.somewhere(rng) for name, knob in knobs.items()} for _ in range(places)]

    def move(values: dict) -> None:
        with suppress(RunFailedError, ValueError):
            explorer.render(**{k: type(knobs[k].value)(value) for k, value in values.items()})

    return np.array([timed(partial(move, values))[1] for values in moves])


def imports() -> dict[str, float]:
    """Processor seconds to import each of the parts, by name, in a fresh interpreter.

    The shortest of five turns; the interpreter's own start is left out.
    """
    spent = {}
    for name, code in {"": "pass", **PARTS}.items():
        call = partial(subprocess.run, [sys.executable, "-c", code], check=True)
        spent[name] = min(repeat(call, timer=cpu_seconds, number=1, repeat=5))
    start = spent.pop("")
    return {name: seconds - start for name, seconds in spent.items()}
