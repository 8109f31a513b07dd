"""The knobs of the notebooks: what each may be, checked before anything runs."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..datasets import PANELS
from ..datasets.digits import TITLES
from ..dynamics import resolve_device
from .files import output_folder


def _whole(low: int, high: int) -> tuple[Callable[[Any], bool], str]:
    def good(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high

    return good, f"a whole number from {low} to {high}"


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and np.isfinite(value)


def _scale(value: Any) -> bool:
    return _number(value) and 0 < value <= 1


def _strengths(value: Any) -> bool:
    good = isinstance(value, (list, tuple)) and 1 <= len(value) <= 8
    return good and all(_number(s) and s > 0 for s in value)


def _numbers(value: Any) -> bool:
    listed = isinstance(value, (list, tuple)) and 1 <= len(value) <= 3
    return value is None or (listed and all(map(_number, value)))


def _points(value: Any) -> bool:
    listed = isinstance(value, (list, tuple)) and len(value) == 2
    return value is None or (listed and all(_numbers(p) and p and len(p) == 2 for p in value))


def _pairs(value: Any) -> bool:
    listed = isinstance(value, (list, tuple)) and 1 <= len(value) <= 6
    return listed and all(isinstance(p, (list, tuple)) and _pair(*p) for p in value)


def _pair(*digits: Any) -> bool:
    whole = all(isinstance(d, int) and not isinstance(d, bool) for d in digits)
    return whole and len(digits) == 2 and 0 <= digits[0] < digits[1] <= 9


RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "seed": _whole(0, 2**32 - 1),
    "width": _whole(2, 1000),
    "init_scale": (_scale, "a standard deviation above 0 and at most 1 (0 is a fixed point)"),
    "n_seeds": _whole(1, 500),
    "output_dir": (lambda v: v is None or isinstance(v, str), "a path, or None for `figures`"),
    "device": (lambda v: v in ("cpu", "cuda", "auto", "torch"), '"cpu", "cuda" or "auto"'),
    "singular_values": (_strengths, "a list of 1 to 8 positive numbers"),
    "panel": (lambda v: v in PANELS, f"one of {', '.join(PANELS)}"),
    "points": (_points, "None, or two points of the plane such as [[1, 0], [0, 2]]"),
    "knobs": (_numbers, "None, or a list of 1 to 3 numbers"),
    "lr": (lambda v: v is None or (_number(v) and v > 0), "None, or a positive number"),
    "epochs": _whole(1, 100_000),
    "data": (lambda v: v in TITLES, f"one of {', '.join(TITLES)}"),
    "pairs": (_pairs, "a list of 1 to 6 pairs of digits such as [[0, 1], [3, 5]], smaller first"),
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
