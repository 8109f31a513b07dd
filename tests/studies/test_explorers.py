"""Every explorer of every notebook, found by its name, at both ends of all its sliders."""

import pytest

from saddle_utils.notebook import Choice
from saddle_utils.notebook.explorer import explorer_of
from saddle_utils.notebook.tasks import explorers

FOUND = explorers().values()


def test_all_are_found():
    assert len(FOUND) >= 20


@pytest.mark.parametrize("name", FOUND)
def test_every_slider_works_at_its_ends(name):
    explorer = explorer_of(name)
    assert len(explorer.alt) > 20 and explorer.source == name
    for key, slider in explorer.sliders.items():
        for end in slider.ends():
            assert explorer.render(**{**explorer.first, key: end})[:4] == b"\x89PNG", (key, end)
        if isinstance(slider, Choice):
            assert slider.value in slider.options
        else:
            assert slider.ends()[0] <= slider.value <= slider.ends()[1]
