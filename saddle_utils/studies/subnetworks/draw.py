"""Figures of subnetworks: tables of ranks, thresholds, a search, runs, learning coefficients."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from ...notebook import Explorer, Picture, Slider
from ...notebook.colours import BLUE, FAINT, GREEN, INK, ORANGE, RED, shades
from ...notebook.look import dashed, draw_words, note, write
from ...theory import subnetworks as theory
from .ranks import rank_row, verdict
from .runs import SMALL

COLOURS = {"holds": GREEN, "not critical": FAINT, "not a subnetwork": ORANGE}
WIDTHS = range(2, 7)  # of the explorer
WORDS = {
    "holds": "critical = subnetwork",
    "not critical": "a subnetwork is not critical",
    "not a subnetwork": "critical, but no subnetwork",
}
LEFT = {"x": 0.02, "ha": "left"}


def draw_cells(ax: Axes, x: pd.Series, y: pd.Series, verdicts: pd.Series) -> None:
    """A cell around each (x, y), in the colour of its verdict."""
    corners = np.array([(-0.47, -0.45), (0.47, -0.45), (0.47, 0.45), (-0.47, 0.45)])
    cells = np.stack([x, y], axis=-1)[:, None] + corners
    ax.add_collection(PolyCollection(cells, color=verdicts.map(COLOURS), alpha=0.45, lw=0))
    ax.tick_params(left=False, bottom=False)


def draw_verdicts(ax: Axes, table: pd.DataFrame, every: int = 1) -> None:
    """Verdicts of one number of inputs, degree over width, and the line d = 2H - 1.

    Some of the degrees have a tick, one of `every` so many.
    """
    draw_cells(ax, table["width"], table["degree"], table["verdict"])
    widths = table["width"].unique()
    bounds = [theory.sufficient_degree(width) - 0.5 for width in widths]
    ax.hlines(bounds, widths - 0.5, widths + 0.5, color=INK, lw=2)
    ax.set(xlim=(widths[0] - 0.5, widths[-1] + 0.5), ylim=(0.4, 2 * widths[-1] + 1.6))
    ax.set(xticks=widths, yticks=range(1, 2 * widths[-1] + 2, every), xlabel="width H")


def table_picture(table: pd.DataFrame) -> Picture:
    """Exact ranks by degree and width for each number of inputs (`ranks.rank_table`)."""
    inputs = table["inputs"].unique()
    fig, axes = plt.subplots(1, len(inputs), figsize=(10, 5.4), sharey=True)
    for ax, n in zip(axes, inputs, strict=True):
        own = table[table["inputs"] == n]
        draw_verdicts(ax, own)
        ax.set_title(f"{n} inputs")
        for row in own.to_dict("records"):
            x, y, few = row["width"], row["degree"], f"{row['no output']}  {row['redundant']}"
            write(ax, x - 0.2, y, row["generic"], "black", fontsize=10, fontweight="bold")
            write(ax, x + 0.2, y, few, "black", fontsize=8)
        for width in own["width"].unique():
            bound = theory.mason_degree(width)
            if bound <= 2 * width + 1:
                ax.plot(width - 0.44, bound - 0.5, ">", color=RED, ms=7, zorder=3)
            else:
                note(ax, f"▸ {bound}", (width - 0.45, 2 * width + 1.6), RED, (0, 0), va="bottom")
    axes[0].set_ylabel("degree d")
    words = [(WORDS[verdict], colour) for verdict, colour in COLOURS.items()]
    draw_words(axes[0], words, 0.97, 0.055, fontsize=8.5, **LEFT)
    key = "bold: generic rank\nsmall: no output, redundant\nline: d = 2H − 1\n"
    words = [(f"{key}▸ bound by Mason's theorem", "black")]
    draw_words(axes[1], words, 0.97, fontweight="normal", fontsize=8.5, **LEFT)
    alt = (
        "Table of the exact rank of the Jacobian for widths 2 to 5 and degrees up to 2H + 1, for "
        "two and three inputs. From the line d = 2H - 1 upward all cells say that critical points "
        "are subnetworks; below it most do not."
    )
    return Picture(fig, "subnetwork_table", alt, dict(table.drop(columns="exceptions")))


def floating_picture(
    ranks: Mapping[str, np.ndarray], thresholds: np.ndarray, width: int
) -> Picture:
    """Singular values of random points, and how often a threshold on them gets the rank wrong."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2))
    half, order = len(ranks["double"]) // 2, np.arange(1, 2 * width + 5)
    values = np.maximum(ranks["double"][:, : len(order)], 1e-18)
    kinds = (("generic", values[:half], 2 * width, BLUE, 1e-9),
             ("redundant", values[half:], 2 * width - 2, RED, 1e-11))  # fmt: skip
    for name, some, rank, colour, height in kinds:
        left.semilogy(order, some.T, color=colour, lw=0.4, alpha=0.35)
        left.axvline(rank + 0.5, color=colour, lw=0.8, ls=":")
        note(left, f"{name}: rank {rank}", (order[0], height), colour)
    left.set(xlabel="singular value", xticks=order[::3], ylabel="over the largest", ylim=(1e-18, 3))
    left.set_title(f"width {width}, degree {theory.sufficient_degree(width)}, in double precision")
    places = {"double": (INK, (1.2e-15, -5), "left"), "single": (ORANGE, (1e-9, 93), "right")}
    for name, (colour, place, side) in places.items():
        right.semilogx(thresholds, 100 * ranks[f"{name}_wrong"], color=colour)
        note(right, f"{name} precision", place, colour, ha=side)
    right.axhline(0, color=GREEN, lw=3, alpha=0.7)
    note(right, "exact: none wrong", (thresholds[-1], 0), GREEN, (0, 8), ha="right")
    right.set(xlabel="threshold", ylabel="% of draws with a wrong rank", ylim=(-8, 104))
    alt = (
        "Left, singular values of random Jacobians, falling over sixteen orders of magnitude so "
        "that true ranks reach into rounding. Right, percentage of wrong ranks over the threshold: "
        "no threshold is right for all in single precision, few or none in double."
    )
    wrong = {name: ranks[f"{name}_wrong"] for name in ("double", "single")}
    return Picture(fig, "subnetwork_thresholds", alt, {"threshold": thresholds, **wrong})


def search_picture(degrees: Sequence[int], shares: Mapping[int, np.ndarray]) -> Picture:
    """Share of points that are critical although no subnetworks, over the degree, by width."""
    fig, ax = plt.subplots(figsize=(6.4, 3.2))
    for (width, share), colour in zip(shares.items(), shades(len(shares)), strict=True):
        ax.plot(degrees, 100 * share, "o-", color=colour, ms=5)
        last = theory.sufficient_degree(width)
        ax.axvline(last, color=colour, lw=1, ls=":")
        ax.text(last + 0.06, 70, f"H = {width}", color=colour, fontsize=8.5, fontweight="bold")
    ax.set_yscale("symlog", linthresh=0.3)
    ax.set_yticks([0, 1, 10, 100], ["0", "1", "10", "100"])
    ax.set(xlabel="degree d", ylabel="% critical, though no subnetwork", ylim=(-0.05, 110))
    draw_words(ax, [("dotted: d = 2H − 1", INK)], top=0.6)
    alt = (
        "Share of random integer points that are critical but no subnetworks over the degree, for "
        "widths 2, 3 and 4: it is zero from d = 2H - 1 on, and not below for widths 3 and 4."
    )
    columns = {f"width_{width}": share for width, share in shares.items()}
    return Picture(fig, "subnetwork_search", alt, {"degree": list(degrees), **columns})


def three_layers_picture(table: pd.DataFrame) -> Picture:
    """Generic ranks of networks with two hidden layers, and where all subnetworks are critical."""
    rows, sizes = pd.factorize(table["sizes"])
    critical = table["subnetwork"] < table["generic"]
    full = table["generic"] == table.groupby("sizes")["bound"].transform("max")
    fig, ax = plt.subplots(figsize=(7.6, 0.36 * len(sizes) + 1.1))
    verdicts = critical.map({True: "holds", False: "not critical"})
    draw_cells(ax, table["degree"], rows, verdicts)
    words = table["generic"].astype(str) + " (" + table["subnetwork"].astype(str) + ")"
    for degree, row, word, bold in zip(table["degree"], rows, words, full, strict=True):
        weight = "bold" if bold else "normal"
        write(ax, degree, row, word, "black", fontsize=8.5, fontweight=weight)
    degrees = table["degree"].unique()
    ax.set(xlim=(degrees[0] - 0.5, degrees[-1] + 0.5), ylim=(len(sizes) - 0.4, -0.6))
    ax.set(xticks=degrees, xlabel="degree d")
    ax.set_yticks(range(len(sizes)), sizes.str.replace("-", " - "))
    ax.set_title(
        "generic rank (largest rank of a subnetwork); green: all subnetworks are critical;\n"
        "bold: weights less a scale for each hidden neuron", fontsize=9,
    )  # fmt: skip
    alt = (
        "Table of exact generic ranks of networks with two hidden layers by degree: small degrees "
        "are grey, where a subnetwork keeps the generic rank; from a moderate degree on all are "
        "green and full."
    )
    return Picture(fig, "subnetwork_three_layers", alt, dict(table))


def spectra_picture(runs: Mapping[int, Mapping[str, Any]]) -> Picture:
    """Loss, and singular values of the Jacobian, over time, of a run for each degree."""
    fig, axes = plt.subplots(2, len(runs), figsize=(9.4, 5), sharex="col", height_ratios=(1, 1.6))
    tables = {}
    for column, (degree, run) in zip(axes.T, runs.items(), strict=True):
        top, bottom = column
        times, middles = np.maximum(run["times"], 1e-3), run["middles"][1:]
        top.semilogx(times, run["losses"], color=BLUE)
        top.set(title=f"d = {degree}", ylim=(-0.05, 1.08))
        ranks = [theory.generic_rank(3, width, degree) for width in (1, 2, 3)]
        colours = [*shades(3, dark_first=True), FAINT]
        for k, values in enumerate(run["values"].T[: ranks[-1] + 3]):
            colour = colours[np.searchsorted(ranks, k, side="right")]
            bottom.loglog(times, np.maximum(values, 1e-13), color=colour, lw=1.6)
        bottom.axhline(SMALL, color=INK, lw=0.9, ls=":")
        last = np.argmax(run["losses"] < 1.01 * run["levels"][-1] + 1e-4)
        left, right = 0.5 * run["times"][np.argmax(run["losses"] < 0.99)], 4 * run["times"][last]
        for middle, rank in zip(middles, run["ranks"], strict=True):
            for ax in column:
                ax.axvline(middle, color=FAINT, lw=0.7, ls=":")
            note(bottom, f"{rank}", (min(middle, 0.7 * right), 3.5), offset=(0, 0), ha="center")
        note(bottom, "rank", (left, 3.5))
        bottom.set(ylim=(1e-13, 20), xlim=(left, right))
        bottom.set_xlabel("gradient-flow time × $\\epsilon^{d-1}$")
        values = {f"value_{k + 1}": v for k, v in enumerate(run["values"].T)}
        tables[f"d{degree}"] = {"time": run["times"], "loss": run["losses"], **values}
    axes[0, 0].set_ylabel("loss / initial loss")
    axes[1, 0].set_ylabel("singular values of the\nJacobian over the largest")
    alt = (
        "Top, losses of runs of a quadratic and a cubic network with three drops. Bottom, singular "
        "values of the Jacobian: three rise at the first drop, then two and one for the quadratic, "
        "three and three for the cubic network; the rest stay far below."
    )
    data = {"degree": list(runs), "plateaus": [len(run["ranks"]) for run in runs.values()]}
    return Picture(fig, "subnetwork_spectra", alt, data, tables)


def full_rank_saddle_picture(run: Mapping[str, Any]) -> Picture:
    """A plateau at a saddle where the Jacobian keeps its full rank."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(9, 2.7))
    left.plot(run["times"], run["losses"], color=BLUE)
    right.semilogy(run["times"], run["second"], color=BLUE)
    for ax in (left, right):
        ax.axvline(run["times"][run["middle"]], color=FAINT, lw=0.8, ls=":")
        ax.set(xlabel="gradient-flow time")
    left.set(ylabel="loss / initial loss", ylim=(0, 1.05))
    right.set(ylabel="second singular value / first", ylim=(SMALL / 2, 2))
    right.axhline(SMALL, color=INK, lw=0.9, ls=":")
    note(right, "a subnetwork would lie below", (run["times"][0], SMALL), INK, (6, 9))
    alt = (
        "Loss of a single quadratic unit with a plateau between two drops, at a saddle; the second "
        "singular value of its Jacobian stays near one half of the first all the time."
    )
    columns = {"time": run["times"], "loss": run["losses"], "second": run["second"]}
    return Picture(fig, "subnetwork_full_rank_saddle", alt, columns)


def coefficients_picture(
    eps: np.ndarray, volumes: Mapping[str, np.ndarray], coefficients: Mapping[str, float]
) -> Picture:
    """Volumes of weights near functions over the excess loss, and powers lambda of it, dashed."""
    fig, ax = plt.subplots(figsize=(6.6, 3.8))
    colours = shades(len(volumes), dark_first=True)
    for (name, volume), colour in zip(volumes.items(), colours, strict=True):
        share = volume / volume[-1]
        ax.loglog(eps, share, color=colour, lw=3.5, alpha=0.6)
        dashed(ax, eps, share[0] * (eps / eps[0]) ** coefficients[name])
        note(ax, f"{name}: λ = {coefficients[name]:.3g}", (eps[0], share[0]), colour, (-6, 0),
             ha="right")  # fmt: skip
    ax.set(xlabel="excess loss ε", xlim=(eps[0] * 1e-6, eps[-1] * 2))
    ax.set(ylabel="volume of weights below ε (relative)")
    alt = (
        "Volume of weights whose function is within an excess loss over that loss, log-log: "
        "straight lines with the slopes of the closed forms, from one sixth to one and a quarter."
    )
    return Picture(fig, "subnetwork_coefficients", alt, {"eps": eps, **volumes})


@cache
def expected_verdicts(inputs: int) -> pd.DataFrame:
    """What theory says of all widths of the explorer and degrees up to 2H + 1."""
    cells = [(h, d) for h in WIDTHS for d in range(1, 2 * h + 2)]
    says = [verdict({kind: theory.expected_rank(kind, inputs, *cell) for kind in theory.KINDS})
            for cell in cells]  # fmt: skip
    return pd.DataFrame(cells, columns=["width", "degree"]).assign(verdict=says)


def point_figure(row: Mapping[str, Any]) -> Figure:
    """What theory says of all widths and degrees, one of them framed, and its exact ranks."""
    inputs, width, degree = row["inputs"], row["width"], row["degree"]
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.3))
    draw_verdicts(left, expected_verdicts(inputs), every=3)
    left.add_patch(plt.Rectangle((width - 0.5, degree - 0.5), 1, 1, fill=False, ec=INK, lw=2.5))
    left.set(ylabel="degree d", title=f"{inputs} inputs, theory")
    words = [(WORDS[name], colour) for name, colour in COLOURS.items()]
    draw_words(left, words, 0.97, 0.07, **LEFT)
    ranks = [row[kind] for kind in theory.KINDS]
    right.barh(theory.KINDS, ranks, color=[BLUE, ORANGE, RED, RED, RED], alpha=0.7)
    right.axvline(row["generic"], color=INK, lw=1, ls=":")
    right.axvline(width * inputs, color=FAINT, lw=1, ls=":")
    right.text(width * inputs, 4, " all but scales", color=FAINT, va="center", fontsize=8)
    right.set(xlim=(0, 1.25 * width * inputs), ylim=(4.6, -0.6))
    right.tick_params(left=False)
    right.set(xlabel="exact rank", title=f"H = {width}, d = {degree}: {WORDS[row['verdict']]}")
    return fig


def explorer() -> Explorer:
    """Explorer of the table of ranks: inputs, width, degree, and the draw."""

    def simulate(inputs: int, width: int, degree: int, seed: int) -> dict[str, Any]:
        return rank_row(inputs, width, min(degree, 2 * width + 1), np.random.default_rng(seed), 2)

    alt = "Table of what theory says with one cell framed, its exact ranks by kind of point as bars"
    return Explorer(
        simulate, point_figure, alt,
        {"just too low a degree": {"degree": 2}, "wide": {"width": WIDTHS[-1]}},
        inputs=Slider(3, 2, 4), width=Slider(3, WIDTHS[0], WIDTHS[-1]),
        degree=Slider(4, 1, 2 * WIDTHS[-1] + 1), seed=Slider(0, 0, 20),
    )  # fmt: skip
