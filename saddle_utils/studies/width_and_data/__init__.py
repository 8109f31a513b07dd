"""TODO."""

from .draw import (
    DROPS,
    band_table,
    bands_figure,
    curves_figure,
    data_figure,
    draw_bands,
    lottery_figure,
    pair_figure,
)
from .explore import width_explorer
from .measure import (
    SERVING,
    drawn_drops,
    first_drop_band,
    first_drop_law,
    law_distance,
    linear_drops,
    lone_waits,
    relu_drops,
)

__all__ = [
    "DROPS",
    "SERVING",
    "band_table",
    "bands_figure",
    "curves_figure",
    "data_figure",
    "draw_bands",
    "drawn_drops",
    "first_drop_band",
    "first_drop_law",
    "law_distance",
    "linear_drops",
    "lone_waits",
    "lottery_figure",
    "pair_figure",
    "relu_drops",
    "width_explorer",
]
