"""Figures of the staircase under training as it is done, theory dashed over simulation."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...datasets import regression, sample_batches
from ...dynamics import Trajectory, descend
from ...networks import initial_units
from ...notebook import Choice, Explorer, Picture, Slider
from ...notebook.colours import BLUE, BROWN, DASHED, FAINT, GREEN, INK, ORANGE, PURPLE, RED, SKY
from ...notebook.look import dashed, draw_levels, draw_words, one_table
from ...theory.finite_steps import slowdown, two_cycle
from ...theory.linear import linear_levels
from .batches import Panel
from .steps import RULES

LEFT = {"step": 0.085, "x": 0.04, "ha": "left", "zorder": 5, "bbox": {"color": "white", "pad": 1}}
Points = tuple[np.ndarray, np.ndarray]


def survival_picture(panels: Sequence[Panel], limit: Trajectory) -> Picture:
    """Losses of one task trained in many ways (`train_gallery`), a panel each, over its flow."""
    fig, axes = plt.subplots(2, len(panels) // 2, figsize=(8.6, 4.2), sharey=True)
    top = limit.losses[0]
    for ax, (title, losses, levels, pace) in zip(axes.flat, panels, strict=True):
        draw_levels(ax, np.divide(levels, top), lw=0.8)
        if pace:
            ax.plot(limit.times / pace, limit.losses / top, color=FAINT, lw=2.5, alpha=0.5)
        ax.plot(losses / top, color=BLUE, lw=0.8)
        ax.set_title(title, loc="center")
        ax.set(xlim=(0, len(losses)), ylim=(-0.04, 1.12))
    plt.setp(axes[-1], xlabel="step")
    plt.setp(axes[:, 0], ylabel="loss / initial loss")
    words = [("six runs", BLUE), ("gradient flow", FAINT), ("theory, dashed", INK)]
    draw_words(axes[0, 0], words, top=0.86)
    alt = (
        "Loss over steps of one task trained in eight ways. Small and large learning rates, single "
        "samples, noisy labels and momentum all show the two stairs, at the dashed levels; beyond "
        "the edge of stability the last one oscillates; Adam has none, unless its epsilon is 1."
    )
    runs = one_table({"training": title, "loss": losses[:, 0]} for title, losses, _, _ in panels)
    data = {"time": limit.times, "loss": limit.losses}
    return Picture(fig, "survival", alt, data, {"runs": runs})


def learning_rate_picture(
    descent: Mapping[str, Points], heavy_ball: Points, multiples: np.ndarray,
    ends: Mapping[str, np.ndarray],
) -> Picture:  # fmt: skip
    """Waits over those of flow against lr times rate; and what is left of a mode beyond the edge.

    `descent`, of linear, ReLU and quadratic units, and `heavy_ball`: lr times the rate of each drop
    and its ratio, (n,) each.  `ends`: last losses of linear and of ReLU runs, in units of what the
    first mode is worth, (multiples, steps) each, at these multiples of the edge of stability.
    """
    fig, (plain, heavy, beyond) = plt.subplots(1, 3, figsize=(8.8, 3.1))
    colours = dict(zip(descent, (BLUE, ORANGE, GREEN), strict=True))
    for (name, points), size in zip(descent.items(), (6, 3, 4), strict=True):
        plain.plot(*points, "o", color=colours[name], ms=size)
    plain.set(title="gradient descent", ylabel="wait / wait under flow", xlim=(4e-3, 1.3))
    plain.axhline(1 / np.log(2), color=FAINT, lw=0.7, zorder=0)
    plain.text(5e-3, 1.447, "1 / ln 2", color=FAINT, fontsize=7.5)
    plain.set_ylim(0.97, 1.48)
    draw_words(plain, list(colours.items()), 0.86, **LEFT)
    heavy.plot(*heavy_ball, "o", color=PURPLE, ms=4.5)
    heavy.set(title="momentum .9", ylim=(0, 1), xlim=(1e-3, 0.5))
    heavy.axhline(0.1, color=FAINT, lw=0.7, zorder=0)
    x = np.geomspace(1e-3, 1, 200)
    for ax, beta in ((plain, 0.0), (heavy, 0.9)):
        dashed(ax, x, slowdown(x, beta), zorder=3)
        ax.set(xscale="log", xlabel="learning rate × rate of growth")
    for (name, losses), size in zip(ends.items(), (5, 2), strict=True):
        beyond.plot(multiples, losses, ".", color=colours[name], ms=size, mew=0)
    m = np.linspace(1, np.sqrt(5) - 1, 100)
    dashed(beyond, m, np.array([(1 - two_cycle(k)) ** 2 for k in m]))
    beyond.axvline(1, color=FAINT, lw=0.7, zorder=0)
    beyond.set(title="beyond the edge", xlabel="learning rate / edge of stability")
    beyond.set(ylabel="last losses / worth of the mode", ylim=(-0.01, 0.4))
    beyond.set_xlim(multiples[0], multiples[-1])
    draw_words(beyond, [(name, colours[name]) for name in ends], 0.96, **LEFT)
    alt = (
        "Waits over those of gradient flow against learning rate times rate: all drops of "
        "linear and ReLU runs lie on one dashed curve up to 1.44, quadratic ones at 1; with "
        "momentum on another, from .1 on; beyond the edge the loss alternates between two "
        "dashed branches, then bifurcates."
    )
    data, momentum = (
        {"lr_times_rate": x, "ratio": ratio} for x, ratio in (descent["linear"], heavy_ball)
    )
    low, high = (find(ends["linear"], axis=1) for find in (np.min, np.max))
    tables = {"momentum": momentum, "beyond": {"multiple": multiples, "low": low, "high": high}}
    return Picture(fig, "learning_rate", alt, data, tables)


def noise_picture(
    sizes: Sequence[int], batches: Mapping[float, Points], noises: Sequence[float], levels: Points,
    fitted: Mapping[str, Mapping[str, np.ndarray]],
    third: Mapping[int, tuple[np.ndarray, np.ndarray, float]],
) -> Picture:  # fmt: skip
    """Mini-batches, fresh label noise, and label noise that is drawn once: four panels.

    `batches`, by learning rate: waits over those of flow, measured and predicted, (sizes, 2) each.
    `levels`: losses at plateau and end, measured and predicted, (noises, 2) each.  `fitted`: clean
    and noisy `batches.measure_fitted_noise`.  `third`, by the number of inputs: times, third
    singular values (T, runs) and the predicted rate.
    """
    fig, axes = plt.subplots(2, 2, figsize=(8.2, 5.6))
    _draw_batches(axes[0, 0], sizes, batches)
    _draw_levels(axes[0, 1], noises, *levels)
    _draw_fitted(axes[1, 0], fitted)
    _draw_third(axes[1, 1], third)
    alt = (
        "Four panels. Durations fall with the batch size, from some 12% above gradient flow, "
        "on the dashed predictions; levels rise with fresh noise as those of narrow networks "
        "do; noise drawn once adds two late stairs; the third singular value grows with 16 "
        "inputs and decays with 4."
    )
    (measured, predicted), noisy = batches[0.08], fitted["noisy labels"]
    data = {"batch": sizes, "first_wait": measured[:, 0], "predicted": predicted[:, 0]}
    tables = {
        "levels": {"noise": noises, "plateau": levels[0][:, 0], "end": levels[0][:, 1]},
        "fitted": {"time": noisy["times"], "learned": noisy["learned"]},
        "third": {"time": third[16][0], **{f"inputs_{n}": third[n][1][:, 0] for n in (16, 4)}},
    }
    return Picture(fig, "noise", alt, data, tables)


def _draw_batches(ax: Axes, sizes: Sequence[int], batches: Mapping[float, Points]) -> None:
    """Waits under mini-batches over those of flow, by batch size, for each learning rate."""
    for (measured, predicted), colour in zip(batches.values(), (SKY, BLUE), strict=True):
        dashed(ax, sizes, predicted, 0.9)
        ax.plot(sizes, measured[:, 0], "o", color=colour, ms=5)
        ax.plot(sizes, measured[:, 1], "s", color=colour, ms=4.5, mfc="white")
    ax.set(xscale="log", xlabel="batch size", ylabel="duration / under flow")
    ax.set(xticks=sizes, xticklabels=sizes)
    ax.set_title("mini-batches: filled, first wait; open, second plateau")
    ax.minorticks_off()
    words = [(f"lr {name} of the edge", c) for name, c in zip(batches, (SKY, BLUE), strict=True)]
    draw_words(ax, words[::-1])


def _draw_levels(
    ax: Axes, noises: Sequence[float], measured: np.ndarray, predicted: np.ndarray
) -> None:
    """Losses at the plateau and at the end over the size of fresh label noise, (noises, 2) each."""
    dashed(ax, noises, predicted, 0.9)
    words = ("plateau of one mode", "end")
    for losses, colour, word in zip(measured.T, (ORANGE, RED), words, strict=True):
        ax.plot(noises, losses, "o", color=colour, ms=5)
        below = 0.8 * losses.min() + 0.2 * losses.max() - 0.012
        ax.text(noises[-1], below, word, color=colour, ha="right", va="top", fontweight="bold")
    ax.set(xlabel="fresh label noise σ", ylabel="loss", ylim=(-0.02, None))
    ax.set_title("batches of one: levels; dashed, narrow networks")


def _draw_fitted(ax: Axes, fitted: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    """Modes learned over time on clean labels and on noisy ones, the predicted drops dashed."""
    last = max(run["times"][-1] for run in fitted.values())
    for run, colour in zip(fitted.values(), (FAINT, GREEN), strict=True):
        for time in run["drops"][:, 0]:
            ax.axvline(time, color=INK, lw=0.8, ls=DASHED)
        times = np.append(run["times"][1:], last)
        ax.semilogx(times, np.append(run["learned"][1:], run["learned"][-1]), color=colour, lw=2)
    draw_words(ax, list(zip(fitted, (FAINT, GREEN), strict=True)), 0.94, **LEFT)
    ax.set(xlabel="time", ylabel="modes learned", xlim=(2, last), ylim=(-0.15, None))
    ax.set_title("noise drawn once: more stairs")


def _draw_third(ax: Axes, third: Mapping[int, tuple[np.ndarray, np.ndarray, float]]) -> None:
    """The third singular value of the units over time, by the number of inputs."""
    styles = ((PURPLE, 0.12), (BROWN, 0.96))
    for (inputs, (times, values, rate)), (colour, top) in zip(third.items(), styles, strict=True):
        ax.semilogy(times, values, color=colour, lw=0.7, alpha=0.6)
        start, end = np.searchsorted(times, [30, 100])
        anchor = np.exp(np.log(values[start]).mean())
        line = anchor * np.exp(rate * (times[start:end] - times[start]))
        dashed(ax, times[start:end], line, 1.4, zorder=3)
        draw_words(ax, [(f"{inputs} inputs", colour)], top, **LEFT)
    ax.minorticks_off()
    ax.set(xlabel="time", ylabel="third singular value")
    ax.set_title("fresh noise: a third rank, or none")


def adam_picture(
    first: np.ndarray, linear_rules: Mapping[str, pd.DataFrame], pace: Mapping[str, float],
    quadratic_rules: Mapping[str, pd.DataFrame],
) -> Picture:  # fmt: skip
    """Steps until half is learned over the initial scale, for each task and update rule.

    Dashed is what is predicted from gradient flow: at `first`, the rates of the linear tasks, and
    for quadratic units at a `pace`, the steps of a rule in a unit of gradient-flow time.  Open
    circles where more than one unit is at work when half is learned.
    """
    clock = {"gradient descent": slowdown(0.1 * first) / 0.1, "Adam": np.nan,
             "momentum": slowdown(0.01 * first, 0.9) / 0.01}  # fmt: skip
    tasks = {"linear": (linear_rules, clock), "quadratic": (quadratic_rules, pace)}
    colours = {"gradient descent": BLUE, "momentum": PURPLE, "Adam": RED}
    fig, axes = plt.subplots(1, 2, figsize=(8.2, 3.3))
    for ax, (title, (rules, steps_in)) in zip(axes, tasks.items(), strict=True):
        for name, table in rules.items():
            factors = np.broadcast_to(steps_in[name], table["run"].max() + 1)
            theory = (table["flow"] * factors[table["run"]]).groupby(table["scale"]).mean()
            dashed(ax, theory.index, theory, 0.9, zorder=3)
            for single, face in ((True, colours[name]), (False, "white")):
                some = table[(table["width"] == 1) == single]
                style = {"color": colours[name], "mfc": face, "ms": 4, "zorder": 2 - single}
                ax.plot(some["scale"], some["steps"], "o", **style)
        steps = pd.concat(rules.values())["steps"]
        logarithmic = steps.max() > 1e3
        ax.set(xscale="log", yscale="log" if logarithmic else "linear")
        ax.set_ylim(0.5 * steps.min() if logarithmic else 0)
        ax.minorticks_off()
        ax.invert_xaxis()
        ax.set(title=title, xlabel="initial scale ε", ylabel="steps until half is learned")
    draw_words(axes[-1], [("filled: one unit at work", INK), ("open: several", INK)], top=0.97)
    draw_words(axes[0], list(colours.items()), 0.96, **LEFT)
    alt = (
        "Steps until half is learned over the initial scale. Linear: gradient descent and "
        "momentum rise, Adam stays at some 80 steps. Quadratic: the first two rise as one "
        "over the scale, Adam from 1e-8 on. Open circles, mostly Adam's, are runs that learn "
        "with several units at once."
    )
    means = {name: table.groupby("scale")["steps"].mean() for name, table in linear_rules.items()}
    data = pd.DataFrame(means)[::-1].reset_index()
    return Picture(fig, "adam", alt, dict(data))


def training_figure(found: tuple[Trajectory, Sequence[float], str]) -> Figure:
    """Loss over steps on theory's levels, beside the singular values of the units (T, units, n)."""
    (run, levels, title), steps = found, np.arange(len(found[0].times))
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3), width_ratios=(1.3, 1))
    draw_levels(left, levels / levels[0])
    left.plot(steps, run.losses / levels[0], color=BLUE, lw=1.1)
    left.set(title=title, xlabel="step", ylabel="loss / initial loss", ylim=(-0.04, 1.12))
    shown = np.linspace(0, steps[-1], 300).astype(int)
    values = np.linalg.svd(run.theta[shown], compute_uv=False)
    for column, colour in enumerate((BLUE, ORANGE, FAINT, FAINT)):
        right.plot(shown, np.log10(values[:, column]), color=colour, lw=1.3)
    right.set(xlabel="step", title="singular values of the units, log10")
    return fig


def explorer() -> Explorer:
    """The explorer of training as it is done: rate, batches, noise and rule on one regression.

    128 samples, whitened, of two modes; the learning rate is a multiple of the edge of stability,
    and for Adam a hundredth of that multiple.
    """

    def simulate(
        rate: float, rule: str, batch: int, noise: float, init_scale: float, seed: int
    ) -> tuple[Trajectory, np.ndarray, str]:
        data = regression(seed, whiten=True)
        first, second = np.linalg.svd(data.network.syz, compute_uv=False)[:2]
        lr = 0.01 * rate if rule == "Adam" else rate / first
        end = 1.4 * np.log(1 / init_scale) / second + 15
        steps = 60 + int({"gradient descent": end, "momentum": end / 2, "Adam": 0.5}[rule] / lr)
        theta0 = initial_units(data.network, 20, init_scale, [seed])
        rng, all_of_it = np.random.default_rng(seed), 2**batch == len(data.x) and not noise
        batches = None if all_of_it else sample_batches(data, 2**batch, 1, rng, noise)
        run = descend(data.network, theta0, lr, steps, batches=batches, rule=RULES[rule])
        return run.member(0), linear_levels(data.network)[:3], rule

    return Explorer(
        simulate, training_figure,
        "Loss over steps beside the singular values of the units, for the training chosen",
        {"mini-batches of 8": {"batch": 3}, "label noise": {"batch": 3, "noise": 0.5},
        "Adam": {"rule": "Adam"}, "no plateau": {"init_scale": 0.1}},
        rate=Slider(0.1, 0.02, 1.2, 0.02, label="rate / edge"),
        rule=Choice(next(iter(RULES)), [*RULES], "update rule"),
        batch=Slider(7, 0, 7, label="log2 of batch"),
        noise=Slider(0.0, 0.0, 1.0, 0.05, label="label noise"),
        init_scale=Slider(1e-6, -8, -1, 0.5, log=True, label="initial scale"),
        seed=Slider(0, 0, 100),
    )  # fmt: skip
