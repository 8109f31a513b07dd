"""Notebook 09: what the initial weights do to the plateaus (Figures 2C, 2D); phase diagrams."""

from .draw import (
    explorer,
    isotropic_start_picture,
    low_rank_start_picture,
    phases_attention_picture,
    phases_linear_picture,
)
from .measure import (
    approach_rate,
    attention_phases,
    attention_waits,
    decay_rate,
    exact_runs,
    exponent,
    growth_on_the_way,
    linear_phases,
    linear_waits,
    low_rank_curves,
    low_rank_runs,
    low_rank_starts,
    within_a_cell,
)
