"""The dashboard: every explorer of every notebook in one Voila page (`make app`).

Bound to this machine and behind a token; each visitor has a kernel, which ends when idle.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat

from ..notebook.explorer import explorer_of
from ..notebook.files import PROJECT, write_whole
from ..notebook.tasks import explorers

NOTEBOOK = PROJECT / "build" / "app.ipynb"
IDLE = 600  # seconds after which a visitor's kernel ends


def dashboard() -> Any:
    """The widget: a choice of explorers, each made when it is first chosen, and kept."""
    import ipywidgets as widgets

    known, kept, place = explorers(), {}, widgets.VBox()
    choice = widgets.Dropdown(options=list(known), layout={"width": "min(100%, 640px)"})

    def show(_change: Any = None) -> None:
        source = known[choice.value]
        if source not in kept:
            place.children = [widgets.HTML("One moment ...")]
            kept[source] = explorer_of(source).panel()
        place.children = [kept[source]]

    choice.observe(show, names="value")
    show()
    return widgets.VBox([widgets.HTML("<h1>Saddle to saddle: try it</h1>"), choice, place])


def write_notebook(path: Path = NOTEBOOK) -> Path:
    """Write the notebook that Voila serves; its one cell shows the dashboard."""
    cell = nbformat.v4.new_code_cell(
        "from saddle_utils.notebook.look import use_style\n"
        "from saddle_utils.site.app import dashboard\n\nuse_style()\ndashboard()"
    )
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path.parent.mkdir(parents=True, exist_ok=True)
    book = nbformat.v4.new_notebook(cells=[cell], metadata=kernel)
    write_whole(path, nbformat.writes(book).encode())
    return path


def command(port: int = 8866, browser: bool = True) -> list[str]:
    """The command that serves the dashboard: on 127.0.0.1 alone, with a token of its own."""
    return [
        sys.executable, "-m", "voila", str(write_notebook()), f"--port={port}",
        "--Voila.ip=127.0.0.1", "--token", f"--MappingKernelManager.cull_idle_timeout={IDLE}",
        "--MappingKernelManager.cull_interval=60", "--Voila.open_browser=" + str(browser),
    ]  # fmt: skip


if __name__ == "__main__":
    sys.exit(subprocess.run(command(), check=False).returncode)
