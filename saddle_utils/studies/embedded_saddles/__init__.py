"""TODO."""

from .draw import hierarchy_figure, table_figure, walks_figure
from .explore import hierarchy_explorer
from .measure import (
    embeddings,
    further_points,
    hessian_prediction,
    narrow_task,
    negatives,
    visited_modes,
    walk_of,
)

__all__ = [
    "embeddings",
    "further_points",
    "hessian_prediction",
    "hierarchy_explorer",
    "hierarchy_figure",
    "narrow_task",
    "negatives",
    "table_figure",
    "visited_modes",
    "walk_of",
    "walks_figure",
]
