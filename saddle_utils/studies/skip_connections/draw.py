"""The pictures of notebook 12."""

import itertools
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ... import networks
from ...datasets import panel
from ...dynamics import glance
from ...networks import ACTIVATIONS, initial_units
from ...notebook import Choice, Explorer, Picture, Slider
from ...notebook.colours import BLUE, GREEN, INK, ORANGE, shades
from ...notebook.look import dashed, draw_words, note, one_table, write
from ...observables import layer_widths
from ...theory.activations import lowest_order
from ...theory.deep import effective_depth
from .measure import SKIPS, strength

WIDTHS = 25  # times at which the explorer counts effective widths
STEPS, MOST = {"cubic": 0.02, "square": 0.1}, 500  # of the explorer's runs: else 0.25, and how many
COLOURS = (BLUE, ORANGE, GREEN)  # of the three networks of Figure 6


def fig6_picture(runs: Mapping[str, Mapping]) -> Picture:
    """Figure 6: loss over linear and logarithmic time, and widths of layers, by kind and skip."""
    fig, axes = plt.subplots(2, 3, figsize=(13, 5.8), width_ratios=(1.1, 1.5, 1.2))
    for row, (kind, by_skip) in zip(axes, runs.items(), strict=True):
        for ensemble, colour in zip(by_skip.values(), COLOURS, strict=True):
            for k, run in enumerate(ensemble):
                style = {"lw": 0.6, "alpha": 0.35} if k else {"lw": 2, "zorder": 3}
                for ax in row[:2]:
                    ax.plot(run.times, run.losses, color=colour, **style)
        _draw_widths(row[2], by_skip)
        row[0].set(title=f"four {kind} layers", ylabel="loss / initial loss", xlim=(0, None))
        row[0].set(xlim=(0, 1.05 * by_skip["no skip"][0].times[-1]))
        row[1].set(xscale="log", xlim=(0.5, None))
        for ax in row[:2]:
            ax.set_ylim(-0.04, 1.07)
    for ax, name in zip(axes[1], ("gradient-flow time", "the same, logarithmic", ""), strict=True):
        ax.set_xlabel(name)
    alt = (
        "Figure 6. Loss of four-layer networks over linear and logarithmic time. Without a skip "
        "the first drop comes last by far; with a skip over one layer sooner, and over two layers "
        "at once, though from ever smaller weights. All show two drops and a plateau between. "
        "Right: the effective width of each layer goes from 0 to 1 to 2 with the drops."
    )
    first = [(kind, skip, of[0]) for kind, each in runs.items() for skip, of in each.items()]
    columns = one_table(
        {"kind": kind, "skip": skip, "time": run.times, "loss": run.losses}
        for kind, skip, run in first
    )
    return Picture(fig, "fig6", alt, columns)


def _draw_widths(ax: Axes, by_skip: Mapping[str, Sequence]) -> None:
    """Effective widths by layer on the plateaus of the first run that has three, for each skip."""
    for block, ((skip, ensemble), colour) in enumerate(zip(by_skip.items(), COLOURS, strict=True)):
        run = next((r for r in ensemble if len(r.staircase.levels) == 3), ensemble[0])
        widths = run.widths()
        place, bold = 4 * block, {"fontweight": "bold"}
        write(ax, place + 0.5, -1.25, skip, colour, va="baseline", fontsize=8, **bold)
        for k, (layers, column) in enumerate(zip(run.network.streams, widths.T, strict=True)):
            write(ax, place + k, -0.75, " + ".join(map(str, layers)), "black", fontsize=7.5)
            for drops, width in enumerate(column):
                write(ax, place + k, drops, width, colour, **bold)
    ax.set(xlim=(-0.8, 10.5), ylim=(2.6, -1.6), xticks=[])
    ax.set_yticks(range(3), ["at first", "plateau", "end"])
    ax.set_title("effective width of hidden layers (+: joined by the skip)", fontsize=9)
    ax.spines[:].set_visible(False)


def skips_picture(table: Mapping[str, np.ndarray], depths: Mapping[str, np.ndarray]) -> Picture:
    """Escape times over the initial scale, and exponents by depth and length of the skip."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), width_ratios=(1.2, 1))
    for number, (name, colour) in enumerate(zip(SKIPS, COLOURS, strict=True)):
        here = table["skip"] == number
        aligned, drawn = here & (table["seed"] < 0), here & (table["seed"] >= 0)
        left.plot(table["scale"][drawn], table["time"][drawn], ".", color=colour, ms=4, alpha=0.6)
        scales, times = table["scale"][aligned], table["time"][aligned]
        left.plot(scales, times, "o", color=colour, ms=6, mec="white")
        law = times[-1] * (scales[-1] / scales) ** (2 - number)
        if number == 2:
            law = times[-1] + np.log(scales[-1] / scales) / strength()
        dashed(left, scales, law)
        note(left, name, (scales[1], times[1]), colour, (6, 8))
    left.set(xscale="log", yscale="log", xlabel="norm of the initial weights", ylabel="escape time")
    grid = np.full((7, 7), np.nan)
    rows, columns = depths["depth"].astype(int) - 2, depths["jumped"].astype(int)
    grid[rows, columns] = -depths["exponent"]
    right.imshow(grid, cmap=shades(), aspect="auto", vmin=-1.5, vmax=8)
    for depth, jumped, value in zip(rows, columns, depths["exponent"], strict=True):
        text = "log" if abs(value) < 0.05 else f"{value:.2f}"
        write(right, jumped, depth, text, "white" if value < -1.5 else INK, fontsize=8)
    right.set(xlabel="layers that the skip jumps", ylabel="layers", xticks=range(7))
    right.set_yticks(range(7), range(2, 9))
    right.set_title("measured exponent of the wait")
    alt = (
        "Left: escape times of four-layer linear networks over the initial scale: slopes -2 and -1 "
        "without and with a skip over one layer, a logarithm with a skip over two. Right: measured "
        "exponents by depth up to 8 and length of the skip: equal along diagonals."
    )
    return Picture(fig, "skips", alt, table, {"depths": depths})


def law_picture(table: Mapping[str, np.ndarray], others: Mapping[str, np.ndarray]) -> Picture:
    """Measured exponents over the number of small layers: where the law holds, and where not."""
    fig, axes = plt.subplots(1, 2, figsize=(12, 3.8))
    depths = np.unique(table["depth"])
    colours = dict(zip(depths, shades(len(depths)), strict=True))
    for ax, found in zip(axes, (table, others), strict=True):
        phis, smalls = [*dict.fromkeys(found["phi"])], np.unique(found["small"])
        for (depth, colour), (k, phi) in itertools.product(colours.items(), enumerate(phis)):
            here = (found["depth"] == depth) & (found["phi"] == phi)
            place = found["small"][here] + 0.16 * (k - 1.5) + 0.02 * (depth - 4)
            style = {"color": colour, "ms": 5, "mec": "white", "mew": 0.3}
            ax.plot(place, found["exponent"][here], "o^sD"[k], **style)
        for r in smalls:
            dashed(ax, [r - 0.45, r + 0.45], [2 - r, 2 - r])
        marks = ", ".join(f"{m} {phi}" for m, phi in zip("●▲■◆", phis, strict=False))
        ax.set(xlabel="layers that start small, r", xticks=smalls)
        ax.set_title(marks, fontsize=9)
    axes[0].set(ylabel="exponent of the wait")
    draw_words(axes[0], [(f"{depth} layers", colour) for depth, colour in colours.items()])
    alt = (
        "Measured exponents of the waiting time over the number r of layers that start small. "
        "Left: on the dashed levels 2 - r, for four activations and depths from 2 to 6. Right: "
        "sigmoid and softplus stay at 1, for their waits tend to a limit; x tanh x falls far below."
    )
    return Picture(fig, "critical_depth", alt, table, {"others": others})


def snapshot(found: tuple, time: str) -> Figure:
    """Loss over the effective width of each hidden layer, over "linear" or "logarithmic" time."""
    net, run, title = found
    fig, (loss, width) = plt.subplots(
        2, 1, figsize=(7.2, 3.8), height_ratios=(2, 1), sharex=True, layout="none"
    )  # laid out by hand, which is faster
    fig.subplots_adjust(0.09, 0.13, 0.98, 0.92, hspace=0.12)
    settled = int(np.argmax(run.losses < run.losses[-1] + 1e-3 * net.zero_loss()))
    last = np.searchsorted(run.times, 1.25 * run.times[settled] if settled else np.inf) - 1
    loss.plot(run.times[: last + 1], run.losses[: last + 1] / net.zero_loss(), color=BLUE)
    shown = np.unique(np.linspace(0, last, WIDTHS).astype(int))
    theta = run.theta[shown]
    widths = layer_widths(net, theta, reference=np.broadcast_to(theta[-1], theta.shape))
    for k, colour in enumerate(shades(widths.shape[1])):
        width.step(run.times[shown], widths[:, k] + 0.05 * k, where="post", color=colour, lw=2)
    if time == "logarithmic":
        width.set(xscale="log")
        width.minorticks_off()
        width.xaxis.set_major_formatter("{x:g}")
    else:
        width.set(xlim=(0, run.times[last]))
    loss.set(ylim=(-0.04, 1.07), ylabel="loss / initial loss", title=title)
    width.set(ylabel="width", xlabel="gradient-flow time", ylim=(-0.3, max(3, widths.max()) + 0.5))
    draw_words(loss, [("widths by layer, first lightest", INK)], 0.2, x=0.02, ha="left")
    return fig


def explorer() -> Explorer:
    """Explorer of Figure 6 on the data of Figure 1D, by gradient descent."""
    data = panel("fig1d")

    def simulate(phi: str, depth: int, jumped: int, init_scale: float, seed: int) -> tuple:
        jumped = min(jumped, depth - 2)
        skips = ((1, 1 + jumped),) if jumped else ()
        net = networks.deep([2, *[8] * (depth - 1), 1], data.x, data.y, phi, skips)
        theta = initial_units(net, 1, init_scale, seed)
        run = glance(net, theta, STEPS.get(phi, 0.25), MOST)
        left = effective_depth(depth, skips)
        law = ["a logarithm", "1 / scale", *(f"1 / scale^{k}" for k in (2, 3, 4))][left - 2]
        law = f": waits as {law}" if lowest_order(phi) == 1 else ""
        return net, run, f"{phi}, shortest path {left}{law}"

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
