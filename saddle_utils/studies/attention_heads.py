"""Notebook 04: linear self-attention learns one head at a time (Figure 1F).

The runs, the claims made of every panel, and the drawing are those of `figure1`.
"""

from __future__ import annotations

import numpy as np

from ..notebook import Explorer, Picture, Slider
from . import figure1
from .figure1 import PanelRun


def fig1f_picture(run: PanelRun, ensemble: PanelRun, levels: np.ndarray) -> Picture:
    """Figure 1F: a run of attention, other seeds, and the levels of theory (3,)."""
    alt = (
        "Figure 1F. The loss falls in two abrupt steps with a plateau at .54, near the "
        "paper's curve; other seeds fall at other times to the same levels; one query, then "
        "two, leave the origin."
    )
    return figure1.panel_picture(run, alt, ensemble, levels)


def explorer() -> Explorer:
    """Explorer of panel F: the length of the context and the variance of the second coordinate."""
    return figure1.panel_explorer(
        "fig1f",
        context=Slider(31, 2, 60, label="context length"),
        second=Slider(0.5, 0.05, 1.0, 0.05, label="second variance"),
    )
