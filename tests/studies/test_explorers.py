"""Every explorer of every study, found by its name, at both ends of all its sliders."""

import pytest

from saddle_utils.bench.waits import found
from saddle_utils.notebook import Choice

FOUND = found()


def test_all_are_found():
    assert len(FOUND) >= 20


@pytest.mark.parametrize("name", FOUND)
def test_every_slider_works_at_its_ends(name):
    explorer = FOUND[name]()
    assert len(explorer.alt) > 20 and explorer.source == name
    for key, slider in explorer.sliders.items():
        for end in slider.ends():
            assert explorer.render(**{**explorer.first, key: end})[:4] == b"\x89PNG", (key, end)
        if isinstance(slider, Choice):
            assert slider.value in slider.options
        else:
            assert slider.ends()[0] <= slider.value <= slider.ends()[1]
