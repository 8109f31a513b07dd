"""Notebook 04: linear self-attention learns one head at a time (Figure 1F).

The runs, the claims made of every panel, and the drawing are those of `figure1`.
"""

from ..notebook import Explorer, Slider
from . import figure1


def explorer() -> Explorer:
    """Explorer of panel F: the length of the context and the variance of the second coordinate."""
    return figure1.panel_explorer(
        "fig1f",
        context=Slider(31, 2, 60, label="context length"),
        second=Slider(0.5, 0.05, 1.0, 0.05, label="second variance"),
    )
