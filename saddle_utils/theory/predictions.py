r"""All plateaus and drops of a run, before training: the path of narrow networks.

One mechanism for every architecture.  A saddle is a fixed point of a narrow network.  The units
that wait beside it are so small that they see only its residual, so what is left to learn is a task
of its own.  One of them outgrows the others; with it the narrow network flows to its next fixed
point, the next plateau, while the others are carried along; then the wait begins again (`waiting`).
Levels and order follow from that, and so do times, because waiting is solvable: exponentials for
units of degree 1 (Theorem 4), Eq. 14 for those of degree 2 (Proposition 5).  All is exact as
eps -> 0, constants included, and nothing is fitted.

Times are gradient-flow times of L = E|y - f|^2 / 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..networks import Linear, Network, Pointwise, Quadratic
from ..observables import first_times
from . import linear, quadratic, relu, waiting

LEAST = 1e-6  # of the initial loss: where no unit could take more, nothing is left to learn
START = {1: 1e-3, 2: 0.2}  # size of a unit that is off, of the size that is best for it
TIE = {1: 0.9, 2: 0.5}  # a rival so near is cause for doubt, for units of this degree
FAMILIES = {
    Linear: (linear.first_linear_escape, linear.linear_drop),
    Quadratic: (quadratic.first_quadratic_escape, quadratic.quadratic_drop),
    Pointwise: (relu.first_relu_escape, relu.relu_drop),
}


@dataclass(frozen=True)
class Prediction:
    """What is known of an ensemble of runs before training.

    levels (runs, drops + 1) : loss at the saddles, the first with no unit
    times (runs, drops) : when the loss is half way between two levels; inf where nothing escapes
    recruits (runs, drops) : the unit that goes; -1 for linear networks, where all go together
    rivals (runs, drops) : how near the runner-up was, 1 for a tie (see `waiting.Escape`)
    doubtful (runs, drops) : whether a drop is in doubt before any training: at this or an earlier
        one a rival is `TIE` near, or the time is negative or not after that of the drop before,
        since the next unit was no longer small when the narrow network came to rest
    after (runs,) : when the next unit after the last drop is off, inf if none will be
    saddles : drops + 1 narrow networks, (runs, units, features)
    falls : for each drop and run, the narrow network's own loss over time
    """

    levels: np.ndarray
    times: np.ndarray
    recruits: np.ndarray
    rivals: np.ndarray
    doubtful: np.ndarray
    after: np.ndarray
    saddles: list[np.ndarray]
    falls: list[list[tuple[np.ndarray, np.ndarray]]]

    def loss(self, run: int, times: np.ndarray) -> np.ndarray:
        """The loss curve of a run, (T,): what each narrow network takes, one after the other."""
        total = np.full(np.shape(times), self.levels[run, 0])
        for above, falls in zip(self.levels[run], self.falls, strict=False):
            total += np.interp(times, *falls[run], left=above) - above
        return total


def predict(network: Network, theta0: np.ndarray, drops: int) -> Prediction:
    """Levels, order and times of the first `drops` drops, from data and initial weights alone.

    Parameters
    ----------
    network : linear (fully-connected or convolutional), quadratic or attention with one output, or
        ReLU; with data for each run, (runs, ...), see `datasets.stacked`
    theta0 : initial units (runs, units, features)
    drops : how many drops to follow; where less is left to learn, or a linear unit would leave a
        thousand times slower than the largest curvature, they have times of inf

    Raises
    ------
    ValueError : another family of networks, data of one run alone, or units that do not fit
    """
    theta0 = np.asarray(network.check(theta0), dtype=float)
    if theta0.ndim != 3 or drops < 1:
        raise ValueError(f"wanted units (runs, units, features), not {theta0.shape}, and a drop")
    family = next((f for f in FAMILIES if isinstance(network, f)), None)
    if family is None or getattr(network, "phi", "relu") != "relu":
        raise ValueError("wanted a linear, quadratic or ReLU network")
    if network.runs(np.arange(len(theta0))) is network:
        raise ValueError("the network holds the data of one run: stack as many as there are runs")
    leave, fall = FAMILIES[family]
    saddles, levels, found = [theta0[:, :0]], [network.loss(0 * theta0)], []
    others, clock = theta0, np.zeros(len(theta0))
    latest, in_doubt = np.zeros(len(theta0)), np.zeros(len(theta0), dtype=bool)
    for count in range(drops + 1):
        rest = waiting.residual_task(network, saddles[-1])
        others = np.where(
            (waiting.learnable_loss(rest) > LEAST * levels[0])[:, None, None], others, 0
        )
        first = leave(rest, others)
        size, taken = waiting.best_amplitude(rest, first.direction)
        off = first.at(START[network.degree] * size)
        alive = np.isfinite(off.time) & (taken > LEAST * levels[0]) & (count < theta0.shape[1])
        clock = np.where(alive, clock + off.time, np.inf)
        if count == drops:
            break
        unit = np.where(alive[:, None, None], off.unit, 0)
        drop = fall(network, np.concatenate([saddles[-1], unit], axis=1), off.others)
        curves = [(begin + t, loss) for begin, (t, loss) in zip(clock, drop.curves, strict=True)]
        level = network.loss(drop.saddle)
        half = [
            first_times(c[0], -c[1], -m) if c[1][0] > m else np.nan
            for c, m in zip(curves, (levels[-1] + level) / 2, strict=True)
        ]
        half = np.where(alive & np.isfinite(half), half, np.inf)
        doubt = (off.rival > TIE[network.degree]) | (half <= latest)
        doubt, latest = (doubt & alive) | in_doubt, half
        in_doubt = doubt
        found.append((half, first.recruit, off.rival, doubt, curves))
        others, clock = drop.waiting, clock + drop.duration
        saddles.append(drop.saddle)
        levels.append(level)
    times, recruits, rivals, doubts, falls = zip(*found, strict=True)
    columns = (levels, times, recruits, rivals, doubts)
    table = [np.stack(column, axis=1) for column in columns]
    return Prediction(*table, clock, saddles, list(falls))
