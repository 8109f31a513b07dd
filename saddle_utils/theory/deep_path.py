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
from .divergence import first_divergence
from .linear.saddles import linear_levels
from .waiting import best_map

START = 0.2  # size of the small weights, over that of the next rank, when a drop begins
SLIGHT = 1e-6  # of the loss: what is not worth a drop
LONGEST = 200.0  # a drop is followed for so many e-folds


def deep_drops(
    network: DeepLinear, theta: np.ndarray, drops: int
) -> tuple[np.ndarray, list[list[tuple[int, np.ndarray, np.ndarray]]], np.ndarray]:
    """Levels (runs, ranks + 1) and the drops of each run from weights theta (runs, 1, n).

    Of each drop: the rank behind it, times, and losses.  Where two ranks drop without a rest
    between, that is one.  Also when the next drop would begin, inf if none, (runs,).  The levels
    are those of a linear network, for its saddles have the same maps.
    """
    nets, degree = [network.runs(i) for i in range(len(theta))], network.depth - 1
    shallow = [Linear(net.syz, net.szz, net.syy) for net in nets]
    levels = np.stack([linear_levels(net) for net in shallow])
    modes = [np.linalg.eigh(best_map(net) @ net.syz.T)[1] for net in shallow]
    rank, clock, after = [0] * len(nets), np.zeros(len(nets)), np.full(len(nets), np.inf)
    found: list[list] = [[] for _ in nets]
    theta, live = theta.copy(), set(range(len(nets)))
    while live:
        learns = levels - levels[:, -1:] > SLIGHT * levels[:, :1]
        live = {i for i in live if learns[i, rank[i]]}
        big, small, g = 0 * theta, 0 * theta, 0 * network.syz
        for i in live:
            big[i], small[i] = split_ranks(nets[i], theta[i], rank[i])
            learned = modes[i][:, modes[i].shape[1] - rank[i] :]
            g[i] = nets[i].syz - learned @ (learned.T @ nets[i].syz)
        rests = [replace(net, syz=g[i]) for i, net in enumerate(nets)]
        first = [first_divergence(net, row, degree) for net, row in zip(rests, small, strict=True)]
        ends, rates = (np.array([getattr(run, of) for run in first]) for of in ("end", "pace"))
        maps = [mode[:, -1 - min(k, levels.shape[1] - 2)] @ best_map(net)
                for mode, k, net in zip(modes, rank, shallow, strict=True)]  # fmt: skip
        strength = np.linalg.norm(maps, axis=-1)
        goal = START * np.sqrt(network.depth) * strength ** (1 / network.depth)
        left = goal ** (1 - degree) / ((degree - 1) * rates)
        wait = np.maximum(ends - left, 0)
        for i in list(live):
            if rank[i] >= drops or not np.isfinite(wait[i]):
                after[i] = clock[i] + wait[i]
                live.remove(i)
        for i in live:
            fold = 1 / (np.linalg.norm(g[i], 2) * strength[i] ** (1 - 2 / network.depth))
            start = big[i] + first[i].before(left[i])
            run = flow(nets[i], start, min(left[i], LONGEST * fold) + LONGEST * fold, rtol=1e-7)
            last, middles = _rest(nets[i], run), (levels[i, 1:] + levels[i, :-1]) / 2
            times, losses = dense_loss(nets[i], run)
            shown = times <= run.times[last]
            rank[i] = max(rank[i] + 1, int((losses[shown][-1] < middles).sum()))
            found[i].append((rank[i], clock[i] + wait[i] + times[shown], losses[shown]))
            theta[i], clock[i] = run.theta[last], clock[i] + wait[i] + run.times[last]
    return levels, found, after


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
