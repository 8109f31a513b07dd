"""Explorers: views without simulating, errors said aloud, a picture without a front end."""

from __future__ import annotations

import pytest

from saddle_utils.dynamics import RunFailedError
from saddle_utils.notebook.explorer import Choice, Explorer, Slider


def counting(fail=False):
    calls = []

    def simulate(a):
        calls.append(a)
        if fail and a > 1:
            raise RunFailedError("too large")
        return a

    def draw(result, b):
        import matplotlib.pyplot as plt

        return plt.figure(figsize=(1 + result, 1 + b))

    return calls, Explorer(simulate, draw, "alt", a=Slider(1, 0, 3), b=Slider(1, 0, 3, view=True))


def test_a_view_slider_does_not_simulate_again():
    calls, explorer = counting()
    explorer.render(a=1, b=2)
    assert calls == [1]
    explorer.render(a=2, b=2)
    assert calls == [1, 2]


def test_moving_a_slider_changes_the_picture_and_errors_are_shown():
    _, explorer = counting(fail=True)
    rows, _, message, picture = explorer.panel().children
    before = picture.value
    rows.children[1].value = 3
    assert picture.value != before and not message.value
    before = picture.value
    rows.children[0].value = 2
    assert picture.value == before and "too large" in message.value
    rows.children[0].value = 0
    assert picture.value != before and not message.value


def test_an_error_at_the_first_values_is_not_swallowed():
    with pytest.raises(RunFailedError):
        Explorer(lambda a: (_ for _ in ()).throw(RunFailedError("no")), None, "", a=Slider(1, 0, 2))


def test_without_a_front_end_there_is_a_picture_with_alt_text():
    data, metadata = counting()[1]._repr_mimebundle_()
    assert data["image/png"][:4] == b"\x89PNG"
    assert "application/vnd.jupyter.widget-view+json" in data
    assert metadata["image/png"]["alt"] == "alt"


def test_logarithmic_sliders_take_exponents():
    assert Slider(1e-3, -6, 0, 0.5, log=True).ends() == (1e-6, 1)
    assert type(Slider(1e-3, -6, 0, 0.5, log=True).widget("x")).__name__ == "FloatLogSlider"
    assert type(Slider(3, 1, 9).widget("x")).__name__ == "IntSlider"


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda draw: Slider(9, 0, 3), ValueError, "begins at 9, outside 0 to 3"),
        (lambda draw: Slider(3.0, -6, -1, log=True), ValueError, "outside 1e-06 to 0.1"),
        (lambda draw: Explorer(abs, draw, "", {"far": {"b": 2}}, a=Slider(1, 0, 3)),
         ValueError, "presets of b; the knobs are a"),
        (lambda draw: Explorer(lambda a: a, lambda a: None, "", a=Slider(1, 0, 3)),
         TypeError, "must return its Figure; it returned NoneType"),
    ],
)  # fmt: skip
def test_an_explorer_that_cannot_work_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make(lambda result: None)


def test_a_choice_is_a_dropdown_of_names():
    seen = []

    def draw(result, kind):
        import matplotlib.pyplot as plt

        return plt.figure(figsize=(1 + len(kind), 1))

    knobs = {"phi": Choice("tanh", ["relu", "tanh"], "activation")}
    knobs["kind"] = Choice("loss", ("loss", "weights"), view=True)
    explorer = Explorer(lambda phi: seen.append(phi), draw, "alt", **knobs)
    rows, _, message, picture = explorer.panel().children
    phi, kind = rows.children
    assert type(phi).__name__ == "Dropdown" and phi.options == ("relu", "tanh")
    assert phi.value == "tanh" and phi.description == "activation" and kind.description == "kind"
    before = picture.value
    kind.value = "weights"
    assert picture.value != before and seen == ["tanh"] and not message.value
    phi.value = "relu"
    assert seen == ["tanh", "relu"] and knobs["phi"].ends() == ("relu", "tanh")
    with pytest.raises(ValueError, match="'sine' is not among 'relu', 'tanh'"):
        Choice("sine", ["relu", "tanh"])


def test_presets_reset_surprise_and_command():
    _, explorer = counting()
    explorer.presets["far"] = {"a": 3, "b": 2}
    rows, buttons, message, picture = explorer.panel().children
    press = {button.description: button.click for button in buttons.children}
    assert list(press) == ["reset", "far", "surprise me", "command"]
    press["far"]()
    assert [control.value for control in rows.children] == [3, 2]
    press["command"]()
    assert "-p a '3' -p b '2'" in message.value
    press["surprise me"]()
    assert all(0 <= control.value <= 3 for control in rows.children)
    press["reset"]()
    assert [control.value for control in rows.children] == [1, 1]
    assert picture.value == explorer.picture


def test_of_many_moves_only_the_last_is_drawn():
    import asyncio

    calls, explorer = counting()
    slider = explorer.panel().children[0].children[0]

    async def drag():
        for value in (2, 3, 0, 2):
            slider.value = value
        await asyncio.sleep(0.3)

    asyncio.run(drag())
    assert calls == [1, 2]


def test_a_random_place_is_on_the_grid():
    import numpy as np

    rng = np.random.default_rng(0)
    values = {Slider(1, 0, 3).somewhere(rng) for _ in range(60)}
    assert values == {0, 1, 2, 3}
    logs = {
        round(np.log10(Slider(1e-3, -3, -1, 0.5, log=True).somewhere(rng)), 9) for _ in range(60)
    }
    assert logs == {-3, -2.5, -2, -1.5, -1}
    assert {Choice("a", "abc").somewhere(rng) for _ in range(60)} == {"a", "b", "c"}


def test_an_explorer_knows_its_maker():
    from saddle_utils.studies import quadratic_units

    assert quadratic_units.explorer().source == "quadratic_units.explorer"
