"""Notebook 20: deep linear networks from saddle to saddle (Jacot et al., arXiv 2106.15933)."""

from .draw import (
    balanced_picture,
    completion_picture,
    crossings_picture,
    escape_picture,
    explorer,
    phases_picture,
    staircase_picture,
    transition_picture,
)
from .runs import alignment, balanced_drops, escape_times, layer_overlaps, plateau_errors, staircase
from .starts import collapse, crossings, curves, limit
from .sweeps import completions, phases
