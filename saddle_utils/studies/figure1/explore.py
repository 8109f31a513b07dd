"""The explorer of a panel of Figure 1, for the notebooks 01 to 05."""

from __future__ import annotations

from matplotlib.figure import Figure

from ...datasets import panel
from ...notebook.explorer import Explorer, Slider
from . import runs
from .draw import snapshot
from .runs import PanelRun


def panel_explorer(name: str, **knobs: Slider) -> Explorer:
    """The explorer of a panel of Figure 1: initial weights, width, data, and the epoch shown.

    `knobs` are sliders of the panel's training set, by the names that `datasets.panel` takes.
    """
    paper = panel(name)

    def simulate(width: int, init_scale: float, seed: int, **data: float) -> PanelRun:
        return runs.train_panel(panel(name, **data), seed, width, init_scale, epochs=3000, every=5)

    def draw(run: PanelRun, progress: float) -> Figure:
        return snapshot(run, progress)

    low, high = (-8, -1) if paper.network.degree == 1 else (-3, -1)
    sliders = {
        "init_scale": Slider(paper.init_scale, low, high, 0.1, log=True, label="initial scale"),
        "width": Slider(paper.width, 1, 100),
        "seed": Slider(paper.seed, 0, 100),
        **knobs,
        "progress": Slider(0.3, 0.0, 1.0, 0.01, view=True, label="time shown"),
    }
    alt = f"{paper.title}: loss over epochs beside the first-layer weights at the time chosen"
    presets = {"the paper": {}, "no plateau": {"init_scale": 10.0**high}, "one unit": {"width": 1}}
    return Explorer(simulate, draw, alt, presets, **sliders)
