"""Units of degree 2, section 5.2: quadratic networks and linear attention (Proposition 5).

A small unit (v; u) of such a network obeys dv = u' S u, du = 2 v S u with S = E[y Z] (Eq. 14).  It
diverges at a finite time t_inf, which is inversely proportional to its size.  So each unit escapes
by itself, in a time of order 1 / eps; the first to do so is the unit with the smallest t_inf, and
while it escapes all others are still of order eps (Proposition 5).  A head of linear attention is
such a unit, with its key and query for u.

- `escape`: the time t_inf of each dormant unit, and where it is before, by Eq. 14.
- `attention`: levels of linear attention, and times between the escapes of its heads.
"""

from .attention import (
    attention_levels,
    critical_scales,
    head_waits,
    residual_attention,
    visible_wait,
)
from .escape import dormant_units, escape_time, first_escape, one_unit_profile
