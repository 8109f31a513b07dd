"""Escape and drop of units that diverge, of degree p >= 2: quadratic units, heads, x tanh x, cubic.

Small units of a smooth activation see only its lowest order, c_p a^p.  A unit that waits diverges
at a finite time of order eps^(1 - p), by itself (Proposition 5, `divergence`).  The drop is short
against that wait.
"""

from dataclasses import replace

import numpy as np
from scipy.interpolate import CubicHermiteSpline

from ..dynamics import RunFailedError, Trajectory, flow
from ..networks import Network, Pointwise, Quadratic
from ..observables import dense_loss
from .activations import taylor
from .divergence import TINY, first_divergence
from .waiting import Drop, Escape, FirstEscape, degree_at_zero, residual_task

POWERS = {2: "square", 3: "cubic"}  # activations of one order
LONGEST = 1e3, 1e5  # a drop is followed for so many growth times of its unit; that of units of rank
ARRIVED = 1e-5  # a narrow network whose gradient is this fraction of its largest is at its saddle
RESTS = 1e-10  # and one at rest has no more than this
MOST = 4000  # steps in a tenth of that time, after which a narrow network is given up
SLIGHT = 0.1  # of the largest singular value of a unit: a direction that ends smaller has no drop


def lowest_task(rest: Network) -> Network:
    """What small units see: of an activation of lowest order p the network of c_p a^p.

    c_p is a factor of the labels, which changes nothing but what the units can learn.
    """
    if not isinstance(rest, Pointwise):
        return rest
    order = degree_at_zero(rest)
    return replace(rest, phi=POWERS[order], y=taylor(rest.phi)[order] * rest.y)


def lowest_field(rest: Network, theta: np.ndarray) -> np.ndarray:
    """Field of dormant units, homogeneous of their degree, shape of theta."""
    return lowest_task(rest).field(TINY * theta) / TINY ** degree_at_zero(rest)


def first_diverging_escape(rest: Network, dormant: np.ndarray) -> FirstEscape:
    """The dormant unit (units, features) that diverges, and so escapes, first (Proposition 5)."""
    degree = degree_at_zero(rest)
    run = first_divergence(lowest_task(rest), dormant, degree)

    def at(size: float) -> Escape:
        left = max(size, 1e-100) ** (1 - degree) / ((degree - 1) * run.pace)
        others = run.before(left)
        unit = others[run.recruit][None].copy()
        others[run.recruit] = 0
        rival = np.linalg.norm(others, axis=-1).max() / max(np.linalg.norm(unit), 1e-300)
        return Escape(run.end - left, unit, others, rival)

    return FirstEscape(run.way, run.recruit, at)


def diverging_drop(network: Network, start: np.ndarray, dormant: np.ndarray) -> Drop:
    """The drop of a narrow network from units `start`, of which the last is escaping.

    For dormant units of order eps it is short against their escape times: they get a kick by the
    integral of the residual, less what it is at the end, and otherwise move by the residual of the
    next saddle all along.  A unit of rank R learns R directions, one after another (`_passed`).
    """
    ranks = getattr(network, "rank", 1) > 1
    rtol = 1e-6 if network.degree is None else 1e-8  # the escape neglects further orders
    growth = np.abs(lowest_field(residual_task(network, start[:-1]), start)).max(-1)
    fold = 1 / (growth / np.linalg.norm(start, axis=-1)).max()
    longest = LONGEST[ranks] * fold
    run = flow(network, start, longest / 10, rtol=rtol)
    if len(run.times) > MOST:
        raise RunFailedError(f"{len(start)} units creep on: {MOST} steps do not bring them to rest")
    slopes = np.abs(network.field(run.theta)).max((1, 2))
    if slopes[-1] > RESTS * slopes.max():
        run = flow(network, start, longest, rtol=rtol)
    kicked = dormant + lowest_field(_impulse(network, run), dormant)
    slopes = np.abs(network.field(run.theta)).max((1, 2))
    moving = np.flatnonzero(slopes > ARRIVED * slopes.max())
    arrival = run.times[min(moving[-1] + 1, len(slopes) - 1)]
    passed = _passed(network, run) if ranks else ()
    saddle, curve = run.theta[-1], dense_loss(network, run)
    return Drop(saddle, saddle, kicked, 0.0, arrival, *curve, passed)


def _impulse(network: Network, run: Trajectory) -> Network:
    """The task whose target is the integral of the residual over a run, less that at its end.

    The units between two records lie on the cubic through them with the field as slope, as exact as
    the run itself; three points of Gauss there.  The residual may bend too much for a spline.
    """
    target = "y" if isinstance(network, Pointwise) else "syz"
    nodes, weights = np.polynomial.legendre.leggauss(3)
    steps = np.diff(run.times)[:, None] / 2
    times = (run.times[:-1, None] + steps * (1 + nodes)).ravel()
    units = CubicHermiteSpline(run.times, run.theta, network.field(run.theta))(times)
    during, end = (getattr(residual_task(network, u), target) for u in (units, run.theta[-1:]))
    return replace(network, **{target: np.tensordot((steps * weights).ravel(), during - end, 1)})


def _passed(network: Quadratic, run: Trajectory) -> list[float]:
    """Levels at which a fall is slowest while its last unit learns rank by rank, R - 1 or less.

    With dU = 2 v U G the rows of U (rank, n) stay in their span, and those of a part of low rank
    too (Theorem 3): there is a saddle where U has rank 1, 2, ...  How near the unit comes before
    its next direction has grown, the exact flow says.  A direction is learned once its singular
    value is two thirds of what it ends with.  Where the loss is nowhere slowest between two
    directions, these fall as one.
    """
    from scipy.signal import find_peaks  # here, for its import takes .4 s

    sides = network.sides(run.theta[:, -1, 1:])
    rows = np.concatenate([side.reshape(len(side), network.rank, -1) for side in sides], axis=-1)
    values = np.linalg.svd(rows, compute_uv=False)
    large = values > np.maximum(values[-1] * 2 / 3, SLIGHT * values[-1, 0])
    learned = np.logical_and.accumulate(large, axis=1).sum(1)
    slope = (network.field(run.theta) ** 2).sum((1, 2))
    slow = find_peaks(-slope)[0]
    between = [some for k in range(1, learned[-1]) if len(some := slow[learned[slow] == k])]
    return [float(run.losses[some[slope[some].argmin()]]) for some in between]
