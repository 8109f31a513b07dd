"""Units of degree 2, section 5.2: escape in a time of order 1 / eps (Proposition 5), and attention.

`escape` solves Eq. 14 for each dormant unit, `attention` has the levels and waits of linear
self-attention, and `path` carries units from one saddle to the next for `predictions`.
"""

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
