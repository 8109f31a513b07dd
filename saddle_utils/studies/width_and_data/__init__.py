"""Notebook 08: what width and data do to the plateaus (Figures 2A and 2B)."""

from .draw import (
    data_times_picture,
    explorer,
    fig2ab_picture,
    width_and_data_others_picture,
    width_lottery_picture,
    width_times_picture,
)
from .measure import (
    drawn_drops,
    first_drop_band,
    first_drop_law,
    law_distance,
    linear_drops,
    lone_waits,
    relu_drops,
)
