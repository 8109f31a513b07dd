"""What the behaviour of an activation near zero decides, from the activation itself.

Small weights see only the lowest orders of sigma(a) = sum_k c_k a^k.  The lowest order that does
not vanish decides how a dormant unit grows, and that of sigma(a) - a sigma'(a) = sum_k (1 - k) c_k
a^k whether the norms of successive layers stay balanced.
"""

from __future__ import annotations

import numpy as np

from ..networks.pointwise import activation

RADIUS, POINTS = 0.5, 64  # of the circle on which the coefficients are found
ORDERS = 9  # how many; rounding makes 1e-16 / RADIUS^8 = 3e-14 of a coefficient that vanishes
VANISHES = 1e-12


def taylor(phi: str) -> np.ndarray:
    """Coefficients c_0 to c_8 of sigma(a) = sum_k c_k a^k at a = 0, shape (9,).

    They are Cauchy's integral on a circle around 0, where the trapezoidal rule is exact to
    rounding: c_k = mean of sigma(r e^{it}) e^{-ikt} / r^k.  ValueError for an activation that is
    unknown, or not analytic at 0 (ReLU).
    """
    act = activation(phi)
    if not act.smooth:
        raise ValueError(f"{phi} has a kink at 0, and no Taylor series there")
    circle = RADIUS * np.exp(2j * np.pi * np.arange(POINTS) / POINTS)
    found = np.fft.fft(act.f(circle))[:ORDERS].real / POINTS
    return found / RADIUS ** np.arange(ORDERS)


def _lowest(coefficients: np.ndarray) -> int | None:
    """Index of the first coefficient that does not vanish; None if all do."""
    found = np.flatnonzero(np.abs(coefficients) > VANISHES)
    return int(found[0]) if len(found) else None


def lowest_order(phi: str) -> int:
    """Lowest order of sigma at 0: sigma(a) ~ a^order (paper, section 5; degree p of Proposition 5).

    0 for activations with sigma(0) != 0 (sigmoid, softplus), 1 where dormant units grow
    exponentially and in direction first, 2 and more where the largest unit outruns the others.
    ValueError for an unknown activation, or one that vanishes to all orders that are looked at.
    """
    act = activation(phi)
    if not act.smooth:  # a ramp: c a on either side of 0
        return int(act.degree)  # type: ignore[arg-type]
    if (order := _lowest(taylor(phi))) is None:
        raise ValueError(f"{phi} vanishes at 0 to order {ORDERS - 1} at least")
    return order


def imbalance_order(phi: str) -> int | None:
    """Lowest order of sigma(a) - a sigma'(a) at 0; None where it vanishes (homogeneous, degree 1).

    Gradient flow changes the squared norms of the layers before and behind an activation by
    d/dt (|W_{l+1}|^2 - |W_l|^2) / 2 = -E[g . (sigma(a) - a sigma'(a))] (theory of the repository,
    after arXiv 2605.01288): none for linear, ReLU and leaky ReLU, order 0 for sigmoid and softplus,
    2 for GELU and swish, 3 for tanh and sine.  ValueError for an unknown activation.
    """
    if activation(phi).degree == 1:
        return None
    return _lowest(taylor(phi) * (1 - np.arange(ORDERS)))
