"""Notebook 03: a convolutional network learns one kernel at a time (Figures 1C and 1E).

A unit of Eq. 1 is a kernel u_i, applied to every patch of the input, with its read-out weights v_i.
The runs, the claims made of every panel, and the drawing are those of `figure1`.
"""

from ..notebook import Explorer, Slider
from .figure1 import panel_explorer


def linear_explorer() -> Explorer:
    """Explorer of the linear convolution; `second` is the label of the second kernel."""
    return panel_explorer("fig1c", second=Slider(1.25, 0.1, 3.0, 0.05, label="second label"))


def relu_explorer() -> Explorer:
    """Explorer of the ReLU convolution; `second` is the label of the second kernel."""
    return panel_explorer("fig1e", second=Slider(-0.86, -1.5, 1.5, 0.02, label="second label"))
