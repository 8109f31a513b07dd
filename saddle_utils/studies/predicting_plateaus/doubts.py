"""Figures of where predictions of drops hold, and where they fail."""

from collections.abc import Mapping
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from ...notebook import Picture
from ...notebook.colours import BLUE, DASHED, FAINT, INK
from ...notebook.look import dashed, draw_words
from .draw import COLOURS, FLOOR, Groups


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
    dashed(ax, edges, 0.05 * edges)
    ax.set(xscale="log", yscale="log", xlim=(2e-2, 2e-9), ylim=(FLOOR / 1.5, 2))
    ax.set(xlabel="initial scale ε", ylabel="error of the time (median by decade)")
    ticks = 10.0 ** np.arange(np.log10(FLOOR), 1)
    ax.set_yticks(ticks, [f"{100 * t:g}%" for t in ticks])
    draw_words(ax, [(kind, COLOURS[kind]) for kind in groups], 0.8, 0.06)
    ax.text(3e-7, 1.6 * factor / np.log(1 / 3e-7), "leading logarithm alone", color=FAINT)
    ax.text(2.2e-4, 1.5e-6, "∝ ε", color=INK, ha="right")
    return fig


def doubt_figure(degenerate: Mapping[str, np.ndarray], groups: Groups, rates: np.ndarray) -> Figure:
    """Where theory fails: levels between close strengths, and rays that tear.

    `rates` of tearing are predicted and measured, (rays, 2); `groups` hold second drops of ReLU.
    """
    fig, (left, middle, right) = plt.subplots(1, 3, figsize=(10.2, 3.5))
    ends = rates.min() / 1.4, rates.max() * 1.4
    dashed(middle, ends, ends, 0.9)
    middle.plot(*rates.T, "o", color=COLOURS["ReLU conv"], ms=4.5, mec="white", mew=0.3)
    middle.set(xscale="log", yscale="log", xlim=ends, ylim=ends)
    middle.set(xlabel="rate at which a ray tears, predicted", ylabel="measured")
    middle.set_title("rays of a ReLU convolution")
    marks = [t for t in (0.01, 0.03, 0.1, 0.3, 1, 3) if ends[0] < t < ends[1]]
    middle.set_xticks(marks, map(str, marks))
    middle.set_yticks(marks, map(str, marks))
    middle.minorticks_off()
    between = np.asarray(degenerate["drop"]) < 3
    ratio, level = (np.asarray(degenerate[name])[between] for name in ("ratio", "level"))
    styles = {"predicted": {"mfc": "none", "mec": BLUE}, "closed": {"color": INK, "mec": "none"}}
    for of, style in styles.items():
        gap = np.abs(level - np.asarray(degenerate[f"{of}_level"])[between])
        left.plot(ratio, np.maximum(gap, 2e-6), "o", ms=4, **style)
    left.set(
        yscale="log", xlabel="closest strengths, $s_{k+1}/s_k$", ylabel="error", ylim=(1e-6, 2)
    )
    left.set_title("levels, linear, whitened")
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
    for ax in (left, right):
        ax.set(yscale="log", ylabel="error", ylim=(1e-6, 2))
        ax.set_yticks(ticks, [f"{100 * t:g}%" for t in ticks])
    return fig


def _decades(
    scale: np.ndarray, values: np.ndarray, edges: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Middles of the decades and medians of the values in them."""
    inside = [values[(scale >= a) & (scale < b)] for a, b in pairwise(edges)]
    medians = [np.nanmedian(part) if len(part) else np.nan for part in inside]
    return np.sqrt(edges[1:] * edges[:-1]), np.array(medians)


def predicted_scales_picture(groups: np.ndarray, table: np.ndarray) -> Picture:
    """Errors of the predicted times over the initial scale, for each kind of network."""
    fig = scale_figure(groups)
    alt = (
        "Error of the time over the initial scale, by architecture, log-log: quadratic and "
        "attention fall in proportion to the scale to a floor of 3e-7, linear ones to 1e-5; "
        "ReLU stays at a tenth of a percent. The leading logarithm alone stays between 10 and 30 "
        "percent, on a dashed line of 1 / ln(1/eps)."
    )
    return Picture(
        fig,
        "predicted_scales",
        alt,
        table[["kind", "scale", "time_error", "log_error"]].to_dict("list"),
    )


def predicted_failures_picture(close: np.ndarray, rays: np.ndarray, rates: np.ndarray) -> Picture:
    """Where predictions fail: close strengths, and rays that tear."""
    fig = doubt_figure(close, rays, rates)
    alt = (
        "Left: errors of plateau levels over how close the strengths are, up to 20 percent "
        "for levels of saddles, below one for the closed solution. Middle: rates of tearing, "
        "on the diagonal. Right: errors of second drops of ReLU networks over e-folds of "
        "tearing: a tenth of a percent and less, but for few in the doubted region beyond four."
    )
    return Picture(
        fig,
        "predicted_failures",
        alt,
        close[["ratio", "drop", "level", "predicted_level", "closed_level"]].to_dict("list"),
        {"rates": {"predicted": rates[:, 0], "measured": rates[:, 1]}},
    )
