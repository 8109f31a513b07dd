"""Notebook 14: every drop of random tasks of all architectures, predicted before training."""

from .draw import (
    COLOURS,
    explorer,
    predicted_curves_picture,
    predicted_failures_picture,
    predicted_levels_picture,
    predicted_others_picture,
    predicted_scales_picture,
    predicted_times_picture,
)
from .measure import compare, plateau
from .tasks import by_kind, degenerate, errors, example, factors, study, tearing
