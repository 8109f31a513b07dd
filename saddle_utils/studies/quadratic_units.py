"""Notebook 05: a quadratic network learns one unit at a time, along a plateau that slopes (1G).

The runs, the claims made of every panel, and most of the drawing are those of `figure1`.
"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np

from .. import observables
from ..datasets import digitised
from ..notebook import Explorer, Picture, Slider
from ..notebook.colours import BLUE, FAINT, INK, ORANGE
from ..notebook.look import dashed, draw_words
from . import figure1
from .figure1 import PanelRun


def plateau_walk(run: PanelRun) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The first unit of a run with weights in the plane, from the end of its drop to mid-plateau.

    Epochs, angle of its first-layer weight in [0, pi), and the loss of the network, (n,) each.
    """
    stairs = run.staircase
    during = (run.epochs > stairs.starts[1] + 15) & (run.epochs < stairs.middles[1])
    first = np.argmax(observables.contributions(run.panel.network, run.units_at(stairs.middles[1])))
    u = run.trajectory.theta[during, first, run.panel.shown]
    return run.epochs[during], np.arctan2(u[:, 1], u[:, 0]) % np.pi, run.losses[during]


def quadratic_ring_picture(
    run: PanelRun, others: Sequence[PanelRun], angles: np.ndarray, ring: np.ndarray
) -> Picture:
    """The one-unit solutions by direction, and the first units of runs sliding down them."""
    stairs, paper = run.staircase, digitised(run.panel.name)
    fig, (left, right) = plt.subplots(1, 2, figsize=(9, 2.9))
    dashed(left, np.degrees(angles), ring, 0.9)
    for other, colour in [*((other, FAINT) for other in others), (run, BLUE)]:
        _, walk, losses = plateau_walk(other)
        left.plot(np.degrees(walk), losses, color=colour, lw=3 if other is run else 1)
        left.plot(np.degrees(walk[-1]), losses[-1], "o", color=colour, mec="white", ms=6)
    left.set(xlabel="direction of the unit (degrees)", ylabel="loss / initial loss", xlim=(0, 180))
    left.set(xticks=range(0, 181, 45), title="best single unit, by direction")
    words = (("dashed: the ring", INK), ("this run", BLUE), ("other seeds, to mid-plateau", FAINT))
    draw_words(left, words, top=1.0, x=0.5, ha="center")
    epochs, walk, _ = plateau_walk(run)
    right.plot(paper.epochs, paper.losses, color=ORANGE, lw=5, alpha=0.55)
    right.plot(run.epochs, run.losses, color=BLUE)
    dashed(right, epochs, np.interp(walk, angles, ring), 1.2)
    right.set(xlim=(stairs.starts[1] - 30, stairs.ends[1] + 60), ylim=(0.29, 0.37))
    right.set(xlabel="epoch", title="the plateau, enlarged")
    words = (
        ("this run", BLUE),
        ("the paper, digitised", ORANGE),
        ("dashed: ring at its angle", INK),
    )
    draw_words(right, words)
    alt = (
        "Loss of the best single unit over its direction, from .32 to .35, and the first "
        "units of many runs sliding down it during their plateau."
    )
    return Picture(fig, "quadratic_ring", alt, {"angle": np.degrees(angles), "loss": ring})


def explorer() -> Explorer:
    """Explorer of panel G; `second` is the weight of the second coordinate in the target."""
    return figure1.panel_explorer(
        "fig1g", second=Slider(1.0, -1.0, 2.0, 0.1, label="second weight")
    )
