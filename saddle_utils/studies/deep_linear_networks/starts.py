"""The phase transition: distances of the initial weights from saddles and from minima."""

from typing import Any

import numpy as np

from ...dynamics.sweeps import sweep_over
from ...theory.deep_linear import least_move, minimum_distance, saddle_bound, saddle_distances

STRENGTHS = (1.0, 0.6)  # of the target whose minima are looked for
WIDTHS = (8, 16, 32, 64, 128, 256, 512, 1024)
DEPTHS = (2, 3, 4)
GAMMAS = np.round(np.arange(0.5, 1.81, 0.1), 1)


def distances(
    depth: int, width: int, seed: int, first: float = 0.5, to_crossing: bool = False
) -> dict[str, Any]:
    """Distances of one draw of weights, scaled to each gamma from `first` on, or to the crossing.

    Keys: gammas (n,); minimum, saddle (n,), the nearest found; kept (n,), how many modes that
    saddle has learned; bound (n,), `saddle_bound`; least (n,), `least_move`, a lower bound.
    """
    sizes = [len(STRENGTHS), *[width] * (depth - 1), len(STRENGTHS)]
    rng = np.random.default_rng([seed, depth, width])
    draw = [rng.standard_normal((sizes[k + 1], sizes[k])) for k in range(depth)]
    hidden = 2 * np.sqrt(width)  # operator norm of a square Gaussian matrix, for large widths
    unit = np.array([np.linalg.norm(m, 2) if min(m.shape) < width else hidden for m in draw])
    rows, near, around = [], None, ()
    for gamma in GAMMAS[GAMMAS >= first - 1e-9]:
        start = [m * width ** (-gamma / 2) for m in draw]
        minimum, near = minimum_distance(start, np.diag(STRENGTHS), near)
        found, around = saddle_distances(start, STRENGTHS, around)
        bound = saddle_bound(width, gamma, sizes[0], sizes[-1])
        least = least_move(unit * width ** (-gamma / 2), STRENGTHS[0])
        rows.append((gamma, minimum, np.nanmin(found), int(np.nanargmin(found)), bound, least))
        if to_crossing and minimum > np.nanmin(found):
            break
    names = ("gammas", "minimum", "saddle", "kept", "bound", "least")
    return dict(zip(names, map(np.array, zip(*rows, strict=True)), strict=True))


def curves(seed: int) -> dict[int, list[dict[str, Any]]]:
    """`distances` over all gammas for one draw of each width, by depth."""
    settings = [(depth, width) for depth in DEPTHS for width in WIDTHS]
    found = sweep_over(distances, *zip(*settings, strict=True), [seed] * len(settings))
    return {d: [f for f, s in zip(found, settings, strict=True) if s[0] == d] for d in DEPTHS}


def crossing(found: dict[str, Any]) -> float:
    """The gamma at which minimum and saddle are equally far, linear in the logarithms."""
    ratio, gammas = np.log(found["minimum"] / found["saddle"]), found["gammas"]
    k = int(np.argmax(ratio > 0))
    part = ratio[k - 1] / (ratio[k - 1] - ratio[k])
    return float(gammas[k - 1] + part * (gammas[k] - gammas[k - 1]))


def crossings(widths: tuple[int, ...], seed: int, draws: dict[int, int]) -> dict[int, np.ndarray]:
    """Crossings of `draws` draws for each depth, (draws, widths)."""
    settings = [(d, w, seed + 1 + k) for d in draws for k in range(draws[d]) for w in widths]
    found = iter(sweep_over(_crossing, *zip(*settings, strict=True)))
    return {d: np.array([[next(found) for _ in widths] for _ in range(draws[d])]) for d in draws}


def _crossing(depth: int, width: int, seed: int) -> float:
    return crossing(distances(depth, width, seed, 1.0, to_crossing=True))


def limit(widths: tuple[int, ...], crossings: np.ndarray) -> tuple[float, float, float]:
    """Crossing for infinite width, its standard error over draws, and the slope in 1 / ln w.

    A line in 1 / ln w through the means, with weights that grow as the root of the width, as the
    draws' deviations fall.
    """
    x = 1 / np.log(widths)
    fits = np.array([np.polyfit(x, draw, 1, w=np.sqrt(widths)) for draw in crossings])
    error = fits[:, 1].std(ddof=1) / np.sqrt(len(fits))
    return float(fits[:, 1].mean()), float(error), float(fits[:, 0].mean())


def collapse(curves: dict[int, list[dict[str, Any]]], narrow: int = 256, wide: int = 1024) -> float:
    """Mean difference of ln(minimum / saddle) of two widths at the same w^(1 - gamma), gamma >= 1.

    Averaged over the part that both reach; the largest of the depths.
    """
    gaps = []
    for found in curves.values():
        one, other = (found[WIDTHS.index(width)] for width in (narrow, wide))
        logs = [np.log(f["minimum"] / f["saddle"]) for f in (one, other)]
        x = [(f["gammas"] - 1) * np.log(w) for f, w in ((one, narrow), (other, wide))]
        inside = (x[0] >= 0) & (x[0] <= x[1][-1])
        gaps.append(np.abs(logs[0] - np.interp(x[0], x[1], logs[1]))[inside].mean())
    return float(max(gaps))
