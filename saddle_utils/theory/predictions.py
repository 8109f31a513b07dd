"""Levels and times of all drops of a run, before training: the path of saddles.

One mechanism for every architecture.  A saddle is a fixed point of a narrow network.  The dormant
units beside it see only its residual; one of them escapes first.  With it the narrow network flows
to its next fixed point, the next plateau, while the dormant units are carried along, and so on
(`waiting`).  Times follow as well, because the dormant units obey equations with a solution:
exponentials for degree 1 (Theorem 4), Eq. 14 for degree 2 (Proposition 5), and one of degree p
where the activation begins with a^p or a linear network has p + 1 layers.  All is exact as
eps -> 0, constants included, and nothing is fitted.

What is integrated, besides the narrow networks: where a dormant unit is no longer small when a drop
is over, it falls too (`path`, `linear.path`); and where there is no
saddle to come to, the first drop alone is followed (`pointwise_path`).
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..networks import DeepLinear, Linear, Network, Pointwise, Quadratic
from . import pointwise_path, relu
from .activations import lowest_order
from .deep_path import deep_drops
from .intervals import family, widths
from .linear.path import linear_path
from .path import Path, Prediction, degree_at_zero, plain_prediction
from .quadratic.path import first_quadratic_escape, quadratic_drop
from .waiting import best_amplitude, learnable_loss, residual_task

LEAST = 1e-6  # of the initial loss: if no unit can decrease it by more, nothing is left to learn
START = {1: 1e-3, 2: 0.2, 3: 0.2}  # norm at which a unit escapes over its best, by its degree
BENT = 0.02  # that where phi has further orders, which the escape neglects: as small as pays
FAMILIES = {
    Linear: (linear_path, None),
    Quadratic: (first_quadratic_escape, quadratic_drop),
    Pointwise: (relu.first_relu_escape, relu.relu_drop),
}
POWERS = (pointwise_path.first_power_escape, pointwise_path.power_drop)
TEARS = 4.0  # e-folds of the growth of differences within a ray that are a reason for doubt
MEAN, RAY = (pointwise_path.mean_drop, None), (pointwise_path.ray_drop, None)
ORDERS = {0: MEAN, 1: RAY, 2: POWERS, 3: POWERS}  # of smooth activations, by lowest order at zero


def predict(network: Network, theta0: np.ndarray, drops: int) -> Prediction:
    """Levels, order and times of the first drops, from data and initial weights alone.

    Parameters
    ----------
    network : linear (fully-connected, convolutional or deep), quadratic or attention with one
        output, ReLU, or of a smooth activation whose lowest order at zero is 0 to 3; with data for
        each run, (runs, ...), see `networks.stacked`
    theta0 : initial units (runs, units, features)
    drops : number of drops; where less is left to learn, or no linear unit escapes within a million
        times the fastest time scale, they have times of inf

    Raises
    ------
    ValueError : another family of networks, data of one run alone, or units that do not fit
    """
    theta0 = np.asarray(network.check(theta0), dtype=float)
    if isinstance(network, DeepLinear):
        found = _deep(network, theta0, drops)
    else:
        escape, fall = _family(network, theta0, drops)
        if escape is linear_path:
            found = linear_path(network, theta0, drops)
        elif fall is None:
            found = _first_drop(*escape(network, theta0), drops)
        else:
            found = _saddles(network, theta0, drops, escape, fall)
    if family(network) == "ReLU":
        found = _torn(network, found)
    return replace(found, width=widths(network, theta0, found))


def _saddles(
    network: Network, theta0: np.ndarray, drops: int, escape: Callable, fall: Callable
) -> Prediction:
    """The prediction by a path of saddles, from one `escape` and `fall` to the next."""
    degree, most = degree_at_zero(network), theta0.shape[1] * getattr(network, "rank", 1)
    start = BENT if network.degree is None else START[degree]
    path, after = Path(network, theta0), np.full(len(theta0), np.inf)
    late = np.ones(len(theta0), dtype=bool)
    for count in range(max(drops, most) + 1):
        rest = residual_task(network, path.saddles[-1])
        learns = (learnable_loss(rest) > LEAST * path.levels[0]) & (count < most)
        learns &= late | (count <= drops)
        first = escape(rest, np.where(learns[:, None, None], path.dormant, 0))
        size, taken = best_amplitude(rest, first.direction, degree)
        off = first.at(start * size)
        due = np.isfinite(off.time) & (taken > LEAST * path.levels[0]) & learns | path.merged
        late = due & (off.time < path.arrival) & (count > 0) & ~path.merged
        if count == drops:
            after = np.where(due, path.clock + np.maximum(off.time, 0), np.inf)
        if count >= drops:
            due = late = late & path.changes(drops)
            if not late.any():
                break
        path.fall(fall, first, off, due, late)
    return path.prediction(drops, after)


def _torn(network: Pointwise, found: Prediction) -> Prediction:
    """The prediction of ReLU networks, in doubt where rays tear while they wait (TEARS)."""
    torn = np.zeros(found.times.shape)
    for k in range(1, torn.shape[1]):
        with np.errstate(invalid="ignore"):
            wait = found.times[:, k] - found.times[:, k - 1]
        wait = np.where(np.isfinite(wait), wait, 0)
        torn[:, k] = relu.tearing_rate(network, found.saddles[k]) * wait
    late = np.logical_or.accumulate(torn > TEARS, axis=1) & np.isfinite(found.times)
    return replace(found, tearing=torn, doubtful=found.doubtful | late)


def _family(network: Network, theta0: np.ndarray, drops: int) -> tuple:
    """The functions of FAMILIES for this network; ValueError as in `predict`."""
    if theta0.ndim != 3 or drops < 1:
        raise ValueError(f"wanted units (runs, units, features), not {theta0.shape}, and a drop")
    found = next((f for kind, f in FAMILIES.items() if isinstance(network, kind)), None)
    if isinstance(network, Pointwise) and network.phi != "relu":
        found = ORDERS.get(lowest_order(network.phi)) if network.smooth else None
    if found is None:
        raise ValueError(
            f"nothing is known in advance of {getattr(network, 'phi', type(network).__name__)}: "
            "wanted a network that is linear, quadratic with one output, ReLU, or whose activation "
            "is smooth and of order 0 to 3 at zero"
        )
    if network.runs(np.arange(len(theta0))) is network:
        raise ValueError("the network holds the data of one run: stack as many as there are runs")
    return found


def _first_drop(
    levels: np.ndarray, begin: np.ndarray, curves: list[tuple[np.ndarray, np.ndarray]], drops: int
) -> Prediction:
    """The prediction of a first drop behind which there is no saddle to rest at."""
    rest = levels[:, 1:].repeat(drops - 1, axis=1)
    groups = [
        [(1, b + t, loss)] if np.isfinite(b) else []
        for b, (t, loss) in zip(begin, curves, strict=True)
    ]
    return plain_prediction(
        np.concatenate([levels, rest], axis=1), groups, np.full(len(begin), np.inf), False
    )


def _deep(network: DeepLinear, theta0: np.ndarray, drops: int) -> Prediction:
    """The prediction of a deep linear network; one of two layers is a `Linear` one."""
    if network.skips or network.patches != 1 or network.depth < 2:
        raise ValueError("wanted a deep linear network of two layers or more, no skips or patches")
    if network.depth == 2:
        inner, outer = network.weights(theta0)
        shallow = Linear(network.syz, network.szz, network.syy)
        return predict(shallow, np.concatenate([outer.mT, inner], axis=-1), drops)
    levels, groups, after = deep_drops(network, theta0, drops)
    last = np.minimum(np.arange(drops + 1), levels.shape[1] - 1)
    return plain_prediction(levels[:, last], groups, after, True)
