"""Notebook 06: Theorem 1, narrow networks as saddles of wide ones, and runs between them."""

from .draw import hierarchy_picture, theorem1_picture, walks_picture
from .explore import explorer
from .measure import (
    embeddings,
    further_points,
    hessian_prediction,
    narrow_task,
    negatives,
    visited_modes,
    walk_of,
)
