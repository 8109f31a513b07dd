"""The phase transition: distances of the initial weights from saddles and from minima."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ...dynamics import sweep_over
from ...theory.deep_linear import least_move, minimum_distance, saddle_bound, saddle_distances

STRENGTHS = (1.0, 0.6)  # of the target whose minima are looked for
WIDTHS = (8, 16, 32, 64, 128, 256, 512, 1024)
DEPTHS = (2, 3, 4)
GAMMAS = np.round(np.arange(0.5, 1.81, 0.1), 1)


def distances(
    depth: int, width: int, seed: int, first: float = 0.5, to_crossing: bool = False
) -> pd.DataFrame:
    """Distances of one draw of weights, scaled to each gamma from `first` on, or to the crossing.

    A row for each gamma.  Columns: depth, width, gamma; minimum and saddle, the nearest found;
    bound, `saddle_bound`; least, `least_move`, a lower bound of the distance to a minimum.
    """
    sizes = [len(STRENGTHS), *[width] * (depth - 1), len(STRENGTHS)]
    rng = np.random.default_rng([seed, depth, width])
    draw = [rng.standard_normal((sizes[k + 1], sizes[k])) for k in range(depth)]
    hidden = 2 * np.sqrt(width)  # operator norm of a square Gaussian matrix, for large widths
    unit = np.array([np.linalg.norm(m, 2) if min(m.shape) < width else hidden for m in draw])
    rows, near, around = [], None, ()
    for gamma in GAMMAS[GAMMAS >= first - 1e-9]:
        scale = width ** (-gamma / 2)
        start = [m * scale for m in draw]
        minimum, near = minimum_distance(start, np.diag(STRENGTHS), near)
        found, around = saddle_distances(start, STRENGTHS, around)
        rows.append(
            {"depth": depth, "width": width, "gamma": gamma, "minimum": minimum,
            "saddle": np.nanmin(found), "bound": saddle_bound(width, gamma, sizes[0], sizes[-1]),
            "least": least_move(unit * scale, STRENGTHS[0])}
        )  # fmt: skip
        if to_crossing and minimum > np.nanmin(found):
            break
    return pd.DataFrame(rows)


def curves(seed: int) -> pd.DataFrame:
    """`distances` over all gammas for one draw of each depth and width."""
    settings = [(depth, width, seed) for depth in DEPTHS for width in WIDTHS]
    return pd.concat(sweep_over(distances, *zip(*settings, strict=True)), ignore_index=True)


def crossing(found: pd.DataFrame) -> float:
    """The gamma at which minimum and saddle are equally far, linear in the logarithms."""
    ratio, gammas = np.log(found["minimum"] / found["saddle"]).array, found["gamma"].array
    k = int(np.argmax(ratio > 0))
    return float(np.interp(0, ratio[k - 1 : k + 1], gammas[k - 1 : k + 1]))


def crossings(widths: Sequence[int], seed: int, draws: dict[int, int]) -> dict[int, np.ndarray]:
    """Crossings of `draws` draws for each depth, (draws, widths)."""

    def one(depth: int, width: int, draw: int) -> float:
        return crossing(distances(depth, width, seed + 1 + draw, 1.0, to_crossing=True))

    settings = [(d, w, k) for d in draws for k in range(draws[d]) for w in widths]
    found = iter(sweep_over(one, *zip(*settings, strict=True)))
    return {d: np.array([[next(found) for _ in widths] for _ in range(draws[d])]) for d in draws}


def limit(widths: Sequence[int], crossings: np.ndarray) -> tuple[float, float]:
    """Crossing for infinite width, and the slope in 1 / ln w.

    A line in 1 / ln w through the means, with weights that grow as the root of the width, as the
    draws' deviations fall.
    """
    slope, meeting = np.polyfit(1 / np.log(widths), crossings.mean(0), 1, w=np.sqrt(widths))
    return float(meeting), float(slope)


def collapse(curves: pd.DataFrame) -> float:
    """Mean difference of ln(minimum / saddle) of widths 256 and 1024 at the same w^(1 - gamma).

    Averaged over the gamma >= 1 that both reach; the largest of the depths.
    """
    gaps = []
    place = (curves["gamma"] - 1) * np.log(curves["width"])
    logs = np.log(curves["minimum"] / curves["saddle"])
    for depth in DEPTHS:
        one, other = ((curves.depth == depth) & (curves.width == w) for w in (256, 1024))
        inside = one & (place >= 0) & (place <= place[other].max())
        gap = logs[inside] - np.interp(place[inside], place[other], logs[other])
        gaps.append(np.abs(gap).mean())
    return float(max(gaps))
