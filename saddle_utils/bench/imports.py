"""What imports cost: processor seconds of a fresh interpreter, its own start left out."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from timeit import repeat

from .peers import cpu_seconds

PARTS = {
    "the engines": "import saddle_utils.dynamics",
    "what a notebook takes": "import saddle_utils.studies.figure1",
    "torch alone": "import torch",
}


def times() -> dict[str, float]:
    """Seconds to import each of the parts, by name: the shortest of five turns."""
    spent = {}
    for name, code in {"": "pass", **PARTS}.items():
        call = partial(subprocess.run, [sys.executable, "-c", code], check=True)
        spent[name] = min(repeat(call, timer=cpu_seconds, number=1, repeat=5))
    start = spent.pop("")
    return {name: seconds - start for name, seconds in spent.items()}
