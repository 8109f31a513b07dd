"""How far a predicted time may be off: intervals that hold nine of ten drops.

The error of a time has a known form.  Where units diverge (degree p of 2 and more, and L - 1 for
deep linear networks) theory is off by what units of size eps change while an active unit of size
one is there, so by a multiple of (eps / size)^(p - 1).  Linear networks have no such error, for
what is no longer small falls with the rest; theirs is that of the integrators and of what is
neglected, and follows from the tolerances, the number of steps, and the rates at which modes escape
(`timing_errors`).  That of the first drop of activations of order 1 is the next order, q, at the
size up to which it is left out, RAY^(q - 1).  ReLU units are followed by steps of fixed size while
they turn, meet kinks and fall, not while they wait: that is off by a part of an e-fold at each
drop, which is the less of a time the longer the wait.  An e-fold before a drop and one behind it
differ, by up to a hundred, and what is seen goes with the root of both (`fold_errors`).
How large the multiple is, no theory says: FACTORS are the 92nd
percentiles over the 6,066 drops of random tasks of seeds 600 to 607, 24 of each kind and seed, as
`studies.predicting_plateaus.factors` finds them (larger ones, found before on more tasks, for
linear networks, with pairs of digits, and for doubtful ReLU drops, of which there are 13).  That of
order 1 is of GELU units; those of tanh and sine, of a billionth, are below FLOOR.  They are tested
at other seeds.  The times themselves have nothing fitted.
"""

import numpy as np

from ..networks import DeepLinear, Linear, Network, Pointwise, Quadratic
from .activations import VANISHES, lowest_order, taylor
from .linear.path import timing_errors
from .path import Prediction
from .pointwise_path import RAY
from .relu import efold_time
from .waiting import residual_task

SHARE = 0.9  # of all drops, that their intervals should hold
FLOOR = 3e-8  # relative: smaller errors are those of the integrators
FACTORS = {  # of the relative error over (eps / size)^(p - 1): without doubt, and with (if seen)
    "linear": (3.2, 3.2), "deep": (0.085, 0.085), "quadratic": (0.077, 3.6),
    "rank R": (0.36, 1.7), "order 0": (7.6e-4, 7.6e-4), "order 1": (0.098, 0.098),
    "order 2": (2.4, 2.6), "order 3": (0.38, 0.55), "ReLU": (0.0057, 8.4),
}  # fmt: skip


def family(network: Network) -> str:
    """The name of the mechanism by which the drops of a network are predicted.

    ValueError for a network of which nothing is known in advance.
    """
    if isinstance(network, DeepLinear):
        if network.skips or network.patches != 1 or network.depth < 2:
            raise ValueError(
                "wanted a deep linear network of two layers or more, no skips or patches"
            )
        return "deep" if network.depth > 2 else "linear"
    if isinstance(network, Linear):
        return "linear"
    if isinstance(network, Quadratic):
        return "quadratic" if network.rank == 1 else "rank R"
    if isinstance(network, Pointwise) and network.phi == "relu":
        return "ReLU"
    order = lowest_order(network.phi) if isinstance(network, Pointwise) and network.smooth else 4
    if order > 3:
        raise ValueError(
            f"nothing is known in advance of {getattr(network, 'phi', type(network).__name__)}: "
            "wanted a network that is linear, quadratic with one output, ReLU, or whose activation "
            "is smooth and of order 0 to 3 at zero"
        )
    return f"order {order}"


def smallness(network: Network, theta0: np.ndarray, found: Prediction) -> np.ndarray:
    """(eps / size)^(p - 1) of each run, (runs, 1), 1 where units grow exponentially.

    For linear networks it is `timing_errors`, for ReLU `fold_errors`, (runs, drops).

    eps is the root mean square of theta0 (runs, units, features), size the norm of the first
    active unit, or for deep networks the L-th root of the map.
    """
    if isinstance(network, Linear):
        return timing_errors(network, found)
    if family(network) == "ReLU":
        return fold_errors(network, found)
    scale = np.sqrt(np.mean(theta0**2, axis=(1, 2)))[:, None]
    if family(network) == "deep":
        strength = np.linalg.norm(network.syz, 2, axis=(1, 2))
        strength = (strength / np.linalg.norm(network.szz, 2, axis=(1, 2)))[:, None]
        return (scale / strength ** (1 / network.depth)) ** (network.depth - 2)
    if family(network) == "order 1":
        following = taylor(network.phi)[2:]
        return np.full((len(theta0), 1), RAY ** (1 + np.argmax(np.abs(following) > VANISHES)))
    degree = {"quadratic": 2, "rank R": 2, "order 2": 2, "order 3": 3}.get(family(network), 1)
    if degree == 1:
        return np.ones((len(theta0), 1))
    size = np.linalg.norm(found.saddles[1], axis=(1, 2))[:, None]
    return (scale / np.where(size > 0, size, 1)) ** (degree - 1)


def fold_errors(network: Pointwise, found: Prediction) -> np.ndarray:
    """A part of an e-fold for each drop so far, over the time, (runs, drops).

    The k-th counts as the root of the e-folds of the first saddle and of the k-th.
    """
    folds = np.stack([
        efold_time(residual_task(network, saddle)) for saddle in found.saddles[:-1]
    ], axis=1)  # fmt: skip
    return np.cumsum(np.sqrt(folds[:, :1] * folds), axis=1) / found.times


def widths(network: Network, theta0: np.ndarray, found: Prediction) -> np.ndarray:
    """Relative half-widths of the intervals, (runs, drops): nine of ten errors are smaller."""
    sure, doubted = FACTORS[family(network)]
    factor = np.where(found.doubtful, doubted, sure)
    return FLOOR + factor * smallness(network, theta0, found)
