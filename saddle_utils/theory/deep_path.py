"""Drops of deep linear networks of any depth, balanced or not (section 5.1, deeper).

At a saddle of rank r the weights of a deep linear network W_L ... W_1 are of rank r in every layer,
and small beside.  What is small obeys dW_l = (W_L ... W_{l+1})' G (W_{l-1} ... W_1)' by itself, on
the complement of the r directions and with the residual G frozen: a field of degree L - 1, so that
for L > 2 it diverges after a time of order eps^(2 - L), wherever it starts (`divergence`).  From a
fixed size on the whole network is followed, through the drop only, to the next saddle; there its
small weights are read off, and wait again.
"""

from dataclasses import replace
from functools import reduce

import numpy as np

from ..dynamics import RunFailedError, Trajectory, flow
from ..networks import DeepLinear, Linear, pack
from ..observables import dense_loss
from .divergence import first_divergence
from .linear.saddles import learned_shares, mode_projector
from .waiting import Walk, best_map, learnable_loss

START = 0.2  # size of the small weights, over that of the next rank, when a drop begins
SLIGHT = 1e-6  # of the loss: what is not worth a drop
CLOSE = 1e-3  # modes that explain as much, but for so little, are equal
LONGEST = 200.0  # a drop is followed for so many e-folds


def deep_walk(network: DeepLinear, theta0: np.ndarray, drops: int) -> Walk:
    """The walk of one run from weights theta0 (1, n).

    Where two ranks drop without a rest between, that is one fall.  The levels are those of a linear
    network, for its saddles have the same maps; what a drop has learned is seen where it rests.
    """
    degree, shallow = network.depth - 1, Linear(network.syz, network.szz, network.syy)
    best, theta, clock, after, lost = best_map(shallow), theta0, 0.0, np.inf, None
    explained = np.linalg.eigvalsh(best @ network.syz.T)[::-1] / 2
    levels, modes, falls = [float(network.syy / 2)], [], []
    while lost is None:
        rest = replace(network, syz=network.syz - mode_projector(shallow, modes) @ network.syz)
        if learnable_loss(replace(shallow, syz=rest.syz)) <= SLIGHT * levels[0]:
            break
        big, small = split_ranks(network, theta, len(modes))
        first = first_divergence(rest, small, degree)
        left, rates, _ = np.linalg.svd(rest.syz)
        strength = float(np.linalg.norm(left[:, 0] @ best))
        goal = START * np.sqrt(network.depth) * strength ** (1 / network.depth)
        lasts = goal ** (1 - degree) / ((degree - 1) * first.pace)
        wait = max(first.end - lasts, 0.0)
        if len(modes) >= drops or not np.isfinite(wait):
            after = clock + wait
            break
        longest = LONGEST / (rates[0] * strength ** (1 - 2 / network.depth))
        try:
            run = flow(network, big + first.before(lasts), min(lasts, longest) + longest, rtol=1e-7)
        except RunFailedError:
            lost = len(modes)
            break
        last = _rest(network, run)
        times, losses = dense_loss(network, run)
        shown = times <= run.times[last]
        maps = reduce(lambda below, w: w @ below, network.weights(run.theta[: last + 1]))
        modes += _learned(learned_shares(shallow, maps), modes)
        levels += [
            levels[0] - explained[modes[:k]].sum() for k in range(len(levels), len(modes) + 1)
        ]
        falls.append((len(modes), clock + wait + times[shown], losses[shown]))
        theta, clock = run.theta[last], clock + wait + run.times[last]
        better = np.delete(explained, modes).max(initial=0)
        lost = len(modes) if explained[modes].min() < (1 - CLOSE) * better else None
    return Walk([theta0[:0]], levels, falls, after=after, lost=lost)


def _learned(shares: np.ndarray, modes: list[int]) -> list[int]:
    """The modes that a drop adds to these, by its shares (T, modes), in the order of their halves.

    At least one, that of the largest share.
    """
    shares[:, modes] = -np.inf
    half = shares > 0.5
    new = np.flatnonzero(half[-1]) if half[-1].any() else shares[-1:].argmax(1)
    return sorted(new.tolist(), key=lambda k: half[:, k].argmax())


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
