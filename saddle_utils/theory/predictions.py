"""Levels and times of all drops of a run, before training: the path of saddles.

One mechanism for every architecture.  A saddle is a fixed point of a narrow network.  The dormant
units beside it see only its residual; one of them escapes first.  With it the narrow network flows
to its next fixed point, the next plateau, while the dormant units are carried along, and so on
(`waiting`).  Times follow as well, because the dormant units obey equations with a solution:
exponentials for degree 1 (Theorem 4), Eq. 14 for degree 2 (Proposition 5), and one of degree p
where the activation begins with a^p or a linear network has p + 1 layers.  All is exact as
eps -> 0, constants included, and nothing is fitted.

What is integrated, besides the narrow networks: where a dormant unit is no longer small when a drop
is over, it falls too (`saddle_walk`, `linear.path`); and where there is no saddle to come to, the
first drop alone is followed (`pointwise_path`).
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from ..dynamics import RunFailedError
from ..networks import DeepLinear, Linear, Network, Pointwise, stacked
from .deep_path import deep_walk
from .diverging_path import diverging_drop, first_diverging_escape
from .intervals import family, widths
from .linear.path import linear_walk
from .path import Prediction, gather
from .pointwise_path import mean_walk, ray_walk
from .relu import first_ray_escape, ray_drop, tearing_rate
from .waiting import Drop, Walk, best_amplitude, degree_at_zero, learnable_loss, residual_task

LEAST = 1e-6  # of the initial loss: if no unit can decrease it by more, nothing is left to learn
START = {1: 1e-3, 2: 0.2, 3: 0.2}  # norm at which a unit escapes over its best, by its degree
BENT = 0.02  # that where phi has further orders, which the escape neglects: as small as pays
LATER = 2.0  # a unit due after so many half-times of a drop is still too small then to change it
TEARS = 1e-3  # of its size: differences within a ray that are a reason for doubt


def predict(network: Network, theta0: np.ndarray, drops: int) -> Prediction:
    """Levels, order and times of the first drops, from data and initial weights alone.

    Parameters
    ----------
    network : linear (fully-connected, convolutional or deep), quadratic or attention with one
        output, ReLU, or of a smooth activation whose lowest order at zero is 0 to 3; for all runs,
        or with data for each run, (runs, ...), see `networks.stacked`
    theta0 : initial units (runs, units, features)
    drops : number of drops; where less is left to learn, or no linear unit escapes within a million
        times the fastest time scale, they have times of inf, and nan where the path cannot be
        followed

    Raises
    ------
    ValueError : another family of networks, units that do not fit, data for fewer or more runs
        than there are, or no drop
    """
    theta0 = np.asarray(network.check(theta0), dtype=float)
    if theta0.ndim != 3:
        raise ValueError(f"wanted units (runs, units, features), not {theta0.shape}: one run too")
    if drops != int(drops) or drops < 1:
        raise ValueError(f"drops is {drops}; wanted a whole number, 1 or more")
    kind = family(network)
    data = ((getattr(network, name), axes) for name, axes in network.axes.items())
    runs = {len(each) for each, axes in data if np.ndim(each) > axes}
    if not runs:
        network = stacked([network] * len(theta0))
    elif runs != {len(theta0)}:
        raise ValueError(
            f"theta0 has units of {len(theta0)} runs; the network has data for {max(runs)}"
        )
    if isinstance(network, DeepLinear) and kind == "linear":
        inner, outer = network.weights(theta0)
        network = Linear(network.syz, network.szz, network.syy)
        theta0 = np.concatenate([outer.mT, inner], axis=-1)
    walks = [WALKS[kind](network.runs(i), units, drops) for i, units in enumerate(theta0)]
    found = gather(network, walks, drops, kind not in ("order 0", "order 1"))
    if kind == "ReLU":
        found = _torn(network, theta0, found)
    return replace(found, width=widths(network, theta0, found))


def saddle_walk(
    network: Network, theta0: np.ndarray, drops: int, escape: Callable, fall: Callable
) -> Walk:
    """The walk of one run from saddle to saddle, from one `escape` and `fall` to the next.

    Where a unit is due before the drop before it is over, that drop is repeated with this unit
    among those that fall, from the size that it had when the drop began: they merge.  Where a
    narrow network gets stuck, the walk ends.
    """
    degree, most = degree_at_zero(network), len(theta0) * getattr(network, "rank", 1)
    share = BENT if network.degree is None else START[degree]
    saddles, levels, falls = [theta0[:0]], [float(network.loss(0 * theta0))], []
    recruits, rivals, after, lost, drop = [], [], np.inf, None, None
    lead, dormant, clock, arrival = theta0[:0], theta0, 0.0, -np.inf
    begin, start, others = 0.0, lead, dormant  # of the last fall
    while (count := len(levels) - 1) < most:
        rest = residual_task(network, saddles[-1])
        if learnable_loss(rest) <= LEAST * levels[0]:
            break
        first = escape(rest, dormant)
        size, taken = best_amplitude(rest, first.way[None], degree)
        off = first.at(float(share * size))
        if not np.isfinite(off.time) or taken <= LEAST * levels[0]:
            break
        late, due = off.time < arrival, clock + max(off.time, 0)
        if count >= drops:
            after = due if np.isinf(after) else after
            if not late or off.time > LATER * _half_way(drop, levels[drops - 1 : drops + 1]):
                break
        if late:
            unit, rest_of = others[first.recruit][None], others.copy()
            rest_of[first.recruit] = 0
        else:
            begin, start, unit, rest_of = due, lead, off.unit, off.others
        start, others = np.concatenate([start, unit]), rest_of
        try:
            drop = fall(network, start, others)
        except RunFailedError:
            lost = count - late
            break
        found = [*drop.passed, float(network.loss(drop.saddle))]
        saddles += [drop.saddle] * len(found)
        levels += found
        falls = falls[: len(falls) - late]
        falls.append((len(levels) - 1, begin + drop.times, drop.losses))
        recruits += [first.recruit, *[first.recruit if network.smooth else -1] * len(drop.passed)]
        rivals += [off.rival] * len(found)
        lead, dormant = drop.lead, drop.dormant
        clock, arrival = begin + drop.duration, drop.arrival
    return Walk(saddles, levels, falls, recruits, rivals, after, lost)


DIVERGING = partial(saddle_walk, escape=first_diverging_escape, fall=diverging_drop)
WALKS: dict[str, Callable[[Network, np.ndarray, int], Walk]] = {
    "linear": linear_walk, "deep": deep_walk, "quadratic": DIVERGING, "rank R": DIVERGING,
    "ReLU": partial(saddle_walk, escape=first_ray_escape, fall=ray_drop), "order 0": mean_walk,
    "order 1": ray_walk, "order 2": DIVERGING, "order 3": DIVERGING,
}  # fmt: skip


def _half_way(drop: Drop, levels: np.ndarray) -> float:
    """When the loss of a drop is half way between two levels, since the escape."""
    return float(drop.times[np.argmax(drop.losses < sum(levels) / 2)])


def _torn(network: Pointwise, theta0: np.ndarray, found: Prediction) -> Prediction:
    """The prediction of ReLU networks, in doubt where rays tear while they wait (TEARS).

    As a ray grows, what its units do not share stays as it was at the start.
    """
    start = np.sqrt(np.mean(theta0**2, axis=(1, 2)))
    seen = np.isfinite(found.times)
    waits = np.nan_to_num(np.diff(np.where(seen, found.times, np.nan)))
    torn = np.zeros(found.times.shape)
    for k, wait in enumerate(waits.T):
        saddle = found.saddles[k + 1]
        size = np.linalg.norm(saddle, axis=-1).max(-1, initial=1e-300)
        folds = np.minimum(tearing_rate(network, saddle) * wait, 300)
        torn[:, k + 1] = start / size * np.expm1(folds)
    late = np.logical_or.accumulate(torn > TEARS, axis=1) & seen
    return replace(found, tearing=torn, doubtful=found.doubtful | late)
