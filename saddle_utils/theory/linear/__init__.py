"""Linear networks, section 5.1: saddles, escape from them (Theorem 4), and the whitened solution.

`saddles` has the levels and the Hessian of all fixed points, `escape` the times of the drops to
leading logarithm, `whitened` the closed solution for white inputs, and `path` carries units from
one saddle to the next for `predictions`.
"""

from .escape import (
    escape_unit,
    first_half_time,
    leading_log_times,
    linear_drops,
    log_race,
    suppressed_norm,
    theorem4_exponent,
)
from .path import ARRIVED, LONGEST, first_linear_escape, linear_drop, path_leading_log_times
from .saddles import (
    escape_rates,
    linear_levels,
    linear_saddle,
    mode_projector,
    projected_correlation,
)
from .whitened import (
    mode_strengths,
    whitened_half_times,
    whitened_loss,
    whitened_modes,
    whitened_times,
)
