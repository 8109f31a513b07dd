"""The knobs of the notebooks: what each may be, checked before anything runs."""

import os
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import numpy as np

from ..datasets import PANELS
from ..datasets.digits import TITLES
from ..dynamics import resolve_device
from .files import output_folder

Check = Callable[[Any], bool]


def _number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and np.isfinite(value)


def _positive(value: Any) -> bool:
    return _number(value) and value > 0


def _whole(low: int, high: int) -> tuple[Check, str]:
    def good(value: Any) -> bool:
        return isinstance(value, Integral) and not isinstance(value, bool) and low <= value <= high

    return good, f"a whole number from {low} to {high}"


def _listed(each: Check, low: int, high: int) -> Check:
    """Whether a value is a list of `low` to `high` values that are good, each of them."""

    def good(value: Any) -> bool:
        fits = isinstance(value, (list, tuple)) and low <= len(value) <= high
        return fits and all(map(each, value))

    return good


def _or_none(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _pair(digits: Any) -> bool:
    return _listed(_whole(0, 9)[0], 2, 2)(digits) and digits[0] < digits[1]


RULES: dict[str, tuple[Check, str]] = {
    "seed": _whole(0, 2**32 - 1),
    "width": _whole(2, 1000),
    "init_scale": (
        lambda v: _positive(v) and v <= 1,
        "a standard deviation above 0 and at most 1 (0 is a fixed point)",
    ),
    "n_seeds": _whole(1, 500),
    "output_dir": (
        _or_none(lambda v: isinstance(v, (str, os.PathLike))),
        "a path, or None for `figures`",
    ),
    "device": (lambda v: v in ("cpu", "cuda", "auto", "torch"), '"cpu", "cuda" or "auto"'),
    "singular_values": (_listed(_positive, 1, 8), "a list of 1 to 8 positive numbers"),
    "panel": (lambda v: v in PANELS, f"one of {', '.join(PANELS)}"),
    "points": (
        _or_none(_listed(_listed(_number, 2, 2), 2, 2)),
        "None, or two points of the plane such as [[1, 0], [0, 2]]",
    ),
    "knobs": (_or_none(_listed(_number, 1, 3)), "None, or a list of 1 to 3 numbers"),
    "lr": (_or_none(_positive), "None, or a positive number"),
    "epochs": _whole(1, 100_000),
    "data": (lambda v: v in TITLES, f"one of {', '.join(TITLES)}"),
    "pairs": (
        _listed(_pair, 1, 6),
        "a list of 1 to 6 pairs of digits such as [[0, 1], [3, 5]], smaller first",
    ),
    "relu_width": _whole(2, 1000),
}


def check_parameters(**parameters: Any) -> None:
    """Raise one ValueError that names every parameter that is unknown or out of its range.

    Looks too whether the output folder can be written and the device is there.
    """
    wrong = []
    for name, value in parameters.items():
        if name not in RULES:
            wrong.append(f"unknown parameter {name!r}; known: {', '.join(RULES)}")
        elif not RULES[name][0](value):
            wrong.append(f"{name} = {value!r}: wanted {RULES[name][1]}")
    if not wrong and len(parameters.get("singular_values", [])) > parameters.get("width", np.inf):
        wrong.append(
            "singular_values are more than the units: a rank above `width` is out of reach"
        )
    if wrong:
        raise ValueError("; ".join(wrong))
    output_folder(parameters.get("output_dir"))
    resolve_device(parameters.get("device", "cpu"))
