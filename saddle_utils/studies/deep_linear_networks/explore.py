"""The explorer of deep linear networks: gamma, width, depth, rank of the target."""

from __future__ import annotations

import numpy as np

from ...notebook import Explorer, Slider
from ...theory import deep_linear as theory
from .draw import run_figure
from .runs import Descent, initial_weights, rank_losses, train


def explorer() -> Explorer:
    """Explorer of one run with five inputs and outputs from weights N(0, w^-gamma)."""

    def simulate(
        gamma: float, width: int, depth: int, rank: int, seed: int
    ) -> tuple[Descent, np.ndarray, float]:
        strengths = tuple(0.5 ** np.arange(rank))
        net = theory.whitened([5, *[width] * (depth - 1), 5], strengths)
        theta = initial_weights(net, np.array([width ** (-gamma / 2)]), np.random.default_rng(seed))

        def probe(at: np.ndarray) -> np.ndarray:
            return np.linalg.svd(net.output(at), compute_uv=False)

        return train(net, theta, 1200, probe, chunk=20, end=1e-3), rank_losses(strengths), gamma

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
