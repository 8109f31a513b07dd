"""Which plateaus of a noisy loss curve are real: each against a curve that would do without it.

A loss that only ever slows down (a power law, exponentials, a straight line) waits nowhere, and one
drop has a single fastest moment.  So drops are believed if curves with one drop each explain the
losses better than a decreasing convex curve, and a plateau between two if both together do better
than one in their place.  A drop is a decreasing curve with one inflection, or a tanh step.  All
misfits are sums of squares in units of the noise.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy

from .segments import Blocks, without_pulses

Span = tuple[int, int]

# Chosen on tanh staircases, power laws, exponentials and constants in Gaussian noise; tested on
# other kinds as well (tests/observables/test_any_curve.py).
WHOLE = 4.0  # by how much a drop fits better than a loss that only slows down: each, and the last
HERE = -5.5  # the pieces against the same from one plateau to the next, where it follows the noise
TANHS = 9.0  # two tanh steps around a plateau against one in its place
SHARE = 0.03, 0.1  # the same of any shape: of the misfit of the tanh, and of the significance^2
ASIDE = 5.0  # what a drop of any shape follows of the noise, more than a tanh does
CERTAIN = 3.8  # size of a drop in standard errors
RISES = 1 / 3  # of all falls; a curve that rises more is no descent

GROUPS = 64  # a stretch is compared in at most so many groups of blocks


def believed(b: Blocks, spans: list[Span], least: float, log: bool) -> list[Span]:
    """The plateaus, (first, last) block of each, that the curve `b` with its fit gives proof of.

    `least` is the smallest drop that counts.  Plateaus are given up one by one, the least credible
    first; two whose levels do not differ are merged.  `log`: whether b.x is the log of time.
    """
    spans = list(spans)
    if len(spans) < 2:
        return spans
    step = np.diff(without_pulses(b.fit, max(1, len(b.x) // 50)))
    if np.maximum(step, 0).sum() > RISES * np.maximum(-step, 0).sum():
        return []
    known: dict[tuple, tuple[float, float]] = {}
    while len(spans) > 1:
        doubts = [d for k in range(len(spans) - 1) for d in _doubts(b, spans, k, least, known)]
        margin, k, merge = min(doubts)
        if margin >= 0:
            break
        if merge:
            spans[k : k + 2] = [(spans[k][0], spans[k + 1][1])]
        else:
            del spans[k]
    if len(spans) < 2:
        return spans
    ends = [0, *((i + j) // 2 for i, j in spans[1:-1]), len(b.x) - 1]
    drops = [
        min(_over_one_drop(b, i, j, _steepest(b, *pair), known))
        for (i, j), pair in zip(pairwise(ends), pairwise(spans), strict=True)
    ]
    enough = sum(drops) + WHOLE * len(drops)
    found = _compared(b, 0, ends[-1]).gain >= enough
    if log:  # several drops in log time are no power law, but one may be
        found &= _compared(b, 0, ends[-1], x=b.times).gain >= (enough if len(drops) == 1 else 0)
    return spans if found else spans[-1:]


def _doubts(
    b: Blocks, spans: list[Span], k: int, least: float, known: dict
) -> list[tuple[float, int, bool]]:
    """What speaks against drop k and the plateau behind it: margin, plateau, whether to merge."""
    first, last = spans[k][0], spans[k + 1][1]
    size, significance = _step(b, *spans[k : k + 2])
    before = _step(b, *spans[k - 1 : k + 1])[0] if k else np.inf
    _, (fall, error) = level_and_fall(b, *spans[k])
    proven = abs(fall) - 2 * error
    slows = known.setdefault((first, last), (_compared(b, first, last).gain,))[0]
    found = [
        (significance - CERTAIN, k, True),
        (10 * (size / least - 1) if least else size, k, True),
        (5 * min(size, before) / max(proven, 1e-300) - 10, k, size < before < np.inf),
        (slows - HERE, k, False),
    ]
    if k + 2 == len(spans):  # no plateau between drops vouches for the last one
        drop = _over_one_drop(b, first, last, _steepest(b, *spans[k:]), known)
        return [*found, (slows - min(drop) - WHOLE, k, k > 0)]
    # What the outer plateaus do far away is no matter here.
    reach = spans[k + 2][0] - spans[k][1]
    first, last = max(first, spans[k][1] - reach), min(spans[k + 2][1], spans[k + 2][0] + reach)
    middle, pairs = sum(spans[k + 1]) // 2, [*pairwise(spans[k : k + 3])]
    fastest = [_steepest(b, *pair) for pair in pairs]
    shaped, tanh = _over_one_drop(b, first, last, fastest[0] + fastest[1], known)
    parts = zip(pairwise([first, middle, last]), fastest, strict=True)
    two = np.sum([_over_one_drop(b, i, j, at, known) for (i, j), at in parts], axis=0)
    surest = min(significance, _step(b, *pairs[1])[1])
    asked = min(SHARE[0] * tanh, SHARE[1] * surest**2)
    return [
        *found,
        (shaped - two[0] + ASIDE - asked, k + 1, False),
        (tanh - two[1] - TANHS, k + 1, False),
    ]


def _step(b: Blocks, before: Span, after: Span) -> tuple[float, float]:
    """Size of the drop between two plateaus, and that in standard errors."""
    (high, above), (low, below) = (level_and_fall(b, *span)[0] for span in (before, after))
    return high - low, (high - low) / np.hypot(above, below)


def _steepest(b: Blocks, before: Span, after: Span) -> tuple[int, int]:
    """Two blocks where a drop may be fastest: where the fit falls most, and where it is midway."""
    fall = b.fit[before[1] : after[0] + 1]
    midway = np.abs(fall - (fall[0] + fall[-1]) / 2)
    return before[1] + int(np.argmin(np.diff(fall))), before[1] + int(np.argmin(midway))


def level_and_fall(b: Blocks, i: int, j: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """Median loss of blocks i to j, and the change across them of a line, with standard errors."""
    y, noise, w = b.losses[i : j + 1], b.noise[i : j + 1], b.noise[i : j + 1] ** -2.0
    u = b.x[i : j + 1] - np.average(b.x[i : j + 1], weights=w)
    squares, span = (w * u * u).sum(), np.ptp(u)
    level_error = 1.25 * np.sqrt((noise**2).sum()) / len(y)  # of a median of Gaussian values
    fall = (w * u * y).sum() / squares * span, span / np.sqrt(squares)
    return (float(np.median(y)), float(level_error)), fall


@dataclass(frozen=True)
class Comparison:
    """A stretch of a curve: x, losses y and weights w (groups,), squares that its pieces leave.

    gain: how much more squares the curve leaves with which it is compared.
    """

    x: np.ndarray
    y: np.ndarray
    w: np.ndarray
    left: float
    gain: float

    def over_sigmoid(self) -> float:
        """How much more squares the best tanh step leaves than the pieces."""
        u, z = (self.x - self.x[0]) / np.ptp(self.x), self.y - np.average(self.y, weights=self.w)
        centers, widths = np.linspace(0.02, 0.98, 25), np.geomspace(0.01, 0.5, 8)
        for _ in range(3):  # a grid, and twice a finer one around its best point
            c, wide = (v.reshape(-1, 1) for v in np.meshgrid(centers, widths))
            steps = np.tanh((u - c) / wide)
            steps -= (steps @ self.w)[:, None] / self.w.sum()
            explained = (steps @ (self.w * z)) ** 2 / np.maximum((steps**2) @ self.w, 1e-300)
            best = np.argmax(explained)
            nearby, factors = np.ptp(centers) / (len(centers) - 1), widths[1] / widths[0]
            centers = c[best] + nearby * np.linspace(-1, 1, 9)
            widths = wide[best] * factors ** np.linspace(-1, 1, 9)
        return float((self.w * z * z).sum() - explained.max() - self.left)


def _over_one_drop(
    b: Blocks, i: int, j: int, fastest: tuple[int, ...], known: dict
) -> tuple[float, float]:
    """How much more squares than the pieces a drop leaves: of any shape (+ `ASIDE`), and a tanh."""
    key = (i, j, *fastest)
    if key not in known:
        found = [_compared(b, i, j, at) for at in fastest]
        known[key] = min(c.gain for c in found) + ASIDE, found[0].over_sigmoid()
    return known[key]


def _compared(
    b: Blocks, i: int, j: int, fastest: int | None = None, x: np.ndarray | None = None
) -> Comparison:
    """Blocks i to j against the best decreasing curve, concave before `fastest` and then convex.

    Without `fastest` it is convex from the beginning.  The curve is a sum of ramps with positive
    weights, by non-negative least squares.
    """
    part = slice(i, j + 1)
    w, count = b.noise[part] ** -2.0, j + 1 - i
    group = np.arange(count) * GROUPS // count if count > GROUPS else np.arange(count)
    weight = np.bincount(group, w)
    x, y, fit = (
        np.bincount(group, w * v[part]) / weight for v in (b.x if x is None else x, b.losses, b.fit)
    )
    m, column = 0 if fastest is None else group[fastest - i], x[:, None]
    falls = np.concatenate(
        [np.clip(column - x[m], 0, x[m + 1 :] - x[m]), np.clip(column - x[:m], 0, x[m] - x[:m])],
        axis=1,
    )
    root = np.sqrt(weight)[:, None]
    ramps = np.concatenate([np.ones_like(column), -np.ones_like(column), -falls], axis=1) * root
    ramps /= np.linalg.norm(ramps, axis=0)
    _, rest = scipy.optimize.nnls(ramps, root[:, 0] * (y - y.min()))
    left = float((weight * (y - fit) ** 2).sum())
    return Comparison(x, y, weight, left, rest**2 - left)
