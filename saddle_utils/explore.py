"""The explorers: sliders over a pure `simulate` and a pure `draw`."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from . import (
    manifold_figures,
    manifold_measurements,
    manifolds,
    panel_figures,
    panels,
    task_figures,
)
from .datasets import line, panel, whitened
from .dynamics import RunFailedError, Trajectory, descend
from .landscape import Landscape, draw_run
from .networks import Linear, initial_units
from .panels import PanelRun
from .saddle_figures import hierarchy_figure
from .saddle_measurements import visited_modes


@dataclass(frozen=True)
class Slider:
    """A knob: first value, ends, and step; on a logarithmic scale the ends and step are exponents.

    A `view` slider only changes the picture: moving it draws again without simulating again.
    """

    value: float
    low: float
    high: float
    step: float = 1
    log: bool = False
    view: bool = False
    label: str = ""

    def ends(self) -> tuple[float, float]:
        """The smallest and the largest value."""
        return (10.0**self.low, 10.0**self.high) if self.log else (self.low, self.high)

    def widget(self, name: str) -> Any:
        """The slider as a widget of the front end."""
        import ipywidgets as widgets

        whole = all(isinstance(v, int) for v in (self.value, self.low, self.high, self.step))
        kind = widgets.FloatLogSlider if self.log else widgets.FloatSlider
        kind = widgets.IntSlider if whole and not self.log else kind
        layout, style = {"width": "340px"}, {"description_width": "130px"}
        more = {"readout_format": ".1e"} if self.log else {}
        return kind(
            self.value,
            min=self.low,
            max=self.high,
            step=self.step,
            layout=layout,
            style=style,
            description=self.label or name,
            **more,
        )


class Explorer:
    """Sliders beside a picture; in a page without a front end, the picture alone.

    `simulate` gets the sliders that are no view sliders, by name, and `draw` its result and the
    view sliders.  What a slider cannot do (a run that diverges) is said above the picture.
    """

    def __init__(
        self, simulate: Callable[..., Any], draw: Callable[..., Figure], alt: str, **sliders: Slider
    ) -> None:
        self.simulate, self.draw, self.alt, self.sliders = simulate, draw, alt, sliders
        self._last: tuple[dict, Any] | None = None
        self.picture = self.render(**{name: slider.value for name, slider in sliders.items()})

    def render(self, **values: float) -> bytes:
        """The picture (PNG) at these values of the sliders; simulates only if it has to."""
        view = {name: v for name, v in values.items() if self.sliders[name].view}
        knobs = {name: v for name, v in values.items() if name not in view}
        if self._last is None or self._last[0] != knobs:
            self._last = (knobs, self.simulate(**knobs))
        fig = self.draw(self._last[1], **view)
        buffer = io.BytesIO()
        fig.savefig(buffer, format="png", dpi=100, metadata={"Software": None})
        plt.close(fig)
        return buffer.getvalue()

    def panel(self) -> Any:
        """The widget: sliders and picture."""
        import ipywidgets as widgets

        controls = {name: slider.widget(name) for name, slider in self.sliders.items()}
        picture = widgets.Image(value=self.picture, format="png", layout={"max_width": "100%"})
        message = widgets.HTML()

        def moved(_change: dict) -> None:
            try:
                picture.value = self.render(**{name: c.value for name, c in controls.items()})
                message.value = ""
            except (RunFailedError, ValueError) as error:
                message.value = f"<b>{error}</b>"

        for control in controls.values():
            control.observe(moved, names="value")
        rows = widgets.Box(list(controls.values()), layout={"flex_flow": "row wrap"})
        return widgets.VBox([rows, message, picture])

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict, dict]:
        bundle = self.panel()._repr_mimebundle_()
        widget = bundle[0] if isinstance(bundle, tuple) else bundle
        return {**widget, "image/png": self.picture}, {"image/png": {"alt": self.alt}}


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
