"""Figures of what width and data do to the drops (Figure 2A and 2B)."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...notebook import Explorer, Picture, Slider
from ...notebook.colours import BLUE, GREEN, ORANGE, shades
from ...notebook.look import dashed, draw_band, draw_levels, draw_words, note, write
from ..figure2 import Pair, Sweep, curve_table, draw_both, figure2_levels, train_figure2

DROPS = {"1st": BLUE, "2nd": ORANGE, "3rd": GREEN}


def band_table(panel: Mapping) -> dict[str, np.ndarray]:
    """The times of a panel (arguments of `draw_bands`) as columns of one length."""
    names = [f"drop{k}_{q}" for q in ("10%", "median", "90%") for k in (1, 2, 3)]
    columns = panel["band"].swapaxes(1, 2).reshape(9, -1)
    return {panel["knob"]: panel["values"], **dict(zip(names, columns, strict=True))}


def draw_panels(panels: Mapping[str, dict]) -> Figure:
    """Times of drops over a knob, two panels a row, each a dict of arguments of `draw_bands`."""
    rows = len(panels) // 2
    fig, axes = plt.subplots(rows, 2, figsize=(7.2, 2.6 * rows), squeeze=False)
    for ax, panel in zip(axes.flat, panels.values(), strict=True):
        draw_bands(ax, **panel)
    return fig


def draw_bands(
    ax: Axes, title: str, knob: str, values: Sequence[float], band: np.ndarray, theory: np.ndarray,
    scale: float = 1,
) -> None:  # fmt: skip
    """Measured 10 %, 50 % and 90 % of the times of drops, (3, n, 3), and theory's, dashed.

    theory (3, n, drops), or two bounds (2, n, drops), may know fewer drops and be nan.  The `knob`
    is "units", on a logarithmic axis, or "kappa".  Times that go as 1 / eps are drawn times this
    initial `scale`.
    """
    for k, (name, colour) in enumerate(DROPS.items()):
        draw_band(ax, values, scale * band[:, :, k], colour)
        note(ax, name, (values[-1], scale * band[1, -1, k]), colour, (5, 0))
    thick = (0.6, 0.6) if len(theory) == 2 else (0.6, 1.2, 0.6)
    for quantile, width in zip(theory, thick, strict=True):
        for line in scale * quantile.T:
            known = np.isfinite(line)
            dashed(ax, np.array(values)[known], line[known], width)
    ax.set(title=title, xlabel="κ" if knob == "kappa" else knob)
    ax.set_ylabel("gradient-flow time" if scale == 1 else "time × ε")
    if knob == "units":
        ax.set_xscale("log", base=2)
        ax.set_xticks(values, [f"{v:g}" for v in values])
        ax.set_xticks([], minor=True)
    if knob == "units" and scale != 1:
        ax.set_yscale("log", base=2)
        ax.yaxis.set_major_formatter(lambda y, _: f"{y:g}")
    else:
        ax.set_ylim(bottom=0)


def fig2ab_picture(
    by_width: Pair, heads: Sequence[int], by_data: Pair, kappas: Sequence[float], init_scale: float
) -> Picture:
    """Figures 2A and 2B: losses of both networks over width, and over kappa, the knob's values.

    `init_scale` is that of the heads; their time is shown times it.
    """
    fig, axes = plt.subplots(2, 2, figsize=(7.2, 4.6), sharey=True)
    draw_both(axes[0], by_width, init_scale, ((), [f"units = {count}" for count in heads]))
    draw_both(axes[1], by_data, init_scale, ((), [f"κ = {kappa:g}" for kappa in kappas]))
    for letter, ax in zip("AB", axes[:, 0], strict=True):
        ax.annotate(letter, (-0.14, 1.05), xycoords="axes fraction", fontsize=12, fontweight="bold")
    alt = (
        "Figure 2A and 2B. More units move all drops of attention to earlier times and those "
        "of the linear network hardly. Equal strengths leave the linear network one drop, "
        "attention three."
    )
    first, second = (curve_table("units", heads, curves) for curves in by_width)
    third, fourth = (curve_table("kappa", kappas, curves) for curves in by_data)
    tables = {"attention": second, "linear_kappa": third, "attention_kappa": fourth}
    return Picture(fig, "fig2ab", alt, first, tables)


def width_times_picture(panels: Mapping[str, dict]) -> Picture:
    """Times of the drops over width, at a fixed scale and at a fixed norm."""
    alt = (
        "Times of three drops over width. Linear: straight lines that sink with slope 1/2s "
        "at a fixed scale and are level at a fixed norm. Attention: times fall at a fixed "
        "scale, rise at a fixed norm. Theory, dashed, lies on medians and bands."
    )
    tables = {name: band_table(panel) for name, panel in panels.items()}
    return Picture(draw_panels(panels), "width_times", alt, tables.pop("linear"), tables)


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
        f"Share of {first.shape[1]} seeds whose first drop is over, over time, for {heads[1]} to "
        f"{heads[-1]} heads: steps that follow the dashed law of the first of H, earlier and "
        "steeper for more heads."
    )
    columns = {f"{count}_heads": law for count, law in zip(heads, laws, strict=True)}
    return Picture(fig, "width_lottery", alt, {"time": taus, **columns})


def data_times_picture(
    linear: Mapping, attention: Mapping, linear_drops: np.ndarray, attention_drops: np.ndarray
) -> Picture:
    """Times of the drops over kappa above (arguments of `draw_bands`); below, how many one sees.

    The numbers of drops seen are (kappas, seeds).
    """
    fig, axes = plt.subplots(2, 2, figsize=(7.2, 4.4), height_ratios=(1.8, 1), sharex=True)
    sides = ((linear, linear_drops), (attention, attention_drops))
    for (above, below), (panel, drops) in zip(axes.T, sides, strict=True):
        draw_bands(above, **panel)
        values, shares = panel["values"], np.array([(drops == k).mean(1) for k in (1, 2, 3)])
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
    seen = {"linear": linear_drops[::4].mean(1), "attention": attention_drops.mean(1)}
    tables = {
        "attention": band_table(attention), "drops": {"kappa": attention["values"], **seen}
    }  # fmt: skip
    return Picture(fig, "data_times", alt, band_table(linear), tables)


def width_and_data_others_picture(
    panels: Mapping[str, dict], few: Sequence[float], other_data: Mapping[str, Sweep]
) -> Picture:
    """The same for quadratic, ReLU and convolutional networks; their drops over kappa by name."""
    alt = (
        "Times of three drops over width and over kappa for quadratic, ReLU and "
        "convolutional networks. Quadratic units behave like attention; ReLU and convolution "
        "like the linear network."
    )
    drops = {f"{name}_drops": sweep.drops.mean(1) for name, sweep in other_data.items()}
    tables = {name: band_table(panel) for name, panel in panels.items()}
    data = {"kappa": few, **drops}
    return Picture(draw_panels(panels), "width_and_data_others", alt, data, tables)


def explorer() -> Explorer:
    """The explorer of Figure 2A and 2B: one run of the linear network and one of attention.

    The linear network starts from the square of the initial scale.
    """

    def simulate(width: int, kappa: float, init_scale: float, seed: int) -> tuple:
        pair, levels = [], []
        for name, scale in (("linear", init_scale**2), ("attention", init_scale)):
            (run,) = train_figure2(name, kappa, width, scale, [seed])
            saddles = figure2_levels(name, kappa)
            pair.append([(run.times, run.losses / saddles[0])])
            levels.append(saddles / saddles[0])
        return pair, levels, init_scale

    def draw(found: tuple) -> Figure:
        pair, levels, init_scale = found
        fig, axes = plt.subplots(1, 2, figsize=(7.2, 2.8), sharey=True)
        draw_both(axes, pair, init_scale)
        for ax, each in zip(axes, levels, strict=True):
            draw_levels(ax, each, zorder=1)
        return fig

    return Explorer(
        simulate, draw,
        "Loss over time of a linear network beside that of linear attention, levels dashed",
        {"wide": {"width": 100}, "equal strengths": {"kappa": 0.0},
        "no plateau": {"kappa": 0.0, "init_scale": 0.1}},
        width=Slider(16, 3, 100, label="units"), kappa=Slider(1.0, 0.0, 2.0, 0.05, label="κ"),
        init_scale=Slider(1e-3, -4, -1, 0.1, log=True, label="initial scale"),
        seed=Slider(0, 0, 100),
    )  # fmt: skip
