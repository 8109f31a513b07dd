"""Notebook 03: a convolutional network learns one kernel at a time (Figures 1C and 1E).

A unit of Eq. 1 is a kernel u_i, applied to every patch of the input, with its read-out weights v_i.
The runs, the claims made of every panel, and the drawing are those of `figure1`.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..notebook import Explorer, Picture, Slider
from .figure1 import PanelRun, panel_explorer, panel_picture


def linear_picture(run: PanelRun, ensemble: PanelRun, levels: Sequence[float]) -> Picture:
    """Figure 1C: a run of the linear convolution, other seeds, and the levels of theory (3,)."""
    alt = (
        "Figure 1C. The loss falls in two steps with a plateau at .394, on the paper's curve; the "
        "kernels lie on one line at the plateau and fill the plane at the end."
    )
    return panel_picture(run, alt, ensemble, levels)


def relu_picture(run: PanelRun, ensemble: PanelRun, levels: Sequence[float]) -> Picture:
    """Figure 1E: a run of the ReLU convolution, other seeds, and the levels of theory (3,)."""
    alt = (
        "Figure 1E. The loss falls in two steps with a plateau at .40, on the paper's curve; the "
        "kernels lie on the horizontal axis at the plateau and on both positive axes at the end."
    )
    return panel_picture(run, alt, ensemble, levels)


def linear_explorer() -> Explorer:
    """Explorer of the linear convolution; `second` is the label of the second kernel."""
    return panel_explorer("fig1c", second=Slider(1.25, 0.1, 3.0, 0.05, label="second label"))


def relu_explorer() -> Explorer:
    """Explorer of the ReLU convolution; `second` is the label of the second kernel."""
    return panel_explorer("fig1e", second=Slider(-0.86, -1.5, 1.5, 0.02, label="second label"))
