"""Figures of what width and data do to the drops (Figure 2A and 2B)."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...notebook import Explorer, Picture, Slider
from ...notebook.colours import BLUE, GREEN, ORANGE, shades
from ...notebook.look import dashed, draw_levels, draw_words, note, write
from .. import figure2
from ..figure2 import Sweep, curve_table, draw_both, draw_curves

DROPS = (BLUE, ORANGE, GREEN)  # the first, second and third


def band_table(knob: str, values: Sequence[float], band: np.ndarray) -> dict[str, np.ndarray]:
    """The numbers behind `draw_bands` as columns of one length."""
    names = [f"drop{k}_{q}" for q in ("10%", "median", "90%") for k in (1, 2, 3)]
    return {knob: values, **dict(zip(names, band.swapaxes(1, 2).reshape(9, -1), strict=True))}


def pair_figure(linear: tuple, attention: tuple, scale: float) -> Figure:
    """Loss of one run of both networks over time, a triple (times, losses, levels) each."""
    fig, axes = plt.subplots(1, 2, figsize=(7.2, 2.8), sharey=True)
    names = ("linear network", "linear attention")
    units = ((1.0, "gradient-flow time"), (scale, "gradient-flow time × ε"))
    for ax, run, name, (unit, label) in zip(axes, (linear, attention), names, units, strict=True):
        times, losses, levels = run
        draw_levels(ax, levels / levels[0])
        draw_curves(ax, [(times * unit, losses / levels[0])], [0])
        ax.set(title=name, xlabel=label)
    axes[1].set_ylabel("")
    return fig


def draw_panels(panels: Sequence[dict]) -> Figure:
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
        note(ax, name, (values[-1], middle[-1]), colour, (5, 0))
    thick = (0.6, 0.6) if len(theory) == 2 else (0.6, 1.2, 0.6)
    for quantile, width in zip(theory, thick, strict=True):
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


def fig2ab_picture(
    linear: Sweep, attention: Sweep, heads: Sequence[int], linear_data: Sweep,
    attention_data: Sweep, few: Sequence[float], init_scale: float,
) -> Picture:  # fmt: skip
    """Figures 2A and 2B: losses of both networks over width, and over kappa, the knob's values.

    `init_scale` is that of the heads; their time is shown times it.
    """
    by_width, by_data = (linear.curves[1::2], attention.curves[1:]), linear_data.curves[::4]
    fig, axes = plt.subplots(2, 2, figsize=(7.2, 4.6), sharey=True)
    draw_both(axes[0], *by_width, heads[1:], "units", init_scale)
    draw_both(axes[1], by_data, attention_data.curves, few, "κ", init_scale)
    for letter, ax in zip("AB", axes[:, 0], strict=True):
        ax.annotate(letter, (-0.14, 1.05), xycoords="axes fraction", fontsize=12, fontweight="bold")
    alt = (
        "Figure 2A and 2B. More units move all drops of attention to earlier times and those "
        "of the linear network hardly. Equal strengths leave the linear network one drop, "
        "attention three."
    )
    first, second = (curve_table("units", heads[1:], curves) for curves in by_width)
    tables = {
        "attention": second,
        "linear_kappa": curve_table("kappa", few, by_data),
        "attention_kappa": curve_table("kappa", few, attention_data.curves),
    }
    return Picture(fig, "fig2ab", alt, first, tables)


def width_times_picture(
    panels: Sequence[dict], widths: Sequence[int], linear: Sweep, tables: Mapping[str, Mapping]
) -> Picture:
    """Times of the drops over width, at a fixed scale and at a fixed norm."""
    alt = (
        "Times of three drops over width. Linear: straight lines that sink with slope 1/2s "
        "at a fixed scale and are level at a fixed norm. Attention: times fall at a fixed "
        "scale, rise at a fixed norm. Theory, dashed, lies on medians and bands."
    )
    data = band_table("units", widths, linear.band)
    return Picture(draw_panels(panels), "width_times", alt, data, tables)


def width_lottery_picture(
    taus: np.ndarray, first: np.ndarray, laws: np.ndarray, heads: Sequence[int]
) -> Picture:
    """Share of seeds whose first drop is over, for each number of heads, and the law, dashed.

    taus (n,) the axis, first (heads, seeds) measured, laws (heads, n) of the first of H; one head
    is in the table alone.
    """
    fig, ax = plt.subplots(figsize=(5.6, 3))
    colours = shades(len(heads) - 1)
    for measured, predicted, colour in zip(first[1:], laws[1:], colours, strict=True):
        ax.ecdf(measured, color=colour, lw=1.8)
        dashed(ax, taus, predicted)
    ax.set(xlim=(0, taus[-1]), xlabel="gradient-flow time × ε")
    ax.set_ylabel("share of seeds that have dropped")
    words = [(f"{count} heads", c) for count, c in zip(heads[1:], colours, strict=True)]
    draw_words(ax, words[::-1], top=0.09 * (len(words) + 0.6))
    alt = (
        "Share of 50 seeds whose first drop is over, over time, for 4, 16, 64 and 256 heads: "
        "steps that follow the dashed law of the first of H, earlier and steeper for more "
        "heads."
    )
    columns = {f"{count}_heads": law for count, law in zip(heads, laws, strict=True)}
    return Picture(fig, "width_lottery", alt, {"time": taus, **columns})


def data_times_picture(
    panels: Sequence[dict], kappas: Sequence[float], few: Sequence[float], linear_data: Sweep,
    attention_data: Sweep,
) -> Picture:  # fmt: skip
    """Times of the drops over kappa above (arguments of `draw_bands`); below, how many one sees."""
    fig, axes = plt.subplots(2, 2, figsize=(7.2, 4.4), height_ratios=(1.8, 1), sharex=True)
    sides = ((kappas, linear_data.drops), (few, attention_data.drops))
    for (above, below), panel, (values, drops) in zip(axes.T, panels, sides, strict=True):
        draw_bands(above, **panel)
        shares = np.array([(drops == k).mean(1) for k in (1, 2, 3)])
        below.stackplot(values, shares, colors=shades(3), lw=0)
        names = ("1 drop", "2 drops", "3 drops")
        for share, base, name in zip(shares, np.cumsum(shares, 0) - shares, names, strict=True):
            if share.max() > 0.3:
                place = (share @ values) / share.sum()
                height = np.interp(place, values, base + share / 2)
                write(below, place, height, name, "white", fontweight="bold", fontsize=8)
        above.set(xlabel="", xlim=(-0.02 * values[-1], 1.02 * values[-1]))
        below.set(xlabel="κ", ylim=(0, 1))
    axes[1, 0].set_ylabel("share of seeds\nthat show")
    alt = (
        "Times of three drops over kappa, and below them the share of seeds that show one, "
        "two or three drops. Linear: all times meet at kappa 0, where one drop is left. "
        "Attention: they stay apart, and nearly all seeds show three."
    )
    seen = {"linear": linear_data.drops[::4].mean(1), "attention": attention_data.drops.mean(1)}
    tables = {
        "attention": band_table("kappa", few, attention_data.band),
        "drops": {"kappa": few, **seen},
    }
    return Picture(fig, "data_times", alt, band_table("kappa", kappas, linear_data.band), tables)


def width_and_data_others_picture(
    panels: Sequence[dict], few: Sequence[float], other_data: Mapping[str, Sweep],
    others: Sequence[str], tables: Mapping[str, Mapping],
) -> Picture:  # fmt: skip
    """The same for quadratic, ReLU and convolutional networks."""
    alt = (
        "Times of three drops over width and over kappa for quadratic, ReLU and "
        "convolutional networks. Quadratic units behave like attention; ReLU and convolution "
        "like the linear network."
    )
    data = {"kappa": few, **{f"{name}_drops": other_data[name].drops.mean(1) for name in others}}
    return Picture(draw_panels(panels), "width_and_data_others", alt, data, tables)


def explorer() -> Explorer:
    """The explorer of Figure 2A and 2B: one run of the linear network and one of attention.

    The linear network starts from the square of the initial scale.
    """

    def simulate(width: int, kappa: float, init_scale: float, seed: int) -> tuple:
        found = []
        for name, scale in (("linear", init_scale**2), ("attention", init_scale)):
            ((run,),) = figure2.train_figure2(name, [kappa], width, [scale], [seed])
            found.append((run.times, run.losses, figure2.figure2_levels(name, kappa)))
        return *found, init_scale

    return Explorer(
        simulate,
        lambda found: pair_figure(*found),
        "Loss over time of a linear network beside that of linear attention, levels dashed",
        {
            "wide": {"width": 100},
            "equal strengths": {"kappa": 0.0},
            "no plateau": {"kappa": 0.0, "init_scale": 0.1},
        },
        width=Slider(16, 3, 100, label="units"),
        kappa=Slider(1.0, 0.0, 2.0, 0.05, label="κ"),
        init_scale=Slider(1e-3, -4, -1, 0.1, log=True, label="initial scale"),
        seed=Slider(0, 0, 100),
    )
