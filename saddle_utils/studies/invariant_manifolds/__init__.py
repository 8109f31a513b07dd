"""Notebook 07: Theorem 3, relations among units that training keeps, and how near runs stay."""

from .draw import (
    manifolds_conserved_picture,
    manifolds_kept_picture,
    manifolds_near_picture,
    manifolds_rank_picture,
)
from .explore import explorer
from .measure import drift, random_task, relations
