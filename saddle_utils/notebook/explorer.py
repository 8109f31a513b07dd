"""The explorers: sliders and choices over a pure `simulate` and a pure `draw`."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from ..dynamics import RunFailedError

LOOK = {"layout": {"width": "340px"}, "style": {"description_width": "130px"}}


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
    """

    def __init__(
        self, simulate: Callable[..., Any], draw: Callable[..., Figure], alt: str,
        **sliders: Slider | Choice,
    ) -> None:  # fmt: skip
        self.simulate, self.draw, self.alt, self.sliders = simulate, draw, alt, sliders
        self._last: tuple[dict, Any] | None = None
        self.picture = self.render(**{name: slider.value for name, slider in sliders.items()})

    def render(self, **values: float | str) -> bytes:
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
        """The widget: sliders, choices and picture."""
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
