"""The explorers: sliders and choices over a pure `simulate` and a pure `draw`."""

import asyncio
import gc
import importlib
import inspect
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import PIL.Image
from matplotlib.figure import Figure
from matplotlib.ticker import AutoLocator

from ..dynamics import RunFailedError

QUICK = {"axes.titley": 1.0}  # or titles look for their place, at a tenth of the time of drawing
SETTLE = 0.02  # seconds in which further moves of a slider are awaited: only the last one is drawn
LOOK = {"layout": {"width": "340px"}, "style": {"description_width": "130px"}}


@dataclass(frozen=True)
class Slider:
    """A knob: first value, ends, and step; on a logarithmic scale the ends and step are exponents.

    A `view` slider only changes the picture: moving it draws again without simulating again.
    ValueError where the first value does not lie between the ends.
    """

    value: float
    low: float
    high: float
    step: float = 1
    log: bool = False
    view: bool = False
    label: str = ""

    def __post_init__(self) -> None:
        low, high = self.ends()
        if not low <= self.value <= high:
            raise ValueError(f"the slider begins at {self.value}, outside {low:g} to {high:g}")

    def ends(self) -> tuple[float, float]:
        """The smallest and the largest value."""
        return (10.0**self.low, 10.0**self.high) if self.log else (self.low, self.high)

    def somewhere(self, rng: np.random.Generator) -> float:
        """A value on the slider's grid, drawn at random."""
        steps = int(rng.integers(round((self.high - self.low) / self.step) + 1))
        place = min(self.low + steps * self.step, self.high)
        return type(self.value)(10.0**place if self.log else place)

    def widget(self, name: str) -> Any:
        """The slider as a widget of the front end."""
        import ipywidgets as widgets

        whole = all(isinstance(v, int) for v in (self.value, self.low, self.high, self.step))
        kind = widgets.FloatLogSlider if self.log else widgets.FloatSlider
        kind = widgets.IntSlider if whole and not self.log else kind
        more = {"readout_format": ".1e"} if self.log else {}
        return kind(
            self.value, min=self.low, max=self.high, step=self.step,
            description=self.label or name, **LOOK, **more
        )  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """A knob with names: the first value, and all options, in a dropdown.

    A `view` choice only changes the picture, as a view slider does.  ValueError where the first
    value is not among the options.
    """

    value: str
    options: Sequence[str]
    label: str = ""
    view: bool = False

    def __post_init__(self) -> None:
        if self.value not in self.options:
            raise ValueError(f"{self.value!r} is not among {', '.join(map(repr, self.options))}")

    def ends(self) -> tuple[str, ...]:
        """All options: every one is an end of the range."""
        return tuple(self.options)

    def somewhere(self, rng: np.random.Generator) -> str:
        """One of the options, drawn at random."""
        return self.options[int(rng.integers(len(self.options)))]

    def widget(self, name: str) -> Any:
        """The choice as a dropdown of the front end."""
        import ipywidgets as widgets

        return widgets.Dropdown(
            value=self.value, options=list(self.options), description=self.label or name, **LOOK
        )


class Explorer:
    """Sliders and choices beside a picture; in a page without a front end, the picture alone.

    `simulate` gets those that are no view sliders, by name, and `draw` its result and the view
    sliders.  What a slider cannot do (a run that diverges) is said above the picture.

    `presets` are values by name, one button for each; "surprise me" and a way back to the first
    values are always there: "reset", unless a preset of no values gives it another name.
    ValueError for a preset of a knob that is not there.
    `source` is where the explorer comes from, such as "quadratic_units.explorer": the function of
    a study that made it.
    """

    def __init__(
        self, simulate: Callable[..., Any], draw: Callable[..., Figure], alt: str,
        presets: Mapping[str, Mapping[str, float | str]] | None = None, **sliders: Slider | Choice,
    ) -> None:  # fmt: skip
        self.simulate, self.draw, self.alt, self.sliders = simulate, draw, alt, sliders
        self.source = _maker()
        self.first = {name: slider.value for name, slider in sliders.items()}
        presets = presets or {}
        if unknown := {name for preset in presets.values() for name in preset} - set(sliders):
            raise ValueError(f"presets of {', '.join(unknown)}; the knobs are {', '.join(sliders)}")
        back = {} if {} in presets.values() else {"reset": self.first}
        self.presets = back | {name: {**self.first, **some} for name, some in presets.items()}
        self._last: tuple[dict, Any] | None = None
        self._renderer: Any = None  # of the last picture
        self._places: list = []  # of the axes, as laid out in the first picture
        self.picture = self.render(**self.first)
        if len(gc.get_objects()) > 50_000:  # imports: searching them takes .3 s, now and then
            gc.collect()
            gc.freeze()

    def render(self, **values: float | str) -> bytes:
        """The picture (PNG) at these values of the sliders; simulates only if it has to."""
        view = {name: v for name, v in values.items() if self.sliders[name].view}
        knobs = {name: v for name, v in values.items() if name not in view}
        if self._last is None or self._last[0] != knobs:
            self._last = (knobs, self.simulate(**knobs))
        with plt.rc_context(QUICK):
            fig = self.draw(self._last[1], **view)
        if not isinstance(fig, Figure):
            raise TypeError(f"`draw` must return its Figure; it returned {type(fig).__name__}")
        for axis in (axis for axes in fig.axes for axis in (axes.xaxis, axes.yaxis)):
            if isinstance(axis.get_major_locator(), AutoLocator):  # a tick costs what a curve does
                axis.get_major_locator().set_params(nbins=5, steps=(1, 2, 5, 10))
        if len(self._places) == len(fig.axes):  # laying out anew takes as long as drawing
            fig.set_layout_engine("none")
            for axes, place in zip(fig.axes, self._places, strict=True):
                axes.set_position(place)
        fig.set_dpi(100)
        renderer = fig.canvas.get_renderer()
        kept = self._renderer  # that of the first picture knows how large each text is
        if kept is not None and (kept.width, kept.height) == (renderer.width, renderer.height):
            fig.canvas.get_renderer = lambda: kept
        fig.canvas.draw()  # once, where savefig draws twice
        self._renderer = renderer = fig.canvas.get_renderer()
        self._places = [axes.get_position() for axes in fig.axes]
        plt.close(fig)
        buffer = io.BytesIO()
        image = PIL.Image.fromarray(np.asarray(renderer.buffer_rgba())).convert("RGB")
        image.save(buffer, "png", compress_level=1)
        return buffer.getvalue()

    def command(self, **values: float | str) -> str:
        """The command that draws the picture at these values again."""
        words = (v if isinstance(v, str) else f"{v:.12g}" for v in values.values())
        given = (f"-p {name} '{word}'" for name, word in zip(values, words, strict=True))
        return f'make picture OF={self.source} ARGS="{" ".join(given)}"'

    def panel(self) -> Any:
        """The widget: sliders and choices, buttons, a line for messages, and the picture."""
        import ipywidgets as widgets

        controls = {name: slider.widget(name) for name, slider in self.sliders.items()}
        picture = widgets.Image(value=self.picture, format="png", layout={"max_width": "100%"})
        message = widgets.HTML()
        waiting: list = []  # the redrawing that is due, if any

        def values() -> dict[str, float | str]:
            return {name: control.value for name, control in controls.items()}

        def redraw() -> None:
            waiting.clear()
            try:
                picture.value = self.render(**values())
                message.value = ""
            except (RunFailedError, ValueError) as error:
                message.value = f"<b>{error}</b>"

        def moved(_change: dict) -> None:
            if waiting:
                return
            try:
                waiting.append(asyncio.get_running_loop().call_later(SETTLE, redraw))
            except RuntimeError:  # no event loop, as in tests: at once
                redraw()

        def put(preset: Mapping[str, float | str]) -> None:
            for name, value in preset.items():
                controls[name].value = value

        def surprise() -> None:
            rng = np.random.default_rng()  # any seed: what comes is not to be expected
            put({name: slider.somewhere(rng) for name, slider in self.sliders.items()})

        def say_command() -> None:
            message.value = f"<code>{self.command(**values())}</code>"

        acts = {name: lambda preset=preset: put(preset) for name, preset in self.presets.items()}
        acts |= {"surprise me": surprise, "command": say_command}
        buttons = [widgets.Button(description=name) for name in acts]
        for button, act in zip(buttons, acts.values(), strict=True):
            button.on_click(lambda _, act=act: act())
        for control in controls.values():
            control.observe(moved, names="value")
        wrap = {"flex_flow": "row wrap"}
        rows = widgets.Box(list(controls.values()), layout=wrap)
        return widgets.VBox([rows, widgets.Box(buttons, layout=wrap), message, picture])

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict, dict]:
        bundle = self.panel()._repr_mimebundle_()
        widget = bundle[0] if isinstance(bundle, tuple) else bundle
        return {**widget, "image/png": self.picture}, {"image/png": {"alt": self.alt}}


def explorer_of(source: str) -> Explorer:
    """The explorer that a study's function of this name makes ("linear_rank.explorer").

    ValueError if there is none.
    """
    study, _, name = source.partition(".")
    try:
        make = getattr(importlib.import_module(f"saddle_utils.studies.{study}"), name)
    except (ImportError, AttributeError, ValueError):
        raise ValueError(
            f"no explorer {source!r}; wanted STUDY.FUNCTION of saddle_utils.studies"
        ) from None
    return make()


def _maker() -> str:
    """Study and name of the outermost function of a study that is making this explorer."""
    found, frame = "", inspect.currentframe()
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith("saddle_utils.studies.") and frame.f_code.co_name.endswith("explorer"):
            found = f"{module.split('.')[2]}.{frame.f_code.co_name}"
        frame = frame.f_back
    return found
