"""Notebook 16: a run of your own: any network of Figure 1 on data that you choose.

The explorable page gives the command that repeats what it shows: the same data, the same initial
weights, the same learning rate.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np

from ..datasets import PANELS, Panel, panel
from ..notebook import Choice, Explorer, Ledger, Picture, Slider
from ..notebook.colours import BLUE, FAINT, GREEN, INK
from ..notebook.ledger import Claim
from ..notebook.look import dashed, draw_words
from ..theory.predictions import predict
from . import figure1
from .figure1 import PanelRun

LABELS = dict.fromkeys(("fig1b", "fig1c", "fig1d", "fig1e"), ("first", "second"))
KNOBS = {**LABELS, "fig1f": ("first", "second", "context"), "fig1g": ("second",)}
MOST = 4  # drops that are predicted


def own_panel(
    name: str, points: Sequence | None = None, knobs: Sequence[float] | None = None,
    lr: float | None = None,
) -> Panel:  # fmt: skip
    """A panel of Figure 1 with these data; what is None is as in the paper.

    Parameters
    ----------
    name : "fig1b" to "fig1g"
    points : two points of the plane, the inputs of B and D or the kernels of C and E
    knobs : the labels of B, C, D and E; the two variances and the context of F, which then has
        the moments of infinitely many prompts; the second weight of G
    lr : learning rate on the mean squared error over samples and outputs

    Raises
    ------
    ValueError : an unknown panel, points where it has none, too many or too few knobs, or labels
        that are all zero
    """
    if name not in PANELS:
        raise ValueError(f"unknown panel {name!r}; known: {', '.join(PANELS)}")
    if points is not None and name not in LABELS:
        raise ValueError(f"panel {name} has no points to choose; give knobs: {KNOBS[name]}")
    if knobs is not None and len(knobs) != len(KNOBS[name]):
        raise ValueError(f"panel {name} takes {len(KNOBS[name])} knobs, {KNOBS[name]}: got {knobs}")
    chosen = dict(zip(KNOBS[name], knobs or (), strict=bool(knobs)))
    if points is not None:
        chosen["points"] = tuple(tuple(map(float, point)) for point in points)
    if knobs and name == "fig1f":
        chosen.update(context=int(chosen["context"]), prompts=None)
    found = panel(name, **chosen)
    if not found.network.zero_loss():
        raise ValueError("all labels are zero: there is nothing to learn")
    return found if lr is None else replace(found, lr=lr)


class Expected(NamedTuple):
    """What theory says of a run: `levels` (drops + 1,), the losses of the saddles as fractions of
    the initial one, and `times` (drops,), the epochs of the half-drops.
    """

    levels: np.ndarray
    times: np.ndarray


def expected(run: PanelRun) -> Expected:
    """Path of saddles of a run (section 5), as far as the run goes."""
    net, start = run.panel.network, run.trajectory.theta[:1]
    plan = predict(net, start, min(MOST, start.shape[1]))
    times = plan.times[0] / run.panel.step
    count = np.logical_and.accumulate(times < run.epochs[-1]).sum()
    return Expected(plan.levels[0, : count + 1] / net.zero_loss(), times[:count])


def train(
    own: Panel, seed: int, width: int, init_scale: float, epochs: int,
    n_seeds: int | None = None, device: str = "cpu",
) -> PanelRun:  # fmt: skip
    """One run by gradient descent, or the runs of the seeds `seed`, `seed` + 1, ..."""
    every = 1 if n_seeds is None else 5
    return figure1.train_panel(own, seed, width, init_scale, n_seeds, epochs, every, device)


def own_run_picture(run: PanelRun, theory: Expected, ensemble: PanelRun | None = None) -> Picture:
    """Loss over epochs with theory's levels and times, other seeds, and the weights at the end."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.3), width_ratios=(2.1, 1))
    last = run.epochs[-1]
    for k, (time, level) in enumerate(zip(theory.times, theory.levels[1:], strict=True)):
        dashed(left, [time, time], [0, 1], 0.9)
        dashed(left, [time, last], [level, level], 0.9)
        left.text(time, 1.02, f" {time:.0f}", fontsize=8, color=INK)
        left.text(last, level + 0.015, f"{k + 1}", ha="right", fontsize=8, color=GREEN)
    words = [("this run", BLUE), ("theory, dashed", INK)]
    if ensemble is not None:
        left.plot(ensemble.epochs, ensemble.losses, color=FAINT, lw=0.5, alpha=0.45)
        words.append((f"{ensemble.losses.shape[1]} seeds", FAINT))
    left.plot(run.epochs, run.losses, color=BLUE)
    left.set(xlim=(0, last), ylim=(-0.04, 1.12), xlabel="epoch", ylabel="loss / initial loss")
    left.set_title(run.panel.title)
    draw_words(left, words, top=0.84)
    end = run.trajectory.theta[-1][:, run.panel.shown]
    figure1.draw_weights(right, end, f"end: width {[0, *run.widths()][-1]}")
    alt = (
        f"{run.panel.title}: loss over {last:.0f} epochs with the levels and the times of the "
        f"{len(theory.times)} drops that theory predicts, beside the first-layer weights at the end"
    )
    data = {"epoch": run.epochs.round().astype(int), "loss": run.losses}
    table = {"half_drop": theory.times, "level_after": theory.levels[1:]}
    return Picture(fig, "your_own_run", alt, data, {"theory": table})


def claim_path(ledger: Ledger, run: PanelRun, theory: Expected) -> list[Claim]:
    """Claims: the run drops when theory says, to where it says."""
    stairs = run.staircase
    same = len(stairs.half_drops) == len(theory.times)
    off = np.abs(stairs.half_drops / theory.times - 1).max(initial=0) if same else np.inf
    levels = np.abs(stairs.levels - theory.levels).max(initial=0) if same else np.inf
    return [
        ledger.equal(
            "own_drops", "the run has as many drops as theory predicts", "section 5",
            measured=len(stairs.half_drops), predicted=len(theory.times),
        ),
        ledger.at_most(
            "own_times", "each comes when theory says (worst relative error)", "section 5",
            measured=off, bound=0.05,
        ),
        ledger.at_most(
            "own_levels", "and leads to the loss of a narrower network (worst error)", "Theorem 1",
            measured=levels, bound=0.02,
        ),
    ]  # fmt: skip


def explorer() -> Explorer:
    """Explorer of all six networks of Figure 1: choose one, its start and its learning rate."""
    names = {panel(name).title: name for name in PANELS}

    def simulate(network: str, width: int, seed: int, scale: float, lr: float) -> tuple:
        own = own_panel(names[network])
        own = replace(own, lr=own.lr * lr)
        run = train(own, seed, width, own.init_scale * scale, 2000)
        return run, expected(run)

    return Explorer(
        simulate, lambda result: own_run_picture(*result).figure,
        "Loss over epochs with theory's levels and times, beside the weights",
        {"the paper": {}, "no plateau": {"scale": 1000.0}, "narrow": {"width": 2}},
        network=Choice(panel("fig1b").title, [*names]),
        width=Slider(20, 2, 100), seed=Slider(1, 0, 100),
        scale=Slider(1.0, -1, 3, 0.1, log=True, label="initial scale (× paper's)"),
        lr=Slider(1.0, -1, 0.5, 0.1, log=True, label="learning rate (× paper's)"),
    )  # fmt: skip
