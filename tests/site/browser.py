"""Chromium for the tests of pages; what needs one is skipped, with the reason, where none is."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from saddle_utils.site.page import NODE

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
needs_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="no npm on this machine")
QUIET = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
)
# What an explorer shows, pixel by pixel: the address of its image may change without its content.
PICTURE = """(() => {
    const image = document.querySelector("img.widget-image");
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    canvas.getContext("2d").drawImage(image, 0, 0);
    return canvas.toDataURL();
})()"""
LOADED = "document.querySelector('img.widget-image').naturalWidth > 0"


def serious(window: Page, **options: object) -> list[tuple[str, str]]:
    """What axe finds of a page that keeps readers out: rule and place, serious or critical.

    It counts neither what passes nor how each place is selected, half of its time.
    """
    code = (NODE / "node_modules" / "axe-core" / "axe.min.js").read_text()
    window.evaluate(code)
    quick = {"resultTypes": ["violations"], "selectors": False, "preload": False}
    found = window.evaluate("options => axe.run(options)", quick | options)["violations"]
    grave = [rule for rule in found if rule["impact"] in ("serious", "critical")]
    return [(rule["id"], rule["nodes"][0]["html"][:200]) for rule in grave]


def free_port() -> int:
    """A port of this machine that nobody listens to."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def patiently(connect: Callable[[], None], seconds: float = 60) -> None:
    """Try to connect to a server that is starting until it answers; its last error if never."""
    end = time.monotonic() + seconds
    while True:
        try:
            return connect()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
