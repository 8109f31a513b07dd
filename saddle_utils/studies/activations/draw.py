"""Figure 4 composed, the table of classes, and the confusion of time scales."""

from collections.abc import Sequence
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...datasets import FIGURE4, digitised, figure4_panel
from ...datasets.figure4 import LETTERS
from ...notebook import Choice, Explorer, Picture, Slider
from ...notebook.colours import BLUE, FAINT, GREEN, INK, ORANGE
from ...notebook.look import dashed, draw_levels, one_table, write
from ...observables import effective_width
from ..figure1 import PanelRun, train_panel
from ..figure1.draw import draw_weights
from .measure import LONGER, NAMES, TASKS
from .panels import TAU, class_words, expected, shown

QUICK = {"softmax": 500, "softmax_rank2": 500}  # epochs of the panels that cost the explorer more


def fig4_picture(
    runs: dict[str, PanelRun], others: dict[str, list[PanelRun]], levels: dict[str, float]
) -> Picture:
    """Figure 4 whole: a run of each panel, other seeds behind it, and levels of width 1."""
    fig = plt.figure(figsize=(14, 7.8))
    parts = fig.subfigures(3, 4).ravel()
    for part, (name, run) in zip(parts, runs.items(), strict=False):
        axes = part.subplot_mosaic("LPE", width_ratios=(1.6, 1, 1))
        draw_panel(axes, run, others[name], levels[name])
        letter, words = LETTERS.get(name, ""), class_words(expected(run.panel))
        part.suptitle(
            f"$\\bf{{{letter or '·'}}}$  {run.panel.title}\n{words}", x=0.03, ha="left", fontsize=9
        )
    key = (
        ("this run", BLUE), ("other seeds", FAINT), ("the paper, digitised (D, F)", ORANGE),
        ("best or nearest network of width 1, dashed", INK),
        ("first-layer weights (first key of softmax heads),", GREEN),
        ("at the plateau or after the drop, and at the end", GREEN),
        ("A and G: letters inferred; no letter: unknown,", INK), ("or beyond the paper", INK),
    )  # fmt: skip
    for row, (text, colour) in enumerate(key):
        parts[-1].text(0.05, 0.8 - 0.08 * row, text, color=colour, fontsize=8, fontweight="bold")
    alt = (
        "Figure 4 in eleven panels. Softmax attention, x tanh x, cubic and leaky ReLU units fall "
        "in two steps with a plateau of one unit between; sigmoid and softplus learn the mean at "
        "once, then wait with all units equal; sine, tanh, GELU and swish drop once and slide."
    )
    epochs = np.arange(0, 2001, 5)
    curves = {name: np.interp(epochs, run.epochs, run.losses) for name, run in runs.items()}
    units = [
        (name, word, run.units_at(epoch)[:, run.panel.shown].T) for name, run in runs.items()
        for word, epoch in zip(("first", "end"), shown(run), strict=True)
    ]  # fmt: skip
    weights = one_table({"panel": n, "at": word, "u1": u[0], "u2": u[1]} for n, word, u in units)
    return Picture(fig, "fig4", alt, {"epoch": epochs, **curves}, {"weights": weights})


def draw_panel(
    axes: dict[str, Axes], run: PanelRun, others: Sequence[PanelRun], level: float
) -> None:
    """Loss of a run among other seeds on axes L, weights at two moments on P and E."""
    loss = axes["L"]
    for other in others:
        loss.plot(other.epochs, other.losses, color=FAINT, lw=0.5, alpha=0.5)
    dots = (None, None)
    if run.panel.name in ("fig4d", "fig4f"):
        paper = digitised(run.panel.name)
        loss.plot(paper.epochs, paper.losses, color=ORANGE, lw=5, alpha=0.55)
        dots = (paper.weights_plateau, paper.weights_final)
    draw_levels(loss, [level], run.epochs[-1])
    loss.plot(run.epochs, run.losses, color=BLUE)
    loss.set(xlim=(0, run.epochs[-1]), ylim=(-0.04, 1.07), xlabel="epoch", ylabel="loss")
    loss.set(xticks=np.linspace(0, run.epochs[-1], 3))
    end = run.trajectory.theta[-1]
    span = 1.15 * np.abs(end[:, run.panel.shown]).max()
    first = "plateau" if expected(run.panel).kept else "drop"
    for key, word, epoch, theirs in zip("PE", (first, "end"), shown(run), dots, strict=True):
        now = run.units_at(epoch)
        width = int(effective_width(run.panel.network, now, TAU, end))
        draw_weights(axes[key], now[:, run.panel.shown], f"{word}: {width}", theirs, span)
        at = np.searchsorted(run.epochs, epoch - 1e-6)
        dot = {"color": BLUE, "ms": 5, "mec": "white", "clip_on": False, "zorder": 5}
        loss.plot(run.epochs[at], run.losses[at], "o", **dot)


def classes_picture(table: dict[str, np.ndarray]) -> Picture:
    """Predicted against measured class: factors by which plateaus lengthen (`class_table`)."""
    there = {*zip(table["phi"], table["task"], strict=True)}
    rows = [(name, task) for name in NAMES for task in TASKS if (name, task) in there]
    fig, ax = plt.subplots(figsize=(8, 0.21 * len(rows) + 1))
    for y, (name, task) in enumerate(reversed(rows)):
        mine = (table["phi"] == name) & (table["task"] == task)
        kept, order = table["kept"][mine][0], table["order"][mine][0]
        colour = BLUE if kept else ORANGE
        for factor, second in zip(table["lengthening"][mine], table["second"][mine], strict=True):
            asked = second or not kept
            ax.plot(factor, y, "o", color=colour if asked else "none", ms=5,
                    mec="white" if asked else colour, mew=0.4 if asked else 1)  # fmt: skip
        words = f"order {order}, {table['relation'][mine][0]}"
        ax.annotate(words, (1.01, y), xycoords=("axes fraction", "data"), va="center", fontsize=7.5)
    ax.set_yticks(range(len(rows)), [f"{n}, {t}" for n, t in reversed(rows)], fontsize=7.5)
    dashed(ax, [LONGER, LONGER], [-1, len(rows)])
    ax.set(
        xscale="log", ylim=(-0.7, len(rows) - 0.3), xlim=(0.9, None),
        xlabel="the way down takes longer by this factor, from weights a millionth of the scale "
        "(a hundredth, for orders of 2 and more)",
    )  # fmt: skip
    ax.set_title(
        "blue: predicted saddle to saddle (open: no second drop); orange: predicted slide",
        fontsize=9,
    )
    alt = (
        "Factor by which the way down lengthens as the initial scale shrinks, a row for each "
        "activation and task: near 1 for tanh, sine, GELU and swish on tasks with a linear part, "
        "well above for all combinations that are predicted to go from saddle to saddle, but for a "
        "few that have no second drop (open) or two directions that grow alike."
    )
    return Picture(fig, "activation_classes", alt, table)


def confusion_picture(table: dict[str, np.ndarray]) -> Picture:
    """Predicted against measured time scales, by the order of phi alone and by the degree seen."""
    fig, axes = plt.subplots(1, 2, figsize=(12, 4.6), sharey=True)
    titles = ("order of φ and depth alone", "lowest degree that the task sees")
    kinds = sorted({*table["naive"], *table["seen"], *table["measured"]}, key=_rank)
    for ax, key, title in zip(axes, ("naive", "seen"), titles, strict=True):
        counts = confusion(table[key], table["measured"], kinds)
        ax.imshow(np.sqrt(counts), cmap="Blues", vmin=0, vmax=np.sqrt(counts.max()))
        for (i, j), n in np.ndenumerate(counts):
            if n:
                colour = "white" if n > counts.max() / 4 else INK
                write(ax, j, i, n, colour, fontweight="bold")
        ax.set_xticks(range(len(kinds)), kinds, rotation=35, ha="right")
        ax.set(xlabel="measured", title=title)
        ax.set_yticks(range(len(kinds)), kinds)
        ax.spines[:].set_visible(False)
    axes[0].set_ylabel("predicted")
    alt = (
        "Two confusion tables of predicted and measured dependence of the first drop on the "
        "initial scale, two to five layers. By the order of the activation and the depth alone "
        "many combinations are off the diagonal; by the lowest degree that the task sees all or "
        "nearly all are on it."
    )
    return Picture(fig, "time_scales", alt, table)


def _rank(kind: str) -> int:
    """Place of a time scale in a table: immediate, logarithmic, powers, never."""
    known = {"immediate": -1, "logarithmic": 0, "1/eps": 1, "never": 99}
    return known[kind] if kind in known else int(kind.split("^")[1])


def confusion(predicted: np.ndarray, measured: np.ndarray, kinds: Sequence[str]) -> np.ndarray:
    """Counts of combinations by predicted (rows) and measured (columns) kind."""
    return np.array([[np.sum((predicted == a) & (measured == b)) for b in kinds] for a in kinds])


def snapshot(run: PanelRun, progress: float) -> Figure:
    """Loss and effective width over epochs, and the weights at `progress`; for the explorer."""
    fig, (left, right) = plt.subplots(
        1, 2, figsize=(7.4, 3.1), width_ratios=(1.7, 1), layout="none"
    )  # laid out by hand, which is faster
    fig.subplots_adjust(0.075, 0.16, 0.985, 0.9, wspace=0.27)
    end, k = run.trajectory.theta[-1], round(progress * (len(run.epochs) - 1))
    left.plot(run.epochs, run.losses, color=BLUE)
    left.plot(run.epochs[k], run.losses[k], "o", color=BLUE, mec="white", ms=7, clip_on=False)
    left.set(xlim=(0, run.epochs[-1]), ylim=(-0.04, 1.07), xlabel="epoch")
    left.set(ylabel="loss / initial loss", title=run.panel.title)
    second = left.twinx()
    every = max(len(run.epochs) // 25, 1)
    epochs, widths = run.width_curve(TAU, every)
    second.step(epochs, widths, where="post", color=GREEN, lw=1.2)
    second.set_ylabel("effective width", color=GREEN)
    second.set_ylim(0, max(2.2, 1.1 * widths.max()))
    width = int(effective_width(run.panel.network, run.trajectory.theta[k], TAU, end))
    limit = 1.15 * np.abs(end[:, run.panel.shown]).max()
    title = f"epoch {run.epochs[k]:.0f}: width {width}"
    draw_weights(right, run.trajectory.theta[k][:, run.panel.shown], title, limit=limit)
    return fig


def explorer() -> Explorer:
    """Explorer of all panels of Figure 4; `scale` multiplies the panel's initial scale."""

    def simulate(phi: str, scale: float, width: int, seed: int) -> PanelRun:
        panel, epochs = figure4_panel(phi), QUICK.get(phi, 2000)
        longer = 1 if phi == "cubic" else 2  # steps, which nobody sees where they are stable
        run = train_panel(
            replace(panel, lr=longer * panel.lr), seed, width, scale * panel.init_scale,
            epochs=epochs // longer, every=20 // longer,
        )  # fmt: skip
        return replace(run, panel=panel)

    alt = "Loss and effective width of a network with the chosen activation, and its weights"
    return Explorer(
        simulate, snapshot, alt,
        {"the paper": {}, "a unit at a time": {"phi": "x_tanh"}, "the mean first":
        {"phi": "sigmoid"}, "no plateau": {"phi": "x_tanh", "scale": 10**1.2}},
        phi=Choice("tanh", tuple(FIGURE4), "activation"),
        scale=Slider(1.0, -3, 1.5, 0.1, log=True, label="scale × panel's"), width=Slider(10, 1, 30),
        seed=Slider(0, 0, 100), progress=Slider(0.3, 0.0, 1.0, 0.01, view=True, label="time shown"),
    )  # fmt: skip
