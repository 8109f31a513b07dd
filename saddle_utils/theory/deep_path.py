"""Drops of deep linear networks of any depth, balanced or not (section 5.1, deeper).

At a saddle of rank r the weights of a deep linear network W_L ... W_1 are of rank r in every layer,
and small beside.  What is small obeys dW_l = (W_L ... W_{l+1})' G (W_{l-1} ... W_1)' by itself, on
the complement of the r directions and with the residual G frozen: a field of degree L - 1, so that
for L > 2 it diverges after a time of order eps^(2 - L), wherever it starts (`divergence`).  From a
fixed size on the whole network is followed, through the drop only, to the next saddle; there its
small weights are read off, and wait again.
"""

from dataclasses import replace

import numpy as np

from ..dynamics import Trajectory, flow
from ..networks import DeepLinear, Linear, pack
from ..observables import dense_loss
from .divergence import diverging_times, grown_units
from .linear.saddles import linear_levels
from .waiting import best_map

START = 0.2  # size of the small weights, over that of the next rank, when a drop begins
SLIGHT = 1e-6  # of the loss: what is not worth a drop
LONGEST = 200.0  # a drop is followed for so many e-folds


def deep_drops(
    network: DeepLinear, theta: np.ndarray, drops: int
) -> tuple[np.ndarray, list[tuple[int, np.ndarray, np.ndarray]], float]:
    """Levels (ranks + 1,) and the drops of one run from weights theta (1, n).

    Of each drop: the rank behind it, times, and losses.  Where two ranks drop without a rest
    between, that is one.  Also when the next drop would begin, inf if none.  The levels are those
    of a linear network, for its saddles have the same maps.
    """
    shallow = Linear(network.syz, network.szz, network.syy)
    levels, degree, clock = linear_levels(shallow), network.depth - 1, 0.0
    _, modes = np.linalg.eigh(best_map(shallow) @ network.syz.T)
    rank, found = 0, []
    while rank < len(levels) - 1 and levels[rank] - levels[-1] > SLIGHT * levels[0]:
        big, small = split_ranks(network, theta, rank)
        learned = modes[:, modes.shape[1] - rank :]
        g = network.syz - learned @ (learned.T @ network.syz)
        frozen = replace(network, syz=g, szz=0 * network.szz)
        ends, _, rates = diverging_times(frozen.field, small, degree)
        strength = np.linalg.norm(modes[:, -1 - rank] @ best_map(shallow))
        goal = START * np.sqrt(network.depth) * strength ** (1 / network.depth)
        left = goal ** (1 - degree) / ((degree - 1) * max(rates[0], 1e-300))
        wait = max(ends[0] - left, 0.0)
        if rank >= drops or not np.isfinite(wait):
            return levels, found, clock + wait
        start = big + grown_units(frozen.field, small, wait, degree)
        fold = 1 / (np.linalg.norm(g, 2) * strength ** (1 - 2 / network.depth))
        run = flow(network, start, min(left, LONGEST * fold) + LONGEST * fold, rtol=1e-7)
        last = _rest(network, run)
        times, losses = dense_loss(network, run)
        shown = times <= run.times[last]
        rank = max(rank + 1, int((losses[shown][-1] < (levels[1:] + levels[:-1]) / 2).sum()))
        found.append((rank, clock + wait + times[shown], losses[shown]))
        theta, clock = run.theta[last], clock + wait + run.times[last]
    return levels, found, np.inf


def split_ranks(network: DeepLinear, theta: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """The weights (1, n) in two parts: `rank` directions of each layer, and the rest beside them.

    The small part of a layer maps what is orthogonal to the top right singular vectors to what is
    orthogonal to the left ones.
    """
    parts = []
    for w in network.weights(theta):
        left, _, right = np.linalg.svd(w, full_matrices=False)
        left, right = left[:, :rank], right[:rank]
        off = w - left @ (left.T @ w)
        parts.append(off - (off @ right.T) @ right)
    small = pack(parts)
    return theta - small, small


def _rest(network: DeepLinear, run: Trajectory) -> int:
    """The record at which a run rests behind its first drop, where it is slowest before the next.

    The drop is over when the gradient has fallen to a hundredth; then follow the records on which
    it goes on falling.
    """
    speed = np.linalg.norm(network.field(run.theta), axis=(-2, -1))
    top = np.maximum.accumulate(speed)
    over = np.flatnonzero(speed < 0.01 * top)
    if not len(over):
        return len(speed) - 1
    rising = np.flatnonzero(np.diff(speed[over[0] :]) > 0)
    return int(over[0] + (rising[0] if len(rising) else len(speed) - 1 - over[0]))
