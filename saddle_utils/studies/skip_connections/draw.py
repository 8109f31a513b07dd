"""The pictures of notebook 12."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from ...notebook import Picture
from ...notebook.look import BLUE, GREEN, INK, ORANGE, dashed, draw_words, note, shades
from ...observables import layer_widths
from .measure import SKIPS, strength, type_of

WIDTHS = 40  # times at which an explorer counts effective widths
COLOURS = (BLUE, ORANGE, GREEN)  # of the three networks of Figure 6


def fig6_picture(runs: Mapping[str, Mapping]) -> Picture:
    """Figure 6: loss over linear and logarithmic time, linear and ReLU networks, three skips."""
    fig, axes = plt.subplots(2, 2, figsize=(11, 5.6), sharey=True)
    columns: dict[str, list] = {"kind": [], "skip": [], "time": [], "loss": []}
    for row, (kind, by_skip) in zip(axes, runs.items(), strict=True):
        for (skip, (net, run)), colour in zip(by_skip.items(), COLOURS, strict=True):
            losses = run.losses / net.zero_loss()
            for ax in row:
                ax.plot(run.times, losses[:, 1:], color=colour, lw=0.6, alpha=0.35)
                ax.plot(run.times, losses[:, 0], color=colour, lw=2)
            columns["kind"] += [kind] * len(losses)
            columns["skip"] += [skip] * len(losses)
            columns["time"] += [*run.times]
            columns["loss"] += [*losses[:, 0]]
        row[0].set(title=f"four {kind} layers", ylabel="loss / initial loss", ylim=(-0.04, 1.07))
        row[1].set(xscale="log", xlim=(0.5, None))
        row[0].set(xlim=(0, None))
    axes[1, 0].set(xlabel="gradient-flow time")
    axes[1, 1].set(xlabel="gradient-flow time, logarithmic")
    draw_words(axes[0, 0], [*zip(SKIPS, COLOURS, strict=True)])
    alt = (
        "Figure 6. Loss of four-layer networks over linear and logarithmic time. Without a skip "
        "the first drop comes last by far; with a skip over one layer a tenth of the time; over "
        "two layers at once. All show drops and plateaus between them."
    )
    return Picture(fig, "fig6", alt, columns)


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
        right.text(jumped, depth, text, ha="center", va="center", fontsize=7, color=INK)
    right.set(
        xlabel="layers that the skip jumps", ylabel="layers", yticks=range(7), xticks=range(7)
    )
    right.set_yticklabels(range(2, 9))
    right.set_title("measured exponent of the wait")
    alt = (
        "Left: escape times of four-layer linear networks over the initial scale: slopes -2 and -1 "
        "without and with a skip over one layer, a logarithm with a skip over two. Right: measured "
        "exponents by depth up to 8 and length of the skip: equal along diagonals."
    )
    return Picture(fig, "skips", alt, table, {"depths": depths})


def law_picture(table: Mapping[str, np.ndarray]) -> Picture:
    """Measured exponents over the number of small layers, for each activation and depth."""
    phis = [*dict.fromkeys(table["phi"])]
    fig, ax = plt.subplots(figsize=(7.6, 3.6))
    depths = np.unique(table["depth"])
    for depth, colour in zip(depths, shades(len(depths)), strict=True):
        for k, phi in enumerate(phis):
            here = (table["depth"] == depth) & (table["phi"] == phi)
            place = table["small"][here] + 0.16 * (k - 1.5) + 0.02 * (depth - 4)
            ax.plot(
                place, table["exponent"][here], "o^sD"[k], color=colour, ms=5, mec="white", mew=0.3
            )
    smalls = np.unique(table["small"])
    for r in smalls:
        dashed(ax, [r - 0.45, r + 0.45], [2 - r, 2 - r])
    marks = ", ".join(f"{m} {phi}" for m, phi in zip("●▲■◆", phis, strict=False))
    ax.set(xlabel="layers that start small, r", ylabel="exponent of the wait", xticks=smalls)
    ax.set_title(marks, fontsize=9)
    draw_words(ax, [(f"{d} layers", c) for d, c in zip(depths, shades(len(depths)), strict=True)])
    alt = (
        "Measured exponents of the waiting time over the number r of layers that start small: on "
        "the dashed levels 2 - r, for four activations and depths from 2 to 6."
    )
    return Picture(fig, "critical_depth", alt, table)


def activations_picture(table: Mapping[str, np.ndarray]) -> Picture:
    """The confusion table of predicted and measured types of the wait, of random combinations."""
    predicted = [type_of(e) for e in table["predicted"]]
    measured = ["no escape" if np.isnan(e) else type_of(e) for e in table["measured"]]
    kinds = {*predicted, *measured}
    names = sorted(kinds, key=lambda n: (n == "no escape", n != "none", _power(n)))
    counts = np.zeros((len(names), len(names)), int)
    for a, b in zip(predicted, measured, strict=True):
        counts[names.index(a), names.index(b)] += 1
    fig, ax = plt.subplots(figsize=(5.6, 4.4))
    shown = np.ma.masked_equal(counts, 0)
    ax.imshow(np.log1p(shown), cmap=shades(), vmin=0, vmax=6)
    for i, j in zip(*np.nonzero(counts), strict=True):
        ax.text(j, i, counts[i, j], ha="center", va="center", fontsize=9, fontweight="bold")
    ax.set(
        xticks=range(len(names)), yticks=range(len(names)), xlabel="measured", ylabel="predicted"
    )
    ax.set_xticklabels(names, rotation=30, ha="right")
    ax.set_yticklabels(names)
    alt = "Confusion table of the predicted and the measured type of the wait of random networks."
    escaped = np.isfinite(table["measured"])
    return Picture(fig, "wait_types", alt, {**table, "escaped": escaped})


def _power(name: str) -> int:
    return int(name.split()[1]) if name.startswith("power") else 0


def snapshot(found: tuple) -> Figure:
    """Loss over linear and logarithmic time, and the effective width of each hidden layer."""
    net, run, title = found
    fig, axes = plt.subplots(1, 3, figsize=(9.4, 2.9))
    shown = np.unique(np.linspace(0, len(run.times) - 1, WIDTHS).astype(int))
    theta = run.theta[shown]
    widths = layer_widths(net, theta, reference=np.broadcast_to(theta[-1], theta.shape))
    for ax in axes[:2]:
        ax.plot(run.times, run.losses / net.zero_loss(), color=BLUE)
        ax.set(xlabel="gradient-flow time", ylim=(-0.04, 1.07))
    for k, colour in enumerate(shades(widths.shape[1])):
        axes[2].step(run.times[shown], widths[:, k] + 0.05 * k, where="post", color=colour, lw=2)
    axes[0].set(ylabel="loss / initial loss", title=title)
    axes[1].set(xscale="log")
    axes[2].set(xlabel="gradient-flow time", ylim=(-0.3, None))
    axes[2].set_title("effective width by layer, first lightest", fontsize=8.5)
    return fig
