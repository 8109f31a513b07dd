"""Notebook 14: every drop of random tasks of all architectures, predicted before training."""

from .coverage import predicted_others_picture
from .doubts import predicted_failures_picture, predicted_scales_picture
from .draw import (
    COLOURS,
    OTHERS,
    predicted_curves_picture,
    predicted_levels_picture,
    predicted_times_picture,
)
from .explore import explorer
from .measure import compare, plateau
from .tasks import by_kind, degenerate, errors, example, factors, study, tearing
