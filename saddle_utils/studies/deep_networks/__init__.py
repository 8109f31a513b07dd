"""Notebook 11: deep networks learn one unit at a time too, in all layers at once (Figure 5)."""

from .draw import depth_picture, explorer, fig5_picture, recruitment_picture
from .measure import (
    claim_depth,
    claim_ends,
    claim_linear_layer,
    claim_panel,
    claim_recruitment,
    escapes_by_depth,
    recruitment,
    recruits,
    train,
)
from .panels import few_points, panels, quadratic_labels
