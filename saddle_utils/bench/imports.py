"""What imports cost: processor seconds of a fresh interpreter, its own start left out."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

import numpy as np

PARTS = {
    "the engines": "saddle_utils.dynamics",
    "what a notebook takes": "saddle_utils.studies.figure1",
    "all with its explorers": "saddle_utils.studies.figure1, saddle_utils.studies.initialization",
    "matplotlib and scipy.integrate alone": "matplotlib.pyplot, scipy.integrate",
    "torch alone": "torch",
}
TURNS = 5


def times() -> dict[str, float]:
    """Seconds to import each of the parts, by name: medians of five turns, after a first."""
    code = {"": "pass", **{name: f"import {modules}" for name, modules in PARTS.items()}}
    keeps_bytecode = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    spent: dict[str, list[float]] = {name: [] for name in code}
    for turn in range(TURNS + 1):
        for name, line in code.items():
            start = _children()
            subprocess.run([sys.executable, "-c", line], check=True, env=keeps_bytecode)
            if turn:  # the first one compiles, and reads from the disk
                spent[name].append(_children() - start)
    start = float(np.median(spent.pop("")))
    return {name: float(np.median(turns)) - start for name, turns in spent.items()}


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
