"""The explorable page: one HTML file that needs no Python, no server and no network.

Its JavaScript modules (`page/`) are bundled by esbuild with a few modules of D3, both from the npm
registry at build time, and written into the page together with the style and D3's licence.
"""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np

from ..datasets import PANELS, digitised
from ..notebook.files import PROJECT, write_whole

SOURCES = Path(__file__).parent / "page"
NODE = PROJECT / "build" / "page"  # where the modules from npm lie


def install_modules() -> Path:
    """Folder with the page's sources and the npm modules of its package.json, installed if new.

    FileNotFoundError, with what to install, where there is no npm; OSError where it cannot fetch.
    """
    if shutil.which("npm") is None:
        raise FileNotFoundError("the page is bundled by npm modules: install Node.js with npm")
    wanted = (SOURCES / "package.json").read_text()
    kept = NODE / "installed.json"
    NODE.mkdir(parents=True, exist_ok=True)
    for path in SOURCES.iterdir():
        shutil.copy(path, NODE / path.name)
    if not kept.exists() or kept.read_text() != wanted:
        command = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"]
        if subprocess.run(command, cwd=NODE, check=False).returncode:
            raise OSError(f"`{' '.join(command[:-1])}` failed in {NODE}: it needs the npm registry")
        kept.write_text(wanted)
    return NODE


def build_page(path: Path) -> Path:
    """Write the page to `path`, whole or not at all, and return it."""
    folder = install_modules()
    papers = {name: digitised(name) for name in PANELS if name != "fig1f"}
    curves = {name: np.stack([p.epochs, p.losses], axis=1).tolist() for name, p in papers.items()}
    (folder / "reference.json").write_text(json.dumps(curves))
    bundle = ["node_modules/.bin/esbuild", "main.js", "--bundle", "--minify", "--format=iife"]
    code = subprocess.run(bundle, cwd=folder, check=True, capture_output=True, text=True).stdout
    html = (SOURCES / "index.html").read_text()
    for mark, part in {
        "/* page.css */": (SOURCES / "page.css").read_text(),
        "/* page.js */": code.replace("</script", "<\\/script"),
        "<!-- licences -->": (folder / "node_modules" / "d3-scale" / "LICENSE").read_text(),
    }.items():
        html = html.replace(mark, part)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, html.encode())
    return path
