"""Measurements of escapes from saddles, to be set against the predictions of `escape`.

Each function trains and returns plain arrays; times are gradient-flow times.  Runs of several
initial scales share one draw of the units, so that slopes in ln(1 / eps) are free of its O(1) part.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..datasets import Panel
from ..dynamics import descend, flow
from ..networks import Linear, Pointwise, initial_units, pointwise
from ..theory import linear_escape, linear_levels, relu_escape
from ..trajectories import Trajectory
from ..units import contributions
from . import panels


def slope(scales: np.ndarray, values: np.ndarray) -> float:
    """Least-squares slope of values (n,) against ln(1 / scales)."""
    return float(np.polyfit(-np.log(scales), values, 1)[0])


def measure_suppression(
    network: Linear, scales: Sequence[float], width: int = 20, seed: int = 0
) -> np.ndarray:
    """|(I - P) Theta|_F when q_1' W r_1 reaches s_1 / 2 (Theorem 4), (scales,).

    For whitened inputs that is half of what it learns.  The prediction is eps to the power
    `linear_escape.theorem4_exponent`.  RunFailedError if s_1 / 2 is not reached.
    """
    q, s, r = np.linalg.svd(network.syz)
    held = []
    for scale in scales:
        theta = initial_units(network, width, scale, seed)
        run = flow(network, theta, (2 * np.log(1 / scale) + 5) / s[0])
        v, u = network.split(run.theta)
        strength = ((v @ q[:, 0]) * (u @ r[0])).sum(-1)
        norm = np.log(linear_escape.suppressed(network, run.theta))
        held.append(np.exp(_value_when(strength, s[0] / 2, norm)))
    return np.array(held)


def measure_linear_drops(
    network: Linear, scales: Sequence[float], width: int = 20, seed: int = 0, rtol: float = 1e-8
) -> np.ndarray:
    """Times at which the loss passes the midpoints between the levels of the saddles, in order.

    Shape (scales, ranks), of gradient flow at any input covariance; nan where a run ends before.
    The prediction is `linear_escape.linear_drops`.  A mode of strength a = s (1 - 1 / sqrt 2) has
    halved its loss: for whitened inputs .441 / s before the half-time of the mode.
    """
    slowest = linear_escape.leading_log_times(network)
    levels = linear_levels(network)[: len(slowest) + 1]
    middles = (levels[1:] + levels[:-1]) / 2
    times = []
    for scale in scales:
        theta = initial_units(network, width, scale, seed)
        last = 2 * slowest[-1] * (np.log(1 / scale) + 5)  # twice, for convergence is slow
        run = flow(network, theta, last, rtol)
        times.append([_time_below(run, level) for level in middles])
    return np.array(times)


def measure_first_half_times(
    network: Linear, scales: Sequence[float], width: int = 20, seed: int = 0
) -> np.ndarray:
    """Predicted and measured times at which the first mode is half learned, (scales, 2).

    Half learned is a strength q_1' W r_1 of s_1 / (2 r_1' Szz r_1), by gradient flow; the
    prediction is `linear_escape.first_half_time` of the same initial units.
    """
    q, s, r = np.linalg.svd(network.syz)
    half, times = s[0] / (2 * r[0] @ network.szz @ r[0]), []
    for scale in scales:
        theta = initial_units(network, width, scale, seed)
        predicted = float(linear_escape.first_half_time(network, theta))
        run = flow(network, theta, np.linspace(0, 1.5 * predicted, 3001))
        v, u = network.split(run.theta)
        strength = ((v @ q[:, 0]) * (u @ r[0])).sum(-1)
        times.append((predicted, _value_when(strength, half, run.times)))
    return np.array(times)


def measure_first_escapes(
    panel: Panel, seeds: range, fraction: float = 1e-4
) -> tuple[np.ndarray, np.ndarray]:
    """Time at which the loss is half way to its next level, and the unit that is largest then.

    (seeds,) each, of gradient flow from `fraction` of the panel's initial scale; nan and -1 where
    the loss does not drop.  The prediction is `escape.first_escape` of `initial_units`.
    """
    runs = panels.limit(panel, seeds, fraction)
    times = panels.first_drops(runs) * panel.step
    first = [
        np.argmax(contributions(panel.network, run.trajectory.at(t))) if np.isfinite(t) else -1
        for run, t in zip(runs, times, strict=True)
    ]
    return times, np.array(first)


def measure_relu(
    network: Pointwise,
    scales: Sequence[float],
    width: int = 20,
    seed: int = 0,
    fineness: float = 0.005,
) -> tuple[np.ndarray, np.ndarray]:
    """First drop of a ReLU network in the plane from balanced units, |v_i| = |u_i|.

    Times (scales,) at which the loss has taken half of what one unit along the first of
    `relu_escape.relu_directions` could learn, U_1^2 / (4 E[sigma^2]), nan if it never does; and the
    norms then (scales, directions) of the units that serve each direction, 0 if none do.
    The predictions are ln(1 / eps) / U_1 and norms eps^(1 - U_k / U_1), if some unit serves the
    first.  By gradient descent with lr = `fineness` / U_1, for units may slide along kinks.
    """
    found, scales = relu_escape.relu_directions(network), np.asarray(scales, dtype=float)
    rate, best = found.rates[0], found.directions[0]
    energy = np.mean(np.maximum(network.x[0] @ best, 0) ** 2)
    draw = initial_units(network, width, 1.0, seed)
    draw[:, 0] = np.sign(draw[:, 0]) * np.linalg.norm(draw[:, 1:], axis=1)
    lr = fineness / rate
    steps = int((np.log(1 / scales.min()) + 3) / fineness)
    run = descend(network, scales[:, None, None] * draw, lr, steps, every=5)
    level = network.zero_loss() - rate**2 / (4 * energy)
    times = np.array([_time_below(run.member(i), level) for i in range(len(scales))])
    serving = _serving(found, run.at(np.nanmax(times) / 2)[scales.argmin()])  # turned, not learned
    ends = [run.at(time)[i] for i, time in enumerate(times)]
    norms = [[np.linalg.norm(t[serving == k]) for k in range(len(found.rates))] for t in ends]
    return times, np.array(norms)


def relu_study(seed: int, count: int, scales: Sequence[float], width: int = 20) -> dict:
    """`measure_relu` on random planar tasks (40 samples, random labels) against its predictions.

    Arrays: "rival" U_2 / U_1 (count,), "served" whether some unit serves the first direction
    (count,), "slope" of the first time in ln(1 / eps), predicted 1 / U_1 and measured (count, 2),
    and for all other directions that units serve "exponent" 1 - U_k / U_1 and measured (n, 2).
    """
    scales, found = np.asarray(scales), {"rival": [], "slope": [], "served": [], "exponent": []}
    for k in range(count):
        rng = np.random.default_rng([seed, k])
        net = pointwise(rng.standard_normal((40, 2)), rng.standard_normal(40))
        theory = relu_escape.relu_directions(net)
        times, norms = measure_relu(net, scales, width, seed + k)
        found["rival"].append(1 - theory.exponent)
        found["slope"].append((theory.first_time, slope(scales, times)))
        found["served"].append(bool(norms[0, 0] > 0))
        pairs = zip(theory.rates[1:] / theory.rates[0], norms.T[1:], strict=True)
        found["exponent"] += [
            (1 - ratio, -slope(scales, np.log(norm))) for ratio, norm in pairs if norm.min() > 0
        ]
    return {key: np.array(values) for key, values in found.items()}


def _serving(found: relu_escape.ReluDirections, theta: np.ndarray) -> np.ndarray:
    """Which direction each unit serves, the nearest of its sign within a cosine of .99; else -1."""
    cosine = theta[:, 1:] @ found.directions.T / np.linalg.norm(theta[:, 1:], axis=1, keepdims=True)
    cosine[np.sign(theta[:, :1]) != found.signs] = -1
    return np.where(cosine.max(1) > 0.99, cosine.argmax(1), -1)


def _value_when(rising: np.ndarray, level: float, values: np.ndarray) -> float:
    """Values when a rising curve first passes a level, linear between two records; else nan."""
    k = int(np.argmax(rising >= level))
    return float(np.interp(level, rising[k - 1 : k + 1], values[k - 1 : k + 1])) if k else np.nan


def _time_below(run: Trajectory, level: float) -> float:
    return _value_when(-run.losses, -level, run.times)
