"""Figures of the staircase under training as it is done, theory dashed over simulation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...dynamics import Trajectory
from ...notebook.look import (
    BLUE,
    BROWN,
    DASHED,
    FAINT,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    dashed,
    draw_words,
)
from ...theory.finite_steps import slowdown, two_cycle
from .steps import Curves, Waits


def gallery_figure(panels: Sequence[Curves], flow: Trajectory) -> Figure:
    """The same task trained in many ways, a small panel each, over gradient flow."""
    fig, axes = plt.subplots(2, len(panels) // 2, figsize=(8.6, 4.2), sharey=True)
    for ax, panel in zip(axes.flat, panels, strict=True):
        top = flow.losses[0]
        for level in panel.levels:
            ax.axhline(level / top, color=INK, lw=0.8, ls=DASHED)
        if panel.pace:
            ax.plot(flow.times / panel.pace, flow.losses / top, color=FAINT, lw=2.5, alpha=0.5)
        ax.plot(panel.losses / top, color=BLUE, lw=0.8)
        ax.set_title(panel.title, loc="center")
        ax.set(xlim=(0, len(panel.losses)), ylim=(-0.04, 1.12))
    for ax in axes[-1]:
        ax.set_xlabel("step")
    for ax in axes[:, 0]:
        ax.set_ylabel("loss / initial loss")
    words = [("six runs", BLUE), ("gradient flow", FAINT), ("theory, dashed", INK)]
    draw_words(axes[0, 0], words, top=0.86)
    return fig


def learning_rate_figure(
    descent: Mapping[str, tuple[np.ndarray, np.ndarray]],
    heavy_ball: tuple[np.ndarray, np.ndarray],
    multiples: np.ndarray,
    ends: Sequence[np.ndarray],
) -> Figure:
    """Waits over those of flow against lr times rate; and what is left of a mode beyond the edge.

    `descent`, of linear, ReLU and quadratic units, and `heavy_ball`: lr times the rate of each drop
    and its ratio, (n,) each.  `ends`: last losses of linear and of ReLU runs, in units of what the
    first mode is worth, (multiples, steps) each, at these multiples of the edge of stability.
    """
    fig, axes = plt.subplots(1, 3, figsize=(8.8, 3.1))
    x = np.geomspace(1e-3, 1, 200)
    for ax, beta in zip(axes, (0.0, 0.9), strict=False):
        ax.semilogx(x, slowdown(x, beta), color=INK, lw=1, ls=DASHED, zorder=3)
        ax.set_xlabel("learning rate × rate of growth")
    for (name, (at, ratio)), colour, size in zip(
        descent.items(), (BLUE, ORANGE, GREEN), (6, 3, 4), strict=True
    ):
        axes[0].plot(at, ratio, "o", color=colour, ms=size, label=name)
    words = list(zip(descent, (BLUE, ORANGE, GREEN), strict=True))
    axes[0].set(title="gradient descent", ylabel="wait / wait under flow", xlim=(4e-3, 1.3))
    axes[0].axhline(1 / np.log(2), color=FAINT, lw=0.7, zorder=0)
    axes[0].text(5e-3, 1.447, "1 / ln 2", color=FAINT, fontsize=7.5)
    axes[0].set_ylim(0.97, 1.48)
    _draw_words_left(axes[0], words, top=0.86)
    axes[1].plot(*heavy_ball, "o", color=PURPLE, ms=4.5)
    axes[1].set(title="momentum .9", ylim=(0, 1), xlim=(1e-3, 0.5))
    axes[1].axhline(0.1, color=FAINT, lw=0.7, zorder=0)
    for losses, colour, size in zip(ends, (BLUE, ORANGE), (5, 2), strict=True):
        at = np.broadcast_to(multiples[:, None], losses.shape)
        axes[2].plot(at, losses, ".", color=colour, ms=size, mew=0)
    m = np.linspace(1, np.sqrt(5) - 1, 100)
    cycle = np.array([(1 - two_cycle(k)) ** 2 for k in m])
    dashed(axes[2], m, cycle)
    axes[2].axvline(1, color=FAINT, lw=0.7, zorder=0)
    axes[2].set(
        title="beyond the edge",
        xlabel="learning rate / edge of stability",
        ylabel="last losses / worth of the mode",
        xlim=(multiples[0], multiples[-1]),
        ylim=(-0.01, 0.4),
    )
    _draw_words_left(axes[2], [("linear", BLUE), ("ReLU", ORANGE)])
    return fig


def noise_figure(
    sizes: Sequence[int], batches: Mapping[str, tuple[np.ndarray, np.ndarray]],
    noises: Sequence[float], levels: tuple[np.ndarray, np.ndarray], fitted: Mapping[str,
    Mapping[str, np.ndarray]], recruited: Mapping[int, tuple[np.ndarray, np.ndarray, float]],
) -> Figure:  # fmt: skip
    """Mini-batches, fresh label noise, and label noise that is drawn once: four panels.

    `batches`, by learning rate: waits over those of flow, measured and predicted, (sizes, 2) each.
    `levels`: losses at plateau and end, measured and predicted, (noises, 2) each.  `fitted`: clean
    and noisy `batches.measure_fitted_noise`.  `recruited`, by the number of inputs:
    times, third singular values (T, runs) and the predicted rate.
    """
    fig, ((first, second), (third, fourth)) = plt.subplots(2, 2, figsize=(8.2, 5.6))
    _draw_batches(first, sizes, batches)
    for column, colour, word in ((0, ORANGE, "plateau of one mode"), (1, RED, "end")):
        dashed(second, noises, levels[1][:, column], 0.9)
        second.plot(noises, levels[0][:, column], "o", color=colour, ms=5)
        below = 0.8 * levels[0][:, column].min() + 0.2 * levels[0][:, column].max() - 0.012
        second.text(
            noises[-1], below, word, color=colour, ha="right", va="top", fontweight="bold"
        )  # fmt: skip
    second.set(
        xlabel="fresh label noise σ", ylabel="loss", ylim=(-0.02, None),
        title="batches of one: levels; dashed, narrow networks",
    )  # fmt: skip
    last = max(run["times"][-1] for run in fitted.values())
    for run, colour in zip(fitted.values(), (FAINT, GREEN), strict=True):
        for time in run["drops"][:, 0]:
            third.axvline(time, color=INK, lw=0.8, ls=DASHED)
        times, learned = (
            np.append(run["times"], last),
            np.append(run["learned"], run["learned"][-1]),
        )
        third.semilogx(times[1:], learned[1:], color=colour, lw=2)
    _draw_words_left(third, list(zip(fitted, (FAINT, GREEN), strict=True)), 0.94)
    third.set(
        xlabel="time", ylabel="modes learned", xlim=(2, last), ylim=(-0.15, None),
        title="noise drawn once: more stairs",
    )  # fmt: skip
    for (times, values, rate), colour in zip(recruited.values(), (PURPLE, BROWN), strict=True):
        fourth.semilogy(times, values, color=colour, lw=0.7, alpha=0.6)
        start, end = np.searchsorted(times, [30, 100])
        anchor = np.exp(np.log(values[start]).mean())
        line = anchor * np.exp(rate * (times[start:end] - times[start]))
        dashed(fourth, times[start:end], line, 1.4, zorder=3)
    names = [f"{inputs} inputs" for inputs in recruited]
    _draw_words_left(fourth, [(names[1], BROWN)])
    _draw_words_left(fourth, [(names[0], PURPLE)], 0.12)
    fourth.minorticks_off()
    fourth.set(
        xlabel="time", ylabel="third singular value",
        title="fresh noise: a third rank, or none",
    )  # fmt: skip
    return fig


def _draw_batches(ax: Axes, sizes: Sequence[int], batches: Mapping[str, tuple]) -> None:
    """Waits under mini-batches over those of flow, by batch size, for each learning rate."""
    for (measured, predicted), colour in zip(batches.values(), (SKY, BLUE), strict=True):
        ax.semilogx(sizes, predicted, color=INK, lw=0.9, ls=DASHED)
        ax.plot(sizes, measured[:, 0], "o", color=colour, ms=5)
        ax.plot(sizes, measured[:, 1], "s", color=colour, ms=4.5, mfc="white")
    ax.set(
        xlabel="batch size", ylabel="duration / under flow", xticks=sizes, xticklabels=sizes,
        title="mini-batches: filled, first wait; open, second plateau",
    )  # fmt: skip
    ax.minorticks_off()
    words = [(f"lr {name} of the edge", c) for name, c in zip(batches, (SKY, BLUE), strict=True)]
    draw_words(ax, words[::-1])


def rules_figure(tasks: Mapping[str, Mapping[str, tuple[Waits, np.ndarray]]]) -> Figure:
    """Steps until half is learned over the initial scale, for each task and update rule.

    By title and rule what was measured, and predicted steps (scales,), nan where there is no
    prediction.  Open circles where more than one unit is at work when half is learned.
    """
    fig, axes = plt.subplots(1, len(tasks), figsize=(8.2, 3.3))
    colours = {"gradient descent": BLUE, "momentum": PURPLE, "Adam": RED}
    for ax, (title, rules) in zip(axes, tasks.items(), strict=True):
        for name, ((scales, steps, widths, _), predicted) in rules.items():
            colour, at = colours[name], np.broadcast_to(scales[:, None], steps.shape)
            dashed(ax, scales, predicted, 0.9, zorder=3)
            ax.plot(at[widths == 1], steps[widths == 1], "o", color=colour, ms=4, zorder=1)
            ax.plot(
                at[widths > 1], steps[widths > 1], "o", color=colour, mfc="white", ms=4, zorder=2
            )
        least = min(waits.steps.min() for waits, _ in rules.values())
        logarithmic = max(waits.steps.max() for waits, _ in rules.values()) > 1e3
        ax.set(xscale="log", yscale="log" if logarithmic else "linear")
        ax.set_ylim(0.5 * least if logarithmic else 0)
        ax.minorticks_off()
        ax.invert_xaxis()
        ax.set(title=title, xlabel="initial scale ε", ylabel="steps until half is learned")
    draw_words(axes[-1], [("filled: one unit at work", INK), ("open: several", INK)], top=0.97)
    _draw_words_left(axes[0], [(name, colours[name]) for name in tasks[next(iter(tasks))]])
    return fig


def _draw_words_left(ax: Axes, words: Sequence[tuple[str, object]], top: float = 0.96) -> None:
    """Name what is drawn, in its colours, down the left edge of an axes."""
    for row, (text, colour) in enumerate(words):
        ax.text(
            0.04, top - 0.085 * row, text, color=colour, transform=ax.transAxes, va="top",
            fontsize=8, fontweight="bold", zorder=5,
            bbox={"color": "white", "pad": 1},
        )  # fmt: skip
