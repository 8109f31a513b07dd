"""The pictures of notebook 11."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...dynamics import glance
from ...networks import initial_units
from ...notebook import Choice, Explorer, Picture, Slider
from ...notebook.colours import BLUE, FAINT, GREEN, INK, ORANGE, shades
from ...notebook.look import dashed, draw_levels, draw_words, note, one_table, write
from ...theory.deep import escape_time
from .measure import DeepRun, shown
from .panels import panels

WIDTHS = 25  # times at which the explorer counts widths
# steps of its runs, nearly as long as is stable, and how many it takes at most
STEPS = {"A": (0.15, 700), "E": (0.16, 200)} | dict.fromkeys("BCDF", (0.4, 700))
LAYER_COLOURS = (GREEN, ORANGE)  # of the first and the second hidden layer


def fig5_picture(runs: Mapping[str, Sequence[DeepRun]]) -> Picture:
    """Figure 5, panels A to F: a run of each ensemble over the others, widths below."""
    fig = plt.figure(figsize=(13, 7.2))
    for part, ensemble in zip(fig.subfigures(2, 3).ravel(), runs.values(), strict=True):
        loss, width = part.subplots(2, 1, height_ratios=(2.2, 1), sharex=True)
        draw_panel(loss, width, shown(ensemble), ensemble)
        panel = ensemble[0].panel
        part.suptitle(f"$\\bf{{{panel.letter}}}$  {panel.title}", x=0.02, ha="left", fontsize=10)
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


def draw_panel(loss: Axes, width: Axes, run: DeepRun, others: Sequence[DeepRun] = ()) -> None:
    """The loss of a run over others, with levels of narrow networks, and its widths by layer."""
    for other in others:
        loss.plot(other.times, other.losses, color=FAINT, lw=0.5, alpha=0.5)
    end = run.staircase.half_drops[-1:].sum() * 1.3 or run.times[-1]
    end = min(end, run.times[-1])
    narrow = run.panel.narrow_levels(1)
    reached = narrow[np.argmin(np.abs(narrow - np.median(run.staircase.levels)))]
    draw_levels(loss, [1, reached, run.panel.narrow_levels(2)[0]], end)
    loss.plot(run.times, run.losses, color=BLUE)
    loss.set(xlim=(0, end), ylim=(-0.04, 1.07), ylabel="loss / initial loss")
    times, widths = run.width_curves(6)
    for k in range(len(run.panel.layers)):
        shift = 0.06 * (k - (len(run.panel.layers) - 1) / 2)
        width.step(times, widths[:, k] + shift, where="post", color=LAYER_COLOURS[k], lw=2)
    top = max(2, int(widths.max()))
    width.set(ylim=(-0.3, top + 0.5), yticks=range(0, top + 1, 1 + top // 5))
    width.set(ylabel="width", xlabel="gradient-flow time")
    words = [*zip(run.panel.layers, LAYER_COLOURS, strict=False)]
    draw_words(width, words, 0.9, 0.2, x=0.02, ha="left")


def recruitment_picture(table: Mapping[str, np.ndarray]) -> Picture:
    """How many units layers recruit at a drop, by panel, scale and start; and which is first."""
    letters, scales = (np.unique(table[key]) for key in ("panel", "fraction"))
    fig, (left, right) = plt.subplots(1, 2, figsize=(12.5, 3.8), width_ratios=(1.5, 1))
    both = (table["gain_1"] == 1) & (table["gain_2"] == 1)
    share = np.full((len(letters), 4 * len(scales)), np.nan)
    for i, j, setting in np.ndindex(len(letters), len(scales), 4):
        here = (table["panel"] == letters[i]) & (table["fraction"] == scales[j])
        here &= table["setting"] == setting
        if here.any():
            found = share[i, 4 * j + setting] = both[here].mean()
            colour = "white" if found > 0.6 else INK
            write(left, 4 * j + setting, i, f"{100 * found:.0f}", colour, fontsize=8)
    left.imshow(share, cmap=shades(), aspect="auto", vmin=0, vmax=1)
    names = ("alike", "1", "2", "3") * len(scales)
    left.set_xticks(range(len(names)), names, fontsize=8)
    left.set_yticks(range(len(letters)), [f"panel {letter}" for letter in letters])
    left.set_xlabel("layer that starts ten times smaller")
    for j, scale in enumerate(scales):
        left.text(4 * j + 1.5, -0.75, f"scale × {scale:g}", ha="center", fontsize=9)
        left.axvline(4 * j - 0.5, color="white", lw=3)
    left.set_title("drops at which each layer recruits one unit (%)", fontsize=9, pad=22)
    rng, colours = np.random.default_rng(0), (INK, BLUE, ORANGE, GREEN)
    for i, letter in enumerate(letters):
        for setting, colour in enumerate(colours):
            here = (table["panel"] == letter) & (table["setting"] == setting)
            lag = (table["when_1"] - table["when_2"])[here]
            place = i + 0.18 * (setting - 1.5) + 0.05 * rng.uniform(-1, 1, len(lag))
            right.plot(place, lag, ".", color=colour, ms=4, alpha=0.7)
    right.axhline(0, color=INK, lw=0.8)
    right.set_yscale("symlog", linthresh=0.02)
    right.set(ylim=(-1.5, 1.5), xlabel="panel", ylabel="layer 1 after layer 2 (over half-drop)")
    right.set_xticks(range(len(letters)), letters)
    words = ("all layers alike", "layer 1 smaller", "layer 2 smaller", "layer 3 smaller")
    draw_words(right, [*zip(words, colours, strict=True)], 0.97, 0.07, x=0.02, ha="left")
    alt = (
        "Left: share of drops at which each layer recruits one unit, for panels A, B, C, D and "
        "F, three initial scales and four starts: near 100% at the smallest scale in A to D, less "
        "at larger ones. Right: the time between the recruits of the two layers is 0 in A to D "
        "whichever layer starts small; in F the linear layer is first."
    )
    return Picture(fig, "deep_recruitment", alt, table)


def depth_picture(table: Mapping[str, np.ndarray]) -> Picture:
    """Escape times and ranks of deep linear networks over the initial scale, by depth."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4))
    depths = np.unique(table["depth"]).astype(int)
    for depth, colour in zip(depths, shades(len(depths)), strict=True):
        here = table["depth"] == depth
        aligned, drawn = here & (table["seed"] < 0), here & (table["seed"] >= 0)
        scales = table["scale"][aligned]
        left.plot(table["scale"][drawn], table["time"][drawn], ".", color=colour, ms=4, alpha=0.6)
        left.plot(scales, table["time"][aligned], "o", color=colour, mec="white", ms=6)
        dashed(left, scales, escape_time(int(depth), 1.0, scales), 0.9)
        first = np.argmin(scales)
        note(left, f"L = {depth}", (scales[first], table["time"][aligned][first]), colour, (6, 4))
        right.plot(table["scale"][drawn], table["rank"][drawn], ".", color=colour, ms=6)
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


def snapshot(run: DeepRun) -> Figure:
    """Loss over effective widths of one run; for the explorer."""
    fig, (loss, width) = plt.subplots(
        2, 1, figsize=(7.2, 3.8), height_ratios=(2, 1), sharex=True, layout="none"
    )  # laid out by hand, which is faster
    fig.subplots_adjust(0.09, 0.13, 0.98, 0.92, hspace=0.12)
    settled = int(np.argmax(run.losses < run.losses[-1] + 1e-3))
    last = np.searchsorted(run.times, 1.25 * run.times[settled] if settled else np.inf) - 1
    loss.plot(run.times[: last + 1], run.losses[: last + 1], color=BLUE)
    loss.set(ylim=(-0.04, 1.07), ylabel="loss / initial loss", xlim=(0, run.times[last]))
    loss.set_title(run.panel.title)
    shown = np.unique(np.linspace(0, last, WIDTHS).astype(int))
    times, widths = run.times[shown], run.layer_widths(run.trajectory.theta[shown])
    for k in range(len(run.panel.layers)):
        width.step(times, widths[:, k] + 0.06 * k, where="post", color=LAYER_COLOURS[k], lw=2)
    width.set(ylabel="width", xlabel="gradient-flow time", ylim=(-0.3, max(2, widths.max()) + 0.5))
    draw_words(loss, [*zip(run.panel.layers, LAYER_COLOURS, strict=False)])
    return fig


def explorer() -> Explorer:
    """Explorer of Figure 5: the architecture, the initial scale, and one layer of another scale."""
    titles = {panel.title: panel for panel in panels().values()}

    def simulate(
        architecture: str, init_scale: float, first_layer: float, width: int, seed: int
    ) -> DeepRun:
        panel = titles[architecture]
        net, layered = panel.build(width), len(panel.layers) > 1
        theta = initial_units(net, panel.rows(width), init_scale, seed)
        theta = net.scaled(theta, (first_layer, 1.0, 1.0)) if layered else theta
        run = glance(net, theta, *STEPS[panel.letter])
        return DeepRun(net, run, panel=panel, seed=seed)

    first = panels()["A"].title
    return Explorer(
        simulate, snapshot, "Loss and effective width of each layer of a deep network over time",
        {"three ReLU layers": {"architecture": panels()["C"].title},
        "first layer smaller": {"first_layer": 0.1}, "no plateau": {"init_scale": 0.1}},
        architecture=Choice(first, list(titles)),
        init_scale=Slider(5e-3, -2.5, -1, 0.1, log=True, label="initial scale"),
        first_layer=Slider(1.0, -1, 1, 0.1, log=True, label="first layer, times"),
        width=Slider(20, 4, 30),
        seed=Slider(1, 0, 100),
    )  # fmt: skip
