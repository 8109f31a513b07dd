"""The pictures of notebook 11."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ...dynamics import glance
from ...networks import initial_units
from ...notebook import Choice, Explorer, Picture, Slider
from ...notebook.colours import BLUE, FAINT, GREEN, INK, ORANGE, shades
from ...notebook.look import (
    dashed,
    draw_layers,
    draw_levels,
    draw_map,
    draw_words,
    layers_figure,
    note,
    one_table,
)
from ...observables import LayeredRun
from ...theory.deep_linear import optimal_escape_time
from .measure import shown
from .panels import DeepPanel, panels

# steps of the explorer's runs, nearly as long as is stable, and how many it takes at most
STEPS = {"A": (0.15, 700), "E": (0.16, 200)} | dict.fromkeys("BCDF", (0.4, 700))
STARTS = {  # of `recruitment`, by their colours
    "all layers alike": INK, "layer 1 smaller": BLUE, "layer 2 smaller": ORANGE,
    "layer 3 smaller": GREEN,
}  # fmt: skip


def layer_colours(panel: DeepPanel) -> dict[str, tuple]:
    """The colour of each hidden layer, by its name."""
    return dict(zip(panel.layers, (GREEN, ORANGE), strict=False))


def fig5_picture(runs: Mapping[str, Sequence[LayeredRun]]) -> Picture:
    """Figure 5, panels A to F: a run of each ensemble over the others, widths below."""
    fig = plt.figure(figsize=(13, 7.2))
    for part, (letter, ensemble) in zip(fig.subfigures(2, 3).ravel(), runs.items(), strict=True):
        draw_panel(part.subplots(2, 1, height_ratios=(2.2, 1), sharex=True), letter, ensemble)
        title = f"$\\bf{{{letter}}}$  {panels()[letter].title}"
        part.suptitle(title, x=0.02, ha="left", fontsize=10)
    drawn = {letter: shown(ensemble) for letter, ensemble in runs.items()}
    columns = one_table(
        {"panel": letter, "time": run.times, "loss": run.losses} for letter, run in drawn.items()
    )
    alt = (
        "Figure 5. Six deep networks: each loss falls in two drops with a plateau between them at "
        "the level of a network of width one; below, the effective width of each layer goes from 0 "
        "to 1 to 2 at the same two drops, but for panel D, where it ends above 2."
    )
    return Picture(fig, "fig5", alt, columns)


def draw_panel(axes: Sequence[Axes], letter: str, runs: Sequence[LayeredRun]) -> None:
    """The loss of a run over others, with levels of narrow networks, and its widths by layer."""
    (loss, width), panel, run = axes, panels()[letter], shown(runs)
    for other in runs:
        loss.plot(other.times, other.losses, color=FAINT, lw=0.5, alpha=0.5)
    end = min(run.staircase.half_drops[-1:].sum() * 1.3 or np.inf, run.times[-1])
    narrow = panel.narrow_levels(1)
    reached = narrow[np.argmin(np.abs(narrow - np.median(run.staircase.levels)))]
    draw_levels(loss, [1, reached, panel.narrow_levels(2)[0]], end)
    layers = layer_colours(panel)
    draw_layers(loss, width, run, layers, 6 if panel.step else 1)
    loss.set_xlim(0, end)
    draw_words(width, [*layers.items()], 0.9, 0.2, x=0.02, ha="left")


def recruitment_picture(table: pd.DataFrame) -> Picture:
    """How many units layers recruit at a drop, by panel, scale and start; and which is first."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(12.5, 3.8), width_ratios=(1.5, 1))
    both = 100.0 * ((table["gain_1"] == 1) & (table["gain_2"] == 1))
    groups = [table[key] for key in ("panel", "fraction", "setting")]
    share = both.groupby(groups).mean().unstack(["fraction", "setting"]).sort_index(axis=1)
    draw_map(left, share, share.map("{:.0f}".format))
    left.set(xlabel="layer that starts ten times smaller", ylabel="panel")
    left.set_xticks(left.get_xticks(), [setting or "alike" for _, setting in share])
    for j, scale in enumerate(share.columns.levels[0]):
        left.text(4 * j + 2, -0.25, f"scale × {scale:g}", ha="center", fontsize=9)
        left.axvline(4 * j, color="white", lw=3)
    left.set_title("drops at which each layer recruits one unit (%)", fontsize=9, pad=22)
    rng, letters = np.random.default_rng(0), [*share.index]
    lags = (table["when_1"] - table["when_2"]).groupby([table["panel"], table["setting"]])
    for (letter, setting), lag in lags:
        place = letters.index(letter) + 0.18 * (setting - 1.5)
        jitter = 0.05 * rng.uniform(-1, 1, len(lag))
        right.plot(place + jitter, lag, ".", color=[*STARTS.values()][setting], ms=4, alpha=0.7)
    right.axhline(0, color=INK, lw=0.8)
    right.set_yscale("symlog", linthresh=0.02)
    right.set(ylim=(-1.5, 1.5), xlabel="panel", ylabel="layer 1 after layer 2 (over half-drop)")
    right.set_xticks(range(len(letters)), letters)
    draw_words(right, [*STARTS.items()], 0.26, 0.07, x=0.02, ha="left")
    alt = (
        "Left: share of drops at which each layer recruits one unit, for panels A, B, C, D and "
        "F, three initial scales and four starts: all or most at the smallest scale in A to D, "
        "fewer at larger ones. Right: in A to D most recruits of the two layers are within a "
        "hundredth of the time of the drop, the others on either side; in F the linear layer is "
        "first."
    )
    return Picture(fig, "deep_recruitment", alt, table)


def depth_picture(table: pd.DataFrame) -> Picture:
    """Escape times and ranks of deep linear networks over the initial scale, by depth."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4))
    depths = table["depth"].unique()
    for depth, colour in zip(depths, shades(len(depths)), strict=True):
        here = table[table["depth"] == depth]
        drawn, aligned = here[here["seed"] >= 0], here[here["seed"] < 0].sort_values("scale")
        left.plot(drawn["scale"], drawn["time"], ".", color=colour, ms=4, alpha=0.6)
        left.plot(aligned["scale"], aligned["time"], "o", color=colour, mec="white", ms=6)
        scales = aligned["scale"]
        dashed(left, scales, optimal_escape_time(scales, 1.0, depth), 0.9)
        note(left, f"L = {depth}", aligned[["scale", "time"]].iloc[0], colour, (6, 4))
        right.plot(drawn["scale"], drawn["rank"], ".", color=colour, ms=6)
    left.set(xscale="log", yscale="log", xlabel="norm of the initial weights", ylabel="escape time")
    left.set_title("large: balanced, aligned; small: random")
    span = np.array([table["scale"].min(), table["scale"].max()])
    dashed(right, span, 0.4 * span, 0.9)
    note(right, "∝ scale", (span[0], 0.4 * span[0]), offset=(20, 2))
    right.set(xscale="log", yscale="log", xlabel="norm of the initial weights")
    right.set(ylabel="$\\sigma_2/\\sigma_1$, worst layer", title="rank one, random starts")
    alt = (
        "Left: escape times of linear networks of depth 2 to 6 over the initial scale, on the "
        "dashed lines scale^(2-L) of theory. Right: the second over the first singular value of "
        "the worst layer at the drop falls in proportion to the scale, at every depth."
    )
    return Picture(fig, "deep_escape", alt, table)


def explorer() -> Explorer:
    """Explorer of Figure 5: the architecture, the initial scale, and one layer of another scale."""
    titles = {panel.title: panel for panel in panels().values()}
    first, _, relu, *_ = titles

    def simulate(
        architecture: str, init_scale: float, first_layer: float, width: int, seed: int
    ) -> tuple:
        panel = titles[architecture]
        net, layers = panel.build(width), layer_colours(panel)
        theta = initial_units(net, panel.rows(width), init_scale, seed)
        theta = net.scaled(theta, (first_layer, 1.0, 1.0)) if len(layers) > 1 else theta
        return LayeredRun(net, glance(net, theta, *STEPS[panel.letter])), layers, architecture

    return Explorer(
        simulate, lambda found: layers_figure(*found),
        "Loss and effective width of each layer of a deep network over time",
        {"three ReLU layers": {"architecture": relu}, "first layer smaller": {"first_layer": 0.1},
        "no plateau": {"init_scale": 0.1}},
        architecture=Choice(first, [*titles]),
        init_scale=Slider(5e-3, -2.5, -1, 0.1, log=True, label="initial scale"),
        first_layer=Slider(1.0, -1, 1, 0.1, log=True, label="first layer, times"),
        width=Slider(20, 4, 30),
        seed=Slider(1, 0, 100),
    )  # fmt: skip
