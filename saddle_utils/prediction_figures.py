"""Figures that set predicted against measured drops, by architecture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .figures import (
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
    draw_words,
)

COLOURS = {
    "linear, whitened": BLUE,
    "linear": SKY,
    "linear conv": GREEN,
    "quadratic": ORANGE,
    "attention": RED,
    "ReLU": PURPLE,
    "ReLU conv": BROWN,
}
FLOOR = 1e-8  # smaller errors are drawn there
Groups = Mapping[str, Mapping[str, np.ndarray]]  # the columns of `errors`, for each kind


def curve_figure(examples: Sequence[dict]) -> Figure:
    """Loss curves of `prediction_measurements.example`, the predicted one dashed over each."""
    fig, axes = plt.subplots(2, 4, figsize=(9.4, 4.3), sharey=True)
    for ax, shown in zip(axes.flat, examples, strict=False):
        draw_example(ax, **shown)
    for ax in axes.flat[len(examples) :]:
        ax.axis("off")
        words = [("colour: trained", FAINT), ("dashed: predicted,", INK), ("before training", INK)]
        draw_words(ax, words, 0.7, 0.12)
    for ax in axes[:, 0]:
        ax.set_ylabel("loss / initial loss")
    for ax in axes[-1]:
        ax.set_xlabel("time")
    axes[0, -1].set_xlabel("time")
    return fig


def draw_example(
    ax: Axes,
    kind: str,
    times: np.ndarray,
    losses: np.ndarray,
    grid: np.ndarray,
    theory: np.ndarray,
    drops: np.ndarray,
    levels: np.ndarray,
) -> None:
    """One loss curve, the predicted one and its levels dashed over it."""
    for level in levels:
        ax.axhline(level, color=FAINT, lw=0.7, ls=DASHED)
    ax.plot(times, losses, color=COLOURS[kind], lw=2.6, alpha=0.75)
    ax.plot(grid, theory, color=INK, lw=1.1, ls=DASHED)
    ax.set(xlim=(0, times[-1]), ylim=(-0.03, 1.06))
    ax.set_title(kind, color=COLOURS[kind], fontweight="bold")
    ax.ticklabel_format(axis="x", scilimits=(-3, 4))


def summary_figure(groups: Groups) -> Figure:
    """Predicted against measured times of all drops; below, the errors, a row for each kind.

    Drops about which the theory is in doubt (column "doubt") are hollow.  A bar goes from the
    median error to the 95th percentile.
    """
    fig, (ax, below) = plt.subplots(2, 1, figsize=(7.2, 8.8), height_ratios=[5, 3])
    for kind, drops in groups.items():
        _dots(ax, drops, drops["predicted_time"], drops["time"], COLOURS[kind])
    both = np.concatenate(
        [drops[of] for drops in groups.values() for of in ("predicted_time", "time")]
    )
    ends = np.nanmin(both) / 1.6, np.nanmax(both) * 1.6
    ax.plot(ends, ends, color=INK, lw=0.9, ls=DASHED, zorder=1)
    ax.set(xscale="log", yscale="log", xlim=ends, ylim=ends)
    ax.set(xlabel="time of a drop, predicted before training", ylabel="time of the drop, measured")
    total = sum(len(drops["time"]) for drops in groups.values())
    ax.set_title(f"{total} drops, nothing fitted", fontweight="bold")
    draw_words(ax, [(kind, COLOURS[kind]) for kind in groups], 0.46, 0.055)
    draw_words(ax, [("hollow: the theory is in doubt", FAINT)], 0.06)
    for x, y, text in ((0.17, 0.09, "waits of ln(1/ε)"), (0.72, 0.62, "waits of 1/ε")):
        ax.text(x, y, text, color=FAINT, transform=ax.transAxes)
    draw_errors(below, groups, "time_error", "error of the time")
    return fig


def draw_errors(ax: Axes, groups: Groups, column: str, label: str) -> None:
    """Sizes of a column of errors on a logarithmic axis, a row of dots for each kind."""
    rng = np.random.default_rng(0)
    for row, (kind, drops) in enumerate(groups.items()):
        gap = np.maximum(np.abs(drops[column]), FLOOR)
        _dots(ax, drops, gap, row + rng.uniform(-0.28, 0.28, len(gap)), COLOURS[kind])
        middle, end = np.nanquantile(gap, [0.5, 0.95])
        ax.plot([middle, end], [row, row], color=INK, lw=1.2, zorder=4)
        ax.plot([middle, end], [row, row], "|", color=INK, ms=11, mew=1.6, zorder=4)
    ax.set(xscale="log", xlim=(FLOOR / 1.5, 3), xlabel=f"{label} (bar: median to 95th percentile)")
    ax.set_ylim(len(groups) - 0.4, -0.6)
    ticks = 10.0 ** np.arange(np.log10(FLOOR), 1)
    ax.set_xticks(ticks, [f"{100 * t:g}%" for t in ticks])
    ax.set_yticks(range(len(groups)), groups)
    for tick, kind in zip(ax.get_yticklabels(), groups, strict=True):
        tick.set(color=COLOURS[kind], fontweight="bold")
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", color=FAINT, lw=0.3, alpha=0.5)


def level_figure(groups: Groups) -> Figure:
    """Predicted against measured levels, and durations of plateaus."""
    fig, axes = plt.subplots(1, 2, figsize=(7.4, 3.9))
    for ax, of in zip(axes, ("level", "duration"), strict=True):
        for kind, drops in groups.items():
            _dots(ax, drops, drops[f"predicted_{of}"], drops[of], COLOURS[kind])
        both = np.concatenate([d[c] for d in groups.values() for c in (of, f"predicted_{of}")])
        both = both[both > 0]
        ends = (-0.03, 1) if of == "level" else (both.min() / 1.6, both.max() * 1.6)
        ax.plot(ends, ends, color=INK, lw=0.9, ls=DASHED, zorder=1)
        ax.set(xlim=ends, ylim=ends, aspect="equal")
    axes[0].set(
        xlabel="level of a plateau, predicted", ylabel="measured", title="loss / initial loss"
    )
    axes[1].set(xscale="log", yscale="log", xlabel="duration of a plateau, predicted")
    axes[1].set(ylabel="measured", title="time between two drops")
    return fig


def _dots(ax: Axes, drops: Mapping, x: np.ndarray, y: np.ndarray, colour: tuple) -> None:
    """Dots, filled where the theory is sure, hollow where it is in doubt (column "doubt")."""
    sure, x, y = (np.asarray(a) for a in (drops["doubt"] == "none", x, y))
    ax.plot(x[~sure], y[~sure], "o", mfc="none", mec=colour, mew=0.7, ms=3.6, alpha=0.7, zorder=2)
    ax.plot(x[sure], y[sure], "o", color=colour, mec="white", mew=0.3, ms=4.2, zorder=3)


def scale_figure(groups: Groups) -> Figure:
    """Errors of the times over the initial scale: medians by decade, for each kind.

    Dashed: the scale, up to a factor; and what the leading logarithm alone is off by, as 1 / ln.
    """
    fig, ax = plt.subplots(figsize=(7.2, 4.6))
    edges = np.logspace(-8, -2, 7)
    for kind, drops in groups.items():
        gap, colour = np.maximum(np.abs(drops["time_error"]), FLOOR), COLOURS[kind]
        ax.plot(drops["scale"], gap, "o", color=colour, ms=2.2, alpha=0.25, mec="none")
        middles, medians = _decades(drops["scale"], gap, edges)
        ax.plot(middles, medians, "o-", color=colour, lw=1.6, ms=4.5, mec="white", mew=0.4)
    logs = [(d["scale"], np.abs(d["log_error"])) for d in groups.values()]
    scale, gap = (np.concatenate(part) for part in zip(*logs, strict=True))
    known = np.isfinite(gap)
    ax.plot(*_decades(scale[known], gap[known], edges), "s", color=FAINT, ms=4.5)
    factor = np.median((gap * np.log(1 / scale))[known])
    ax.plot(edges, factor / np.log(1 / edges), color=FAINT, lw=1, ls=DASHED)
    ax.plot(edges, 0.05 * edges, color=INK, lw=1, ls=DASHED)
    ax.set(xscale="log", yscale="log", xlim=(2e-2, 2e-9), ylim=(FLOOR / 1.5, 2))
    ax.set(xlabel="initial scale ε", ylabel="error of the time (median by decade)")
    ticks = 10.0 ** np.arange(np.log10(FLOOR), 1)
    ax.set_yticks(ticks, [f"{100 * t:g}%" for t in ticks])
    draw_words(ax, [(kind, COLOURS[kind]) for kind in groups], 0.8, 0.06)
    ax.text(3e-7, 1.6 * factor / np.log(1 / 3e-7), "leading logarithm alone", color=FAINT)
    ax.text(2.2e-4, 1.5e-6, "∝ ε", color=INK, ha="right")
    return fig


def doubt_figure(degenerate: Mapping[str, np.ndarray], groups: Groups) -> Figure:
    """Where theory fails: levels between close strengths (left), and rays that tear (right)."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.6), sharey=True)
    between = np.asarray(degenerate["drop"]) < 3
    ratio, level = (np.asarray(degenerate[name])[between] for name in ("ratio", "level"))
    styles = {"predicted": {"mfc": "none", "mec": BLUE}, "closed": {"color": INK, "mec": "none"}}
    for of, style in styles.items():
        gap = np.abs(level - np.asarray(degenerate[f"{of}_level"])[between])
        left.plot(ratio, np.maximum(gap, 2e-6), "o", ms=4, **style)
    left.set(
        yscale="log", xlabel="closest strengths, $s_{k+1}/s_k$", ylabel="error", ylim=(1e-6, 2)
    )
    left.set_title("levels of plateaus, linear, whitened")
    draw_words(left, [("level of the saddle", BLUE), ("whole curve in closed form", INK)], 0.16)
    rng = np.random.default_rng(0)
    for kind, drops in groups.items():
        later = np.asarray(drops["drop"]) > 1
        folds = np.asarray(drops["tearing"])[later]
        folds = np.where(folds < 0.05, 0.05 * np.exp(rng.uniform(-0.8, 0, len(folds))), folds)
        gap = np.abs(np.asarray(drops["time_error"])[later])
        right.plot(folds, gap, "o", color=COLOURS[kind], ms=4, mec="white", mew=0.3, alpha=0.9)
    right.axvspan(4, 1e3, color=FAINT, alpha=0.15, lw=0)
    right.text(5, 2e-6, "doubted", color=FAINT)
    right.set(xscale="log", xlim=(0.015, 200), xlabel="e-folds of tearing, predicted")
    right.set_title("times of second drops, ReLU")
    words = [(kind, COLOURS[kind]) for kind in groups]
    for (word, colour), height in zip(words, (0.16, 0.07), strict=False):
        right.text(0.03, height, word, color=colour, fontweight="bold", transform=right.transAxes)
    ticks = 10.0 ** np.arange(-6, 1)
    left.set_yticks(ticks, [f"{100 * t:g}%" for t in ticks])
    return fig


def _decades(
    scale: np.ndarray, values: np.ndarray, edges: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Middles of the decades and medians of the values in them."""
    inside = [values[(scale >= a) & (scale < b)] for a, b in pairwise(edges)]
    medians = [np.nanmedian(part) if len(part) else np.nan for part in inside]
    return np.sqrt(edges[1:] * edges[:-1]), np.array(medians)
