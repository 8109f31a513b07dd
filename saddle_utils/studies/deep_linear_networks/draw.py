"""Figures of deep linear networks: the transition, staircases, escape, phases, completion."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ...dynamics import Trajectory, glance
from ...networks import DeepLinear
from ...notebook import Explorer, Picture, Slider
from ...notebook.colours import BLUE, FAINT, GREEN, INK, ORANGE, RED, shades
from ...notebook.look import dashed, draw_band, draw_levels, draw_loss, draw_words, note, one_table
from ...observables import dense_loss
from ...theory import deep_linear as theory
from .runs import initial_weights, rank_losses, stable_step, target_network

DEPTHS = (BLUE, ORANGE, GREEN)  # three depths, the smallest first
MARK = {"color": INK, "lw": 0.8, "ls": ":"}


def transition_picture(curves: pd.DataFrame) -> Picture:
    """Distance to a minimum over that to a saddle, over gamma and over w^(1 - gamma)."""
    widths = curves["width"].unique()
    colours = dict(zip(widths, shades(len(widths)), strict=True))
    fig, axes = plt.subplots(2, curves["depth"].nunique(), figsize=(10, 6), sharey=True)
    for (above, below), (depth, found) in zip(axes.T, curves.groupby("depth"), strict=True):
        for width, one in found.groupby("width"):
            ratio, gammas = one["minimum"] / one["saddle"], one["gamma"]
            above.semilogy(gammas, ratio, color=colours[width], lw=1.6)
            below.loglog(width ** (1 - gammas), ratio, color=colours[width], lw=1.6)
        for width, offset in ((widths[0], (0, -17)), (widths[-1], (-2, 7))):
            last = found[found["width"] == width].iloc[-1]
            end = last["gamma"], last["minimum"] / last["saddle"]
            note(above, f"w = {width}", end, colours[width], offset, ha="right")
        for ax in (above, below):
            ax.axhline(1, **MARK)
            ax.axvline(1, **MARK)
        below.invert_xaxis()
        above.set(title=f"L = {depth}", xlabel="γ")
        below.set(xlabel="$w^{\\,1-\\gamma}$")
    plt.setp(axes[:, 0], ylabel="distance to a minimum\nover that to a saddle")
    alt = (
        "Distance of the initial weights to a global minimum divided by that to a saddle, for "
        "three depths and widths 8 to 1024: over gamma the curves steepen with the width and pass "
        "1 ever nearer to gamma = 1; over w^(1 - gamma) they fall on one curve."
    )
    shown = ["depth", "width", "gamma", "minimum", "saddle"]
    return Picture(fig, "deep_linear_transition", alt, dict(curves[shown]))


def crossings_picture(
    widths: Sequence[int], crossings: Mapping[int, np.ndarray],
    limits: Mapping[int, tuple[float, float]],
) -> Picture:  # fmt: skip
    """The gamma of equal distances over 1 / ln w, with lines to infinite width."""
    fig, ax = plt.subplots(figsize=(6, 3.4))
    x = 1 / np.log(widths)
    line = np.array([0, x.max()])
    for (depth, found), colour in zip(crossings.items(), DEPTHS, strict=True):
        ax.plot(x, found.T, "o", color=colour, ms=3.5, alpha=0.5)
        meeting, slope = limits[depth]
        dashed(ax, line, meeting + slope * line, color=colour)
        ax.plot(0, meeting, "D", color=colour, ms=6, clip_on=False, zorder=4)
    ax.axhline(1, **MARK)
    ax.set(xlabel="1 / ln w", ylabel="γ of equal distances", xlim=(0, x.max() * 1.05))
    draw_words(ax, [(f"L = {d}", c) for d, c in zip(crossings, DEPTHS, strict=True)], top=0.35)
    alt = (
        "Value of gamma at which minimum and saddle are equally far, over 1 / ln w, for depths 2, "
        "3 and 4: straight lines that reach one at infinite width."
    )
    means = {f"depth_{d}": found.mean(0) for d, found in crossings.items()}
    return Picture(fig, "deep_linear_crossings", alt, {"width": list(widths), **means})


def staircase_picture(found: Mapping[int, Sequence[Trajectory]]) -> Picture:
    """Losses of all runs with the rank-r losses, and singular values of the layers of the first."""
    fig, axes = plt.subplots(2, len(found), figsize=(9.4, 5), sharex="col")
    tables = {}
    for (top, bottom), (depth, runs) in zip(axes.T, found.items(), strict=True):
        net = target_network(depth)
        for k, run in enumerate(runs):
            style = {"color": FAINT, "lw": 0.7} if k else {"color": BLUE, "lw": 2, "zorder": 3}
            times, losses = dense_loss(net, run)
            top.plot(times, losses / losses[0], **style)
        times, losses = runs[0].times, runs[0].losses / runs[0].losses[0]
        end = 1.25 * times[np.argmax(losses < 1e-3)]
        draw_levels(top, rank_losses(), end)
        top.set(title=f"L = {depth}, Gaussian start", xlim=(0, end), ylim=(-0.04, 1.06))
        layers = net.weights(runs[0].theta)
        for layer, colour in enumerate(shades(depth, dark_first=True)):
            values = np.linalg.svd(layers[layer], compute_uv=False)[:, :4]
            bottom.semilogy(times, values, color=colour, lw=1.6)
            place = {"top": 0.97 - 0.08 * layer, "x": 0.02, "ha": "left"}
            draw_words(bottom, [(f"layer {layer + 1}", colour)], **place)
        bottom.set(xlabel="gradient-flow time", ylim=(values[0].min() / 5, 8))
        tables[f"depth_{depth}"] = {"time": times, "loss": losses}
    axes[0, 0].set_ylabel("loss / initial loss")
    axes[1, 0].set_ylabel("singular values of the layers")
    alt = (
        "Losses of deep linear networks from small Gaussian weights, for all seeds staircases with "
        "plateaus at the losses of rank 0, 1, 2 and 3; below, one singular value of all layers "
        "rises with each drop."
    )
    data = {"rank": range(4), "level": rank_losses()}
    return Picture(fig, "deep_linear_staircase", alt, data, tables)


def escape_picture(found: Mapping[int, Mapping[str, np.ndarray]]) -> Picture:
    """Times of the first drop over the initial norm, and the optimal escape."""
    fig, ax = plt.subplots(figsize=(6.2, 3.8))
    for (depth, one), colour in zip(found.items(), DEPTHS, strict=True):
        norms = one["norms"]
        dashed(ax, norms, one["optimal"])
        ax.loglog(norms, one["aligned"], "o", color=colour, ms=6)
        ax.loglog(norms, one["random"].T, "x-", color=colour, ms=5, lw=0.6)
        note(ax, f"L = {depth}", (norms[-1], one["aligned"][-1]), colour, (-8, 0), ha="right")
    ax.set(xlabel="initial norm |θ|", ylabel="time of the first drop", xlim=(2.5e-3, 0.3))
    words = [("● balanced and aligned", INK), ("× Gaussian", INK), ("dashed: optimal", INK)]
    draw_words(ax, words)
    alt = (
        "Time of the first drop over the initial norm, log-log, for depths 3, 4 and 5: aligned "
        "starts on the dashed line of the optimal escape, Gaussian ones parallel to it but later."
    )
    columns = one_table(
        {"depth": depth, "norm": one["norms"], "aligned": one["aligned"],
         "random": one["random"][0], "optimal": one["optimal"]} for depth, one in found.items()
    )  # fmt: skip
    return Picture(fig, "deep_linear_escape", alt, columns)


def balanced_picture(found: Mapping[int, Mapping[str, np.ndarray]]) -> Picture:
    """Losses of balanced starts by gradient flow, by the equation of the map, and drop times."""
    fig, axes = plt.subplots(1, len(found), figsize=(10, 2.7), sharey=True)
    tables = {}
    for ax, (depth, one) in zip(axes, found.items(), strict=True):
        losses, times = one["losses"] / one["losses"][0], one["times"]
        ax.plot(times, losses, color=BLUE, lw=3.5, alpha=0.6)
        dashed(ax, times, one["predicted"] / one["predicted"][0])
        for time in one["expected"]:
            ax.axvline(time, color=RED, lw=0.8, ls=":")
        ax.set(title=f"L = {depth}", xlabel="gradient-flow time", xlim=(0, times[-1]))
        ax.ticklabel_format(axis="x", style="sci", scilimits=(-2, 3))
        part = slice(None, None, 20)
        tables[f"depth_{depth}"] = {"time": times[part], "loss": losses[part]}
    axes[0].set_ylabel("loss / initial loss")
    words = [("flow of all weights", BLUE), ("map alone, dashed", INK), ("times, dotted", RED)]
    draw_words(axes[-1], words, zorder=5, bbox={"color": "white", "pad": 1})
    alt = (
        "Losses of balanced deep linear networks of depth 2 to 5 with three drops; the equation of "
        "the map alone lies on them, and the predicted times mark the drops."
    )
    data = {"depth": list(found), "first": [one["expected"][0] for one in found.values()]}
    return Picture(fig, "deep_linear_balanced", alt, data, tables)


def phases_picture(phases: pd.DataFrame) -> Picture:
    """Plateaus, change of the kernel, and rank of the map while learning, over gamma and width."""
    fig, axes = plt.subplots(1, 3, figsize=(10.4, 3.4), sharey=True)
    maps = phases.set_index(["gamma", "width"]).unstack()
    gammas, widths = maps.index, phases["width"].unique()
    shown = {
        "plateaus between first and last": maps["plateaus"],
        "log10 change of the kernel": np.log10(maps["kernel"]),
        "σ2 / σ1 of the map, first drop": maps["second"],
    }
    edges = np.append(gammas - 0.05, gammas[-1] + 0.05)
    for ax, (title, values) in zip(axes, shown.items(), strict=True):
        mesh = ax.pcolormesh(edges, np.arange(len(widths) + 1), values.T, cmap=shades(), lw=0)
        fig.colorbar(mesh, ax=ax, shrink=0.9)
        ax.axvline(1, color=INK, lw=1.2, ls=":")
        ax.set(title=title, xlabel="γ")
        ax.title.set_fontsize(9.5)
    axes[0].set_yticks(np.arange(len(widths)) + 0.5, widths)
    axes[0].set_ylabel("width w")
    alt = (
        "Three maps over gamma and width: no plateaus, a still kernel and a map of full rank for "
        "gamma below one; plateaus, a kernel that changes by orders of magnitude and a map of rank "
        "one above, the more so the wider the network."
    )
    return Picture(fig, "deep_linear_phases", alt, dict(phases))


def completion_picture(found: pd.DataFrame) -> Picture:
    """Test error and rank of completed matrices over gamma, by depth; medians and all seeds."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(9.4, 3.4))
    groups = found.groupby(["depth", "gamma"])
    bands = groups[["error", "rank"]].quantile([0.1, 0.5, 0.9]).unstack()
    depths = found["depth"].unique()
    for depth, colour in zip(depths, DEPTHS, strict=True):
        for ax, key in ((left, "error"), (right, "rank")):
            band = bands.loc[depth, key]
            draw_band(ax, band.index, band.to_numpy().T, colour)
    left.set(yscale="log", xlabel="γ", ylabel="error on the entries not given")
    right.set(xlabel="γ", ylabel="rank of the map found", ylim=(0, 10.5))
    right.axhline(2, **MARK)
    for ax in (left, right):
        ax.axvline(1, **MARK)
    draw_words(right, [(f"L = {d}", c) for d, c in zip(depths, DEPTHS, strict=True)])
    alt = (
        "Left, error on the entries not given over gamma, falling by three orders of magnitude for "
        "depths 3 and 4. Right, the rank of the map found, from ten to the matrix's two."
    )
    medians = groups[["error", "rank"]].median().reset_index()
    return Picture(fig, "deep_linear_completion", alt, dict(medians))


def run_figure(found: tuple[Trajectory, DeepLinear, float]) -> Figure:
    """Loss of a run with the rank-r losses, and singular values of its map; for the explorer."""
    run, net, gamma = found
    fig, (left, right) = plt.subplots(1, 2, figsize=(8, 2.9))
    draw_levels(left, rank_losses(np.diagonal(net.syz)[np.diagonal(net.syz) > 0]), run.times[-1])
    draw_loss(left, run.times, run.losses / run.losses[0])
    left.set_title(f"γ = {gamma:.2f}")
    few = slice(None, None, 1 + len(run.times) // 100)
    values = np.linalg.svd(net.output(run.theta[few]), compute_uv=False)
    right.plot(run.times[few], values, color=GREEN, lw=1.8)
    right.set(xlabel="gradient-flow time", ylabel="singular values of the map")
    right.set_xlim(0, run.times[-1])
    return fig


def explorer() -> Explorer:
    """Explorer of one run with five inputs and outputs from weights N(0, w^-gamma)."""

    def simulate(
        gamma: float, width: int, depth: int, rank: int, seed: int
    ) -> tuple[Trajectory, DeepLinear, float]:
        net = theory.whitened([5, *[width] * (depth - 1), 5], 0.5 ** np.arange(rank))
        theta = initial_weights(net, np.array([width ** (-gamma / 2)]), np.random.default_rng(seed))
        step = stable_step(depth, width, gamma, inputs=5)
        return glance(net, theta[0], step, 500), net, gamma

    alt = "Loss of a deep linear network over time, and the singular values of its map"
    return Explorer(
        simulate, run_figure, alt,
        {"two layers": {"depth": 2}, "five layers": {"depth": 5}, "no plateau": {"gamma": 0.5}},
        gamma=Slider(2.2, 0.4, 3.0, 0.1, label="γ"),
        width=Slider(24, 2, 48),
        depth=Slider(3, 2, 5),
        rank=Slider(3, 1, 5, label="rank of the target"),
        seed=Slider(0, 0, 50),
    )  # fmt: skip
