"""What the behaviour of an activation near zero decides, from the activation itself.

Small weights see only the lowest orders of sigma(a) = sum_k c_k a^k.  The lowest order that does
not vanish decides how a dormant unit grows, and that of sigma(a) - a sigma'(a) = sum_k (1 - k) c_k
a^k whether the norms of successive layers stay balanced.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from ..networks import Deep, Pointwise
from ..networks.pointwise import activation
from .manifolds import equal, is_invariant, proportional, silent

RADIUS, POINTS = 0.5, 64  # of the circle on which the coefficients are found
ORDERS = 9  # how many; rounding makes 1e-16 / RADIUS^8 = 3e-14 of a coefficient that vanishes
VANISHES = 1e-12
SEEN = 1e-6  # correlation with the labels from which a term of the output counts as seen
HIGHEST = 16  # degree in the weights up to which terms are looked at
RELATIONS = ("equal", "proportional", "silent")


@cache
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


def lowest_degree(phi: str, depth: int) -> int:
    """Lowest degree in the weights of the output of `depth` layers, 1 + p + ... + p^(depth - 1).

    p is the `lowest_order` of the activation: the output of small weights of size c goes as c^D.
    """
    return sum(lowest_order(phi) ** k for k in range(depth))


def seen_degree(network: Pointwise | Deep) -> int | None:
    """Lowest degree D in the weights of what the labels correlate with; None if there is none.

    f(x; c theta) = sum_D c^D f_D(x; theta): the lowest D with E[y . f_D] != 0 for theta at large
    (two draws of 6 units or of the network's own layers).  It is `lowest_degree` for data at large,
    and higher where they are symmetric: centred labels do not see a constant, even ones nothing
    that is odd.  For two layers it is one more than the lowest order of sigma that the task sees.
    Coefficients are Cauchy's integrals on a circle of c, as in `taylor`; a network of ramps (ReLU)
    has one term, whose degree is its number of layers.  ValueError for ramps with skips.
    """
    deep = isinstance(network, Deep)
    phis, depth = (network.phis, network.depth) if deep else ((network.phi,), 2)
    rng, reach = np.random.default_rng(0), np.linalg.norm(network.x, axis=-1).max()
    theta = np.stack([network.draw(rng, 1 if deep else 6) for _ in range(2)])
    if network.smooth:
        parts = network.weights(theta) if deep else network.split(theta)[::-1]
        sizes = [RADIUS / np.linalg.norm(w[0]) / (1 if k else reach) for k, w in enumerate(parts)]
        counts = [w[0].size for w in parts] if deep else (network.n_v, network.n_u)
        theta *= np.repeat(sizes if deep else sizes[::-1], counts)
        circle = np.exp(2j * np.pi * np.arange(POINTS) / POINTS)[:, None, None, None]
        terms = np.fft.fft(network.output(circle * theta), axis=0)[:HIGHEST].real / POINTS
    elif all(activation(phi).degree == 1 for phi in phis) and not (deep and network.skips):
        terms = np.zeros((depth + 1, *network.output(theta).shape))
        terms[depth] = network.output(theta)
    else:
        raise ValueError(f"activations {phis}: wanted ramps alone, without skips, or none")
    sizes = np.sqrt((terms**2).mean((-2, -1)))
    moments = np.abs((terms * network.y).mean((-2, -1))) / np.sqrt((network.y**2).mean())
    seen = np.flatnonzero((moments > SEEN * sizes + VANISHES * sizes.max()).any(-1))
    return int(seen[0]) if len(seen) else None


def time_scale(degree: float | None) -> str:
    """How the time of the first drop depends on the initial scale eps, for the degree that is seen.

    Weights of size eps grow as d|theta|/dt = |theta|^(D - 1): they need O(1), ln(1 / eps) or
    eps^(2 - D); "never" for None or nan.  A measured degree is rounded.
    """
    if degree is None or np.isnan(degree):
        return "never"
    power = max(round(degree) - 2, -1)
    return {-1: "immediate", 0: "logarithmic", 1: "1/eps"}.get(power, f"1/eps^{power}")


def unit_levels(network: Pointwise, pairs: bool = False) -> np.ndarray:
    """Losses of the best single unit of each direction in the plane, over the first, (120,).

    The length of u is the best of 60 from .2 to 30, v a regression of the labels on sigma(u . x)
    or, with `pairs`, on sigma(u . x) + sigma(-u . x): two units with one v.
    """
    angles, lengths = np.arange(120) * np.pi / 60, np.geomspace(0.2, 30, 60)
    a = lengths[:, None, None] * (np.stack([np.cos(angles), np.sin(angles)], 1) @ network.flat_x.T)
    sigma = activation(network.phi).f
    f = sigma(a) + sigma(-a) if pairs else sigma(a)
    gains = ((f @ network.y.T) ** 2).sum(-1) / (f * f).sum(-1)
    return 1 - gains.max(0) / (network.y**2).sum()


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
    degree = seen_degree(network)
    order = None if degree is None else degree - 1
    name = RELATIONS[2 if order is None else min(order, 2)]
    name = "equal" if name == "silent" and not network.vanishes else name
    relation = {
        "equal": equal(2, 0, 1),
        "proportional": proportional(2, 0, 1, 2.0),
        "silent": silent(2, 0),
    }[name]
    return Prediction(order, name, is_invariant(network, relation))
