"""The explorer of notebook 08: one run of the linear network beside one of attention."""

from __future__ import annotations

from matplotlib.figure import Figure

from ...notebook.explorer import Explorer, Slider
from .. import figure2
from .draw import pair_figure


def explorer() -> Explorer:
    """The explorer of Figure 2A and 2B: one run of the linear network and one of attention.

    The linear network starts from the square of the initial scale.
    """

    def simulate(width: int, kappa: float, init_scale: float, seed: int) -> tuple:
        found = []
        for name, scale in (("linear", init_scale**2), ("attention", init_scale)):
            ((run,),) = figure2.train_figure2(name, [kappa], width, [scale], [seed])
            found.append((run.times, run.losses, figure2.figure2_levels(name, kappa)))
        return *found, init_scale

    def draw(result: tuple) -> Figure:
        return pair_figure(*result)

    return Explorer(
        simulate,
        draw,
        "Loss over time of a linear network beside that of linear attention, levels dashed",
        {
            "wide": {"width": 100},
            "equal strengths": {"kappa": 0.0},
            "no plateau": {"kappa": 0.0, "init_scale": 0.1},
        },
        width=Slider(16, 3, 100, label="units"),
        kappa=Slider(1.0, 0.0, 2.0, 0.05, label="κ"),
        init_scale=Slider(1e-3, -4, -1, 0.1, log=True, label="initial scale"),
        seed=Slider(0, 0, 100),
    )
