"""Figure 4 composed, the table of classes, and the confusion of time scales."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ...datasets import FIGURE4, figure4_panel
from ...datasets.figure4 import LETTERS
from ...notebook import Choice, Explorer, Picture, Slider
from ...notebook.colours import BLUE, FAINT, GREEN, INK, ORANGE
from ...notebook.look import dashed, draw_map, draw_words, note, one_table
from ...theory.activations import time_scale
from ..figure1 import PanelRun, train_panel
from ..figure1 import draw as figure1
from .measure import LONGER
from .panels import SOFTMAX, TAU, Ensembles, class_words, expected, shown

KEY = (
    ("this run", BLUE), ("other seeds", FAINT), ("the paper, digitised (D, F)", ORANGE),
    ("best or nearest network of width 1, dashed", INK),
    ("first-layer weights (first key of softmax heads)", GREEN),
    ("after the first drop and at the end: effective width", GREEN),
    ("A and G: letters inferred; no letter: unknown,", INK), ("or beyond the paper", INK),
)  # fmt: skip


def fig4_picture(runs: dict[str, PanelRun], others: Ensembles, levels: dict[str, float]) -> Picture:
    """Figure 4 whole: a run of each panel, other seeds behind it, and levels of width 1."""
    fig = plt.figure(figsize=(14, 7.8))
    *parts, last = fig.subfigures(3, 4).ravel()
    for part, (name, run) in zip(parts, runs.items(), strict=True):
        axes = part.subplot_mosaic("LPE", width_ratios=(1.6, 1, 1))
        figure1.draw_panel(
            axes, run, [levels[name]], others[name], shown(run), TAU, "{word}: {width}"
        )
        axes["L"].set(xlabel="epoch", ylabel="loss", xticks=np.linspace(0, run.epochs[-1], 3))
        letter, words = LETTERS.get(name, "·"), class_words(expected(run.panel))
        title = f"$\\bf{{{letter}}}$  {run.panel.title}\n{words}"
        part.suptitle(title, x=0.03, ha="left", fontsize=9)
    for row, (text, colour) in enumerate(KEY):
        last.text(0.05, 0.8 - 0.08 * row, text, color=colour, fontsize=8, fontweight="bold")
    alt = (
        "Figure 4 in eleven panels. Softmax attention, x tanh x, cubic and leaky ReLU units fall "
        "in two steps with a plateau of one unit between; sigmoid and softplus learn the mean at "
        "once, then wait with all units equal; sine, tanh, GELU and swish drop once and slide."
    )
    epochs = np.arange(0, 2001, 5)
    curves = {name: np.interp(epochs, run.epochs, run.losses) for name, run in runs.items()}
    units = [
        (name, word, run.units_at(epoch)[:, run.panel.shown].T) for name, run in runs.items()
        for word, (_, epoch) in zip(("first", "end"), shown(run), strict=True)
    ]  # fmt: skip
    weights = one_table({"panel": n, "at": word, "u1": u[0], "u2": u[1]} for n, word, u in units)
    return Picture(fig, "fig4", alt, {"epoch": epochs, **curves}, {"weights": weights})


def classes_picture(table: pd.DataFrame) -> Picture:
    """Predicted against measured class: factors by which plateaus lengthen (`class_table`)."""
    groups = [*table.groupby(["phi", "task"], sort=False)][::-1]
    fig, ax = plt.subplots(figsize=(8, 0.21 * len(groups) + 1))
    for y, (_, rows) in enumerate(groups):
        words = f"order {rows['order'].iloc[0]}, {rows['relation'].iloc[0]}"
        ax.annotate(words, (1.01, y), xycoords=("axes fraction", "data"), va="center", fontsize=7.5)
    drawn = pd.concat([rows.assign(y=y) for y, (_, rows) in enumerate(groups)])
    for (kept, second), rows in drawn.groupby(["kept", "second"]):
        colour, asked = BLUE if kept else ORANGE, second or not kept
        style = {"mec": "white", "mew": 0.4} if asked else {"mfc": "none"}
        ax.plot(rows["lengthening"], rows["y"], "o", color=colour, ms=5, **style)
    names = [f"{phi}, {task}" for (phi, task), _ in groups]
    ax.set_yticks(range(len(groups)), names, fontsize=7.5)
    dashed(ax, [LONGER, LONGER], [-1, len(groups)])
    note(ax, "saddle", (LONGER, len(groups) - 0.6), offset=(4, 0), fontsize=7.5)
    ax.set(
        xscale="log", ylim=(-0.7, len(groups) - 0.3), xlim=(0.9, None),
        xlabel="the way down takes longer by this factor, from weights a millionth of the scale "
        "(a hundredth, for orders of 2 and more)",
    )  # fmt: skip
    title = "blue: predicted saddle to saddle (open: no second drop); orange: predicted slide"
    ax.set_title(title, fontsize=9)
    alt = (
        "Factor by which the way down lengthens as the initial scale shrinks, a row for each "
        "activation and task: near 1 for tanh, sine, GELU and swish on tasks with a linear part, "
        "well above for all combinations that are predicted to go from saddle to saddle, but for a "
        "few that have no second drop (open) or two directions that grow alike."
    )
    return Picture(fig, "activation_classes", alt, table)


def confusion_picture(table: pd.DataFrame) -> Picture:
    """Predicted against measured time scales, by the order of phi alone and by the degree seen."""
    fig, axes = plt.subplots(1, 2, figsize=(12, 4.6), sharey=True)
    titles = ("order of φ and depth alone", "lowest degree that the task sees")
    found = {*table["naive"], *table["seen"], *table["measured"]}
    kinds = [kind for kind in map(time_scale, [*range(1, 100), None]) if kind in found]
    for ax, key, title in zip(axes, ("naive", "seen"), titles, strict=True):
        counts = pd.crosstab(table[key], table["measured"])
        counts = counts.reindex(index=kinds, columns=kinds, fill_value=0)
        draw_map(ax, np.sqrt(counts), counts.replace(0, ""), cmap="Blues")
        ax.set(xlabel="measured", ylabel="", title=title)
        ax.set_xticks(ax.get_xticks(), kinds, rotation=35, ha="right")
    axes[0].set_ylabel("predicted")
    alt = (
        "Two confusion tables of predicted and measured dependence of the first drop on the "
        "initial scale, two to five layers. By the order of the activation and the depth alone "
        "many combinations are off the diagonal; by the lowest degree that the task sees all or "
        "nearly all are on it."
    )
    return Picture(fig, "time_scales", alt, table)


def snapshot(run: PanelRun, progress: float) -> Figure:
    """Loss and effective width over epochs, and the weights at `progress`; for the explorer."""
    fig = figure1.snapshot(run, progress, TAU)
    epochs, widths = run.width_curve(TAU, max(len(run.epochs) // 25, 1))
    top = max(2, widths.max())  # on the axis of the loss: one of its own takes a fifth of the time
    fig.axes[0].step(epochs, widths / top, where="post", color=GREEN, lw=1.2)
    draw_words(fig.axes[0], [(f"effective width / {top:.0f}", GREEN)], 0.9)
    return fig


def explorer() -> Explorer:
    """Explorer of all panels of Figure 4; `scale` multiplies the panel's initial scale."""

    def simulate(phi: str, scale: float, width: int, seed: int) -> PanelRun:
        panel = figure4_panel(phi)
        epochs = 500 if phi in SOFTMAX else 2000  # the former cost more
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
