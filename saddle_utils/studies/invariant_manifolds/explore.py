"""The explorer of notebook 07: which relations between two units training keeps."""

from __future__ import annotations

from matplotlib.figure import Figure

from ...notebook.explorer import Explorer, Slider
from ...theory import manifolds
from . import measure
from .draw import choice_figure


def explorer() -> Explorer:
    """The explorer of Theorem 3: which networks keep v_1 = a v_2, u_1 = b u_2 on a random task."""
    names = ("linear", "relu", "quadratic", "tanh")

    def simulate(gamma_v: float, gamma_u: float, width: int, seed: int) -> tuple:
        among = {"": manifolds.proportional(width, 0, 1, gamma_v, gamma_u)}
        tasks = {name: measure.random_task(name, seed) for name in names}
        runs = {name: measure.drift(task, among, width, seed) for name, task in tasks.items()}
        distances = {name: run[1][:, 0] for name, run in runs.items()}
        kept = {name: manifolds.is_invariant(task, among[""]) for name, task in tasks.items()}
        return runs["linear"][0], distances, kept

    def draw(result: tuple) -> Figure:
        return choice_figure(*result)

    return Explorer(
        simulate, draw,
        "Distance over time from the relation chosen, for linear, ReLU, quadratic and tanh units",
        {"equal units": {"gamma_v": 1.0, "gamma_u": 1.0}, "opposite units": {"gamma_v": -1.0,
        "gamma_u": -1.0}, "two ratios": {"gamma_v": 3.0, "gamma_u": -0.5}},
        gamma_v=Slider(2.0, -3.0, 3.0, 0.5, label="v₁ / v₂"), gamma_u=Slider(2.0, -3.0, 3.0, 0.5,
        label="u₁ / u₂"), width=Slider(12, 2, 50), seed=Slider(0, 0, 100)
    )  # fmt: skip
