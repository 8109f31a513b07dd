"""Explorers of what sets the plateaus, training as it is done, and predictions."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ..datasets import figure2, power_law
from ..dynamics import descend
from ..ensembles import flows
from ..explore import Explorer, Slider
from ..figures import (
    phase_figures,
    prediction_figures,
    robustness_figures,
    sweep_figures,
)
from ..measurements import sweeps
from ..measurements.initialization import low_rank_units
from ..measurements.robustness import RULES
from ..networks import initial_units
from ..theory import linear_levels, wide_limit
from ..theory.stochastic import regression, sample_batches
from ..trajectories import Trajectory


def training_explorer() -> Explorer:
    """The explorer of training as it is done: rate, batches, noise and rule on one regression.

    128 samples, whitened, of two modes; the learning rate is a multiple of the edge of stability,
    and for Adam a hundredth of that multiple.
    """

    def simulate(
        rate: float, rule: int, batch: int, noise: float, init_scale: float, seed: int
    ) -> tuple[Trajectory, np.ndarray, str]:
        data, (name, update) = regression(seed, whiten=True), list(RULES.items())[rule]
        first, second = np.linalg.svd(data.network.syz, compute_uv=False)[:2]
        lr = 0.01 * rate if name == "Adam" else rate / first
        end = 1.4 * np.log(1 / init_scale) / second + 15
        steps = 60 + int({"gradient descent": end, "momentum": end / 2, "Adam": 0.5}[name] / lr)
        theta0 = initial_units(data.network, 20, init_scale, [seed])
        batches = sample_batches(data, 2**batch, 1, np.random.default_rng(seed), noise)
        run = descend(data.network, theta0, lr, steps, batches=batches, rule=update)
        return run.member(0), linear_levels(data.network)[:3], name

    def draw(result: tuple) -> Figure:
        return robustness_figures.training_figure(*result)

    return Explorer(
        simulate,
        draw,
        "Loss over steps beside the singular values of the units, for the training chosen",
        rate=Slider(0.1, 0.02, 1.2, 0.02, label="rate / edge"),
        rule=Slider(0, 0, 2, label="update rule"),
        batch=Slider(7, 0, 7, label="log2 of batch"),
        noise=Slider(0.0, 0.0, 1.0, 0.05, label="label noise"),
        init_scale=Slider(1e-6, -8, -1, 0.5, log=True, label="initial scale"),
        seed=Slider(0, 0, 100),
    )


def initialization_explorer() -> Explorer:
    """The explorer of the phase diagram: a linear run from any scale, rank and spread of strengths.

    `rank` units are large, all others of the initial scale.
    """
    kappas, scales = np.linspace(0, 2, 25), np.logspace(-8, 0, 33)
    strengths = np.array([power_law(kappa) for kappa in kappas])

    def simulate(kappa: float, init_scale: float, rank: int, width: int, seed: int) -> tuple:
        network, mass = figure2("linear", kappa), width * init_scale**2
        s = power_law(kappa)
        theta = low_rank_units(network, width, rank, init_scale, seed)
        end = 1.2 * (wide_limit.times_at(s, mass, 0.5) + 5 / np.hypot(s, mass)).max()
        (run,) = flows(network, theta[None], end)
        learned = wide_limit.modes(s, mass, run.times[:, None])
        calm = wide_limit.calm(strengths, np.multiply.outer(width * scales**2, np.ones(25)))
        wide = ((s - learned) ** 2).sum(1) / 2
        return run, linear_levels(network), wide, kappas, scales, calm, (kappa, init_scale)

    def draw(result: tuple) -> Figure:
        return phase_figures.here_figure(*result)

    return Explorer(
        simulate,
        draw,
        "Loss over time of a linear network beside its place on the phase diagram",
        kappa=Slider(1.0, 0.0, 2.0, 0.05, label="κ"),
        init_scale=Slider(1e-6, -8, 0, 0.25, log=True, label="initial scale"),
        rank=Slider(0, 0, 3, label="large units"),
        width=Slider(50, 6, 500, label="units"),
        seed=Slider(0, 0, 100),
    )


def width_explorer() -> Explorer:
    """The explorer of Figure 2A and 2B: one run of the linear network and one of attention.

    The linear network starts from the square of the initial scale.
    """

    def simulate(width: int, kappa: float, init_scale: float, seed: int) -> tuple:
        found = []
        for name, scale in (("linear", init_scale**2), ("attention", init_scale)):
            ((run,),) = sweeps.train(name, [kappa], width, [scale], [seed])
            found.append((run.times, run.losses, sweeps.levels(name, kappa)))
        return *found, init_scale

    def draw(result: tuple) -> Figure:
        return sweep_figures.pair_figure(*result)

    return Explorer(
        simulate,
        draw,
        "Loss over time of a linear network beside that of linear attention, levels dashed",
        width=Slider(16, 3, 100, label="units"),
        kappa=Slider(1.0, 0.0, 2.0, 0.05, label="κ"),
        init_scale=Slider(1e-3, -4, -1, 0.1, log=True, label="initial scale"),
        seed=Slider(0, 0, 100),
    )


def prediction_explorer() -> Explorer:
    """The explorer of predicted plateaus: a random task of an architecture, and its prediction."""
    from ..measurements import prediction_studies  # here, for it imports pandas, which is slow

    kinds = list(prediction_figures.COLOURS)

    def simulate(architecture: int, init_scale: float, seed: int, width: int) -> dict:
        return prediction_studies.example(kinds[architecture], seed, width, init_scale)

    return Explorer(
        simulate,
        prediction_figures.example_figure,
        "Loss over time of a random task, the loss curve predicted before training dashed over it",
        architecture=Slider(0, 0, len(kinds) - 1),
        init_scale=Slider(1e-4, -8, -2, 0.25, log=True, label="initial scale"),
        seed=Slider(1, 0, 100),
        width=Slider(20, 5, 50, label="units"),
    )
