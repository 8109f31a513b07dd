"""Build the site: `python -m saddle_utils.site` writes build/site."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

from ..notebook.files import PROJECT
from .page import build_page, install_modules
from .sources import write_sources

SITE = PROJECT / "build" / "site"
SOURCES = PROJECT / "build" / "site-sources"


def build(site: Path = SITE, sources: Path = SOURCES) -> int:
    """Write the sources, run Sphinx on them, add the explorable page; Sphinx's exit code.

    OSError, with what to install or to do, where there is no npm or it cannot fetch.
    """
    modules = install_modules()
    write_sources(sources)
    mathjax = modules / "node_modules" / "mathjax" / "es5" / "tex-svg.js"
    (sources / "_static" / "mathjax").mkdir()
    shutil.copy(mathjax, sources / "_static" / "mathjax" / "tex-svg.js")
    shutil.rmtree(site, ignore_errors=True)
    command = [sys.executable, "-m", "sphinx", "-q", "-j", "2", "-b", "html", sources, site]
    code = subprocess.run(command, check=False).returncode
    if code == 0:
        build_page(site / "play.html")
    return code


def main() -> int:
    """Build the site and say where it is; the exit code."""
    start = time.perf_counter()
    try:
        code = build()
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if code == 0:
        print(f"{SITE / 'index.html'}, in {time.perf_counter() - start:.0f} s")
    return code


if __name__ == "__main__":
    sys.exit(main())
