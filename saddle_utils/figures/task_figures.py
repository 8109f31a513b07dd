"""Figures of the two further tasks: whitened linear regression, and regression on the line."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..datasets import Line
from ..plateaus import Staircase
from ..trajectories import Trajectory
from ..units import kinks
from . import BLUE, DASHED, FAINT, INK, RED, draw_levels, draw_words, shades


def staircase_figure(
    times: np.ndarray,
    losses: np.ndarray,
    predicted: np.ndarray,
    strengths: np.ndarray,
    modes: np.ndarray,
    singular_values: Sequence[float],
) -> Figure:
    """Loss, and strength of each mode, of a whitened task over time, the closed solution dashed."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
    left.plot(times, losses / losses[0], color=BLUE, lw=3.5, alpha=0.55)
    left.plot(times, predicted / losses[0], color=INK, lw=1, ls=DASHED)
    left.set(xlabel="gradient-flow time", ylabel="loss / initial loss", xlim=(0, times[-1]))
    draw_words(left, [("simulation", BLUE), ("closed solution, dashed", INK)])
    colours = shades(len(singular_values))
    for k, (s, colour) in enumerate(zip(singular_values, colours, strict=True)):
        right.plot(times, strengths[:, k], color=colour, lw=3.5, alpha=0.6)
        right.plot(times, modes[:, k, k], color=INK, lw=1, ls=DASHED)
        right.annotate(
            f"s = {s:g}",
            (times[-1], s),
            (4, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            fontweight="bold",
        )
    right.set(xlabel="gradient-flow time", ylabel="strength of the mode", xlim=(0, times[-1]))
    return fig


def kinks_figure(task: Line, run: Trajectory, stairs: Staircase, levels: Sequence[float]) -> Figure:
    """Loss of a one-dimensional regression over time, and the function learned at each plateau."""
    names = [f"plateau {k}" for k in range(len(stairs.levels))]
    fig = plt.figure(figsize=(9, 3.8))
    axes = fig.subplot_mosaic([["loss"] * len(names), names], height_ratios=(1, 1.15))
    draw_levels(axes["loss"], levels, run.times[-1])
    axes["loss"].plot(run.times, run.losses / task.network.zero_loss(), color=BLUE)
    axes["loss"].set(xlim=(0, run.times[-1]), xlabel="gradient-flow time", ylabel="loss / initial")
    draw_words(axes["loss"], [("dashed: the best network of 0, 1, 2, 3 units", INK)], top=0.85)
    for name, level, middle in zip(names, stairs.levels, stairs.middles, strict=True):
        axes["loss"].plot(middle, level, "o", color=BLUE, mec="white", ms=7, clip_on=False)
        draw_function(axes[name], task, run.at(middle), run.theta[-1])
    return fig


def line_snapshot(task: Line, run: Trajectory, progress: float) -> Figure:
    """Loss over time beside the function learned at `progress` (0 to 1) of the run."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3), width_ratios=(1.4, 1))
    k, losses = round(progress * (len(run.times) - 1)), run.losses / task.network.zero_loss()
    left.plot(run.times, losses, color=BLUE)
    left.plot(run.times[k], losses[k], "o", color=BLUE, mec="white", ms=7, clip_on=False)
    left.set(
        xlim=(0, run.times[-1]),
        ylim=(-0.04, 1.07),
        xlabel="gradient-flow time",
        ylabel="loss / initial loss",
    )
    draw_function(right, task, run.theta[k], run.theta[-1])
    return fig


def draw_function(ax: Axes, task: Line, now: np.ndarray, end: np.ndarray) -> None:
    """The function of a ReLU network on the line over its data, kinks marked and counted."""
    position, _ = kinks(task.network, now, -2, 2, 0.02, end)

    def learned(x: np.ndarray) -> np.ndarray:
        return task.network.predict(now, np.stack([x, np.ones_like(x)], axis=1))[0]

    grid = np.linspace(-2, 2, 401)
    ax.plot(task.inputs, task.targets, "o", color=FAINT, ms=3)
    ax.plot(grid, learned(grid), color=BLUE)
    ax.plot(position, learned(position), "D", color=RED, mec="white", ms=6)
    ax.set_title(
        f"{len(position)} kink{'s' * (len(position) != 1)}",
        color=RED,
        fontweight="bold",
        loc="center",
    )
    ax.set(ylim=(-1.9, 2.1), xticks=(-2, 0, 2), yticks=(), xlabel="input")
    ax.spines["left"].set_visible(False)
