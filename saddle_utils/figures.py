"""One look for all figures, and one way to save them: picture, vector and the numbers behind."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from IPython.display import Image
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from .datasets import Line, digitised
from .dynamics import Trajectory
from .files import output_folder, write_whole
from .panels import PanelRun, first_drops, plateau_walk
from .plateaus import Staircase
from .units import effective_width, kinks

BLUE, ORANGE, GREEN, RED, PURPLE, BROWN, PINK, GREY, YELLOW, SKY = sns.color_palette("colorblind")
INK, FAINT = "#222222", "#9a9a9a"
WIDTH_COLOURS = (FAINT, BLUE, RED, GREEN, PURPLE)  # effective width 0, 1, 2, ...


def use_style() -> None:
    """Draw everything from here on in the house style."""
    plt.style.use(Path(__file__).parent / "house.mplstyle")


def save_figure(
    fig: Figure,
    name: str,
    alt: str,
    data: Mapping[str, Sequence],
    output_dir: str | Path | None = None,
    **tables: Mapping[str, Sequence],
) -> Image:
    """Write `name`.png and .svg and the numbers behind them, and return the picture with alt text.

    `data` (columns of one length) goes to data/`name`.csv, every further table to
    data/`name`_`table`.csv.
    """
    folder = output_folder(output_dir)
    csv = {"": data, **{f"_{key}": table for key, table in tables.items()}}
    files = {folder / "data" / f"{name}{key}.csv": _csv(table) for key, table in csv.items()}
    for kind, metadata in (("svg", {"Date": None}), ("png", {"Software": None})):
        buffer = io.BytesIO()
        fig.savefig(buffer, format=kind, metadata=metadata)
        content = buffer.getvalue()
        files[folder / f"{name}.{kind}"] = _canonical(content) if kind == "svg" else content
    plt.close(fig)
    for path, content in files.items():
        write_whole(path, content)
    inches = fig.get_size_inches()[0]
    return Image(files[folder / f"{name}.png"], alt=alt, width=int(100 * inches))


def _canonical(svg: bytes) -> bytes:
    """The same bytes each time: the layout solver leaves now 0, now -0, and ids that hash it."""
    svg = re.sub(rb"(?<![\d.e])-0(?![\d.])", b"0", svg)
    ids = dict.fromkeys(re.findall(rb'<clipPath id="(\w+)"', svg))
    for number, name in enumerate(ids):
        svg = svg.replace(name, b"clip%d" % number)
    return svg


def _csv(table: Mapping[str, Sequence]) -> bytes:
    """Six digits, nothing below 1e-9 of the largest: what machines of other make agree on."""
    frame = pd.DataFrame(dict(table))
    for column in frame.select_dtypes(float):
        noise = 1e-9 * frame[column].abs().max()
        frame[column] = frame[column].where(frame[column].abs() > noise, 0.0)
    return frame.to_csv(index=False, float_format="%.6g", lineterminator="\n").encode()


def draw_loss(
    ax: Axes, run: PanelRun, ensemble: PanelRun | None = None, levels: Sequence[float] = ()
) -> None:
    """The loss of a run over that of the paper and of other seeds, theory's levels dashed."""
    end = run.epochs[-1]
    paper = digitised(run.panel.name)
    if ensemble is not None:
        ax.plot(ensemble.epochs, ensemble.losses, color=FAINT, lw=0.5, alpha=0.45)
    ax.plot(paper.epochs, paper.losses, color=ORANGE, lw=5, alpha=0.55)
    draw_levels(ax, levels, end)
    ax.plot(run.epochs, run.losses, color=BLUE)
    ax.set(xlim=(0, end), ylim=(-0.04, 1.07), ylabel="loss / initial loss")


def draw_levels(ax: Axes, levels: Sequence[float], end: float) -> None:
    """Theory's levels, dashed, with their values at the right end."""
    for level in levels:
        ax.axhline(level, color=INK, lw=0.9, ls=(0, (4, 3)))
        ax.annotate(
            f"{level:.3f}".lstrip("0") if 5e-4 < level < 1 else f"{level:.0f}",
            (end, level),
            (3, 0),
            textcoords="offset points",
            va="center",
            fontsize=7.5,
            color=INK,
        )


def draw_labels(ax: Axes, run: PanelRun, seeds: int = 0) -> None:
    """Say in the corner what the lines of `draw_loss` are."""
    words = [("this run", BLUE), ("the paper, digitised", ORANGE), ("theory, dashed", INK)]
    words += [(f"{seeds} seeds", FAINT)] if seeds else []
    for row, (text, colour) in enumerate(words):
        ax.text(
            0.985,
            0.93 - 0.085 * row,
            text,
            color=colour,
            transform=ax.transAxes,
            ha="right",
            va="top",
            fontsize=8,
            fontweight="bold",
        )


def draw_weights(
    ax: Axes, u: np.ndarray, title: str = "", paper: np.ndarray | None = None, limit: float = 0
) -> None:
    """First-layer weights (units, 2) as dots on their rays, the paper's as open circles."""
    span = limit or 1.25 * np.abs(u).max()
    ax.axhline(0, color=FAINT, lw=0.6)
    ax.axvline(0, color=FAINT, lw=0.6)
    rays = np.stack([np.zeros_like(u), u], axis=1)
    ax.add_collection(LineCollection(rays, color=BLUE, lw=0.5, alpha=0.35))
    if paper is not None:
        ax.plot(*paper.T, "o", mfc="none", mec=ORANGE, mew=1.1, ms=6, alpha=0.8)
    ax.plot(*u.T, "o", color=BLUE, ms=3, mec="white", mew=0.3)
    ax.set(xlim=(-span, span), ylim=(-span, span), aspect="equal", xticks=[], yticks=[])
    ax.set_title(title, fontsize=8.5, color=GREEN, fontweight="bold", loc="center")
    sns.despine(ax=ax, left=True, bottom=True)


def draw_widths(ax: Axes, run: PanelRun, thresholds: Sequence[float] = (0.02, 0.05, 0.1)) -> None:
    """Effective width over the run, a line for each threshold, against the learned network."""
    for tau, lw in zip(thresholds, (0.8, 2.2, 0.8), strict=True):
        epochs, widths = run.width_curve(tau)
        ax.step(epochs, widths, where="post", lw=lw, color=GREEN, alpha=0.5 if lw < 1 else 1)
    ax.set(xlim=(0, run.epochs[-1]), ylim=(-0.25, max(2, widths.max()) + 0.5))
    ax.set(yticks=range(max(2, int(widths.max())) + 1), ylabel="effective\nwidth", xlabel="epoch")


def moments_shown(run: PanelRun) -> list[tuple[str, float]]:
    """The plateau and the end of a run, as (word, epoch): when its weights are drawn."""
    middles = run.staircase.middles
    return [("plateau", middles[len(middles) // 2]), ("end", run.epochs[-1])]


def panel_figure(
    run: PanelRun, ensemble: PanelRun | None = None, levels: Sequence[float] = ()
) -> Figure:
    """A panel of Figure 1: loss and effective width over epochs, weights at plateau and end."""
    fig = plt.figure(figsize=(9, 3.3))
    axes = fig.subplot_mosaic("LLPE;WWPE", height_ratios=(2.6, 1), width_ratios=(1, 1, 1.25, 1.25))
    draw_loss(axes["L"], run, ensemble, levels)
    draw_labels(axes["L"], run, 0 if ensemble is None else ensemble.losses.shape[1])
    axes["L"].set_title(run.panel.title)
    axes["L"].tick_params(labelbottom=False)
    draw_widths(axes["W"], run)
    draw_weights_at(run, axes["L"], (axes["P"], axes["E"]))
    return fig


def draw_weights_at(run: PanelRun, loss: Axes, axes: Sequence[Axes]) -> None:
    """Weights at the plateau and at the end on two axes, the two moments marked on the loss."""
    paper, moments = digitised(run.panel.name), moments_shown(run)
    dots = (
        run.trajectory.theta[-1][:, run.panel.shown],
        paper.weights_final,
        paper.weights_plateau,
    )
    span = 1.1 * max(np.abs(d).max() for d in dots)
    for (word, epoch), ax, dots in zip(
        moments, axes, (paper.weights_plateau, paper.weights_final), strict=True
    ):
        now = run.units_at(epoch)
        width = effective_width(run.panel.network, now, reference=run.trajectory.theta[-1])
        draw_weights(ax, now[:, run.panel.shown], f"{word}: width {width}", dots, span)
        loss.plot(
            epoch,
            run.losses[np.searchsorted(run.epochs, epoch - 1e-6)],
            "o",
            color=BLUE,
            ms=5,
            mec="white",
            clip_on=False,
            zorder=5,
        )


def staircase_figure(
    times: np.ndarray,
    losses: np.ndarray,
    predicted: np.ndarray,
    strengths: np.ndarray,
    modes: np.ndarray,
    singular_values: Sequence[float],
) -> Figure:
    """Loss, and strength of each mode, of a whitened task over time, the closed solution dashed."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
    left.plot(times, losses / losses[0], color=BLUE, lw=3.5, alpha=0.55)
    left.plot(times, predicted / losses[0], color=INK, lw=1, ls=(0, (4, 3)))
    left.set(xlabel="gradient-flow time", ylabel="loss / initial loss", xlim=(0, times[-1]))
    left.text(
        0.97,
        0.95,
        "simulation",
        color=BLUE,
        transform=left.transAxes,
        ha="right",
        va="top",
        fontweight="bold",
    )
    left.text(
        0.97,
        0.86,
        "closed solution, dashed",
        color=INK,
        transform=left.transAxes,
        ha="right",
        va="top",
        fontweight="bold",
    )
    colours = sns.color_palette("crest", len(singular_values))
    for k, (s, colour) in enumerate(zip(singular_values, colours, strict=True)):
        right.plot(times, strengths[:, k], color=colour, lw=3.5, alpha=0.6)
        right.plot(times, modes[:, k, k], color=INK, lw=1, ls=(0, (4, 3)))
        right.annotate(
            f"s = {s:g}",
            (times[-1], s),
            (4, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            fontweight="bold",
        )
    right.set(xlabel="gradient-flow time", ylabel="strength of the mode", xlim=(0, times[-1]))
    return fig


def draw_function(ax: Axes, task: Line, now: np.ndarray, end: np.ndarray) -> None:
    """The function of a ReLU network on the line over its data, kinks marked and counted."""
    position, _ = kinks(task.network, now, -2, 2, 0.02, end)

    def learned(x: np.ndarray) -> np.ndarray:
        return task.network.predict(now, np.stack([x, np.ones_like(x)], axis=1))[0]

    grid = np.linspace(-2, 2, 401)
    ax.plot(task.inputs, task.targets, "o", color=FAINT, ms=3)
    ax.plot(grid, learned(grid), color=BLUE)
    ax.plot(position, learned(position), "D", color=RED, mec="white", ms=6)
    ax.set_title(
        f"{len(position)} kink{'s' * (len(position) != 1)}",
        color=RED,
        fontweight="bold",
        loc="center",
    )
    ax.set(ylim=(-1.9, 2.1), xticks=(-2, 0, 2), yticks=(), xlabel="input")
    sns.despine(ax=ax, left=True)


def kinks_figure(task: Line, run: Trajectory, stairs: Staircase, levels: Sequence[float]) -> Figure:
    """Loss of a one-dimensional regression over time, and the function learned at each plateau."""
    names = [f"plateau {k}" for k in range(len(stairs.levels))]
    fig = plt.figure(figsize=(9, 3.8))
    axes = fig.subplot_mosaic([["loss"] * len(names), names], height_ratios=(1, 1.15))
    draw_levels(axes["loss"], levels, run.times[-1])
    axes["loss"].plot(run.times, run.losses / task.network.zero_loss(), color=BLUE)
    axes["loss"].set(xlim=(0, run.times[-1]), xlabel="gradient-flow time", ylabel="loss / initial")
    axes["loss"].text(
        0.99,
        0.8,
        "dashed: the best network of 0, 1, 2, 3 units",
        ha="right",
        transform=axes["loss"].transAxes,
        fontsize=8,
        fontweight="bold",
    )
    for name, level, middle in zip(names, stairs.levels, stairs.middles, strict=True):
        axes["loss"].plot(middle, level, "o", color=BLUE, mec="white", ms=7, clip_on=False)
        draw_function(axes[name], task, run.at(middle), run.theta[-1])
    return fig


def ring_figure(
    run: PanelRun, others: Sequence[PanelRun], angles: np.ndarray, ring: np.ndarray
) -> Figure:
    """The one-unit solutions by direction, and the first units of runs sliding down them."""
    stairs, paper = run.staircase, digitised(run.panel.name)
    fig, (left, right) = plt.subplots(1, 2, figsize=(9, 2.9))
    left.plot(np.degrees(angles), ring, color=INK, lw=0.9, ls=(0, (4, 3)))
    for other, colour in [*((other, FAINT) for other in others), (run, BLUE)]:
        _, walk, losses = plateau_walk(other)
        left.plot(np.degrees(walk), losses, color=colour, lw=3 if other is run else 1)
        left.plot(np.degrees(walk[-1]), losses[-1], "o", color=colour, mec="white", ms=6)
    left.set(
        xlabel="direction of the unit (degrees)",
        ylabel="loss / initial loss",
        xlim=(0, 180),
        xticks=range(0, 181, 45),
        title="best single unit, by direction",
    )
    epochs, walk, _ = plateau_walk(run)
    right.plot(paper.epochs, paper.losses, color=ORANGE, lw=5, alpha=0.55)
    right.plot(run.epochs, run.losses, color=BLUE)
    right.plot(epochs, np.interp(walk, angles, ring), color=INK, lw=1.2, ls=(0, (4, 3)))
    right.set(
        xlim=(stairs.starts[1] - 30, stairs.ends[1] + 60),
        ylim=(0.29, 0.37),
        xlabel="epoch",
        title="the plateau, enlarged",
    )
    words = (("this run", BLUE), ("the paper, digitised", ORANGE), ("ring at its angle", INK))
    for row, (text, colour) in enumerate(words):
        right.text(
            0.97,
            0.93 - 0.1 * row,
            text,
            color=colour,
            transform=right.transAxes,
            ha="right",
            va="top",
            fontsize=8,
            fontweight="bold",
        )
    return fig


def line_snapshot(task: Line, run: Trajectory, progress: float) -> Figure:
    """Loss over time beside the function learned at `progress` (0 to 1) of the run."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3), width_ratios=(1.4, 1))
    k, losses = round(progress * (len(run.times) - 1)), run.losses / task.network.zero_loss()
    left.plot(run.times, losses, color=BLUE)
    left.plot(run.times[k], losses[k], "o", color=BLUE, mec="white", ms=7, clip_on=False)
    left.set(
        xlim=(0, run.times[-1]),
        ylim=(-0.04, 1.07),
        xlabel="gradient-flow time",
        ylabel="loss / initial loss",
    )
    draw_function(right, task, run.theta[k], run.theta[-1])
    return fig


def limit_figure(ensembles: Sequence[Sequence[PanelRun]], levels: Sequence[float]) -> Figure:
    """Runs of the same seeds from ever smaller scales: loss over epochs times the scale's fraction.

    The last panel compares the first drops at the panel's own scale with those in the limit.
    """
    count = len(ensembles)
    fig, axes = plt.subplots(1, count + 1, figsize=(9, 2.8), width_ratios=[1.25] * count + [1])
    end = 1.15 * np.nanmax([run.staircase.half_drops[-1] for run in ensembles[0]])
    colours = sns.color_palette("crest", len(ensembles[0]))
    order = np.argsort(first_drops(ensembles[-1]))
    for ax, runs in zip(axes, ensembles, strict=False):
        draw_levels(ax, levels if ax is axes[count - 1] else (), end)
        for colour, k in zip(colours, order, strict=True):
            ax.plot(runs[k].epochs * runs[k].fraction, runs[k].losses, color=colour, lw=0.8)
        power = np.log10(runs[0].fraction)
        words = "the panel's scale" if power == 0 else f"$10^{{{power:.0f}}}$ of it"
        ax.set_title(words, loc="center")
        ax.set(xlim=(0, end), ylim=(-0.04, 1.07), xlabel="epoch × fraction")
    axes[0].set_ylabel("loss / initial loss")
    finite, limit = first_drops(ensembles[0]), first_drops(ensembles[-1])
    limit = limit * ensembles[-1][0].fraction
    axes[-1].plot([0, end], [0, end], color=INK, lw=0.9, ls=(0, (4, 3)))
    axes[-1].scatter(limit[order], finite[order], c=colours, s=22, zorder=3)
    top = 1.1 * np.nanmax(finite)
    axes[-1].set(
        xlim=(0, top),
        ylim=(0, top),
        aspect="equal",
        xlabel="first drop, limit",
        ylabel="first drop, panel",
    )
    return fig


def snapshot(run: PanelRun, progress: float) -> Figure:
    """Loss over epochs beside the weights at `progress` (0 to 1) of the run; for explorers."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3), width_ratios=(1.7, 1))
    k = round(progress * (len(run.epochs) - 1))
    left.plot(run.epochs, run.losses, color=BLUE)
    left.plot(run.epochs[k], run.losses[k], "o", color=BLUE, mec="white", ms=7, clip_on=False)
    left.set(
        xlim=(0, run.epochs[-1]),
        ylim=(-0.04, 1.07),
        xlabel="epoch",
        ylabel="loss / initial loss",
        title=run.panel.title,
    )
    now, end = run.trajectory.theta[k], run.trajectory.theta[-1]
    shown = run.panel.shown
    width = effective_width(run.panel.network, now, reference=end)
    title, limit = f"epoch {run.epochs[k]:.0f}: width {width}", 1.2 * np.abs(end[:, shown]).max()
    draw_weights(right, now[:, shown], title, limit=limit)
    return fig


def curves(run: PanelRun) -> dict[str, np.ndarray]:
    """The numbers of a panel's curves: epoch, loss, effective width."""
    epochs, widths = run.width_curve(every=1)
    return {"epoch": np.round(epochs).astype(int), "loss": run.losses, "effective_width": widths}


def weights(run: PanelRun) -> dict[str, np.ndarray]:
    """The numbers of a panel's dots: moment, unit, and the two weights drawn."""
    parts = [
        pd.DataFrame(run.units_at(epoch)[:, run.panel.shown], columns=["u1", "u2"]).assign(at=word)
        for word, epoch in moments_shown(run)
    ]
    return pd.concat(parts)[["at", "u1", "u2"]].to_dict("list")
