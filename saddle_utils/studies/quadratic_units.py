"""TODO."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from .. import observables
from ..datasets import digitised
from ..notebook.look import BLUE, DASHED, FAINT, INK, ORANGE, draw_words
from .figure1 import PanelRun


def ring_figure(
    run: PanelRun, others: Sequence[PanelRun], angles: np.ndarray, ring: np.ndarray
) -> Figure:
    """The one-unit solutions by direction, and the first units of runs sliding down them."""
    stairs, paper = run.staircase, digitised(run.panel.name)
    fig, (left, right) = plt.subplots(1, 2, figsize=(9, 2.9))
    left.plot(np.degrees(angles), ring, color=INK, lw=0.9, ls=DASHED)
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
    right.plot(epochs, np.interp(walk, angles, ring), color=INK, lw=1.2, ls=DASHED)
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
