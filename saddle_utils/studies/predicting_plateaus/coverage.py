"""Figures of the kinds of networks beyond the six panels, and of the intervals of all kinds."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import binom

from ...notebook import Picture
from ...notebook.colours import FAINT, INK
from ...notebook.look import dashed
from ...theory.intervals import SHARE
from .draw import ALL, draw_errors


def predicted_others_picture(table: pd.DataFrame, others: pd.DataFrame) -> Picture:
    """Errors of the other kinds, and how often the times of all kinds lie in their intervals."""
    fig = others_figure(table, others)
    alt = (
        "Left: errors of predicted times for twelve other kinds of networks, a row of dots each, "
        "logarithmic: from a millionth for linear ones and tanh to tenths of a percent for ReLU. "
        "Right: the share of times in their "
        "intervals, for all nineteen kinds, around the nine tenths claimed."
    )
    both = pd.concat([table, others], ignore_index=True)
    shown = ["kind", "run", "drop", "scale", "doubt", "predicted_time", "time", "width", "inside"]
    return Picture(fig, "predicted_others", alt, both[shown].to_dict("list"))


def others_figure(table: pd.DataFrame, others: pd.DataFrame) -> Figure:
    """Two panels: errors by kind, and coverage by kind."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(10.2, 5.4), width_ratios=[5, 3])
    draw_errors(left, dict(tuple(others.groupby("kind", sort=False))), "time_error", "error")
    left.set_title("times of drops, other kinds", fontweight="bold")
    draw_coverage(right, pd.concat([table, others], ignore_index=True))
    return fig


def draw_coverage(ax: Axes, table: pd.DataFrame) -> None:
    """Share of the times in their intervals, by kind, and what a claim of SHARE would give.

    Grey: from the 5th to the 95th percentile of so many draws that are each inside with that
    probability.
    """
    kinds = table.groupby("kind", sort=False).inside.agg(["mean", "size"])
    for row, (kind, (mean, size)) in enumerate(kinds.iterrows()):
        low, high = binom.ppf([0.05, 0.95], int(size), SHARE) / size
        ax.plot([low, high], [row, row], color=FAINT, lw=5, alpha=0.5, solid_capstyle="butt")
        ax.plot(mean, row, "o", color=ALL[kind], mec="white", mew=0.4, ms=6)
    dashed(ax, [SHARE, SHARE], [-0.6, len(kinds) - 0.4], 0.9, zorder=1)
    ax.set(xlim=(0.4, 1.03), ylim=(len(kinds) - 0.4, -0.6), xlabel="share of times inside")
    ax.set_yticks(range(len(kinds)), kinds.index, fontsize=8)
    for tick, kind in zip(ax.get_yticklabels(), kinds.index, strict=True):
        tick.set(color=ALL[kind])
    ax.tick_params(axis="y", length=0)
    total = np.average(kinds["mean"], weights=kinds["size"])
    ax.set_title(f"intervals: {100 * total:.0f}% inside", fontweight="bold", color=INK)
