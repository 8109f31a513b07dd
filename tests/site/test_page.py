"""The explorable page in a real browser: its curves are Python's, and no control breaks it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from saddle_utils.datasets import PANELS
from saddle_utils.site import page
from saddle_utils.studies.your_own_run import LABELS, expected, own_panel, train

from .browser import needs_browser, needs_npm, serious

pytestmark = [needs_browser, needs_npm]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return page.build_page(tmp_path_factory.mktemp("page") / "index.html")


@pytest.fixture(scope="module")
def opened(browser, built):
    """The page in a window, and what went wrong in it: errors, warnings, requests to elsewhere."""
    window = browser.new_page(reduced_motion="reduce", viewport={"width": 1200, "height": 900})
    faults: list[str] = []
    window.on("pageerror", lambda error: faults.append(str(error)))
    window.on("console", lambda m: m.type in ("error", "warning") and faults.append(m.text))
    window.on("request", lambda r: r.url.startswith("file:") or faults.append(r.url))
    window.goto(built.as_uri())
    yield window, faults


# Moves inputs of a laboratory, one after the other, each as soon as the last has been drawn.
MOVE = """async (lab, places) => {
    const inputs = lab.querySelectorAll("input");
    for (const [k, place] of places) {
        const { min, max } = inputs[k];
        inputs[k].value = Number(min) + place * (max - min);
        inputs[k].dispatchEvent(new Event("input"));
        await new Promise(requestAnimationFrame);
    }
}"""


def by_python(settings):
    own = own_panel(
        settings["panel"], settings["points"] or None, settings["knobs"], settings["lr"]
    )
    rest = (settings[key] for key in ("seed", "width", "scale", "epochs"))
    return train(own, *rest)


def random_settings(count):
    rng = np.random.default_rng(3)
    for k in range(count):
        name = [*PANELS][k % 6]
        low, high = (-6, -2) if name in LABELS else (-2.5, -1)
        knobs = {
            "fig1f": [*rng.uniform(0.1, 0.9, 2).round(3), int(rng.integers(3, 50))],
            "fig1g": [round(rng.uniform(-1, 2), 3)],
        }.get(name, rng.uniform(-2, 2, 2).round(3).tolist())
        yield {
            "panel": name,
            "lr": round(own_panel(name).lr * rng.uniform(0.3, 1), 5),
            "scale": float(10 ** rng.uniform(low, high)),
            "seed": int(rng.integers(0, 1000)),
            "width": int(rng.integers(2, 80)),
            "epochs": 2000,
            "points": rng.uniform(-2.4, 2.4, (2, 2)).round(3).tolist() if name in LABELS else [],
            "knobs": knobs,
        }


@pytest.mark.parametrize("name", PANELS)
def test_the_papers_settings_give_pythons_curves(opened, name):
    window, _ = opened
    settings = window.evaluate("name => saddle.paper(name)", name)
    run = window.evaluate("settings => saddle.run(settings)", settings)
    own = by_python(settings)
    np.testing.assert_allclose(run["losses"], own.losses, atol=1e-9, rtol=0)
    times = expected(own).times
    np.testing.assert_allclose([drop["time"] for drop in run["predicted"]], times, rtol=0.03)


@pytest.mark.parametrize(
    ("name", "change", "widths"),
    [
        ("fig1b", {"epochs": 500}, []),  # the first drop has begun and is not half done
        ("fig1b", {"width": 2}, [1, 2]),  # the second is not done when the run ends
        ("fig1b", {"knobs": [1.42, 2]}, [1, 2]),  # the best single rank is not the first one
        ("fig1c", {"knobs": [1.55, 2]}, [2]),  # two kernels too near in strength for a plateau
        ("fig1d", {"knobs": [1, -2]}, [2]),
        ("fig1g", {"seed": 35}, [1, 2]),
    ],
)
def test_the_page_predicts_the_drops_of_its_run(opened, name, change, widths):
    window, _ = opened
    settings = window.evaluate("name => saddle.paper(name)", name) | change
    drops = window.evaluate("settings => saddle.run(settings)", settings)["predicted"]
    assert [drop["width"] for drop in drops] == widths
    seen = by_python(settings).staircase.half_drops
    times = [drop["time"] for drop in drops][: len(seen)]
    np.testing.assert_allclose(times, seen, rtol=0.005)


def test_random_settings_give_pythons_curves(opened):
    window, _ = opened
    for settings in random_settings(24):
        run = window.evaluate("settings => saddle.run(settings)", settings)
        own = by_python(settings)
        np.testing.assert_allclose(run["losses"], own.losses, atol=1e-9, rtol=0, err_msg=settings)


def test_every_control_at_its_ends_and_at_random_places(opened):
    """No exception, no message, and at the end a picture for every laboratory."""
    window, faults = opened
    rng = np.random.default_rng(0)
    for name in PANELS:
        window.evaluate("name => saddle.open(document.querySelector(`[data-panel=${name}]`))", name)
        lab = window.locator(f"[data-panel={name}]")
        count = lab.locator("input").count()
        places = [(k, end) for k in range(count) for end in (0.0, 1.0)]
        places += [(int(rng.integers(count)), rng.random()) for _ in range(15)]
        lab.evaluate(MOVE, places)
        for button in lab.locator("button").all():
            button.click()
        window.evaluate("name => saddle.labs[name].load(saddle.paper(name))", name)
        window.wait_for_timeout(300)
        assert len(lab.locator("path.run").get_attribute("d")) > 1000
    assert faults == []


def test_points_are_dragged_and_moved_by_keys(opened):
    window, _ = opened
    lab = window.locator("[data-panel=fig1d]")
    lab.scroll_into_view_if_needed()
    window.wait_for_timeout(100)
    before = window.evaluate("saddle.labs.fig1d.settings.points[0]")
    box = lab.locator(".handle rect").first.bounding_box()
    window.mouse.move(box["x"] + 5, box["y"] + 5)
    window.mouse.down()
    window.mouse.move(box["x"] + 65, box["y"] + 5, steps=4)
    window.mouse.up()
    dragged = window.evaluate("saddle.labs.fig1d.settings.points[0]")
    assert dragged[0] > before[0] + 0.3
    lab.locator(".handle").first.focus()
    window.keyboard.press("ArrowUp")
    assert window.evaluate("saddle.labs.fig1d.settings.points[0][1]") == pytest.approx(
        dragged[1] + 0.05
    )


def test_a_link_restores_its_settings_and_a_broken_one_does_not(built, opened):
    window, _ = opened
    settings = {**window.evaluate("saddle.paper('fig1e')"), "seed": 77}
    for hash_, seed in ((f"#fig1e={json.dumps(settings)}", 77), ("#fig1e={no", 3)):
        window.goto("about:blank")
        window.goto(built.as_uri() + hash_)
        assert window.evaluate("saddle.labs.fig1e.settings.seed") == seed
    time = window.locator("#fig1e-time")
    assert time.get_attribute("aria-valuetext") == "600"  # the epoch, not its share


def test_a_link_pasted_into_the_open_page_is_followed(built, opened):
    window, _ = opened
    window.goto("about:blank")
    window.goto(built.as_uri())
    settings = {**window.evaluate("saddle.paper('fig1d')"), "seed": 78}
    window.evaluate("hash => { location.hash = hash; }", f"fig1d={json.dumps(settings)}")
    window.wait_for_function("saddle.labs.fig1d?.settings.seed === 78")


def test_what_cannot_be_learned_or_predicted_is_said(opened):
    window, _ = opened
    for knobs, scale, words in (([0, 0], 1e-6, "labels are zero"), ([1, 1], 0.5, "not small")):
        window.evaluate(
            "([knobs, scale]) => saddle.labs.fig1b.load({...saddle.paper('fig1b'), knobs, scale})",
            [knobs, scale],
        )
        said = window.locator("[data-panel=fig1b] .said")
        said.filter(has_text=words).wait_for(timeout=3000)


def test_nothing_serious_for_readers_who_cannot_see(built, opened):
    """Neither as soon as the page is there, nor once its laboratories have a prediction."""
    window, _ = opened
    window.goto("about:blank")
    window.goto(built.as_uri())
    for name in PANELS:
        window.evaluate("name => saddle.open(document.querySelector(`[data-panel=${name}]`))", name)
    for ready in ("true", "Object.values(saddle.labs).every((lab) => lab.prediction)"):
        window.wait_for_function(ready)
        assert not serious(window)


@pytest.mark.parametrize("width", [360, 800, 1400])
def test_no_page_is_wider_than_its_window(opened, built, width):
    window, _ = opened
    window.set_viewport_size({"width": width, "height": 800})
    window.goto(built.as_uri())
    for name in PANELS:
        window.evaluate("name => saddle.open(document.querySelector(`[data-panel=${name}]`))", name)
    assert window.evaluate("document.documentElement.scrollWidth") <= width
