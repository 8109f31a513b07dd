"""The explorer of notebook 06: the hierarchy of saddles, and the way of a run through it."""

from __future__ import annotations

from matplotlib.figure import Figure

from ...datasets import whitened
from ...networks import Linear
from ...notebook.explorer import Explorer, Slider
from .draw import hierarchy_figure
from .measure import visited_modes


def explorer() -> Explorer:
    """The explorer of the saddles of a linear network with three modes, and a run's way."""

    def simulate(first: float, second: float, third: float, seed: int) -> tuple[Linear, list]:
        task = whitened([first, second, third])
        return task, visited_modes(task, 3, 1e-6, seed)

    def draw(result: tuple[Linear, list]) -> Figure:
        return hierarchy_figure(result[0], 3, result[1])

    alt = "Fixed points of a linear network by rank and loss, and those that a run passes"
    return Explorer(
        simulate, draw, alt, {"a tie": {"third": 2.0}, "far apart": {"second": 1.5, "third": 0.5}},
        first=Slider(3.0, 0.5, 4.0, 0.1), second=Slider(2.0, 0.5, 4.0, 0.1),
        third=Slider(1.2, 0.5, 4.0, 0.1), seed=Slider(0, 0, 100),
    )  # fmt: skip
