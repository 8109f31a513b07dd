"""A Runge-Kutta step of each run of an ensemble, explicit or implicit, each of its own size.

The explicit pair of orders 5 and 4 is that of Dormand and Prince, with scipy's coefficients.  The
implicit method is RODAS, an L-stable Rosenbrock method of order 4 (Hairer and Wanner, Solving ODEs
II, section VI.4).  Its linear systems have the structure of Eq. 1: units interact only through the
output, so the Jacobian is block diagonal less a part of low rank (`Network.curvature`), and
Woodbury's identity makes the cost of a solution linear in the number of units.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.integrate import RK45

from ..networks import Network, runs_last

EDGE = 3.0  # step times rate at which stability limits the explicit method, 3.3, less a margin
# RODAS in the variables that need no product with the Jacobian.
GAMMA = 0.25
A = [np.array(row) for row in (
    [],
    [1.544],
    [0.9466785280815826, 0.2557011698983284],
    [3.314825187068521, 2.896124015972201, 0.9986419139977817],
    [1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950],
    [1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950, 1.0],
)]  # fmt: skip
C = [np.array(row) for row in (
    [],
    [-5.6688],
    [-2.430093356833875, -0.2063599157091915],
    [-0.1073529058151375, -9.594562251023355, -20.47028614809616],
    [7.496443313967647, -10.24680431464352, -33.99990352819905, 11.70890893206160],
    [8.083246795921522, -7.981132988064893, -31.52159432874371, 16.31930543123136,
     -6.058818238834054],
)]  # fmt: skip
Stepped = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def attempt(
    network: Network,
    theta: np.ndarray,
    field: np.ndarray,
    step: np.ndarray,
    implicit: np.ndarray,
    far: np.ndarray,
) -> Stepped:
    """Units and field after a step of each run, its error, and whether stability limits it.

    The first three have the shape of theta (runs, units, features), the last is (runs,): false
    for runs that are not `far` (runs,), true for implicit steps.  `field` is that at theta, `step`
    (runs,) the size of the step, `implicit` (runs,) says by which method; the network may be a
    `sliding.Pattern`.
    """
    if not implicit.any():
        return _dormand_prince(network, theta, field, step, far)
    if implicit.all():
        return _rodas(network, theta, field, step, far)
    parts = []
    for method, mine in ((_dormand_prince, ~implicit), (_rodas, implicit)):
        few = (runs_last(a[mine]) for a in (theta, field))
        parts.append(method(network.runs(mine), *few, step[mine], far[mine]))
    back = np.argsort(np.concatenate([np.flatnonzero(~implicit), np.flatnonzero(implicit)]))
    new, new_field, error, slow = (np.concatenate(p)[back] for p in zip(*parts, strict=True))
    return runs_last(new), runs_last(new_field), runs_last(error), slow


def _dormand_prince(
    network: Network, theta: np.ndarray, field: np.ndarray, step: np.ndarray, far: np.ndarray
) -> Stepped:
    """`attempt` by the explicit pair."""
    h, (slopes, combine) = step[:, None, None], _workspace(theta, 7)
    slopes[0] = field
    for k, row in enumerate(RK45.A[1:], 1):
        at = theta + h * combine(row[:k])
        slopes[k] = network.field(at)
    new = theta + h * combine(RK45.B)
    slopes[6] = network.field(new)
    if far.any():  # slopes 5 and 6 are at the same time: their difference shows the largest rate
        bend, move = slopes[6] - slopes[5], new - at
        rate = (bend * bend).sum((1, 2)) / (move * move).sum((1, 2))
        far = far & (step * np.sqrt(rate) > EDGE)
    return new, slopes[6], h * combine(RK45.E), far


def _rodas(
    network: Network, theta: np.ndarray, field: np.ndarray, step: np.ndarray, far: np.ndarray
) -> Stepped:
    """`attempt` by the implicit method."""
    h, (stages, combine) = step[:, None, None], _workspace(theta, 6)
    solve, at, here = _solver(network, theta, GAMMA * step), theta, field
    for k, (a, c) in enumerate(zip(A, C, strict=True)):
        if k:
            at = theta + combine(a)
            here = network.field(at) + combine(c) / h
        stages[k] = solve(here)
    new = at + stages[5]
    return new, network.field(new), stages[5], np.ones_like(far)


def _workspace(theta: np.ndarray, count: int) -> tuple[np.ndarray, Callable]:
    """Room for `count` arrays like theta, and a function: the weighted sum of the first of them.

    The room has theta's order of memory, so that a sum is one matrix product.
    """
    order = np.argsort(theta.strides)[::-1]
    back = np.argsort(order)
    shape = [theta.shape[axis] for axis in order]
    rows = np.empty((count, theta.size))

    def combine(weights: np.ndarray) -> np.ndarray:
        return (weights @ rows[: len(weights)]).reshape(shape).transpose(back)

    return rows.reshape(count, *shape).transpose(0, *back + 1), combine


def _solver(
    network: Network, theta: np.ndarray, step: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """The function that solves (1 / step - J) x = r of each run for x, of the shape of theta."""
    blocks, d, e = network.curvature(theta)
    shape = theta.shape
    inverse = np.linalg.inv(np.eye(shape[-1]) / step[:, None, None, None] - blocks)
    d = (inverse @ d.reshape(*shape, -1)).reshape(d.shape)
    inner = np.linalg.inv(np.eye(d.shape[-1]) + e.mT @ d) @ e.mT  # (runs, rank, units * f)

    def solve(r: np.ndarray) -> np.ndarray:
        x = (inverse @ r[..., None]).reshape(len(r), -1, 1)
        return (x - d @ (inner @ x)).reshape(shape)

    return solve
