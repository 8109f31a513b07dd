"""Figures of the panels of Figure 1: loss, weights, effective width, limits."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from ...datasets import PANELS, digitised, panel
from ...datasets.figure4 import DIGITISED
from ...notebook import Explorer, Picture, Slider
from ...notebook.colours import BLUE, FAINT, GREEN, INK, ORANGE, shades
from ...notebook.look import agreement_figure, dashed, draw_levels, draw_loss, draw_words, one_table
from ...observables import effective_width
from .runs import PanelRun, first_drops, train_panel

READ_OFF = (*PANELS, *DIGITISED.values())  # panels whose curves in the paper are known
WEIGHTS = {  # what the dots of a panel do, for its alt text
    "fig1b": "the weights lie on one line at the plateau and fill the plane at the end",
    "fig1c": "the kernels lie on one line at the plateau and fill the plane at the end",
    "fig1d": "the weights lie on one ray at the plateau and on two orthogonal rays at the end",
    "fig1e": "the kernels lie on the horizontal axis, at the end on both positive axes",
    "fig1f": "other seeds fall at other times; one query, then two, leave the origin",
    "fig1g": "other seeds fall at other times; one unit, then two, leave the origin",
}


def panel_picture(run: PanelRun, ensemble: PanelRun, levels: Sequence[float]) -> Picture:
    """A panel of Figure 1: a run, other seeds, and theory's levels; weights at plateau and end.

    Below the loss, the effective width at three thresholds, against the learned network.
    """
    fig = plt.figure(figsize=(9, 3.3))
    axes = fig.subplot_mosaic("LLPE;WWKK", height_ratios=(2.6, 1), width_ratios=(1, 1, 1.25, 1.25))
    draw_panel(axes, run, levels, [ensemble])
    words = [("this run", BLUE), ("the paper, digitised", ORANGE), ("theory, dashed", INK)]
    words.append((f"{ensemble.losses.shape[1]} seeds", FAINT))
    draw_words(axes["K"], words, top=0.85, step=0.2, x=0.5, ha="center")
    axes["K"].axis("off")
    axes["L"].set_title(run.panel.title)
    axes["L"].tick_params(labelbottom=False)
    for tau, lw in ((0.02, 0.8), (0.1, 0.8), (0.05, 2.2)):
        epochs, widths = run.width_curve(tau)
        alpha = 0.5 if lw < 1 else 1
        axes["W"].step(epochs, widths, where="post", lw=lw, color=GREEN, alpha=alpha)
    top = max(2, int(widths.max()))
    axes["W"].set(xlim=(0, run.epochs[-1]), ylim=(-0.25, top + 0.5), yticks=range(top + 1))
    axes["W"].set(ylabel="effective\nwidth", xlabel="epoch")
    epochs, widths = run.width_curve(every=1)
    curves = {"epoch": epochs.round().astype(int), "loss": run.losses, "effective_width": widths}
    units = [(word, run.units_at(at)[:, run.panel.shown].T) for word, at in moments_shown(run)]
    weights = one_table({"at": word, "u1": u[0], "u2": u[1]} for word, u in units)
    name, level = run.panel.name, digitised(run.panel.name).plateau_level
    alt = (
        f"Figure 1{name[-1].upper()}. The loss falls in two steps with a plateau at {level:.2f}, "
        f"near the paper's curve; {WEIGHTS[name]}."
    )
    return Picture(fig, name, alt, curves, {"weights": weights})


def limit_picture(
    name: str, ensembles: Sequence[Sequence[PanelRun]], levels: Sequence[float]
) -> Picture:
    """Runs of the same seeds from ever smaller scales: loss over epochs times the scale's fraction.

    The last panel compares the first drops at the panel's own scale with those in the limit.
    """
    count, first, last = len(ensembles), ensembles[0], ensembles[-1]
    finite, limit = first_drops(first), first_drops(last) * last[0].fraction
    fig, axes = plt.subplots(1, count + 1, figsize=(9, 2.8), width_ratios=[1.25] * count + [1])
    end = 1.15 * np.nanmax([run.staircase.half_drops[-1] for run in first])
    colours, order = shades(len(first)), np.argsort(limit)
    for ax, runs in zip(axes, ensembles, strict=False):
        draw_levels(ax, levels if runs is last else (), end)
        for colour, k in zip(colours, order, strict=True):
            ax.plot(runs[k].epochs * runs[k].fraction, runs[k].losses, color=colour, lw=0.8)
        power = np.log10(runs[0].fraction)
        words = "the panel's scale" if power == 0 else f"$10^{{{power:.0f}}}$ of it"
        ax.set_title(words, loc="center")
        ax.set(xlim=(0, end), ylim=(-0.04, 1.07), xlabel="epoch × fraction")
    axes[0].set_ylabel("loss / initial loss")
    dashed(axes[-1], [0, end], [0, end], 0.9)
    axes[-1].scatter(limit[order], finite[order], c=colours, s=22, zorder=3)
    span = (0, 1.1 * np.nanmax(finite))
    axes[-1].set(xlim=span, ylim=span, xlabel="first drop, limit", ylabel="first drop, panel")
    axes[-1].set_aspect("equal")
    alt = (
        f"{first[0].panel.title}: loss of many seeds from the panel's scale, and from ever smaller "
        "fractions of it, over epochs times the fraction: the drops become vertical steps and keep "
        "their times."
    )
    columns = {"seed": [run.seed for run in first], "panel": finite, "limit": limit}
    return Picture(fig, name, alt, columns)


def escape_picture(
    name: str, predicted: np.ndarray, measured: np.ndarray, draws: Sequence[int], unit: np.ndarray
) -> Picture:
    """Predicted against measured times of the first drop, (draws,) each (Proposition 5).

    Times are in epochs times the fraction of the panel's scale; `unit` is the one that goes first.
    """
    times = {"predicted": predicted, "measured": measured}
    title = f"first drop of {len(measured)} draws"
    fig = agreement_figure([{"title": title, "label": "epochs × fraction", "log": True, **times}])
    alt = f"Predicted against measured time of the {title}: all on the diagonal."
    return Picture(fig, name, alt, {"seed": list(draws), **times, "unit": unit})


def snapshot(run: PanelRun, progress: float, tau: float = 0.05) -> Figure:
    """Loss over epochs beside the weights at `progress` (0 to 1) of the run; for explorers."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3), width_ratios=(1.7, 1))
    k = round(progress * (len(run.epochs) - 1))
    draw_loss(left, run.epochs, run.losses, run.epochs[k])
    left.set(xlabel="epoch", title=run.panel.title)
    now, end = run.trajectory.theta[k], run.trajectory.theta[-1]
    shown = run.panel.shown
    width = effective_width(run.panel.network, now, tau, end)
    title, limit = f"epoch {run.epochs[k]:.0f}: width {width}", 1.2 * np.abs(end[:, shown]).max()
    draw_weights(right, now[:, shown], title, limit=limit)
    return fig


def draw_panel(
    axes: Mapping[str, Axes], run: PanelRun, levels: Sequence[float],
    others: Sequence[PanelRun] = (), moments: Sequence[tuple[str, float]] = (), tau: float = 0.05,
    title: str = "{word}: width {width}",
) -> None:  # fmt: skip
    """A run over the paper's and other seeds: its loss (L), its weights at two moments (P, E).

    Theory's levels are dashed, and the moments, `moments_shown` if not given, marked on the loss.
    `title` of the weights says the moment and the effective width, at `tau`.
    """
    loss, last, end = axes["L"], run.epochs[-1], run.trajectory.theta[-1]
    shown, theirs = run.panel.shown, (None, None)
    for other in others:
        loss.plot(other.epochs, other.losses, color=FAINT, lw=0.5, alpha=0.45)
    if run.panel.name in READ_OFF:
        paper = digitised(run.panel.name)
        loss.plot(paper.epochs, paper.losses, color=ORANGE, lw=5, alpha=0.55)
        theirs = paper.weights_plateau, paper.weights_final
    draw_levels(loss, levels, last)
    loss.plot(run.epochs, run.losses, color=BLUE)
    loss.set(xlim=(0, last), ylim=(-0.04, 1.07), ylabel="loss / initial loss")
    span = 1.1 * max(np.abs(u).max() for u in (*theirs, end[:, shown]) if u is not None)
    moments = moments or moments_shown(run)
    for (word, epoch), name, dots in zip(moments, "PE", theirs, strict=True):
        now = run.units_at(epoch)
        width = effective_width(run.panel.network, now, tau, end)
        draw_weights(axes[name], now[:, shown], title.format(word=word, width=width), dots, span)
        here = run.losses[np.searchsorted(run.epochs, epoch - 1e-6)]
        loss.plot(epoch, here, "o", color=BLUE, ms=5, mec="white", clip_on=False, zorder=5)


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
    ax.spines[["left", "bottom"]].set_visible(False)


def moments_shown(run: PanelRun) -> list[tuple[str, float]]:
    """The plateau and the end of a run, as (word, epoch): when its weights are drawn."""
    middles = run.staircase.middles
    return [("plateau", middles[len(middles) // 2]), ("end", run.epochs[-1])]


def panel_explorer(name: str, **knobs: Slider) -> Explorer:
    """The explorer of a panel of Figure 1: initial weights, width, data, and the epoch shown.

    `knobs` are sliders of the panel's training set, by the names that `datasets.panel` takes.
    """
    paper = panel(name)

    def simulate(width: int, init_scale: float, seed: int, **data: float) -> PanelRun:
        return train_panel(panel(name, **data), seed, width, init_scale, epochs=3000, every=5)

    low, high = (-8, -1) if paper.network.degree == 1 else (-3, -1)
    sliders = {
        "init_scale": Slider(paper.init_scale, low, high, 0.1, log=True, label="initial scale"),
        "width": Slider(paper.width, 1, 100),
        "seed": Slider(paper.seed, 0, 100),
        **knobs,
        "progress": Slider(0.3, 0.0, 1.0, 0.01, view=True, label="time shown"),
    }
    alt = f"{paper.title}: loss over epochs beside the first-layer weights at the time chosen"
    presets = {"the paper": {}, "no plateau": {"init_scale": 10.0**high}, "one unit": {"width": 1}}
    return Explorer(simulate, snapshot, alt, presets, **sliders)
