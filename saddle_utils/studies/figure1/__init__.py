"""The six panels of Figure 1: their runs, and the claims and pictures that notebooks share."""

from .claims import claim_against_paper, claim_limit, claim_seed_times, claim_seeds
from .draw import (
    draw_panel,
    draw_weights,
    escape_picture,
    limit_picture,
    panel_explorer,
    panel_picture,
)
from .runs import PanelRun, first_drops, flow_to_limit, measure_first_escapes, train_panel
