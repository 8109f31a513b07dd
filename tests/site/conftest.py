"""The browser that the tests of a module share."""

from __future__ import annotations

import pytest
from playwright.sync_api import sync_playwright

from .browser import CHROMIUM, QUIET


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium that talks to nobody."""
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=QUIET.split())
        yield chromium
        chromium.close()
