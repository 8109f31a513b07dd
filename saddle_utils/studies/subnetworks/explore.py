"""The explorer of subnetworks: width and degree, with the table lighting up."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from ...notebook import Explorer, Slider
from .draw import point_figure
from .ranks import rank_table

WIDTHS = range(2, 7)


@lru_cache(maxsize=8)
def _rows(inputs: int, seed: int) -> list[dict[str, Any]]:
    return rank_table([inputs], WIDTHS, seed, draws=2)


def explorer() -> Explorer:
    """Explorer of the table of ranks: inputs, width, degree, and the draw."""

    def simulate(inputs: int, width: int, degree: int, seed: int) -> tuple:
        return _rows(inputs, seed), width, min(degree, 2 * width + 1)

    alt = "Table of exact ranks with one cell framed, and its ranks by kind of point as bars"
    return Explorer(
        simulate,
        point_figure,
        alt,
        {"just too low a degree": {"degree": 2}, "wide": {"width": WIDTHS[-1]}},
        inputs=Slider(3, 2, 4),
        width=Slider(3, WIDTHS[0], WIDTHS[-1]),
        degree=Slider(4, 1, 2 * WIDTHS[-1] + 1),
        seed=Slider(0, 0, 20),
    )
