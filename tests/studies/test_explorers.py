"""Every explorer of every study, found by its name, at both ends of all its sliders."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

from saddle_utils import studies
from saddle_utils.notebook import Choice


def explorers():
    """The functions of the studies whose name ends in "explorer" and that take no arguments."""
    for module in pkgutil.iter_modules(studies.__path__):
        study = importlib.import_module(f"saddle_utils.studies.{module.name}")
        for name in dir(study):
            function = getattr(study, name)
            if (
                name.endswith("explorer")
                and callable(function)
                and not function.__code__.co_argcount
            ):
                if name != "panel_explorer" or module.name != "figure1":
                    yield pytest.param(function, id=f"{module.name}.{name}")


FOUND = list(explorers())


def test_all_are_found():
    assert len(FOUND) >= 13


@pytest.mark.parametrize("make", FOUND)
def test_every_slider_works_at_its_ends(make):
    explorer = make()
    first = {key: slider.value for key, slider in explorer.sliders.items()}
    assert len(explorer.alt) > 20
    for key, slider in explorer.sliders.items():
        for end in slider.ends():
            end = type(slider.value)(end)
            assert explorer.render(**{**first, key: end})[:4] == b"\x89PNG", (key, end)
        if isinstance(slider, Choice):
            assert slider.value in slider.options
        else:
            assert slider.ends()[0] <= slider.value <= slider.ends()[1]
