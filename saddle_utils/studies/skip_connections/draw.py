"""The pictures of notebook 12."""

import itertools
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ... import networks
from ...datasets import panel
from ...dynamics import glance
from ...networks import ACTIVATIONS, initial_units
from ...notebook import Choice, Explorer, Picture, Slider
from ...notebook.colours import BLUE, GREEN, ORANGE, shades
from ...notebook.look import dashed, draw_map, draw_words, layers_figure, note, one_table, write
from ...observables import LayeredRun
from ...theory.activations import lowest_order
from ...theory.deep import effective_depth
from .measure import SKIPS, strength

STEPS, MOST = {"cubic": 0.02, "square": 0.1}, 500  # of the explorer's runs: else 0.25, and how many
COLOURS = dict(zip(SKIPS, (BLUE, ORANGE, GREEN), strict=True))
MARKS = {"o": "●", "^": "▲", "s": "■", "D": "◆"}


def fig6_picture(runs: Mapping[str, Mapping]) -> Picture:
    """Figure 6: loss over linear and logarithmic time, and widths of layers, by kind and skip."""
    fig, axes = plt.subplots(2, 3, figsize=(13, 5.8), width_ratios=(1.1, 1.5, 1.2))
    for row, (kind, by_skip) in zip(axes, runs.items(), strict=True):
        for ax, (skip, ensemble) in itertools.product(row[:2], by_skip.items()):
            for k, run in enumerate(ensemble):
                style = {"lw": 0.6, "alpha": 0.35} if k else {"lw": 2, "zorder": 3}
                ax.plot(run.times, run.losses, color=COLOURS[skip], **style)
            ax.set_ylim(-0.04, 1.07)
        _draw_widths(row[2], by_skip)
        row[0].set(title=f"four {kind} layers", ylabel="loss / initial loss")
        row[0].set_xlim(0, 1.05 * by_skip["no skip"][0].times[-1])
        row[1].set(xscale="log", xlim=(0.5, None))
    axes[1, 0].set_xlabel("gradient-flow time")
    axes[1, 1].set_xlabel("the same, logarithmic")
    alt = (
        "Figure 6. Loss of four-layer networks over linear and logarithmic time. Without a skip "
        "the first drop comes last by far; with a skip over one layer sooner, and over two layers "
        "at once, though from ever smaller weights. All show two drops and a plateau between. "
        "Right: the effective width of each layer goes from 0 to 1 to 2 with the drops."
    )
    columns = one_table(
        {"kind": kind, "skip": skip, "time": ensemble[0].times, "loss": ensemble[0].losses}
        for kind, by_skip in runs.items() for skip, ensemble in by_skip.items()
    )  # fmt: skip
    return Picture(fig, "fig6", alt, columns)


def _draw_widths(ax: Axes, by_skip: Mapping[str, Sequence[LayeredRun]]) -> None:
    """Effective widths by layer on the plateaus of the first run that has three, for each skip."""
    for block, (skip, ensemble) in enumerate(by_skip.items()):
        run = next((r for r in ensemble if len(r.staircase.levels) == 3), ensemble[0])
        place, style = 4 * block, {"colour": COLOURS[skip], "fontweight": "bold"}
        write(ax, place + 0.5, -1.25, skip, va="baseline", fontsize=8, **style)
        for k, (layers, column) in enumerate(zip(run.network.streams, run.widths().T, strict=True)):
            write(ax, place + k, -0.75, " + ".join(map(str, layers)), "black", fontsize=7.5)
            for drops, width in enumerate(column):
                write(ax, place + k, drops, width, **style)
    ax.set(xlim=(-0.8, 10.5), ylim=(2.6, -1.6), xticks=[])
    ax.set_yticks(range(3), ["at first", "plateau", "end"])
    ax.set_title("effective width of hidden layers (+: joined by the skip)", fontsize=9)
    ax.spines[:].set_visible(False)


def skips_picture(table: pd.DataFrame, depths: pd.DataFrame) -> Picture:
    """Escape times over the initial scale, and exponents by depth and length of the skip."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), width_ratios=(1.2, 1))
    for (number, rows), (name, colour) in zip(table.groupby("skip"), COLOURS.items(), strict=True):
        drawn, aligned = rows[rows["seed"] >= 0], rows[rows["seed"] < 0]
        left.plot(drawn["scale"], drawn["time"], ".", color=colour, ms=4, alpha=0.6)
        scales, times = aligned[["scale", "time"]].to_numpy().T
        left.plot(scales, times, "o", color=colour, ms=6, mec="white")
        smaller = scales[-1] / scales
        logarithm = times[-1] + np.log(smaller) / strength()
        dashed(left, scales, logarithm if number == 2 else times[-1] * smaller ** (2 - number))
        note(left, name, (scales[1], times[1]), colour, (6, 8))
    left.set(xscale="log", yscale="log", xlabel="norm of the initial weights", ylabel="escape time")
    exponents = depths.pivot(index="depth", columns="jumped", values="exponent")
    words = exponents.map(lambda power: "log" if abs(power) < 0.05 else f"{power:.2f}")
    draw_map(right, -exponents, words, vmin=-1.5, vmax=8)
    right.set(xlabel="layers that the skip jumps", ylabel="layers")
    right.set_title("measured exponent of the wait")
    alt = (
        "Left: escape times of four-layer linear networks over the initial scale: slopes -2 and -1 "
        "without and with a skip over one layer, a logarithm with a skip over two. Right: measured "
        "exponents by depth up to 8 and length of the skip: equal along diagonals."
    )
    return Picture(fig, "skips", alt, table, {"depths": depths})


def law_picture(table: pd.DataFrame, others: pd.DataFrame) -> Picture:
    """Measured exponents over the number of small layers: where the law holds, and where not."""
    fig, axes = plt.subplots(1, 2, figsize=(12, 3.8))
    depths = table["depth"].unique()
    colours = dict(zip(depths, shades(len(depths)), strict=True))
    for ax, found in zip(axes, (table, others), strict=True):
        marks = dict(zip(found["phi"].unique(), MARKS, strict=False))
        for (depth, phi), rows in found.groupby(["depth", "phi"]):
            shift = 0.16 * ([*marks].index(phi) - 1.5) + 0.02 * (depth - 4)
            style = {"color": colours[depth], "ms": 5, "mec": "white", "mew": 0.3}
            ax.plot(rows["small"] + shift, rows["exponent"], marks[phi], **style)
        smalls = np.unique(found["small"])
        for r in smalls:
            dashed(ax, [r - 0.45, r + 0.45], [2 - r, 2 - r])
        ax.set(xlabel="layers that start small, r", xticks=smalls)
        ax.set_title(", ".join(f"{MARKS[m]} {phi}" for phi, m in marks.items()), fontsize=9)
    axes[0].set(ylabel="exponent of the wait")
    draw_words(axes[0], [(f"{depth} layers", colour) for depth, colour in colours.items()])
    alt = (
        "Measured exponents of the waiting time over the number r of layers that start small. "
        "Left: on the dashed levels 2 - r, for four activations and depths from 2 to 6. Right: "
        "sigmoid and softplus stay at 1, for their waits tend to a limit; x tanh x falls far below."
    )
    return Picture(fig, "critical_depth", alt, table, {"others": others})


def snapshot(found: tuple, time: str) -> Figure:
    """The run of the explorer over "linear" or "logarithmic" time."""
    fig = layers_figure(*found)
    if time == "logarithmic":
        width = fig.axes[1]
        width.set_xlim(left=found[0].times[1])
        width.set_xscale("log")
        width.minorticks_off()
        width.xaxis.set_major_formatter("{x:g}")
    return fig


def explorer() -> Explorer:
    """Explorer of Figure 6 on the data of Figure 1D, by gradient descent."""
    data = panel("fig1d")

    def simulate(phi: str, depth: int, jumped: int, init_scale: float, seed: int) -> tuple:
        jumped = min(jumped, depth - 2)
        skips = ((1, 1 + jumped),) if jumped else ()
        net = networks.deep([2, *[8] * (depth - 1), 1], data.x, data.y, phi, skips)
        run = glance(net, initial_units(net, 1, init_scale, seed), STEPS.get(phi, 0.25), MOST)
        left = effective_depth(depth, skips)
        law = ["a logarithm", "1 / scale", *(f"1 / scale^{k}" for k in (2, 3, 4))][left - 2]
        law = f": waits as {law}" if lowest_order(phi) == 1 else ""
        names = ["layer " + " + ".join(map(str, layers)) for layers in net.streams]
        layers = dict(zip(names, shades(len(names)), strict=True))
        return LayeredRun(net, run), layers, f"{phi}, shortest path {left}{law}"

    return Explorer(
        simulate, snapshot,
        "Loss of a deep network with a skip, over the effective width of each of its layers",
        {"no skip": {"jumped": 0}, "a skip of two layers": {"jumped": 2}, "linear": {"phi":
        "identity"}, "no plateau": {"jumped": 2, "init_scale": 0.3}},
        time=Choice("linear", ("linear", "logarithmic"), view=True),
        phi=Choice("relu", [*ACTIVATIONS], label="activation"),
        depth=Slider(4, 2, 6),
        jumped=Slider(1, 0, 4, label="layers jumped"),
        init_scale=Slider(0.03, -2.5, -0.5, 0.1, log=True, label="initial scale"),
        seed=Slider(0, 0, 100),
    )  # fmt: skip
