"""The explorer of notebook 13: any two digits, from any initial scale."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ...datasets import handwritten_digits
from ...notebook import Choice, Explorer, Slider
from .draw import pair_figure
from .measure import digit_task, train_linear

DIGITS = [str(digit) for digit in range(10)]


def explorer() -> Explorer:
    """Two digits by their names and an initial scale: loss, singular values, learned images.

    The network is linear, on the 8 x 8 digits; it trains by gradient flow until the second drop is
    over.  If both names are the same, the second digit is the next.
    """
    images = handwritten_digits()

    def simulate(first: str, second: str, init_scale: float, width: int) -> tuple:
        pair = (int(first), int(second) if second != first else (int(first) + 1) % 10)
        task = digit_task(images, pair)
        s1, s2 = task.strengths[:2]
        end = 1.3 * (np.log(1 / init_scale) + 2) / s2 + 4 / s1
        return pair, train_linear(images, pair, width, init_scale, 0, end), task.levels

    def draw(result: tuple) -> Figure:
        return pair_figure(images, *result)

    return Explorer(
        simulate, draw,
        "Loss and singular values over time for two digits, and the first layer's directions as "
        "images at the plateau and at the end",
        {"the easiest pair": {"first": "0", "second": "1"},
        "a hard pair": {"first": "4", "second": "9"}, "no plateau": {"init_scale": 0.1}},
        first=Choice("3", DIGITS, label="one digit"), second=Choice("5", DIGITS, label="another"),
        init_scale=Slider(1e-6, -8, -1, 0.5, log=True, label="initial scale"),
        width=Slider(1000, 10, 1000, 10, label="units"),
    )  # fmt: skip
