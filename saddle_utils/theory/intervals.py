"""How far a predicted time may be off: intervals that hold nine of ten drops.

The error of a time has a known form.  Where units diverge (degree p of 2 and more, and L - 1 for
deep linear networks) theory is off by what units of size eps change while an active unit of size
one is there, so by a multiple of (eps / size)^(p - 1), and each later drop adds one of its own,
with the size of its own unit.  Linear networks have no such error, for what is no longer small
falls with the rest; theirs is that of the integrators and of what is neglected, and follows from
the tolerances, the number of steps, and the rates at which modes escape (`timing_errors`).  That of
the first drop of activations of order 1 is the next order, q, at the size up to which it is left
out, RAY^(q - 1); that of order 0 is what is learned besides the mean (`bent_means`).  ReLU units
are followed by steps of fixed size while they turn, meet kinks and fall, not while they wait: that
is off by a part of an e-fold at each drop, which is the less of a time the longer the wait.  An
e-fold before a drop and one behind it differ, by up to a hundred, and what is seen goes with the
root of both (`fold_errors`); why, no theory says.

Nor does one say how large the multiple is: FACTORS are the 92nd percentiles over the drops of
random tasks, 24 of each kind and seed, as `studies.predicting_plateaus.factors` finds them: of
seeds 600 to 607 for linear and deep networks, ReLU and orders 0 and 1, of 600 to 605 for the
others.  Larger ones, found before on more tasks, stand for linear networks, for quadratic ones, and
for doubtful ReLU drops (17 of seeds 701 to 730).  That of order 1 is of GELU units; those of tanh
and sine, of a billionth, are below FLOOR.  They are tested at other seeds.  The times themselves
have nothing fitted.
"""

import numpy as np

from ..networks import DeepLinear, Linear, Network, Pointwise, Quadratic
from .activations import VANISHES, lowest_order, taylor
from .linear.path import timing_errors
from .path import Prediction
from .pointwise_path import RAY
from .relu import efold_time
from .waiting import degree_at_zero, residual_task

SHARE = 0.9  # of all drops, that their intervals should hold
FLOOR = 3e-8  # relative: smaller errors are those of the integrators
FACTORS = {  # of the relative error over (eps / size)^(p - 1): without doubt, and with (if seen)
    "linear": (3.2, 3.2), "deep": (0.085, 0.085), "quadratic": (0.077, 3.6),
    "rank R": (0.086, 2.0), "order 0": (0.25, 0.25), "order 1": (0.098, 0.098),
    "order 2": (1.9, 1.9), "order 3": (0.31, 0.41), "ReLU": (0.0057, 8.4),
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
    """(eps / size)^(p - 1) of each run, (runs, 1) or, where drops add to it, (runs, drops).

    For linear networks it is `timing_errors`, for ReLU `fold_errors`, for order 0 `bent_means`.

    eps is the root mean square of theta0 (runs, units, features), size the norm of the unit that a
    drop recruits, or for deep networks the L-th root of the map.
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
    if family(network) == "order 0":
        return bent_means(network, theta0)
    if family(network) == "order 1":
        following = taylor(network.phi)[2:]
        return np.full((len(theta0), 1), RAY ** (1 + np.argmax(np.abs(following) > VANISHES)))
    degree = degree_at_zero(network)
    norms = np.stack([np.linalg.norm(saddle, axis=(1, 2)) for saddle in found.saddles], axis=1)
    grown = np.sqrt(np.maximum(np.diff(norms**2), 0))  # of the units that a drop recruits
    over = np.minimum(scale / np.where(grown > 0, grown, np.inf), 1)
    return np.cumsum(over ** (degree - 1), axis=1)


def bent_means(network: Pointwise, theta0: np.ndarray) -> np.ndarray:
    """What units of order 0 at zero learn besides the mean while they learn it, (runs, 1).

    H units with v = m / (H c_0) turn their u by c_1 E[y x]' v / (H c_0^2) meanwhile, which takes
    (c_1 |E[y x]| / (H c_0^2))^2 of what the mean takes.  And what u is on average at the start
    counts by the first order of phi.
    """
    c0, c1 = taylor(network.phi)[:2]
    x, u = network.x[..., 0, :, :], network.split(theta0)[1].mean(1)
    m, pull = network.y.mean(-1), network.y @ x / network.samples
    size = np.maximum(np.linalg.norm(m, axis=1, keepdims=True), 1e-300)
    pull = (m[:, None] @ pull)[:, 0] / size
    turned = c1 * np.linalg.norm(pull, axis=1) / (theta0.shape[1] * c0**2)
    start = np.abs(u * pull).sum(1) / size[:, 0] + np.abs((u * x.mean(-2)).sum(1))
    return (turned**2 + c1 / c0 * start)[:, None]


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
