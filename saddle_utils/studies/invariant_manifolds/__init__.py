"""TODO."""

from .draw import FLOOR, choice_figure, conserved_figure, near_figure, rank_figure, relations_figure
from .explore import manifold_explorer
from .measure import drift, random_task, relations

__all__ = [
    "FLOOR",
    "choice_figure",
    "conserved_figure",
    "drift",
    "manifold_explorer",
    "near_figure",
    "random_task",
    "rank_figure",
    "relations",
    "relations_figure",
]
