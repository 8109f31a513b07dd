"""TODO."""

from .attention import (
    SHARES,
    TIMES,
    attention_levels,
    critical_scales,
    head_waits,
    residual_attention,
    visible_wait,
)
from .escape import MAX_SPANS, SPAN, dormant_units, escape_time, first_escape, one_unit_profile
from .path import first_quadratic_escape, quadratic_drop
