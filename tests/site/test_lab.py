"""An explorer in JupyterLab, in a real browser: it answers the hand."""

from __future__ import annotations

import os
import subprocess
import sys
from urllib.request import urlopen

import nbformat
import pytest

from .browser import LOADED, PICTURE, free_port, needs_browser, patiently

PATIENCE = 180_000  # milliseconds


@pytest.fixture
def address(tmp_path):
    """JupyterLab, serving a folder with one notebook: the address of that notebook."""
    cell = nbformat.v4.new_code_cell(
        "from saddle_utils.studies.quadratic_units import explorer\nexplorer()"
    )
    book = nbformat.v4.new_notebook(cells=[cell])
    book.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(book, tmp_path / "explorer.ipynb")
    port = free_port()
    options = [
        f"--ServerApp.port={port}",
        "--IdentityProvider.token=t",
        "--ServerApp.allow_root=True",
    ]
    folders = {f"JUPYTER_{kind}_DIR": str(tmp_path / kind) for kind in ("CONFIG", "RUNTIME")}
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", "--no-browser", *options], cwd=tmp_path,
        env=os.environ | folders, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        patiently(lambda: urlopen(f"http://127.0.0.1:{port}/api?token=t", timeout=5).close())
        yield f"http://127.0.0.1:{port}/lab/tree/explorer.ipynb?token=t"
    finally:
        server.terminate()
        server.wait(20)


@needs_browser
def test_a_slider_moved_in_jupyterlab_draws_a_new_picture(browser, address):
    window = browser.new_page()
    window.goto(address, timeout=PATIENCE)
    window.locator(".jp-Notebook .jp-Cell").first.click(timeout=PATIENCE)
    idle = window.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]")
    idle.first.wait_for(timeout=PATIENCE)
    window.keyboard.press("Shift+Enter")
    window.locator("img.widget-image").wait_for(timeout=PATIENCE)
    window.wait_for_function(LOADED)
    for press in ("ArrowRight", "ArrowLeft"):
        before = window.evaluate(PICTURE)
        window.locator(".noUi-handle").first.focus()
        window.keyboard.press(press)
        changed = f"before => {PICTURE} !== before"
        window.wait_for_function(changed, arg=before, timeout=PATIENCE)
    window.get_by_role("button", name="no plateau").click()
    window.get_by_role("button", name="command").click()
    window.get_by_text("make picture OF=quadratic_units.explorer").wait_for(timeout=PATIENCE)
