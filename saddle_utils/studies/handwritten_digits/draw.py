"""Figures of handwritten digits: Figure 3, Table 1, what is known at each plateau, ten digits."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from ...datasets import Images, handwritten_digits
from ...notebook import Choice, Explorer, Picture, Slider
from ...notebook.colours import BLUE, FAINT, GREEN, INK, ORANGE, RED
from ...notebook.look import dashed, draw_levels, draw_map, draw_words, note
from ...theory.predictions import Prediction
from .measure import PAIRS, Run, digit_task, directions, train_linear
from .ten import TenDigits

LABELS = ("loss", "first", "second", "third")  # of a run: its loss, and three singular values
COLOURS = (BLUE, ORANGE, GREEN, RED)


def fig3_picture(
    images: Images, pairs: Sequence, linear: Sequence[Run], relu: Sequence[Run],
    theory: Prediction,
) -> Picture:  # fmt: skip
    """Figure 3: loss and top three singular values of both networks on each pair."""
    size = (2.6 * len(pairs) + 0.6, 4.4)
    fig, axes = plt.subplots(2, len(pairs), figsize=size, sharey=True, squeeze=False)
    table = {}
    for (a, b), ax, *both in zip(pairs, axes.T, linear, relu, strict=True):
        for kind, run, panel in zip(("linear", "relu"), both, ax, strict=True):
            columns = [*draw_run(panel, run), run.times]
            for label, column in zip((*LABELS, "time"), columns, strict=True):
                table |= {f"{a}/{b}_{kind}_{label}": pd.Series(column)}
        row, times = PAIRS.index((min(a, b), max(a, b))), both[0].times
        dashed(ax[0], times, theory.loss(row, times) / theory.levels[row, 0])
        ax[0].set_title(f"{a} against {b}", fontweight="bold")
        ax[1].set_xlabel("time")
    axes[0, 0].set_ylabel("linear network\n(dashed: predicted)")
    axes[1, 0].set_ylabel("ReLU network")
    for ax in axes[:, -1]:
        words = zip(("loss", "1st", "2nd", "3rd"), COLOURS, (6, 0, 0, -4), ax.lines, strict=False)
        for text, colour, up, line in words:
            note(ax, text, line.get_xydata()[-1], colour, (3, up))
    fig.suptitle(f"{images.title}: loss / initial loss, and singular values / largest", fontsize=9)
    alt = (
        f"Figure 3 on {images.title}. Above a linear, below a ReLU network: the loss falls in two "
        "drops, with each of them one singular value of the first layer rises; the third stays "
        "near zero. The plateau is longer for pairs that are harder to tell apart."
    )
    return Picture(fig, _name(images, "fig3"), alt, table)


def draw_run(ax: Axes, run: Run) -> list[np.ndarray]:
    """The curves of a run: loss over its initial loss, singular values over the largest of them."""
    curves = [run.losses / run.losses[0], *(run.singular / run.singular.max()).T]
    styles = ({"lw": 2.6, "alpha": 0.75}, *[{"lw": 1.3}] * 3)
    for curve, colour, style in zip(curves, COLOURS, styles, strict=True):
        ax.plot(run.times, curve, color=colour, **style)
    ax.set(xlim=(0, run.times[-1]), ylim=(-0.03, 1.06))
    return curves


def table1_picture(images: Images, table: pd.DataFrame) -> Picture:
    """Table 1: measured durations of all pairs, and four predictions of them."""
    fig, axes = plt.subplots(1, 4, figsize=(11.2, 3.3), layout="constrained")
    grid = pd.DataFrame(np.nan, index=range(10), columns=range(10))
    for (a, b), row in zip(PAIRS, table.itertuples(), strict=True):
        grid.loc[a, b], grid.loc[b, a] = row.measured, row.predicted
    words = grid.map(("{:.0f}" if table["measured"].mean() > 5 else "{:.1f}").format)
    draw_map(axes[0], grid, words, square=True, annot_kws={"fontsize": 5.6})
    axes[0].set_xlabel("above the diagonal: measured,\nbelow: predicted")
    axes[0].set_title(f"plateaus, {images.title}", fontsize=8.5)
    columns = {
        "leading_log": "leading log of the limit, $\\tilde s_1$",
        "whitened": "the same with $s_2$: no turning",
        "predicted": "predicted before training",
    }
    for ax, (column, title) in zip(axes[1:], columns.items(), strict=True):
        durations = table[[column, "measured", "relu"]]
        ends = durations.min(axis=None) / 1.15, durations.max(axis=None) * 1.15
        for kind, colour in (("relu", ORANGE), ("measured", BLUE)):
            style = {"color": colour, "ms": 3.5, "mec": "white", "mew": 0.3}
            ax.plot(table[column], table[kind], "o", **style)
        dashed(ax, ends, ends, 0.9, zorder=0)
        ax.set(xscale="log", yscale="log", xlim=ends, ylim=ends, aspect="equal")
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_locator(FixedLocator((1, 2, 3, 5, 10, 20, 40)))
            axis.set_major_formatter("{x:g}")
            axis.set_minor_locator(NullLocator())
        ax.set_xlabel("predicted")
        ax.set_title(title, fontsize=8.5)
    axes[1].set_ylabel("measured")
    draw_words(axes[1], [("linear", BLUE), ("ReLU", ORANGE)], 0.22)
    alt = (
        f"Durations of the intermediate plateau for all 45 pairs of {images.title}: a table, and "
        "against three predictions. The leading logarithm orders them roughly; with s2 in place of "
        "s~1 it orders them almost perfectly; the prediction from initial weights lies on the "
        "diagonal for linear networks, and orders the ReLU networks too."
    )
    return Picture(fig, _name(images, "table1"), alt, table)


def stages_picture(
    images: Images, pair: Sequence[int], runs: Sequence[Run], names: Sequence[str]
) -> Picture:
    """What networks know at the plateau and at the end: directions, projections, accuracy.

    A row for each run, with its name.
    """
    x, y = images.of(pair)
    fig = plt.figure(figsize=(10.4, 2.2 * len(runs)))
    axes = fig.subplots(len(runs), 5, width_ratios=(1, 1, 1, 1.4, 1.7), squeeze=False)
    table = {"digit": np.where(y[:, 0] == 1, *pair)}
    for row, name, run in zip(axes, names, runs, strict=True):
        draw_directions(row[:3], images, run, ("at the plateau", "at the end, first", "second"))
        row[0].set_ylabel(name, fontweight="bold")
        both = x @ directions(run, run.times[-1], 2).T
        table |= {f"{name}_first": both[:, 0], f"{name}_second": both[:, 1]}
        for k, colour in enumerate((BLUE, ORANGE)):
            row[3].plot(*both[y[:, k] == 1][:200].T, ".", color=colour, ms=3, alpha=0.6)
        row[3].set_title("images projected on both", fontsize=8)
        row[3].set(xlabel="on the first", ylabel="on the second")
        draw_words(row[3], [(str(pair[0]), BLUE), (str(pair[1]), ORANGE)], 0.98, 0.13)
        row[4].plot(run.times, run.losses / run.losses[0], color=BLUE, lw=2.2, alpha=0.7)
        row[4].plot(run.times, run.right, color=GREEN)
        row[4].set(xlim=(0, run.times[-1]), ylim=(-0.03, 1.09), xlabel="time")
        draw_words(row[4], [("accuracy", GREEN), ("loss", BLUE)], 0.5, 0.12)
    fig.suptitle(f"{images.title}, {pair[0]} against {pair[1]}", fontsize=9)
    alt = (
        f"First-layer directions of a linear and a ReLU network as images of {images.title}, the "
        "digits projected on them, and accuracy over time: at the plateau one direction, the mean "
        "digit, with which every image gets the same answer; then a second, which separates the "
        "two digits, and accuracy jumps from one half to nearly one."
    )
    return Picture(fig, _name(images, "digit_stages"), alt, table)


def draw_directions(axes: Sequence[Axes], images: Images, run: Run, labels: Sequence[str]) -> None:
    """First-layer directions at the plateau and two at the end as images: blue is negative."""
    plateau = run.stairs.middles[1] if len(run.stairs.levels) > 2 else run.times[-1] / 2
    shown = [*directions(run, plateau, 1), *directions(run, run.times[-1], 2)]
    for ax, vector, label in zip(axes, shown, labels, strict=True):
        top, side = np.abs(vector).max(), images.side
        ax.imshow(vector.reshape(side, side), cmap="RdBu_r", vmin=-top, vmax=top)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        ax.set_title(label, fontsize=8)


def ten_digits_picture(images: Images, ten: TenDigits) -> Picture:
    """Ten digits: loss of gradient flow and of mini-batches, and confusions at each rank."""
    ranks = [k for k in range(1, 11) if (ten.widths == k).any()]
    fig = plt.figure(figsize=(10.4, 4.8), layout="constrained")
    upper, lower = fig.subfigures(2, 1, height_ratios=(1.9, 1))
    ax = upper.subplots()
    run, batches, top = ten.run, ten.batches, ten.run.losses[0]
    ax.plot(batches.times, batches.losses / top, color=ORANGE, lw=1, zorder=3)
    ax.plot(run.times, run.losses / top, color=BLUE, lw=2.6, alpha=0.75)
    levels, due = ten.theory.levels[0] / top, ten.theory.times[0]
    foreseen = run.times[run.times <= due[-1]]  # until the last drop that is predicted
    dashed(ax, foreseen, ten.theory.loss(0, foreseen) / top)
    draw_levels(ax, levels, color=FAINT, lw=0.6, zorder=0)
    width = due * ten.theory.width[0]  # half of each interval
    halves = (levels[1:] + levels[:-1]) / 2
    ax.errorbar(due, halves, xerr=width, fmt="o", color=RED, ms=4.5, capsize=3, zorder=4)
    for k, pair in enumerate(zip(due, halves, strict=True), 1):
        note(ax, str(k), pair, RED, (5, 3))
    ax.set(xlabel="time", ylabel="loss / initial loss", xlim=(0, run.times[-1]), ylim=(0.25, 1.04))
    title = f"{images.title}, all ten. Grey: saddles of rank 0 to 9; dots: drops, predicted"
    ax.set_title(title, fontsize=9)
    words = [("gradient flow", BLUE), ("mini-batches", ORANGE), ("dashed: predicted", INK)]
    words.append((f"intervals: {2 * width.max():.0e} wide or less", RED))
    draw_words(ax, words, zorder=5, bbox={"color": "white", "pad": 1})
    panels = lower.subplots(1, len(ranks), squeeze=False)[0]
    for panel, rank in zip(panels, ranks, strict=True):
        share, right = confusion(ten, rank)
        panel.imshow(share, cmap="Blues", vmin=0, vmax=1)
        panel.set(xticks=[0, 9], yticks=[0, 9])
        panel.set_title(f"rank {rank}\n{100 * right:.0f}% right", fontsize=8)
    panels[0].set(ylabel="digit", xlabel="taken for")
    alt = (
        f"Loss of a linear network on all ten of {images.title}: a first plateau, then ranks that "
        "follow so fast that no plateau forms between them; nine drops predicted before training "
        "lie on the curve, their intervals too narrow to see; mini-batches follow it too. "
        "Below, confusion matrices while the network has each rank: from one answer for all images "
        "to a diagonal, one digit after the other."
    )
    table = {"time": run.times, "loss": run.losses, "rank": ten.widths}
    noisy = {f"run_{k}": losses for k, losses in enumerate(batches.losses.T)}
    tables = {"batches": {"time": batches.times, **noisy}}
    return Picture(fig, _name(images, "ten_digits"), alt, table, tables)


def confusion(ten: TenDigits, rank: int) -> tuple[np.ndarray, float]:
    """Shares (10, 10) of each digit that are taken for each, at the end of the time with this rank.

    Also the share of all images that are classified correctly.
    """
    answers = ten.answers[np.flatnonzero(ten.widths == rank)[-1]]
    counts = np.bincount(10 * ten.truth + answers, minlength=100).reshape(10, 10)
    return counts / counts.sum(1, keepdims=True), float((answers == ten.truth).mean())


def pair_figure(images: Images, pair: Sequence[int], run: Run, levels: np.ndarray) -> Figure:
    """Loss and singular values of a run on the levels of theory, and what its first layer sees."""
    fig, axes = plt.subplots(1, 4, figsize=(8.2, 2.7), width_ratios=(2.6, 1, 1, 1))
    draw_levels(axes[0], levels / levels[0])
    draw_run(axes[0], run)
    axes[0].set(xlabel="time", title=f"{pair[0]} against {pair[1]}")
    draw_words(axes[0], [("loss", BLUE), ("singular values", ORANGE)], 0.9, x=0.97)
    draw_directions(axes[1:], images, run, ("plateau", "end, first", "second"))
    return fig


def _name(images: Images, name: str) -> str:
    """The name of a picture, with that of the data unless it is the default."""
    return name if images.side == 8 else f"{name}_mnist"


def explorer() -> Explorer:
    """Two digits by their names and an initial scale: loss, singular values, learned images.

    The network is linear, on the 8 x 8 digits; it trains by gradient flow until the second drop is
    over.  If both names are the same, the second digit is the next.
    """
    images, digits = handwritten_digits(), [str(digit) for digit in range(10)]

    def simulate(first: str, second: str, init_scale: float, width: int) -> tuple:
        pair = (int(first), int(second) if second != first else (int(first) + 1) % 10)
        task = digit_task(images, pair)
        s1, s2 = task.strengths[:2]
        end = 1.3 * (np.log(1 / init_scale) + 2) / s2 + 4 / s1
        return pair, train_linear(images, pair, width, init_scale, 0, end, 150), task.levels

    return Explorer(
        simulate, lambda found: pair_figure(images, *found),
        "Loss and singular values over time for two digits, and the first layer's directions as "
        "images at the plateau and at the end",
        {"the easiest pair": {"first": "0", "second": "1"},
        "a hard pair": {"first": "4", "second": "9"}, "no plateau": {"init_scale": 0.1}},
        first=Choice("3", digits, label="one digit"), second=Choice("5", digits, label="another"),
        init_scale=Slider(1e-6, -8, -1, 0.5, log=True, label="initial scale"),
        width=Slider(1000, 10, 1000, 10, label="units"),
    )  # fmt: skip
