"""Figures of what width and data do to the drops (Figure 2A and 2B)."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...notebook.look import BLUE, DASHED, GREEN, INK, ORANGE, draw_words, shades
from ..figure2 import Curves, draw_curves, draw_data, draw_width

DROPS = (BLUE, ORANGE, GREEN)  # the first, second and third


def band_table(knob: str, values: Sequence[float], band: np.ndarray) -> dict[str, np.ndarray]:
    """The numbers behind `draw_bands` as columns of one length."""
    names = [f"drop{k}_{q}" for q in ("10%", "median", "90%") for k in (1, 2, 3)]
    return {knob: values, **dict(zip(names, band.swapaxes(1, 2).reshape(9, -1), strict=True))}


def curves_figure(
    width: tuple[Curves, Curves, Sequence[int]],
    data: tuple[Curves, Curves, Sequence[float]],
    scale: float,
) -> Figure:
    """Figures 2A and 2B: curves of the linear network and attention, and the values of the knob."""
    fig, axes = plt.subplots(2, 2, figsize=(7.2, 4.6), sharey=True)
    draw_width(axes[0], *width, scale)
    draw_data(axes[1], *data, scale)
    for letter, ax in zip("AB", axes[:, 0], strict=True):
        ax.annotate(letter, (-0.14, 1.05), xycoords="axes fraction", fontsize=12, fontweight="bold")
    return fig


def pair_figure(linear: tuple, attention: tuple, scale: float) -> Figure:
    """Loss of one run of both networks over time, a triple (times, losses, levels) each."""
    fig, axes = plt.subplots(1, 2, figsize=(7.2, 2.8), sharey=True)
    names = ("linear network", "linear attention")
    units = ((1.0, "gradient-flow time"), (scale, "gradient-flow time × ε"))
    for ax, run, name, (unit, label) in zip(axes, (linear, attention), names, units, strict=True):
        times, losses, levels = run
        for level in levels / levels[0]:
            ax.axhline(level, color=INK, lw=0.9, ls=DASHED)
        draw_curves(ax, [(times * unit, losses / levels[0])], [0])
        ax.set(title=name, xlabel=label)
    axes[1].set_ylabel("")
    return fig


def bands_figure(panels: Sequence[dict]) -> Figure:
    """Times of drops over a knob, two panels a row, each a dict of arguments of `draw_bands`."""
    rows = len(panels) // 2
    fig, axes = plt.subplots(rows, 2, figsize=(7.2, 2.6 * rows), squeeze=False)
    for ax, panel in zip(axes.flat, panels, strict=True):
        draw_bands(ax, **panel)
    return fig


def draw_bands(
    ax: Axes,
    title: str,
    knob: str,
    values: Sequence[float],
    band: np.ndarray,
    theory: np.ndarray,
    unit: str = "gradient-flow time",
    log: bool = False,
) -> None:
    """Measured 10 %, 50 % and 90 % of the times of drops, (3, n, 3), and theory's, dashed.

    theory (3, n, drops), or two bounds (2, n, drops), may know fewer drops and be nan; "units" are
    on a logarithmic axis, and the times too if `log`.
    """
    for k, (colour, name) in enumerate(zip(DROPS, ("1st", "2nd", "3rd"), strict=True)):
        low, middle, high = band[:, :, k]
        ax.fill_between(values, low, high, color=colour, alpha=0.22, lw=0)
        ax.plot(values, middle, "o-", color=colour, ms=3, lw=1.2)
        ax.annotate(
            name, (values[-1], middle[-1]), (5, 0), textcoords="offset points", va="center",
            color=colour, fontweight="bold", fontsize=8,
        )  # fmt: skip
    for quantile, width in zip(
        theory, (0.6, 0.6) if len(theory) == 2 else (0.6, 1.2, 0.6), strict=True
    ):
        for k in range(theory.shape[-1]):
            known = np.isfinite(quantile[:, k])
            ax.plot(np.array(values)[known], quantile[known, k], color=INK, lw=width, ls=DASHED)
    ax.set(title=title, xlabel=knob, ylabel=unit)
    if knob == "units":
        ax.set_xscale("log", base=2)
        ax.set_xticks(values, [f"{v:g}" for v in values])
        ax.set_xticks([], minor=True)
    if log:
        ax.set_yscale("log", base=2)
        ax.yaxis.set_major_formatter(lambda y, _: f"{y:g}")
    else:
        ax.set_ylim(bottom=0)


def lottery_figure(
    times: np.ndarray, waits: np.ndarray, law: np.ndarray, widths: Sequence[int]
) -> Figure:
    """Share of seeds whose first drop is over, for each width, and the law of the first, dashed.

    times (n,) the axis, waits (widths, seeds) measured, law (widths, n) predicted.
    """
    fig, ax = plt.subplots(figsize=(5.6, 3))
    colours = shades(len(widths))
    for measured, predicted, colour in zip(waits, law, colours, strict=True):
        ax.ecdf(measured, color=colour, lw=1.8)
        ax.plot(times, predicted, color=INK, lw=1, ls=DASHED)
    ax.set(
        xlim=(0, times[-1]),
        xlabel="gradient-flow time × ε",
        ylabel="share of seeds that have dropped",
    )
    words = [(f"{width} heads", c) for width, c in zip(widths, colours, strict=True)]
    draw_words(ax, words[::-1], top=0.09 * (len(words) + 0.6))
    return fig


def data_figure(panels: Sequence[dict], kappas: Sequence, counts: Sequence[np.ndarray]) -> Figure:
    """Times of the drops over kappa above; below, how many drops one sees, counts (n, seeds).

    A panel for each dict of arguments of `draw_bands`, with its own kappas (n,) and counts.
    """
    fig, axes = plt.subplots(2, 2, figsize=(7.2, 4.4), height_ratios=(1.8, 1), sharex=True)
    colours = shades(3)
    for (above, below), panel, values, drops in zip(axes.T, panels, kappas, counts, strict=True):
        draw_bands(above, **panel)
        shares = np.array([(drops == k).mean(1) for k in (1, 2, 3)])
        below.stackplot(values, shares, colors=colours, lw=0)
        for share, base, name in zip(
            shares, np.cumsum(shares, 0) - shares, ("1 drop", "2 drops", "3 drops"), strict=True
        ):
            if share.max() > 0.3:
                place = (share @ values) / share.sum()
                height = np.interp(place, values, base + share / 2)
                below.text(place, height, name, color="white", fontweight="bold", fontsize=8,
                           ha="center", va="center")  # fmt: skip
        above.set(xlabel="", xlim=(-0.02 * values[-1], 1.02 * values[-1]))
        below.set(xlabel="κ", ylim=(0, 1))
    axes[1, 0].set_ylabel("share of seeds\nthat show")
    return fig
