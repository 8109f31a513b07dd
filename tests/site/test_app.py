"""The dashboard in a real browser: behind its token, two visitors who do not disturb each other."""

from __future__ import annotations

import subprocess
from urllib.request import urlopen

import pytest

from saddle_utils.site import app

from .browser import LOADED, PICTURE, free_port, needs_browser, patiently

pytest.importorskip("voila", reason="the group [app] is not installed")
PATIENCE = 120_000  # milliseconds


def test_every_explorer_of_the_notebooks_is_in_it():
    found = app.explorers()
    assert len(found) >= 15 and found["16 · A run of your own"] == "your_own_run.explorer"
    assert all(source.endswith("explorer") for source in found.values())


@pytest.fixture(scope="module")
def address():
    """The dashboard's address with its token, while it is served."""
    command = app.command(free_port(), browser=False)
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    lines = iter(server.stderr.readline, "")
    found = next((line.strip() for line in lines if "token=" in line), None)
    assert found, "the dashboard did not say where it is"
    patiently(lambda: urlopen(found.split("?")[0], timeout=5).close())
    yield found
    server.terminate()
    server.wait(20)


@needs_browser
def test_two_visitors_do_not_disturb_each_other(browser, address):
    assert address.startswith("http://127.0.0.1:")
    stranger = browser.new_page()
    stranger.goto(address.split("?")[0])
    assert "login" in stranger.url
    visitors = [browser.new_context().new_page() for _ in range(2)]
    for visitor in visitors:
        visitor.goto(address, wait_until="commit", timeout=PATIENCE)
        visitor.locator("img.widget-image").wait_for(timeout=PATIENCE)
        visitor.wait_for_function(LOADED)
    handles = [visitor.locator(".noUi-handle").first for visitor in visitors]
    before = visitors[0].evaluate(PICTURE), handles[1].get_attribute("aria-valuenow")
    handles[0].focus()
    visitors[0].keyboard.press("ArrowRight")
    changed = f"before => {PICTURE} !== before"
    visitors[0].wait_for_function(changed, arg=before[0], timeout=PATIENCE)
    values = [handle.get_attribute("aria-valuenow") for handle in handles]
    assert values[1] == before[1] != values[0]
