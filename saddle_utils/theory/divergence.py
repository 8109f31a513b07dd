"""Small units that diverge: dtheta = F(theta), homogeneous of a degree p of 2 or more.

Such a unit takes a finite time t_inf, of order eps^(1 - p) from a start of size eps, and ends as
dr = k r^p on a last direction, so that (p - 1) k (t_inf - t) = r^(1 - p).  F is the field of the
network itself at sizes at which its output is nothing; and units of any size move as those do, in
times scaled by size^(1 - p).  So a run is followed in parts, each from the same small size: then
the clock of each part resolves its end, however long the parts before it were.
"""

from dataclasses import dataclass

import numpy as np

from ..dynamics import Trajectory, flow
from ..networks import Network

NOTHING = 1e-8  # part of what is learned, up to which the output of units is nothing
TINY, HUGE = 1e-20, 1e10  # sizes at which a network has its lowest order alone, and its highest
STRETCH = 1.5  # of units: a force that does not scale as its degree asks, to 1e-7, is rounding
ROOM, PARTS = 1e-3, 50  # time left behind a part, over that before it; parts at most
LONGEST = 1e6  # growth times of the first direction for which a unit is waited
ENDED, STRAIGHT = 1e-6, 1 - 1e-6  # time left, over t_inf, and growth, over speed, at the last look
LARGE = 10.0  # of the size at which a unit learns most: nobody asks for units beyond
RTOL = 1e-9  # of the integration


@dataclass(frozen=True)
class Divergence:
    """The unit of one run that diverges first.

    network, degree : homogeneous of this degree where units are no larger than `small`
    parts : all units at the beginnings of the parts of the run, (units, features) each
    left : times left then, descending, (parts,); empty if no unit diverges
    recruit : index of the unit; way : its last direction, of norm 1; pace : its rate k there
    """

    network: Network
    degree: int
    small: float
    parts: list[np.ndarray]
    left: np.ndarray
    recruit: int
    way: np.ndarray
    pace: float

    @property
    def end(self) -> float:
        """The time t_inf, inf if no unit diverges."""
        return float(self.left[0]) if len(self.left) else np.inf

    def before(self, left: float) -> np.ndarray:
        """All units (units, features) at a time before the end; the first where it is too long."""
        part = max(int((self.left > left).sum()) - 1, 0)
        theta = self.parts[part]
        if not len(self.left) or left >= self.left[part]:
            return theta.copy()
        grown = (self.left[part] / left) ** (1 / (self.degree - 1))
        wait, start = self.left[part] - left, self.small / grown
        run, scale = _followed(self.network, theta, wait, self.degree, start)
        return run.theta[-1] / scale


def first_divergence(network: Network, theta: np.ndarray, degree: int) -> Divergence:
    """The first of the units theta (units, features) of one run to diverge.

    `network` is homogeneous of this degree where units are small.
    """
    way = theta / max(float(np.linalg.norm(theta, axis=-1).max()), 1e-300)
    pull, stretched = (network.field(s * TINY * way) / (s * TINY) ** degree for s in (1, STRETCH))
    most, energy = np.abs(pull).max(), 2 * network.loss(HUGE * way) / HUGE ** (2 * degree + 2)
    best = (most / max(energy, 1e-300)) ** (1 / (degree + 1))
    small = NOTHING ** (1 / (degree + 1)) * best
    start, waits, parts = small * ROOM ** (1 / (degree - 1)), [], [theta]
    moving = np.abs(stretched - pull).max() < 1e-7 * most  # rounding moves no unit
    level = network.loss(0 * theta) - NOTHING * most**2 / max(energy, 1e-300)
    while moving and len(parts) < PARTS:
        longest = LONGEST / most * np.linalg.norm(theta, axis=-1).max() ** (1 - degree)
        run, scale = _followed(network, theta, longest, degree, start, level=level)
        if run.losses[-1] > level:
            break
        theta = run.theta[-1] / scale
        parts.append(theta)
        waits.append(run.times[-1] * scale ** (degree - 1))
        norms = np.linalg.norm(theta, axis=-1)
        way = theta / np.where(norms > 0, norms, 1)[:, None]
        force = network.field(start * way) / start**degree
        pace, speed = (force * way).sum(-1), np.linalg.norm(force, axis=-1)
        first = int((pace * norms ** (degree - 1)).argmax())
        end = norms[first] ** (1 - degree) / ((degree - 1) * pace[first])
        settled = pace[first] > STRAIGHT * speed[first] or norms[first] > LARGE * best
        if end < ENDED * sum(waits) and settled:
            left = np.cumsum([end, *waits[::-1]])[::-1]
            return Divergence(network, degree, small, parts, left, first, way[first], pace[first])
    return Divergence(network, degree, small, parts[:1], np.empty(0), 0, 0 * theta[0], 1.0)


def _followed(
    network: Network, theta: np.ndarray, wait: float, degree: int, start: float, **until: float
) -> tuple[Trajectory, float]:
    """The flow of units, scaled so that the largest has the size `start`; and the scale."""
    scale = start / np.linalg.norm(theta, axis=-1).max()
    return flow(network, scale * theta, wait * scale ** (1 - degree), RTOL, **until), scale
