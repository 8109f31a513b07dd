"""Figures of where predictions of drops hold, and where they fail."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from .figures import BLUE, DASHED, FAINT, INK, draw_words
from .prediction_figures import COLOURS, FLOOR, Groups


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
