"""What the behaviour of an activation near zero decides, from the activation itself.

Small weights see only the lowest orders of sigma(a) = sum_k c_k a^k.  The lowest order that does
not vanish decides how a dormant unit grows, and that of sigma(a) - a sigma'(a) = sum_k (1 - k) c_k
a^k whether the norms of successive layers stay balanced.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..networks import Pointwise
from ..networks.pointwise import activation
from .manifolds import equal, is_invariant, proportional, silent

RADIUS, POINTS = 0.5, 64  # of the circle on which the coefficients are found
ORDERS = 9  # how many; rounding makes 1e-16 / RADIUS^8 = 3e-14 of a coefficient that vanishes
VANISHES = 1e-12
SEEN = 1e-9  # share of its size from which a moment of the data counts as seen
TIME_SCALES = ("immediate", "logarithmic", "1/eps", "1/eps^2", "1/eps^3", "never")
RELATIONS = ("equal", "proportional", "silent")


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


def task_order(network: Pointwise) -> int | None:
    """Lowest order k of sigma at 0 that the task sees, c_k E[y (u . x)^k] != 0; None if none does.

    It is `lowest_order` for data at large, and higher where the data are symmetric: a centred label
    does not see the order 0, an even one none that is odd.  For a ramp (ReLU), 1 if E[y sigma(u .
    x)] differs from 0 for any of 64 directions u.  Largest over outputs and patches.
    """
    y, samples = network.y, network.samples
    size = np.sqrt((y * y).mean())
    if not activation(network.phi).smooth:
        u = np.random.default_rng(0).standard_normal((64, network.n_u))
        seen = activation(network.phi).f(network.x @ u.T)
        found = np.abs(np.einsum("os,psu->opu", y, seen)).max() / samples
        return 1 if found > SEEN * size * np.sqrt((seen**2).mean()) else None
    for order in np.flatnonzero(np.abs(taylor(network.phi)) > VANISHES):
        powers = np.ones((network.patches, samples, 1))
        for _ in range(order):
            powers = (powers[..., None] * network.x[:, :, None]).reshape(*powers.shape[:2], -1)
        moment = np.abs(np.einsum("os,psf->opf", y, powers)).max() / samples
        if moment > SEEN * size * np.sqrt((powers**2).mean()):
            return int(order)
    return None


def time_scale(order: int | None) -> str:
    """How the time of the first drop depends on the initial scale eps, if the task sees this order.

    A unit of size eps grows as d|theta|/dt = |theta|^order, so that it needs O(1), ln(1 / eps) or
    eps^(1 - order); "never" for None.
    """
    if order is None:
        return TIME_SCALES[-1]
    return TIME_SCALES[min(order, 4)]


@dataclass(frozen=True)
class Prediction:
    """What the order that the task sees predicts of small initial weights (paper, section 6).

    order : the lowest order that the task sees, None if none
    relation : what all units obey nearly as the first of them escape: "equal" (order 0: all learn
        the mean alike), "proportional" (order 1: directions grow, at the same rate for all units),
        or "silent" (orders from 2: one unit outruns the others, which stay near zero; where
        sigma(0) != 0 these act as one unit, a bias, and the relation is "equal")
    kept : whether gradient flow preserves the relation, so that the first drop ends at a saddle
    """

    order: int | None
    relation: str
    kept: bool


def predict(network: Pointwise) -> Prediction:
    """The `Prediction` for a network and its data, before any training."""
    order = task_order(network)
    name = RELATIONS[2 if order is None else min(order, 2)]
    name = "equal" if name == "silent" and not network.vanishes else name
    relation = {
        "equal": equal(2, 0, 1),
        "proportional": proportional(2, 0, 1, 2.0),
        "silent": silent(2, 0),
    }[name]
    return Prediction(order, name, is_invariant(network, relation))
