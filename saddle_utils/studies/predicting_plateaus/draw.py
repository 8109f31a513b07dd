"""Figures that set predicted against measured drops, by architecture."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...notebook import Picture
from ...notebook.colours import BLUE, BROWN, DASHED, FAINT, GREEN, INK, ORANGE, PURPLE, RED, SKY
from ...notebook.look import dashed, draw_words

COLOURS = {
    "linear, whitened": BLUE, "linear": SKY, "linear conv": GREEN, "quadratic": ORANGE,
    "attention": RED, "ReLU": PURPLE, "ReLU conv": BROWN,
}  # fmt: skip
OTHERS = {
    "linear, 6 correlated": SKY, "deep linear": BLUE, "merged heads": RED, "ReLU, 6 inputs": PURPLE,
    "ReLU, 3 outputs": BROWN, "tanh": GREEN, "sine": GREEN, "gelu": GREEN, "softplus": INK,
    "x_tanh": ORANGE, "cubic": ORANGE, "rank-2 heads": RED,
}  # fmt: skip
FLOOR = 1e-8  # smaller errors are drawn there
ALL = COLOURS | OTHERS
Groups = Mapping[str, Mapping[str, np.ndarray]]  # the columns of `errors`, for each kind


def curve_figure(examples: Sequence[dict]) -> Figure:
    """Loss curves of `example`, the predicted one dashed over each."""
    fig, axes = plt.subplots(2, 4, figsize=(9.4, 4.3), sharey=True)
    for ax, shown in zip(axes.flat, examples, strict=False):
        draw_example(ax, **shown)
    for ax in axes.flat[len(examples) :]:
        ax.axis("off")
        words = [("colour: trained", FAINT), ("dashed: predicted,", INK), ("before training", INK)]
        draw_words(ax, words, 0.7, 0.12)
    for ax in axes[:, 0]:
        ax.set_ylabel("loss / initial loss")
    for ax in axes[-1]:
        ax.set_xlabel("time")
    axes[0, -1].set_xlabel("time")
    return fig


def example_figure(shown: dict) -> Figure:
    """One loss curve of `example`, with predicted curve, levels and times."""
    fig, ax = plt.subplots(figsize=(6.4, 3.6))
    draw_example(ax, **shown)
    for time in shown["drops"]:
        ax.axvline(time, color=FAINT, lw=0.7, ls=DASHED)
    ax.set(xlabel="time", ylabel="loss / initial loss")
    draw_words(ax, [("trained", ALL[shown["kind"]]), ("dashed: predicted", INK)])
    return fig


def draw_example(
    ax: Axes, kind: str, times: np.ndarray, losses: np.ndarray, grid: np.ndarray,
    theory: np.ndarray, drops: np.ndarray, levels: np.ndarray,
) -> None:  # fmt: skip
    """One loss curve, the predicted one and its levels dashed over it."""
    for level in levels:
        ax.axhline(level, color=FAINT, lw=0.7, ls=DASHED)
    ax.plot(times, losses, color=ALL[kind], lw=2.6, alpha=0.75)
    dashed(ax, grid, theory, 1.1)
    ax.set(xlim=(0, times[-1]), ylim=(-0.03, 1.06))
    ax.set_title(kind, color=ALL[kind], fontweight="bold")
    ax.ticklabel_format(axis="x", scilimits=(-3, 4))


def summary_figure(groups: Groups) -> Figure:
    """Predicted against measured times of all drops; below, the errors, a row for each kind.

    Drops about which the theory is in doubt (column "doubt") are hollow.  A bar goes from the
    median error to the 95th percentile.
    """
    fig, (ax, below) = plt.subplots(2, 1, figsize=(7.2, 8.8), height_ratios=[5, 3])
    for kind, drops in groups.items():
        _dots(ax, drops, drops["predicted_time"], drops["time"], ALL[kind])
    both = np.concatenate(
        [drops[of] for drops in groups.values() for of in ("predicted_time", "time")]
    )
    ends = np.nanmin(both) / 1.6, np.nanmax(both) * 1.6
    dashed(ax, ends, ends, 0.9, zorder=1)
    ax.set(xscale="log", yscale="log", xlim=ends, ylim=ends)
    ax.set(xlabel="time of a drop, predicted before training", ylabel="time of the drop, measured")
    total = sum(len(drops["time"]) for drops in groups.values())
    ax.set_title(f"{total} drops, nothing fitted", fontweight="bold")
    draw_words(ax, [(kind, ALL[kind]) for kind in groups], 0.46, 0.055)
    draw_words(ax, [("hollow: the theory is in doubt", FAINT)], 0.06)
    for x, y, text in ((0.17, 0.09, "waits of ln(1/ε)"), (0.72, 0.62, "waits of 1/ε")):
        ax.text(x, y, text, color=FAINT, transform=ax.transAxes)
    draw_errors(below, groups, "time_error", "error of the time")
    return fig


def draw_errors(ax: Axes, groups: Groups, column: str, label: str) -> None:
    """Sizes of a column of errors on a logarithmic axis, a row of dots for each kind."""
    rng = np.random.default_rng(0)
    for row, (kind, drops) in enumerate(groups.items()):
        gap = np.maximum(np.abs(drops[column]), FLOOR)
        _dots(ax, drops, gap, row + rng.uniform(-0.28, 0.28, len(gap)), ALL[kind])
        middle, end = np.nanquantile(gap, [0.5, 0.95])
        ax.plot([middle, end], [row, row], color=INK, lw=1.2, zorder=4)
        ax.plot([middle, end], [row, row], "|", color=INK, ms=11, mew=1.6, zorder=4)
    ax.set(xscale="log", xlim=(FLOOR / 1.5, 3), xlabel=f"{label} (bar: median to 95th percentile)")
    ax.set_ylim(len(groups) - 0.4, -0.6)
    ticks = 10.0 ** np.arange(np.log10(FLOOR), 1)
    ax.set_xticks(ticks, [f"{100 * t:g}%" for t in ticks])
    ax.set_yticks(range(len(groups)), groups)
    for tick, kind in zip(ax.get_yticklabels(), groups, strict=True):
        tick.set(color=ALL[kind], fontweight="bold")
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", color=FAINT, lw=0.3, alpha=0.5)


def level_figure(groups: Groups) -> Figure:
    """Predicted against measured levels, and durations of plateaus."""
    fig, axes = plt.subplots(1, 2, figsize=(7.4, 3.9))
    for ax, of in zip(axes, ("level", "duration"), strict=True):
        for kind, drops in groups.items():
            _dots(ax, drops, drops[f"predicted_{of}"], drops[of], ALL[kind])
        both = np.concatenate([d[c] for d in groups.values() for c in (of, f"predicted_{of}")])
        both = both[both > 0]
        ends = (-0.03, 1) if of == "level" else (both.min() / 1.6, both.max() * 1.6)
        dashed(ax, ends, ends, 0.9, zorder=1)
        ax.set(xlim=ends, ylim=ends, aspect="equal")
    axes[0].set(
        xlabel="level of a plateau, predicted", ylabel="measured", title="loss / initial loss"
    )
    axes[1].set(xscale="log", yscale="log", xlabel="duration of a plateau, predicted")
    axes[1].set(ylabel="measured", title="time between two drops")
    return fig


def _dots(ax: Axes, drops: Mapping, x: np.ndarray, y: np.ndarray, colour: tuple) -> None:
    """Dots, filled where the theory is sure, hollow where it is in doubt (column "doubt")."""
    sure, x, y = (np.asarray(a) for a in (drops["doubt"] == "none", x, y))
    ax.plot(x[~sure], y[~sure], "o", mfc="none", mec=colour, mew=0.7, ms=3.6, alpha=0.7, zorder=2)
    ax.plot(x[sure], y[sure], "o", color=colour, mec="white", mew=0.3, ms=4.2, zorder=3)


def predicted_curves_picture(
    examples: np.ndarray, kinds: np.ndarray, scales: np.ndarray
) -> Picture:
    """Loss curves of a random task of each kind, trained and predicted."""
    fig = curve_figure(examples)
    alt = (
        "Loss over time of seven random tasks, one of each kind, with up to three drops "
        "each; the loss curve predicted before training, dashed, lies on the trained one."
    )
    return Picture(
        fig,
        "predicted_curves",
        alt,
        {"kind": kinds, "scale": scales, "first_drop": [e["drops"][0] for e in examples]},
    )


def predicted_times_picture(groups: np.ndarray, table: np.ndarray) -> Picture:
    """Predicted against measured times of all drops, with the errors of each kind."""
    shown = [
        "kind", "run", "drop", "scale", "doubt", "predicted_time", "time", "predicted_level",
        "level",
    ]  # fmt: skip
    fig = summary_figure(groups)
    alt = (
        "Predicted against measured times of some 320 drops of seven architectures, over "
        "eight decades: on the diagonal. Below, the errors by architecture: medians from a "
        "millionth for quadratic units to a tenth of a percent for ReLU; "
        "large errors are hollow."
    )
    return Picture(fig, "predicted_times", alt, table[shown].to_dict("list"))


def predicted_levels_picture(groups: np.ndarray, table: np.ndarray) -> Picture:
    """Predicted against measured levels and durations of all plateaus."""
    fig = level_figure(groups)
    alt = (
        "Predicted against measured plateau levels (left) and durations (right): filled dots "
        "on the diagonal; hollow ones, where the theory doubts that there is a plateau, "
        "scatter around it."
    )
    return Picture(
        fig,
        "predicted_levels",
        alt,
        table[["kind", "doubt", "predicted_duration", "duration"]].to_dict("list"),
    )
