"""The explorer of notebook 09: a run and its place on the phase diagram."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from matplotlib.figure import Figure

from ...datasets import figure2_network, power_law
from ...dynamics import flows
from ...notebook.explorer import Explorer, Slider
from ...theory import wide_limit
from ...theory.linear import linear_levels
from . import phases
from .measure import low_rank_units


def explorer() -> Explorer:
    """The explorer of the phase diagram: a linear run from any scale, rank and spread of strengths.

    `rank` units are large, all others of the initial scale.
    """
    kappas, scales = np.linspace(0, 2, 25), np.logspace(-8, 0, 33)
    strengths = np.array([power_law(kappa) for kappa in kappas])

    @lru_cache
    def calm(width: int) -> np.ndarray:
        return wide_limit.calm(strengths, np.multiply.outer(width * scales**2, np.ones(25)))

    def simulate(kappa: float, init_scale: float, rank: int, width: int, seed: int) -> tuple:
        network, mass = figure2_network("linear", kappa), width * init_scale**2
        s = power_law(kappa)
        theta = low_rank_units(network, width, rank, init_scale, seed)
        end = 1.2 * (wide_limit.times_at(s, mass, 0.5) + 5 / np.hypot(s, mass)).max()
        (run,) = flows(network, theta[None], end)
        learned = wide_limit.modes(s, mass, run.times[:, None])
        wide = ((s - learned) ** 2).sum(1) / 2
        return run, linear_levels(network), wide, kappas, scales, calm(width), (kappa, init_scale)

    def draw(result: tuple) -> Figure:
        return phases.here_figure(*result)

    return Explorer(
        simulate, draw, "Loss over time of a linear network beside its place on the phase diagram",
        {"one large unit": {"rank": 1}, "equal strengths": {"kappa": 0.0},
        "no plateau": {"init_scale": 1.0}},
        kappa=Slider(1.0, 0.0, 2.0, 0.05, label="κ"), init_scale=Slider(1e-6, -8, 0, 0.25, log=True,
        label="initial scale"), rank=Slider(0, 0, 3, label="large units"), width=Slider(50, 6, 500,
        label="units"), seed=Slider(0, 0, 100),
    )  # fmt: skip
