"""Measurements on runs: plateaus of a loss curve, effective width of units and of layers."""

from .layers import LayeredRun, imbalance, layer_widths, rank_ratios
from .plateaus import (
    count,
    dense_loss,
    drop_times,
    exponent,
    first_times,
    log_slope,
    measure,
    passage_time,
)
from .staircase import Staircase
from .statistics import least_share, standard_error
from .units import clusters, contributions, effective_width, rays
