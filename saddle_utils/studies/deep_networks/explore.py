"""The explorer of notebook 11: six architectures by name, scale, width, and layer-wise scale."""

from __future__ import annotations

from dataclasses import replace

from ...notebook.explorer import Choice, Explorer, Slider
from .draw import snapshot
from .measure import DeepRun, train
from .panels import panels

QUICK = 1200  # steps that a run of the explorer takes


def explorer() -> Explorer:
    """Explorer of Figure 5: the architecture, the initial scale, and one layer of another scale."""
    titles = {panel.title: panel for panel in panels().values()}

    def simulate(
        architecture: str, init_scale: float, first_layer: float, width: int, seed: int
    ) -> DeepRun:
        panel = titles[architecture]
        heads = len(panel.layers) == 1
        step = 0.08 if heads else 0.2
        growth = 1 if panel.step else 2  # a quadratic layer waits longer
        panel = replace(panel, scale=init_scale, step=step / (1 if panel.step else 2))
        factors = () if heads else (first_layer, 1.0, 1.0)
        return train(panel, [seed], width, factors=[factors], steps=QUICK * growth, records=240)[0]

    first = panels()["A"].title
    return Explorer(
        simulate, snapshot, "Loss and effective width of each layer of a deep network over time",
        architecture=Choice(first, list(titles)),
        init_scale=Slider(5e-3, -3, -1, 0.1, log=True, label="initial scale"),
        first_layer=Slider(1.0, -1, 1, 0.1, log=True, label="first layer, times"),
        width=Slider(20, 2, 30),
        seed=Slider(1, 0, 100),
    )  # fmt: skip
