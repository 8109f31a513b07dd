"""Notebook 01: a linear network learns one rank at a time (Figure 1B), as Theorem 4 says."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np

from ..dynamics import Trajectory, flow, flows
from ..networks import Linear, initial_units
from ..notebook import Explorer, Picture, Slider
from ..notebook.colours import BLUE, FAINT, INK, shades
from ..notebook.look import dashed, draw_levels, draw_words, note
from ..observables import drop_times, first_times
from ..theory import linear
from ..theory.linear import linear_levels
from . import figure1


def measure_suppression(
    network: Linear, scales: Sequence[float], width: int = 20, seed: int = 0
) -> np.ndarray:
    """|(I - P) Theta|_F when q_1' W r_1 reaches s_1 / 2 (Theorem 4), (scales,).

    For whitened inputs that is half of what it learns.  The prediction is eps to the power
    `theory.linear.theorem4_exponent`.  RunFailedError if s_1 / 2 is not reached.
    """
    q, s, r = np.linalg.svd(network.syz)
    theta = np.multiply.outer(scales, initial_units(network, width, 1.0, seed))
    held = []
    for run in flows(network, theta, (5 - 2 * np.log(scales)) / s[0], rtol=1e-8):
        strength = q[:, 0] @ network.moment_map(run.theta) @ r[0]
        norm = np.log(linear.suppressed_norm(network, run.theta))
        held.append(first_times(norm, strength, s[0] / 2))
    return np.exp(held)


def measure_linear_drops(
    network: Linear, scales: Sequence[float], width: int = 20, seed: int = 0, rtol: float = 1e-8
) -> np.ndarray:
    """Times at which the loss passes the midpoints between the levels of the saddles, in order.

    Shape (scales, ranks), of gradient flow at any input covariance; nan where a run ends before.
    The prediction is `linear.leading_log_times`.  A mode of strength a = s (1 - 1 / sqrt 2) has
    halved its loss: for whitened inputs .441 / s before the half-time of the mode.
    """
    slowest = linear.leading_log_times(network)
    levels = linear_levels(network)[: len(slowest) + 1]
    ends = 2 * slowest[-1] * (5 - np.log(scales))  # twice, for convergence is slow
    theta = np.multiply.outer(scales, initial_units(network, width, 1.0, seed))
    return np.array([drop_times(run, levels) for run in flows(network, theta, ends, rtol)])


def measure_first_half_times(
    network: Linear, scales: Sequence[float], width: int = 20, seed: int = 0
) -> np.ndarray:
    """Predicted and measured times at which the first mode is half learned, (scales, 2).

    Half learned is a strength q_1' W r_1 of s_1 / (2 r_1' Szz r_1), by gradient flow; the
    prediction is `theory.linear.first_half_time` of the same initial units.
    """
    q, s, r = np.linalg.svd(network.syz)
    half, times = s[0] / (2 * r[0] @ network.szz @ r[0]), []
    for scale in scales:
        theta = initial_units(network, width, scale, seed)
        predicted = float(linear.first_half_time(network, theta))
        run = flow(network, theta, np.linspace(0, 1.5 * predicted, 3001))
        strength = q[:, 0] @ network.moment_map(run.theta) @ r[0]
        times.append((predicted, float(first_times(run.times, strength, half))))
    return np.array(times)


def turns(tasks: Sequence[Linear]) -> tuple[np.ndarray, np.ndarray]:
    """How far the first unit has to turn on its plateau, and how slowly it does, (tasks,) each.

    Degrees between q_1, along which small units grow, and e_1 of the first saddle; and
    lambda_2 / lambda_1, what the second mode explains over what the first does.
    """
    q = np.array([np.linalg.svd(task.syz)[0][:, 0] for task in tasks])
    along = [linear.mode_projector(task, [0]) @ each for task, each in zip(tasks, q, strict=True)]
    explained = np.array([-np.diff(linear_levels(task)) for task in tasks])
    angles = np.degrees(np.arccos(np.minimum(np.linalg.norm(along, axis=1), 1)))
    return angles, explained[:, 1] / explained[:, 0]


def singular_values_picture(
    times: np.ndarray, run: Trajectory, predicted: np.ndarray, strengths: np.ndarray,
    modes: np.ndarray, singular_values: Sequence[float],
) -> Picture:  # fmt: skip
    """Loss, and strength of each mode, of a whitened task over time, the closed solution dashed.

    Of the run and of the solution: losses (T,), strengths (T, modes) and maps (T, modes, modes).
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3))
    left.plot(times, run.losses / run.losses[0], color=BLUE, lw=3.5, alpha=0.55)
    dashed(left, times, predicted / run.losses[0])
    left.set(xlabel="gradient-flow time", ylabel="loss / initial loss", xlim=(0, times[-1]))
    draw_words(left, [("simulation", BLUE), ("closed solution, dashed", INK)])
    colours = shades(len(singular_values))
    for k, (s, colour) in enumerate(zip(singular_values, colours, strict=True)):
        right.plot(times, strengths[:, k], color=colour, lw=3.5, alpha=0.6)
        dashed(right, times, modes[:, k, k])
        note(right, f"s = {s:g}", (times[-1], s), colour, (4, 0), fontsize=9)
    right.set(xlabel="gradient-flow time", ylabel="strength of the mode", xlim=(0, times[-1]))
    alt = (
        "Loss and mode strengths of a linear network with whitened inputs over time: one "
        "drop for each singular value, the largest first; the closed solution, dashed, lies "
        "on the simulation."
    )
    data = {"time": times, "loss": run.losses, "predicted_loss": predicted}
    columns = {"time": times, **{f"mode_{k}": column for k, column in enumerate(strengths.T)}}
    return Picture(fig, "singular_values", alt, data, {"modes": columns})


def theorem4_picture(
    scales: np.ndarray, held: np.ndarray, exponents: Sequence[float], ratios: Sequence[float]
) -> Picture:
    """Theorem 4: what is held back (ratios, seeds, scales) over the scale, slopes dashed."""
    fig, ax = plt.subplots(figsize=(5.6, 3.4))
    colours = shades(len(ratios))
    for values, exponent, ratio, colour in zip(held, exponents, ratios, colours, strict=True):
        ax.loglog(scales, values.T, "o", color=colour, ms=3.5, alpha=0.6)
        middle = np.exp(np.mean(np.log(values) - exponent * np.log(scales)))
        dashed(ax, scales, middle * scales**exponent)
        words, place = f"$s_2/s_1$ = {ratio:g}: slope {exponent:g}", (scales[0], values[:, 0].min())
        note(ax, words, place, colour, (6, -3), va="top")
    ax.set(xlabel="initial scale ε", ylabel="size of all other directions")
    ax.set_ylim(held.min() / 3, 1)
    alt = (
        "Size of all directions but the first when the first is half learned, over the "
        "initial scale, log-log: straight lines with the slopes 1 - s2/s1 of Theorem 4 for "
        "three ratios."
    )
    means = {f"ratio_{r:g}": h.mean(0) for r, h in zip(ratios, held, strict=True)}
    return Picture(fig, "theorem4", alt, {"scale": scales, **means})


def general_covariance_picture(
    scales: np.ndarray, slopes: np.ndarray, angles: np.ndarray, ratios: np.ndarray
) -> Picture:
    """Slope of the plateau's length in ln(1/eps) over its limit, (tasks, decades).

    Shaded by angle; angles and ratios (`turns`) stand beside tasks that miss their limit by a
    tenth.
    """
    fig, ax = plt.subplots(figsize=(5.6, 3.2))
    middles, order = np.sqrt(scales[1:] * scales[:-1]), np.argsort(-angles)
    for k, colour in zip(order, shades(len(order), dark_first=True), strict=True):
        ax.semilogx(middles, slopes[k], "o-", color=colour, ms=3.5, lw=1.2)
        if np.abs(slopes[k, 0] - 1) > 0.1:
            words, end = f"{angles[k]:.0f}°, λ₂/λ₁ = {ratios[k]:.2f}", (middles[0], slopes[k, 0])
            note(ax, words, end, colour, (0, 9), ha="right")
    draw_levels(ax, [1], lw=1)
    ax.invert_xaxis()
    top = np.clip(1.2 * np.nanmax(slopes), 1.5, 2.5)
    ax.set(xlabel="initial scale ε", ylabel="growth of the plateau / its limit", ylim=(0, top))
    words = [("each line a task; dark: q₁ far from e₁", FAINT), ("dashed: the limit", INK)]
    draw_words(ax, words, top=0.97)
    alt = (
        "Growth of the second plateau with ln(1/eps), divided by its predicted limit, from "
        "1e-2 to 1e-10, for sixteen random tasks: most reach 1 early, those whose first "
        "unit has far to turn late."
    )
    columns = {f"task_{k}": slope for k, slope in enumerate(slopes)}
    return Picture(fig, "general_covariance", alt, {"scale": middles, **columns})


def explorer() -> Explorer:
    """Explorer of panel B; `second` is the label of the second input."""
    return figure1.panel_explorer("fig1b", second=Slider(1.4, 0.1, 5.0, 0.05, label="second label"))
