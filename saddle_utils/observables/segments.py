"""A noisy loss curve as pieces: the noise estimated, the pieces found by optimal partitioning."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import scipy

NORMAL = 1.4826  # standard deviation of a Gaussian over the median of its absolute value
JUMP, BEND = 1.8, 3.0  # price of a piece and of its slope, in units of the log of the length


@dataclass(frozen=True)
class Blocks:
    """A loss curve averaged over short stretches of its axis.

    x, times, losses, counts (B,): place on the axis, time, mean loss and number of records of each;
    edges (B + 1,): index of its first record; noise (B,): standard error of its mean loss;
    fit (B,): the loss without its noise, in pieces (the losses themselves before `with_fit`).
    """

    x: np.ndarray
    times: np.ndarray
    losses: np.ndarray
    counts: np.ndarray
    edges: np.ndarray
    noise: np.ndarray
    fit: np.ndarray


def record_noise(times: np.ndarray, losses: np.ndarray) -> np.ndarray:
    """Standard deviation of the noise at each record (T,), as it is in that part of the curve.

    From how far records lie from the chord of their neighbours, by medians over some 64 records or
    1/64 of the curve: neither a slope nor a drop counts, and single wild records do not either.
    """
    before, after = np.diff(times)[:-1], np.diff(times)[1:]
    part = before / (before + after)
    off = losses[1:-1] - (1 - part) * losses[:-2] - part * losses[2:]
    off = np.abs(off) / np.sqrt(1 + (1 - part) ** 2 + part**2)
    groups = np.array_split(off, int(np.clip(len(off) // 64, 1, 64)))
    few = 1 + 1 / np.sqrt(len(off)) + 8 / len(off)  # a small sample may show too little
    level = few * NORMAL * np.array([np.median(group) for group in groups])
    level = scipy.ndimage.median_filter(level, 3, mode="nearest")
    middles = np.cumsum([len(group) for group in groups]) - [len(group) / 2 for group in groups]
    return np.interp(np.arange(len(times)), middles + 0.5, level)


def blocks(x: np.ndarray, times: np.ndarray, losses: np.ndarray, most: int, least: float) -> Blocks:
    """The curve (T,) in at most `most` blocks, even in x; wild records drawn in; noise >= least."""
    noise = record_noise(times, losses)
    smooth = scipy.ndimage.median_filter(losses, 7, mode="nearest")
    tame = smooth + np.clip(losses - smooth, -3.5 * noise, 3.5 * noise)
    first = np.arange(len(times))
    if len(times) > most:
        place = np.minimum(((x - x[0]) / (x[-1] - x[0]) * most).astype(int), most - 1)
        first = np.flatnonzero(np.diff(place, prepend=-1))
    edges = np.append(first, len(times))
    counts = np.diff(edges)
    means = [np.add.reduceat(values, first) / counts for values in (x, times, tame, noise)]
    noise = np.hypot(means[3] / np.sqrt(counts), least)
    return Blocks(*means[:3], counts, edges, noise, means[2])


def with_fit(b: Blocks) -> Blocks:
    """The same blocks with their losses fitted by pieces, and with the noise that these leave.

    Noise that lasts longer than a block, as of a smoothed loss, makes more of long averages than
    single blocks say.  So pieces are sought at 1, 2, 4, ... times that noise, for as long as what
    they leave is the likelier, as noise in which each block remembers the one before (AR(1)), by
    more than what the pieces cost.
    """
    factor, best = 1.0, _fitted(b, 1.0)
    while factor < 16 and (longer := _fitted(b, 2 * factor))[0] < best[0]:
        factor, best = 2 * factor, longer
    return replace(b, noise=b.noise * max(1, best[1]), fit=best[2])


def _fitted(b: Blocks, factor: float) -> tuple[float, float, np.ndarray]:
    """Price of the best pieces at `factor` times the noise, the factor that they show, their fit.

    The price is that of `partition`, with twice the log likelihood of AR(1) noise of any strength.
    """
    cuts = partition(b.x, b.losses, factor * b.noise)
    fit = fit_pieces(b.x, b.losses, factor * b.noise, cuts)
    rest = (b.losses - fit) / b.noise
    memory = np.clip((rest[1:] * rest[:-1]).sum() / max((rest**2).sum(), 1e-300), 0, 0.97)
    news = np.append(np.sqrt(1 - memory**2) * rest[0], rest[1:] - memory * rest[:-1])
    variance = max((news**2).mean(), 1e-300)
    slopes = sum(fit[i] != fit[j - 1] for i, j in pairwise(cuts))
    price = np.log(max(len(rest), 400)) * (JUMP * len(cuts) + BEND * slopes)
    price += len(rest) * np.log(variance) - np.log(1 - memory**2)
    return price, float(np.sqrt(variance) / (1 - memory)), fit


def partition(
    x: np.ndarray, y: np.ndarray, noise: np.ndarray, jump: float = JUMP, bend: float = BEND
) -> list[int]:
    """Bounds [0, ..., B] of the pieces, constant or straight, that fit y (B,) best.

    Minimum of sum ((y - piece) / noise)^2 + `jump` ln B a piece + `bend` ln B a slope (B at least
    400), by optimal partitioning (Jackson et al. 2005), pruned (Killick, Fearnhead and Eckley
    2012).  The pruning is exact for pieces of three blocks and more: shorter ones have no slope,
    so that it may drop the beginning of a straight piece, and cuts lines that fall by many times
    the noise from block to block into single blocks.
    """
    w = noise**-2.0
    u, v = (x - x[0]) / (x[-1] - x[0]), y - np.median(y)
    sums = np.zeros((6, len(y) + 1))
    np.cumsum([w, w * u, w * u * u, w * v, w * u * v, w * v * v], axis=1, out=sums[:, 1:])
    scale = np.log(max(len(y), 400))
    jump, bend = jump * scale, bend * scale
    cost, origin = np.zeros(len(y) + 1), np.zeros(len(y) + 1, dtype=int)
    cost[0], starts = -jump, np.array([0])
    for end in range(1, len(y) + 1):
        fit = _misfit(sums[:, end, None] - sums[:, starts], end - starts, bend)
        total = cost[starts] + fit
        best = int(np.argmin(total))
        cost[end], origin[end] = total[best] + jump, starts[best]
        starts = np.append(starts[total <= cost[end] + bend], end)
    cuts = [len(y)]
    while cuts[-1] > 0:
        cuts.append(int(origin[cuts[-1]]))
    return cuts[::-1]


def _misfit(s: np.ndarray, length: np.ndarray, bend: float) -> np.ndarray:
    """Weighted squares left by a constant, or by a line at the price `bend`, of each stretch."""
    w, wu, wuu, wv, wuv, wvv = s
    flat = np.maximum(wvv - wv * wv / w, 0)
    spread = wuu - wu * wu / w
    line = np.maximum(flat - (wuv - wu * wv / w) ** 2 / np.where(spread > 0, spread, np.inf), 0)
    return np.minimum(flat, np.where(length >= 3, line + bend, np.inf))


def fit_pieces(
    x: np.ndarray, y: np.ndarray, noise: np.ndarray, cuts: list[int], bend: float = BEND
) -> np.ndarray:
    """The pieces' own values (B,): the constant or the straight line that `partition` chose."""
    fit, bend = np.empty(len(y)), bend * np.log(max(len(y), 400))
    for a, b in pairwise(cuts):
        w = noise[a:b] ** -2.0
        mean = np.average(y[a:b], weights=w)
        fit[a:b] = mean
        if b - a >= 3:
            u = x[a:b] - np.average(x[a:b], weights=w)
            slope = (w * u * y[a:b]).sum() / (w * u * u).sum()
            if slope**2 * (w * u * u).sum() > bend:
                fit[a:b] = mean + slope * u
    return fit


def without_pulses(losses: np.ndarray, width: int) -> np.ndarray:
    """The curve (T,) without rises and falls that recover within `width` records.

    An opening and a closing (Rohwer's LULU): a curve that only falls is unchanged.  A fall in the
    first quarter of `width` records that recovers goes too.
    """
    half = (width + 1) // 2
    size, values = 2 * half + 1, np.pad(losses, 2 * half, mode="edge")
    opened = scipy.ndimage.grey_opening(values, size)
    closed = scipy.ndimage.grey_closing(opened, size)[2 * half :][: len(losses)]
    soon = max(1, width // 4)
    closed[:soon] = np.maximum(closed[:soon], closed[soon : 2 * soon + 1].min())
    return closed
