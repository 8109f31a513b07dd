"""Notebook 05: a quadratic network learns one unit at a time, along a plateau that slopes (1G).

The runs, the claims made of every panel, and most of the drawing are those of `figure1`.
"""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from .. import observables
from ..datasets import digitised
from ..notebook import Explorer, Picture, Slider, look
from ..notebook.look import BLUE, FAINT, INK, ORANGE, dashed, draw_words
from . import figure1
from .figure1 import PanelRun


def ring_figure(
    run: PanelRun, others: Sequence[PanelRun], angles: np.ndarray, ring: np.ndarray
) -> Figure:
    """The one-unit solutions by direction, and the first units of runs sliding down them."""
    stairs, paper = run.staircase, digitised(run.panel.name)
    fig, (left, right) = plt.subplots(1, 2, figsize=(9, 2.9))
    dashed(left, np.degrees(angles), ring, 0.9)
    for other, colour in [*((other, FAINT) for other in others), (run, BLUE)]:
        _, walk, losses = plateau_walk(other)
        left.plot(np.degrees(walk), losses, color=colour, lw=3 if other is run else 1)
        left.plot(np.degrees(walk[-1]), losses[-1], "o", color=colour, mec="white", ms=6)
    left.set(
        xlabel="direction of the unit (degrees)", ylabel="loss / initial loss", xlim=(0, 180),
        xticks=range(0, 181, 45), title="best single unit, by direction",
    )  # fmt: skip
    epochs, walk, _ = plateau_walk(run)
    right.plot(paper.epochs, paper.losses, color=ORANGE, lw=5, alpha=0.55)
    right.plot(run.epochs, run.losses, color=BLUE)
    dashed(right, epochs, np.interp(walk, angles, ring), 1.2)
    right.set(
        xlim=(stairs.starts[1] - 30, stairs.ends[1] + 60),
        ylim=(0.29, 0.37),
        xlabel="epoch",
        title="the plateau, enlarged",
    )
    words = (("this run", BLUE), ("the paper, digitised", ORANGE), ("ring at its angle", INK))
    draw_words(right, words)
    return fig


def plateau_walk(run: PanelRun) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The first unit of a run with weights in the plane, from the end of its drop to mid-plateau.

    Epochs, angle of its first-layer weight in [0, pi), and the loss of the network, (n,) each.
    """
    stairs = run.staircase
    during = (run.epochs > stairs.starts[1] + 15) & (run.epochs < stairs.middles[1])
    first = np.argmax(observables.contributions(run.panel.network, run.units_at(stairs.middles[1])))
    u = run.trajectory.theta[during, first, run.panel.shown]
    return run.epochs[during], np.arctan2(u[:, 1], u[:, 0]) % np.pi, run.losses[during]


def fig1g_picture(paper_run: np.ndarray, ensemble: np.ndarray, levels: np.ndarray) -> Picture:
    """Figure 1G: a run of the quadratic network, other seeds, and the levels of theory (3,)."""
    fig = figure1.panel_figure(paper_run, ensemble, levels)
    alt = (
        "Figure 1G. The loss falls in two abrupt steps with a plateau at .32, near the "
        "paper's curve; other seeds fall at other times to the same levels; one unit, then "
        "two, leave the origin."
    )
    return Picture(
        fig, "fig1g", alt, figure1.panel_curves(paper_run),
        {"weights": figure1.panel_weights(paper_run)},
    )  # fmt: skip


def quadratic_ring_picture(
    paper_run: np.ndarray, slow: np.ndarray, angles: np.ndarray, ring: np.ndarray
) -> Picture:
    """The one-unit solutions by direction, and first units sliding along them."""
    fig = ring_figure(paper_run, slow, angles, ring)
    alt = (
        "Loss of the best single unit over its direction, from .32 to .35, and the first "
        "units of many runs sliding down it during their plateau."
    )
    return Picture(fig, "quadratic_ring", alt, {"angle": np.degrees(angles), "loss": ring})


def quadratic_limit_picture(
    at_panel: np.ndarray, near: np.ndarray, far: np.ndarray, levels: np.ndarray, seeds: np.ndarray
) -> Picture:
    """Runs of the same seeds from ever smaller scales (`figure1.limit_figure`)."""
    fig = figure1.limit_figure([at_panel, near, far], levels)
    alt = (
        "Loss of a quadratic network for many seeds from the panel's scale, a hundredth and "
        "a ten-thousandth of it, over rescaled epochs: steps become vertical and keep their "
        "times."
    )
    return Picture(
        fig, "quadratic_limit", alt, {"seed": list(seeds), "panel": figure1.first_drops(at_panel),
        "limit": figure1.first_drops(far) * 1e-4}
    )  # fmt: skip


def quadratic_escape_picture(
    predicted: np.ndarray, epochs_scaled: np.ndarray, measured: np.ndarray, draws: np.ndarray,
    first: np.ndarray,
) -> Picture:  # fmt: skip
    """Predicted against measured times of the first drop (Proposition 5)."""
    fig = look.agreement_figure(
        [{"title": "first drop of 200 draws", "label": "epochs × fraction", "log": True,
        "predicted": predicted * epochs_scaled, "measured": measured * epochs_scaled}]
    )  # fmt: skip
    alt = "Predicted against measured time of the first drop for 200 draws: all on the diagonal."
    return Picture(
        fig, "quadratic_escape", alt, {"seed": list(draws), "predicted": predicted * epochs_scaled,
        "measured": measured * epochs_scaled, "unit": first},
    )  # fmt: skip


def explorer() -> Explorer:
    """Explorer of panel G; `second` is the weight of the second coordinate in the target."""
    return figure1.panel_explorer(
        "fig1g", second=Slider(1.0, -1.0, 2.0, 0.1, label="second weight")
    )
