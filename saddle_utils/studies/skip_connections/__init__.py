"""Notebook 12: skip connections turn powers of the wait into a logarithm (Figure 6)."""

from .draw import explorer, fig6_picture, law_picture, skips_picture
from .measure import (
    OTHERS,
    SKIPS,
    claim_effective_depth,
    claim_fig6,
    claim_imbalance,
    claim_law,
    critical_depth,
    escapes_with_skips,
    imbalance_orders,
    mixed_start,
    skip_table,
    train,
)
