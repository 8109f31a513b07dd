"""Linear networks, section 5.1: their saddles, escape from them (Theorem 4), and whitened inputs.

Small units of a linear network all obey one linear equation, dv = G u, du = G' v, with the residual
matrix G = Syz - W Szz (Eq. 9).  The top singular pair of G therefore outgrows all other directions:
when it is learned, these are still of order eps^(1 - s_2 / s_1) (Theorem 4).  The network has come
to a saddle at which it acts like a network of one unit, and the next mode escapes from there.

- `saddles`: the saddle of every rank, its loss (level), and rates and times of escape from it.
- `whitened`: for Szz = I the whole loss curve in closed form, and exact half-times.
- `path`: the walk from one saddle to the next, constants included, for `theory.predictions`.
"""

from .saddles import (
    escape_rates,
    escape_unit,
    first_half_time,
    leading_log_times,
    linear_levels,
    linear_saddle,
    mode_projector,
    path_leading_log_times,
    suppressed_norm,
    theorem4_exponent,
)
from .whitened import (
    mode_strengths,
    whitened_half_times,
    whitened_loss,
    whitened_modes,
    whitened_times,
)
