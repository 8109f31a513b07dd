"""Figures that set predicted against measured drops, by kind of network; and the explorer."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from scipy.stats import binom

from ...notebook import Choice, Explorer, Picture, Slider
from ...notebook.colours import BLUE, BROWN, DASHED, FAINT, GREEN, INK, ORANGE, PURPLE, RED, SKY
from ...notebook.look import dashed, draw_words
from ...theory.intervals import SHARE
from ...theory.predictions import TEARS
from .tasks import example

COLOURS = {
    "linear, whitened": BLUE, "linear": SKY, "linear conv": GREEN, "quadratic": ORANGE,
    "attention": RED, "ReLU": PURPLE, "ReLU conv": BROWN,
}  # fmt: skip
OTHERS = {
    "linear, 6 correlated": SKY, "deep linear": BLUE, "merged heads": RED, "ReLU, 6 inputs": PURPLE,
    "ReLU, 3 outputs": BROWN, "tanh": GREEN, "sine": GREEN, "gelu": GREEN, "softplus": INK,
    "x_tanh": ORANGE, "cubic": ORANGE, "rank-2 heads": RED,
}  # fmt: skip
ALL = COLOURS | OTHERS
FLOOR = 1e-8  # smaller errors are drawn there


def predicted_curves_picture(examples: Sequence[dict], scales: np.ndarray) -> Picture:
    """Loss curves of a random task of each kind (`example`), the predicted one dashed over each."""
    fig, axes = plt.subplots(2, 4, figsize=(9.4, 4.3), sharey=True)
    for ax, shown in zip(axes.flat, examples, strict=False):
        draw_example(ax, **shown)
    axes[-1, -1].axis("off")
    words = [("colour: trained", FAINT), ("dashed: predicted,", INK), ("before training", INK)]
    draw_words(axes[-1, -1], words, 0.7, 0.12)
    plt.setp(axes[:, 0], ylabel="loss / initial loss")
    plt.setp([*axes[-1], axes[0, -1]], xlabel="time")
    alt = (
        "Loss over time of seven random tasks, one of each kind, with up to three drops "
        "each; the loss curve predicted before training, dashed, lies on the trained one."
    )
    kinds, firsts = zip(*((shown["kind"], shown["drops"][0]) for shown in examples), strict=True)
    data = {"kind": kinds, "scale": scales, "first_drop": firsts}
    return Picture(fig, "predicted_curves", alt, data)


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


def predicted_times_picture(table: pd.DataFrame) -> Picture:
    """Predicted against measured times of all drops; below, the errors, a row for each kind."""
    fig, (ax, below) = plt.subplots(2, 1, figsize=(7.2, 8.8), height_ratios=[5, 3])
    _draw_agreement(ax, table, "time")
    ax.set(xlabel="time of a drop, predicted before training", ylabel="time of the drop, measured")
    ax.set_title(f"{len(table)} drops, nothing fitted", fontweight="bold")
    draw_words(ax, list(COLOURS.items()), 0.46, 0.055)
    draw_words(ax, [("hollow: the theory is in doubt", FAINT)], 0.06)
    for x, y, text in ((0.17, 0.09, "waits of ln(1/ε)"), (0.72, 0.62, "waits of 1/ε")):
        ax.text(x, y, text, color=FAINT, transform=ax.transAxes)
    _draw_errors(below, table)
    alt = (
        "Predicted against measured times of some 320 drops of seven architectures, over eight "
        "decades: on the diagonal. Below, the errors by architecture: medians from a millionth for "
        "quadratic units to hundredths of a percent for ReLU; large errors are hollow."
    )
    shown = ["kind", "run", "drop", "scale", "doubt"]
    shown += ["predicted_time", "time", "predicted_level", "level"]
    return Picture(fig, "predicted_times", alt, dict(table[shown]))


def predicted_levels_picture(table: pd.DataFrame) -> Picture:
    """Predicted against measured levels and durations of all plateaus."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.9))
    _draw_agreement(left, table, "level", (-0.03, 1))
    left.set(xlabel="level of a plateau, predicted", title="loss / initial loss")
    _draw_agreement(right, table, "duration")
    right.set(xlabel="duration of a plateau, predicted", title="time between two drops")
    plt.setp((left, right), ylabel="measured", aspect="equal")
    alt = (
        "Predicted against measured plateau levels (left) and durations (right): filled dots on "
        "the diagonal; hollow ones, where the theory doubts that there is a plateau, scatter."
    )
    shown = ["kind", "doubt", "predicted_duration", "duration"]
    return Picture(fig, "predicted_levels", alt, dict(table[shown]))


def _draw_agreement(
    ax: Axes, table: pd.DataFrame, of: str, ends: tuple[float, float] | None = None
) -> None:
    """Predicted against measured, and the diagonal; logarithmic if the `ends` are not given."""
    predicted, measured = table[f"predicted_{of}"], table[of]
    _draw_dots(ax, table, predicted, measured)
    if ends is None:
        both = pd.concat([predicted, measured])
        ends = both[both > 0].min() / 1.6, both.max() * 1.6
        ax.set(xscale="log", yscale="log")
    dashed(ax, ends, ends, 0.9, zorder=1)
    ax.set(xlim=ends, ylim=ends)


def _draw_dots(ax: Axes, table: pd.DataFrame, x: pd.Series, y: pd.Series) -> None:
    """Dots, filled where the theory is sure, hollow where it is in doubt (column "doubt")."""
    sure, colours = table["doubt"] == "none", table["kind"].map(ALL)
    hollow = {"facecolors": "none", "edgecolors": colours[~sure].tolist(), "lw": 0.7, "alpha": 0.7}
    ax.scatter(x[~sure], y[~sure], 13, zorder=2, **hollow)
    ax.scatter(x[sure], y[sure], 18, colours[sure].tolist(), edgecolors="white", lw=0.3, zorder=3)


def _draw_errors(ax: Axes, table: pd.DataFrame) -> None:
    """Errors of times, a row of dots for each kind, with a bar from median to 95th percentile."""
    gap = table["time_error"].abs().clip(lower=FLOOR)
    rows, kinds = pd.factorize(table["kind"])
    jitter = np.random.default_rng(0).uniform(-0.28, 0.28, len(gap))
    _draw_dots(ax, table, gap, pd.Series(rows + jitter, table.index))
    bars = gap.groupby(rows).quantile([0.5, 0.95]).unstack()
    for row, ends in bars.iterrows():
        ax.plot(ends, [row, row], "|-", color=INK, lw=1.2, ms=11, mew=1.6, zorder=4)
    ax.set(xscale="log", xlim=(FLOOR / 1.5, 3))
    ax.set_xlabel("error of the time (bar: median to 95th percentile)")
    _percent(ax.xaxis, FLOOR)
    _name_rows(ax, kinds, fontweight="bold")
    ax.grid(axis="x", color=FAINT, lw=0.3, alpha=0.5)


def _percent(axis: Axis, lowest: float) -> None:
    """Ticks in percent on a logarithmic axis, from `lowest` to 100%."""
    ticks = 10.0 ** np.arange(np.log10(lowest), 1)
    axis.set_ticks(ticks, [f"{100 * t:g}%" for t in ticks])


def _name_rows(ax: Axes, kinds: Sequence[str], **style) -> None:
    """Kinds of networks down the left side, each in its colour."""
    ax.set_ylim(len(kinds) - 0.4, -0.6)
    ax.set_yticks(range(len(kinds)), kinds, **style)
    for tick, kind in zip(ax.get_yticklabels(), kinds, strict=True):
        tick.set_color(ALL[kind])
    ax.tick_params(axis="y", length=0)


def predicted_others_picture(table: pd.DataFrame, others: pd.DataFrame) -> Picture:
    """Errors of the other kinds, and how often the times of all kinds lie in their intervals."""
    both = pd.concat([table, others], ignore_index=True)
    fig, (left, right) = plt.subplots(1, 2, figsize=(10.2, 5.4), width_ratios=[5, 3])
    _draw_errors(left, others)
    left.set_title("times of drops, other kinds", fontweight="bold")
    _draw_coverage(right, both)
    alt = (
        "Left: errors of predicted times for twelve other kinds of networks, a row of dots each, "
        "logarithmic: from a millionth for linear ones and tanh to hundredths of a percent for "
        "ReLU. "
        "Right: the share of times in their intervals, for all nineteen kinds, around the nine "
        "tenths claimed."
    )
    shown = ["kind", "run", "drop", "scale", "doubt", "predicted_time", "time", "width", "inside"]
    return Picture(fig, "predicted_others", alt, dict(both[shown]))


def _draw_coverage(ax: Axes, table: pd.DataFrame) -> None:
    """Share of the times in their intervals, by kind, and what a claim of SHARE would give.

    Grey: from the 5th to the 95th percentile of so many draws that are each inside with that
    probability.
    """
    kinds = table.groupby("kind", sort=False).inside.agg(["mean", "size"])
    for row, (kind, (mean, size)) in enumerate(kinds.iterrows()):
        low, high = binom.ppf([0.05, 0.95], int(size), SHARE) / size
        ax.plot([low, high], [row, row], color=FAINT, lw=5, alpha=0.5, solid_capstyle="butt")
        ax.plot(mean, row, "o", color=ALL[kind], mec="white", mew=0.4, ms=6)
    _name_rows(ax, kinds.index, fontsize=8)
    dashed(ax, [SHARE, SHARE], ax.get_ylim(), 0.9, zorder=1)
    ax.set(xlim=(0.4, 1.03), xlabel="share of times inside")
    ax.set_title(f"intervals: {100 * table.inside.mean():.0f}% inside", fontweight="bold")


def predicted_scales_picture(table: pd.DataFrame) -> Picture:
    """Errors of the predicted times over the initial scale: medians by decade, for each kind.

    Dashed: the scale, up to a factor; and what the leading logarithm alone is off by, as 1 / ln.
    """
    fig, ax = plt.subplots(figsize=(7.2, 4.6))
    edges = np.logspace(-8, -2, 7)
    decade = pd.cut(table["scale"], edges, labels=np.sqrt(edges[1:] * edges[:-1])).astype(float)
    gap, log_gap = table["time_error"].abs().clip(lower=FLOOR), table["log_error"].abs()
    for kind, scale in table.groupby("kind", sort=False)["scale"]:
        ax.plot(scale, gap[scale.index], "o", color=ALL[kind], ms=2.2, alpha=0.25, mec="none")
        medians = gap[scale.index].groupby(decade).median()
        ax.plot(medians, "o-", color=ALL[kind], lw=1.6, ms=4.5, mec="white", mew=0.4)
    ax.plot(log_gap.groupby(decade).median(), "s", color=FAINT, ms=4.5)
    factor = (log_gap * np.log(1 / table["scale"])).median()
    ax.plot(edges, factor / np.log(1 / edges), color=FAINT, lw=1, ls=DASHED)
    dashed(ax, edges, 0.05 * edges)
    ax.set(xscale="log", yscale="log", xlim=(2e-2, 2e-9), ylim=(FLOOR / 1.5, 2))
    ax.set(xlabel="initial scale ε", ylabel="error of the time (median by decade)")
    _percent(ax.yaxis, FLOOR)
    draw_words(ax, list(COLOURS.items()), 0.8, 0.06)
    ax.text(3e-7, 1.6 * factor / np.log(1 / 3e-7), "leading logarithm alone", color=FAINT)
    ax.text(2.2e-4, 1.5e-6, "∝ ε", color=INK, ha="right")
    alt = (
        "Error of the time over the initial scale, by architecture, log-log: quadratic and "
        "attention fall in proportion to the scale to a floor of 3e-7, linear ones to 1e-5; "
        "ReLU stays at hundredths of a percent. The leading logarithm alone stays between 10 and "
        "30 percent, on a dashed line of 1 / ln(1/eps)."
    )
    shown = ["kind", "scale", "time_error", "log_error"]
    return Picture(fig, "predicted_scales", alt, dict(table[shown]))


def predicted_failures_picture(
    close: pd.DataFrame, relu: pd.DataFrame, rates: np.ndarray
) -> Picture:
    """Where predictions fail: `degenerate` strengths; rays that tear, at `rates` of `tearing`."""
    fig, (left, middle, right) = plt.subplots(1, 3, figsize=(10.2, 3.5))
    _draw_close(left, close[close["drop"] < 3])
    ends = rates.min() / 1.4, rates.max() * 1.4
    dashed(middle, ends, ends, 0.9)
    middle.plot(*rates.T, "o", color=ALL["ReLU conv"], ms=4.5, mec="white", mew=0.3)
    middle.set(xscale="log", yscale="log", xlim=ends, ylim=ends, title="rays of a ReLU convolution")
    middle.set(xlabel="rate at which a ray tears, predicted", ylabel="measured")
    marks = [t for t in (0.01, 0.03, 0.1, 0.3, 1, 3) if ends[0] < t < ends[1]]
    middle.set(xticks=marks, xticklabels=marks, yticks=marks, yticklabels=marks)
    middle.minorticks_off()
    _draw_torn(right, relu[relu["drop"] > 1])
    for ax in (left, right):
        ax.set(yscale="log", ylabel="error", ylim=(1e-6, 2))
        _percent(ax.yaxis, 1e-6)
    alt = (
        "Left: errors of plateau levels over how close the strengths are, up to 20 percent "
        "for levels of saddles, below one for the closed solution. Middle: rates of tearing, "
        "on the diagonal. Right: errors of second drops of ReLU networks over the differences "
        "within their rays: large ones lie in the doubted region, beyond a thousandth."
    )
    data = dict(close[["ratio", "drop", "level", "predicted_level", "closed_level"]])
    tables = {"rates": {"predicted": rates[:, 0], "measured": rates[:, 1]}}
    return Picture(fig, "predicted_failures", alt, data, tables)


def _draw_close(ax: Axes, close: pd.DataFrame) -> None:
    """Errors of levels over the ratio of close strengths, by saddles and in closed form."""
    styles = {"predicted": {"mfc": "none", "mec": BLUE}, "closed": {"color": INK, "mec": "none"}}
    for of, style in styles.items():
        gap = (close["level"] - close[f"{of}_level"]).abs().clip(lower=2e-6)
        ax.plot(close["ratio"], gap, "o", ms=4, **style)
    ax.set(xlabel="closest strengths, $s_{k+1}/s_k$", title="levels, linear, whitened")
    words = [("level of the saddle", BLUE), ("whole curve in closed form", INK)]
    draw_words(ax, words, 0.98, x=0.03, ha="left")


def _draw_torn(ax: Axes, later: pd.DataFrame) -> None:
    """Errors of later drops of ReLU units over their tearing, of which small ones are spread."""
    few = 1e-9 * np.exp(np.random.default_rng(0).uniform(-3, 0, len(later)))
    torn = later["tearing"].where(later["tearing"] > 1e-9, few)
    colours, gap = later["kind"].map(ALL), later["time_error"].abs()
    ax.scatter(torn, gap, 16, colours.tolist(), edgecolors="white", lw=0.3, alpha=0.9)
    ax.axvspan(TEARS, 10, color=FAINT, alpha=0.15, lw=0)
    ax.text(1.5 * TEARS, 2e-6, "doubted", color=FAINT)
    ax.set(xscale="log", xlim=(2e-11, 10), xlabel="difference within a ray, predicted")
    ax.set_title("times of second drops, ReLU")
    words = [(kind, ALL[kind]) for kind in later["kind"].unique()]
    draw_words(ax, words, 0.98, x=0.03, ha="left")


def example_figure(shown: dict) -> Figure:
    """One loss curve of `example`, with predicted curve, levels and times."""
    fig, ax = plt.subplots(figsize=(6.4, 3.6))
    draw_example(ax, **shown)
    for time in shown["drops"]:
        ax.axvline(time, color=FAINT, lw=0.7, ls=DASHED)
    ax.set(xlabel="time", ylabel="loss / initial loss")
    draw_words(ax, [("trained", ALL[shown["kind"]]), ("dashed: predicted", INK)])
    return fig


def explorer() -> Explorer:
    """The explorer of predicted plateaus: a random task of an architecture, and its prediction."""
    return Explorer(
        example, example_figure,
        "Loss over time of a random task, the loss curve predicted before training dashed over it",
        {"quadratic units": {"architecture": "quadratic"}, "a ReLU task": {"architecture": "ReLU"},
        "long waits": {"init_scale": 1e-8}, "hardly a plateau": {"init_scale": 1e-2}},
        architecture=Choice(next(iter(ALL)), [*ALL]),
        init_scale=Slider(1e-4, -8, -2, 0.25, log=True, label="initial scale"),
        seed=Slider(1, 0, 100), width=Slider(20, 5, 30, label="units"),
    )  # fmt: skip
