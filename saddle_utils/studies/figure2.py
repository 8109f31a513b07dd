"""What width and data do to the drops of Figure 2, measured in ensembles of runs.

Every function takes the `name` of a network of `datasets.figure2`, and settings that broadcast to
(n,): the exponents `kappas` of its strengths, numbers of units `widths` and initial `scales`.
Times are gradient-flow times.  The k-th drop is the moment at which the loss passes the middle
between the saddles with k - 1 and k features learned; nan if it never does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from ..datasets import figure2_network, power_law
from ..dynamics import Trajectory, flows, sweep_over
from ..networks import Linear, initial_units
from ..notebook import Picture
from ..notebook.colours import shades
from ..notebook.look import draw_levels, draw_words, one_table
from ..observables import count, dense_loss, drop_times
from ..theory.quadratic import attention_levels

Curves = Sequence[tuple[np.ndarray, np.ndarray]]
Pair = tuple[Curves, Curves]  # of the linear network and of attention


def curve_table(knob: str, values: Sequence[float], curves: Curves) -> dict[str, list]:
    """The numbers behind `draw_both` as columns of one length."""
    pairs = zip(values, curves, strict=True)
    return one_table({knob: value, "time": times, "loss": loss} for value, (times, loss) in pairs)


def power(value: float) -> str:
    """A power of ten as one writes it, in bold."""
    exponent = np.log10(value)
    return "1" if exponent == 0 else rf"$\mathbf{{10^{{{exponent:.3g}}}}}$"


def draw_both(
    axes: Sequence[Axes], pair: Pair, scale: ArrayLike, words: Sequence[Sequence[str]] = ((), ()),
    unit: str = "ε",
) -> None:  # fmt: skip
    """Losses of both networks on two axes, the dark curve last, with words that name the curves.

    Attention's are over time times `scale`, one or one for each curve, which is called `unit`.
    """
    for ax, curves, names, factor in zip(axes, pair, words, (1, scale), strict=True):
        colours, factors = shades(len(curves)), np.broadcast_to(factor, len(curves))
        scaled = [(times * e, loss) for (times, loss), e in zip(curves, factors, strict=True)]
        for (times, losses), colour in zip(scaled, colours, strict=True):
            ax.plot(times, losses, color=colour, lw=1.5, alpha=0.9)
        ends = [times[np.argmax(losses < losses[-1] + 0.01)] for times, losses in scaled]
        ax.set(xlim=(0, 1.12 * max(ends)), ylim=(-0.03, 1.05))
        draw_words(ax, list(zip(names, colours, strict=False)), 1.0, 0.085)
    axes[0].set(xlabel="gradient-flow time", title="linear network", ylabel="loss / initial loss")
    axes[1].set(xlabel=f"gradient-flow time × {unit}", title="linear attention")


QUANTILES = (0.1, 0.5, 0.9)  # of a band over seeds


@dataclass(frozen=True)
class Sweep:
    """An ensemble at each setting.

    times (n, seeds, 3) : of the three drops
    drops (n, seeds) : how many one sees, between the plateaus that `plateaus.count` finds
    curves : times and losses (T,), as fractions of that at zero, of a typical run at each setting,
        the one whose drops are nearest to the medians
    """

    times: np.ndarray
    drops: np.ndarray
    curves: list[tuple[np.ndarray, np.ndarray]]

    @property
    def band(self) -> np.ndarray:
        """The `QUANTILES` of the times over seeds, (3, n, 3)."""
        return quantile_band(self.times)

    @property
    def medians(self) -> np.ndarray:
        """Median times of the drops over seeds, (n, 3)."""
        return self.band[1]

    @property
    def durations(self) -> np.ndarray:
        """Median times from each drop to the next, (n, 2)."""
        return quantile_band(np.diff(self.times))[1]


def quantile_band(times: np.ndarray) -> np.ndarray:
    """The `QUANTILES` over seeds of times (n, seeds, drops), (3, n, drops); nan is for ever."""
    late = np.where(np.isnan(times), np.inf, times)
    found = np.quantile(late, QUANTILES, axis=1, method="inverted_cdf")
    return np.where(np.isfinite(found), found, np.nan)


def figure2_levels(name: str, kappa: float) -> np.ndarray:
    """Losses of the saddles with 0 to 3 features learned, (4,) (`theory.attention_levels`).

    On white inputs a mode takes s^2 / 2 of the loss with it, where phi is quadratic s^2 / 4.
    """
    s = power_law(kappa)
    if name == "attention":
        return attention_levels(np.diag(np.sqrt(s)), 31)
    gains = s**2 / (4 if name == "quadratic" else 2)
    return gains.sum() - np.concatenate([[0], np.cumsum(gains)])


def total_norm(scale: float, width: int, widths: ArrayLike) -> np.ndarray:
    """Scales at which all `widths` start with the norm of `width` units of this scale, H eps^2."""
    return scale * np.sqrt(width / np.asarray(widths, dtype=float))


def train_figure2(
    name: str, kappa: float, width: int, scale: float, seeds: Sequence[int]
) -> list[Trajectory]:
    """Gradient flow of every seed; the units of a linear network reduced (`Linear.reduce`)."""
    network, slowest = figure2_network(name, kappa), power_law(kappa)[-1]
    theta = network.reduce(initial_units(network, width, scale, seeds))[1]
    if network.degree == 1:
        end = (15 - np.log(width * scale**2)) / (2 * slowest)
    else:
        end = 60 / (slowest * scale)
    rtol = 1e-8 if isinstance(network, Linear) else 1e-4  # for times good to 1e-3
    return flows(network, theta, end, rtol)


def sweep(
    name: str, kappas: ArrayLike, widths: ArrayLike, scales: ArrayLike, seeds: Sequence[int]
) -> Sweep:
    """An ensemble of gradient flows at each setting: when it drops, and how often."""
    settings = np.broadcast_arrays(*np.atleast_1d(kappas, widths, scales))
    found = sweep_over(partial(_ensemble, name, tuple(seeds)), *settings)
    times, drops, curves = zip(*found, strict=True)
    return Sweep(np.array(times), np.array(drops), list(curves))


@cache  # some settings belong to several sweeps
def _ensemble(name: str, seeds: Sequence[int], kappa: float, width: int, scale: float) -> tuple:
    """The times, drops and typical curve of `Sweep`, at one setting."""
    runs, saddles = train_figure2(name, kappa, width, scale, seeds), figure2_levels(name, kappa)
    times = np.array([drop_times(run, saddles) for run in runs])
    middle = quantile_band(times[None])[1, 0]
    off = np.abs(times / middle - 1)[:, np.isfinite(middle)]
    typical = runs[np.where(np.isnan(off), np.inf, off).sum(1).argmin()]
    moments, losses = dense_loss(figure2_network(name, kappa), typical, finer=4)
    moved = [i for i, run in enumerate(runs) if len(run.times) > 2]  # not all ReLUs dead
    drops = np.zeros(len(runs), dtype=int)
    drops[moved] = count([runs[i].times for i in moved], [runs[i].losses for i in moved]) - 1
    return times, drops, (moments, losses / saddles[0])


def fig2_picture(
    pairs: Mapping[str, Pair], values: Mapping[str, Pair], head_scale: float,
    levels: Sequence[np.ndarray], fixed_norm: np.ndarray,
) -> Picture:  # fmt: skip
    """Figure 2: what width (A), data (B), large starts of low rank (C) and the scale (D) do.

    By letter: curves of both networks, and the widths, kappas, ranks and scales they belong to.
    Attention's are over time times its scale, in C `head_scale` too, that of the small units.
    levels (4,) of the saddles of both are dashed where the data are the same; `fixed_norm` are the
    scales of the linear network in A.
    """
    words = {
        "A  width": ((), [f"units = {width}" for width in values["A"][1]]),
        "B  data": ((), [f"κ = {kappa:g}" for kappa in values["B"][1]]),
        "C  initial rank": [[w.format(r) for r in values["C"][0]] for w in ("rank {}", "{} large")],
        "D  initial scale": [[f"ε = {power(e)}" for e in scales] for scales in values["D"]],
    }
    fig, axes = plt.subplots(2, 4, figsize=(8, 4.7), sharey=True)
    for two, (title, names) in zip(axes.reshape(4, 2), words.items(), strict=True):
        letter = title[0]
        scale, unit = values["D"][1] if letter == "D" else head_scale, "δ" if letter == "C" else "ε"
        draw_both(two, pairs[letter], scale, names, unit)
        place = {"xy": (-0.1, 1.16), "xycoords": "axes fraction"}
        two[0].annotate(title, **place, fontsize=10.5, fontweight="bold")
        for ax, each in zip(two, levels, strict=True):
            draw_levels(ax, each[1:] / each[0] if letter != "B" else (), lw=0.6, zorder=1)
    for ax in axes[:, 1:].flat:
        ax.set_ylabel("")
    alt = (
        "Figure 2. Loss over time of a linear network and of attention: more units shorten "
        "attention's plateaus only; equal strengths remove the linear network's only; each "
        "large unit removes the first plateau left; a larger initial scale weakens all of "
        "them."
    )
    tables = {
        f"{letter}_{name}": curve_table("value", knobs, curves)
        for letter, pair in pairs.items()
        for name, knobs, curves in zip(("linear", "attention"), values[letter], pair, strict=True)
    }
    columns = {"width": values["A"][0], "linear_scale": fixed_norm}
    return Picture(fig, "fig2", alt, columns, tables)
