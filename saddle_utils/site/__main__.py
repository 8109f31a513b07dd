"""Build the site: `python -m saddle_utils.site` writes build/site."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time

from ..notebook.files import PROJECT
from .page import build_page, install_modules
from .sources import write_sources

SITE = PROJECT / "build" / "site"
SOURCES = PROJECT / "build" / "site-sources"


def main() -> int:
    """Write the sources, run Sphinx on them, add the explorable page; the exit code."""
    start = time.perf_counter()
    try:
        modules = install_modules()
    except FileNotFoundError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    write_sources(SOURCES)
    mathjax = modules / "node_modules" / "mathjax" / "es5" / "tex-svg.js"
    (SOURCES / "_static" / "mathjax").mkdir()
    shutil.copy(mathjax, SOURCES / "_static" / "mathjax" / "tex-svg.js")
    shutil.rmtree(SITE, ignore_errors=True)
    command = [sys.executable, "-m", "sphinx", "-q", "-j", "2", "-b", "html", SOURCES, SITE]
    code = subprocess.run(command, check=False).returncode
    if code == 0:
        build_page(SITE / "play.html")
        print(f"{SITE / 'index.html'}, in {time.perf_counter() - start:.0f} s")
    return code


if __name__ == "__main__":
    sys.exit(main())
