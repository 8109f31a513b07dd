"""Notebook 12: skip connections turn powers of the wait into a logarithm (Figure 6)."""

from .claims import claim_activations, claim_effective_depth, claim_fig6, claim_imbalance, claim_law
from .draw import activations_picture, fig6_picture, law_picture, skips_picture
from .explore import explorer
from .measure import (
    SKIPS,
    critical_depth,
    escapes_with_skips,
    exponent,
    imbalance_orders,
    mixed_start,
    predicted_exponent,
    skip_table,
    train,
    type_of,
)
from .types import random_types
