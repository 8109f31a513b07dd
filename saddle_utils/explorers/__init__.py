"""The explorers of the notebooks: what each simulates, draws, and lets one turn."""

from __future__ import annotations

from .of_runs import (
    hierarchy_explorer,
    landscape_explorer,
    line_explorer,
    manifold_explorer,
    panel_explorer,
)
from .of_studies import (
    initialization_explorer,
    prediction_explorer,
    training_explorer,
    width_explorer,
)

__all__ = [
    "hierarchy_explorer",
    "initialization_explorer",
    "landscape_explorer",
    "line_explorer",
    "manifold_explorer",
    "panel_explorer",
    "prediction_explorer",
    "training_explorer",
    "width_explorer",
]
