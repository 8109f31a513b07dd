"""The explorer of notebook 15: learning rate, update rule, batches and label noise."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from ...datasets import regression, sample_batches
from ...dynamics import Trajectory, descend
from ...networks import initial_units
from ...notebook.colours import BLUE, DASHED, FAINT, INK, ORANGE
from ...notebook.explorer import Choice, Explorer, Slider
from ...theory.linear import linear_levels
from .steps import RULES


def training_figure(run: Trajectory, levels: Sequence[float], title: str) -> Figure:
    """Loss over steps on theory's levels, beside the singular values of the units (T, units, n)."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3), width_ratios=(1.3, 1))
    steps, top = np.arange(len(run.times)), levels[0]
    for level in levels:
        left.axhline(level / top, color=INK, lw=0.9, ls=DASHED)
    left.plot(steps, run.losses / top, color=BLUE, lw=1.1)
    left.set(title=title, xlabel="step", ylabel="loss / initial loss", ylim=(-0.04, 1.12))
    shown = np.linspace(0, len(steps) - 1, 300).astype(int)
    values = np.linalg.svd(run.theta[shown], compute_uv=False)[:, :4]
    for column, colour in enumerate((BLUE, ORANGE, FAINT, FAINT)):
        right.semilogy(shown, values[:, column], color=colour, lw=1.3)
    right.minorticks_off()
    right.set(xlabel="step", title="singular values of the units")
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
        batches = sample_batches(data, 2**batch, 1, np.random.default_rng(seed), noise)
        run = descend(data.network, theta0, lr, steps, batches=batches, rule=RULES[rule])
        return run.member(0), linear_levels(data.network)[:3], rule

    def draw(result: tuple) -> Figure:
        return training_figure(*result)

    return Explorer(
        simulate, draw,
        "Loss over steps beside the singular values of the units, for the training chosen",
        {"mini-batches of 8": {"batch": 3}, "label noise": {"batch": 3, "noise": 0.5},
        "Adam": {"rule": "Adam"}, "no plateau": {"init_scale": 0.1}},
        rate=Slider(0.1, 0.02, 1.2, 0.02, label="rate / edge"),
        rule=Choice(next(iter(RULES)), [*RULES], "update rule"),
        batch=Slider(7, 0, 7, label="log2 of batch"), noise=Slider(0.0, 0.0,
        1.0, 0.05, label="label noise"), init_scale=Slider(1e-6, -8, -1, 0.5, log=True,
        label="initial scale"), seed=Slider(0, 0, 100)
    )  # fmt: skip
