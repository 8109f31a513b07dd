"""Explorers of the runs of Figure 1, the loss landscape, saddles and manifolds."""

from __future__ import annotations

from matplotlib.figure import Figure

from ..datasets import line, panel, whitened
from ..dynamics import descend
from ..explore import Explorer, Slider
from ..figures import (
    manifold_figures,
    panel_figures,
    task_figures,
)
from ..figures.landscape import Landscape, draw_run
from ..figures.saddle_figures import hierarchy_figure
from ..measurements import manifold_measurements, panels
from ..measurements.panels import PanelRun
from ..measurements.saddle_measurements import visited_modes
from ..networks import Linear, initial_units
from ..theory import manifolds
from ..trajectories import Trajectory


def panel_explorer(name: str, **knobs: Slider) -> Explorer:
    """The explorer of a panel of Figure 1: initial weights, width, data, and the epoch shown.

    `knobs` are sliders of the panel's training set, by the names that `datasets.panel` takes.
    """
    paper = panel(name)

    def simulate(width: int, init_scale: float, seed: int, **data: float) -> PanelRun:
        return panels.train(panel(name, **data), seed, width, init_scale, epochs=3000, every=5)

    def draw(run: PanelRun, progress: float) -> Figure:
        return panel_figures.snapshot(run, progress)

    low, high = (-8, -1) if paper.network.degree == 1 else (-3, -1)
    sliders = {
        "init_scale": Slider(paper.init_scale, low, high, 0.1, log=True, label="initial scale"),
        "width": Slider(paper.width, 1, 100),
        "seed": Slider(paper.seed, 0, 100),
        **knobs,
        "progress": Slider(0.3, 0.0, 1.0, 0.01, view=True, label="time shown"),
    }
    alt = f"{paper.title}: loss over epochs beside the first-layer weights at the time chosen"
    return Explorer(simulate, draw, alt, **sliders)


def line_explorer() -> Explorer:
    """The explorer of the regression on the line: the function that is learned, over time."""
    task = line()

    def simulate(width: int, init_scale: float, seed: int) -> Trajectory:
        start = initial_units(task.network, width, init_scale, seed)
        return descend(task.network, start, 0.05, 4400, every=10)

    def draw(run: Trajectory, progress: float) -> Figure:
        return task_figures.line_snapshot(task, run, progress)

    alt = "Loss over time beside the function that the network has learned at the time chosen"
    return Explorer(
        simulate,
        draw,
        alt,
        init_scale=Slider(1e-8, -8, -0.5, 0.25, log=True, label="initial scale"),
        width=Slider(50, 1, 100),
        seed=Slider(1, 0, 100),
        progress=Slider(0.25, 0.0, 1.0, 0.01, view=True, label="time shown"),
    )


def landscape_explorer() -> Explorer:
    """The explorer of Figure 1A: the run over the landscape beside its loss over time."""

    def simulate(init_scale: float, seed: int, second: float) -> tuple[Landscape, Trajectory]:
        scene = Landscape((1.5, second))
        return scene, scene.train(init_scale, seed)

    alt = "Loss surface of two linear units with a run on it, beside the run's loss over time"
    return Explorer(
        simulate,
        draw_run,
        alt,
        init_scale=Slider(1e-6, -8, -0.3, 0.1, log=True, label="initial scale"),
        second=Slider(0.9, 0.3, 1.5, 0.05, label="second strength"),
        seed=Slider(0, 0, 100),
        angle=Slider(-52, -90, 0, 2, view=True, label="view from"),
    )


def hierarchy_explorer() -> Explorer:
    """The explorer of the saddles of a linear network with three modes, and a run's way."""

    def simulate(first: float, second: float, third: float, seed: int) -> tuple[Linear, list]:
        task = whitened([first, second, third])
        return task, visited_modes(task, 3, 1e-6, seed)

    def draw(result: tuple[Linear, list]) -> Figure:
        return hierarchy_figure(result[0], 3, result[1])

    alt = "Fixed points of a linear network by rank and loss, and those that a run passes"
    return Explorer(
        simulate, draw, alt,
        first=Slider(3.0, 0.5, 4.0, 0.1), second=Slider(2.0, 0.5, 4.0, 0.1),
        third=Slider(1.2, 0.5, 4.0, 0.1), seed=Slider(0, 0, 100),
    )  # fmt: skip


def manifold_explorer() -> Explorer:
    """The explorer of Theorem 3: which networks keep v_1 = a v_2, u_1 = b u_2 on a random task."""
    names = ("linear", "relu", "quadratic", "tanh")

    def simulate(gamma_v: float, gamma_u: float, width: int, seed: int) -> tuple:
        among = {"": manifolds.proportional(width, 0, 1, gamma_v, gamma_u)}
        tasks = {name: manifold_measurements.random_task(name, seed) for name in names}
        runs = {
            name: manifold_measurements.drift(task, among, width, seed)
            for name, task in tasks.items()
        }
        distances = {name: run[1][:, 0] for name, run in runs.items()}
        kept = {name: manifolds.is_invariant(task, among[""]) for name, task in tasks.items()}
        return runs["linear"][0], distances, kept

    def draw(result: tuple) -> Figure:
        return manifold_figures.choice_figure(*result)

    return Explorer(
        simulate,
        draw,
        "Distance over time from the relation chosen, for linear, ReLU, quadratic and tanh units",
        gamma_v=Slider(2.0, -3.0, 3.0, 0.5, label="v₁ / v₂"),
        gamma_u=Slider(2.0, -3.0, 3.0, 0.5, label="u₁ / u₂"),
        width=Slider(12, 2, 50),
        seed=Slider(0, 0, 100),
    )
