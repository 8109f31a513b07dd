"""Figures that set measured escapes against predictions."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import BLUE, DASHED, FAINT, INK, RED, draw_words, shades


def suppression_figure(
    scales: np.ndarray, held: np.ndarray, exponents: Sequence[float], ratios: Sequence[float]
) -> Figure:
    """Theorem 4: what is held back (ratios, seeds, scales) over the scale, slopes dashed."""
    fig, ax = plt.subplots(figsize=(5.6, 3.4))
    colours = shades(len(ratios))
    for values, exponent, ratio, colour in zip(held, exponents, ratios, colours, strict=True):
        ax.loglog(scales, values.T, "o", color=colour, ms=3.5, alpha=0.6)
        middle = np.exp(np.mean(np.log(values) - exponent * np.log(scales)))
        ax.loglog(scales, middle * scales**exponent, color=INK, lw=1, ls=DASHED)
        ax.annotate(
            f"$s_2/s_1$ = {ratio:g}: slope {exponent:g}",
            (scales[0], values[:, 0].min()),
            (6, -3),
            textcoords="offset points",
            color=colour,
            fontweight="bold",
            fontsize=8,
            va="top",
        )
    ax.set(
        xlabel="initial scale ε", ylabel="size of all other directions", ylim=(held.min() / 3, 1)
    )
    return fig


def slopes_figure(scales: np.ndarray, slopes: np.ndarray, gaps: np.ndarray) -> Figure:
    """Slope of the plateau's length in ln(1/eps) over its limit, (tasks, decades), by the gap."""
    fig, ax = plt.subplots(figsize=(5.6, 3.2))
    middles, order = np.sqrt(scales[1:] * scales[:-1]), np.argsort(gaps)
    for k, colour in zip(order, shades(len(order), dark_first=True), strict=True):
        ax.semilogx(middles, slopes[k], "o-", color=colour, ms=3.5, lw=1.2)
    ax.axhline(1, color=INK, lw=1, ls=DASHED)
    ax.invert_xaxis()
    ax.set(xlabel="initial scale ε", ylabel="slope / limit", ylim=(0, 2.2))
    draw_words(ax, [("dashed: the limit", INK), ("dark: λ2 close to λ1", FAINT)])
    return fig


def agreement_figure(panels: Sequence[dict]) -> Figure:
    """Predicted against measured, a panel for each dict: title, predicted, measured, label, good.

    Cases where `good` is false, for which theory does not claim to hold, are hollow.
    """
    fig, axes = plt.subplots(1, len(panels), figsize=(3.4 * len(panels), 3.2), squeeze=False)
    for ax, panel in zip(axes[0], panels, strict=True):
        _draw_agreement(ax, **panel)
    return fig


def _draw_agreement(
    ax: Axes,
    title: str,
    predicted: np.ndarray,
    measured: np.ndarray,
    label: str,
    good: np.ndarray | None = None,
    log: bool = False,
) -> None:
    good = np.ones(len(predicted), dtype=bool) if good is None else good
    finite = np.isfinite(predicted) & np.isfinite(measured)
    both = np.concatenate([predicted[finite], measured[finite]])
    ends = np.array([both.min(), both.max()])
    ends = ends * (0.8, 1.25) if log else ends + np.array([-0.06, 0.06]) * np.ptp(ends)
    ax.plot(ends, ends, color=INK, lw=0.9, ls=DASHED, zorder=1)
    ax.plot(predicted[~good], measured[~good], "o", mfc="none", mec=RED, ms=5, zorder=2)
    ax.plot(predicted[good], measured[good], "o", color=BLUE, ms=4, mec="white", mew=0.4, zorder=3)
    ax.set(
        title=title,
        xlabel=f"{label}, predicted",
        ylabel=f"{label}, measured",
        aspect="equal",
        xlim=ends,
        ylim=ends,
    )
    if log:
        ax.set(xscale="log", yscale="log")
    if (~good).any():
        draw_words(ax, [("hollow: outside the theory", RED)], top=0.12)
