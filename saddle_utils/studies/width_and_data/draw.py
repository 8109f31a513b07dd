"""Figures of what width and data do to the drops (Figure 2A and 2B)."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...notebook import Picture
from ...notebook.look import BLUE, DASHED, GREEN, INK, ORANGE, dashed, draw_words, note, shades
from ...studies import figure2
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
    ax: Axes, title: str, knob: str, values: Sequence[float], band: np.ndarray, theory: np.ndarray,
    unit: str = "gradient-flow time", log: bool = False,
) -> None:  # fmt: skip
    """Measured 10 %, 50 % and 90 % of the times of drops, (3, n, 3), and theory's, dashed.

    theory (3, n, drops), or two bounds (2, n, drops), may know fewer drops and be nan; "units" are
    on a logarithmic axis, and the times too if `log`.
    """
    for k, (colour, name) in enumerate(zip(DROPS, ("1st", "2nd", "3rd"), strict=True)):
        low, middle, high = band[:, :, k]
        ax.fill_between(values, low, high, color=colour, alpha=0.22, lw=0)
        ax.plot(values, middle, "o-", color=colour, ms=3, lw=1.2)
        note(ax, name, (values[-1], middle[-1]), colour, (5, 0))  # fmt: skip
    for quantile, width in zip(
        theory, (0.6, 0.6) if len(theory) == 2 else (0.6, 1.2, 0.6), strict=True
    ):
        for k in range(theory.shape[-1]):
            known = np.isfinite(quantile[:, k])
            dashed(ax, np.array(values)[known], quantile[known, k], width)
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
        dashed(ax, times, predicted)
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


def fig2ab_picture(
    linear: np.ndarray, attention: np.ndarray, heads: np.ndarray, linear_data: np.ndarray,
    attention_data: np.ndarray, few: np.ndarray, init_scale: float,
) -> Picture:  # fmt: skip
    """Figures 2A and 2B: losses over width and over kappa, of both networks."""
    by_width = (linear.curves[1::2], attention.curves[1:], heads[1:])
    by_data = (linear_data.curves[::4], attention_data.curves, few)
    fig = curves_figure(by_width, by_data, init_scale)
    alt = (
        "Figure 2A and 2B. More units move all drops of attention to earlier times and those "
        "of the linear network hardly. Equal strengths leave the linear network one drop, "
        "attention three."
    )
    return Picture(
        fig, "fig2ab", alt, figure2.curve_table("units", heads[1:], by_width[0]),
        {"attention": figure2.curve_table("units", heads[1:], by_width[1]),
        "linear_kappa": figure2.curve_table("kappa", few, by_data[0]),
        "attention_kappa": figure2.curve_table("kappa", few, by_data[1])},
    )  # fmt: skip


def width_times_picture(
    panels: Sequence[dict], widths: np.ndarray, linear: np.ndarray, tables: np.ndarray
) -> Picture:
    """Times of the drops over width, at a fixed scale and at a fixed norm."""
    fig = bands_figure(panels)
    alt = (
        "Times of three drops over width. Linear: straight lines that sink with slope 1/2s "
        "at a fixed scale and are level at a fixed norm. Attention: times fall at a fixed "
        "scale, rise at a fixed norm. Theory, dashed, lies on medians and bands."
    )
    return Picture(fig, "width_times", alt, band_table("units", widths, linear.band), tables)


def width_lottery_picture(
    taus: np.ndarray, first: np.ndarray, laws: np.ndarray, heads: np.ndarray
) -> Picture:
    """Share of seeds whose first drop is over, beside the law of the first of H heads."""
    fig = lottery_figure(taus, first[1:], laws[1:], heads[1:])
    alt = (
        "Share of 50 seeds whose first drop is over, over time, for 4, 16, 64 and 256 heads: "
        "steps that follow the dashed law of the first of H, earlier and steeper for more "
        "heads."
    )
    return Picture(
        fig,
        "width_lottery",
        alt,
        {"time": taus, **{f"{h}_heads": law for h, law in zip(heads, laws, strict=True)}},
    )


def data_times_picture(
    panels: Sequence[dict], kappas: np.ndarray, few: np.ndarray, linear_data: np.ndarray,
    attention_data: np.ndarray,
) -> Picture:  # fmt: skip
    """Times of the drops over kappa, and how many drops one sees."""
    fig = data_figure(panels, [kappas, few], [linear_data.drops, attention_data.drops])
    alt = (
        "Times of three drops over kappa, and below them the share of seeds that show one, "
        "two or three drops. Linear: all times meet at kappa 0, where one drop is left. "
        "Attention: they stay apart, and nearly all seeds show three."
    )
    return Picture(
        fig,
        "data_times",
        alt,
        band_table("kappa", kappas, linear_data.band),
        {
            "attention": band_table("kappa", few, attention_data.band),
            "drops": {
                "kappa": few,
                "linear": linear_data.drops[::4].mean(1),
                "attention": attention_data.drops.mean(1),
            },
        },
    )


def width_and_data_others_picture(
    panels: Sequence[dict], few: np.ndarray, other_data: np.ndarray, others: np.ndarray,
    tables: np.ndarray,
) -> Picture:  # fmt: skip
    """The same for quadratic, ReLU and convolutional networks."""
    fig = bands_figure(panels)
    alt = (
        "Times of three drops over width and over kappa for quadratic, ReLU and "
        "convolutional networks. Quadratic units behave like attention; ReLU and convolution "
        "like the linear network."
    )
    return Picture(
        fig, "width_and_data_others", alt, {"kappa": few,
        **{f"{n}_drops": other_data[n].drops.mean(1) for n in others}}, tables
    )  # fmt: skip
