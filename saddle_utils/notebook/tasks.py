"""A notebook as a task: what it reads and writes, whether it is up to date, how it is refreshed."""

import ast
import json
import os
import re
from pathlib import Path
from typing import Any

import joblib

from .files import OUTPUT_VARIABLE, PROJECT, write_whole

NOTEBOOKS, BUILD = PROJECT / "notebooks", PROJECT / "build"
PACKAGE = Path(__file__).parents[1]
VERDICT = re.compile(r"(PASS|FAIL)  (\w+):")  # as a claim is shown


class Task:
    """A notebook with parameters: where it writes, and what came of its last run."""

    def __init__(self, name: str, given: dict[str, Any]) -> None:
        self.name, self.given, self.source = name, given, NOTEBOOKS / f"{name}.ipynb"
        own = BUILD / "own" / name if given else os.environ.get(OUTPUT_VARIABLE)
        self.output = Path(given.get("output_dir") or own or PROJECT / "figures").resolve()
        self.executed = (self.output if given else BUILD) / f"{name}.ipynb"

    def parameters(self) -> dict[str, Any]:
        """What papermill injects: nothing for a plain run, so that it equals the notebook."""
        return {**self.given, "output_dir": str(self.output)} if self.given else {}

    def book(self) -> dict[str, Any]:
        """The executed notebook, without cells if there is none."""
        if not self.executed.exists():
            return {"cells": [], "metadata": {}}
        return json.loads(self.executed.read_text())

    def inputs(self) -> str:
        """Fingerprint of the code of the notebook and of the package, with its data."""
        cells = json.loads(self.source.read_text())["cells"]
        files = (p for p in PACKAGE.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
        code = [(path.relative_to(PACKAGE).as_posix(), path.read_bytes()) for path in sorted(files)]
        return joblib.hash([str(self.output), [cell["source"] for cell in cells], code])

    def up_to_date(self) -> bool:
        """Whether the last plain run succeeded on these inputs and all it wrote is still there."""
        book = self.book()
        if self.given or book["metadata"].get("inputs") != self.inputs():
            return False
        about = [out.get("metadata", {}).get("image/png", {}) for out in outputs(book)]
        names = [image["name"] for image in about if "name" in image]
        written = [f"claims/{self.name}.json"]
        written += [file for name in names for file in (f"{name}.png", f"data/{name}.csv")]
        return all((self.output / file).exists() for file in written)

    def stamp(self) -> None:
        """Say in the executed notebook on what inputs it succeeded."""
        book = self.book()
        book["metadata"]["inputs"] = self.inputs()
        write_whole(self.executed, json.dumps(book).encode())

    def claims(self) -> str:
        """Claims passed of those that the executed notebook shows, as "9 of 9"."""
        shown = "".join(
            line
            for out in outputs(self.book())
            for line in out.get("data", {}).get("text/plain", [])
        )
        verdicts = {name: verdict == "PASS" for verdict, name in VERDICT.findall(shown)}
        return f"{sum(verdicts.values())} of {len(verdicts)}"

    def seconds(self) -> tuple[float, float]:
        """Seconds of the last run (0 if there was none): in all, and of its slowest cell."""
        book = self.book()
        return _duration(book), max(map(_duration, book["cells"]), default=0.0)


def explorers() -> dict[str, str]:
    """Titles of the notebooks' explorers, and where they come from, in the notebooks' order.

    "linear_rank.explorer", for example, as `explorer_of` takes it.
    """
    found = {}
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        cells = json.loads(path.read_text())["cells"]
        title, study = cells[0]["source"][0].lstrip("# ").rstrip(), path.stem.split("_", 1)[1]
        shown = [c for c in cells if "nbval-ignore-output" in c["metadata"].get("tags", [])]
        code = "".join(line for cell in shown for line in cell["source"])
        for name in re.findall(r"\.(\w*explorer)\(", code):
            found[title if title not in found else f"{title} ({name})"] = f"{study}.{name}"
    return found


def outputs(book: dict[str, Any]) -> list[dict[str, Any]]:
    """All outputs of the cells of a notebook."""
    return [output for cell in book["cells"] for output in cell.get("outputs", [])]


def _duration(part: dict[str, Any]) -> float:
    return part["metadata"].get("papermill", {}).get("duration") or 0.0


def refresh(name: str) -> None:
    """Copy a clean executed notebook back to `notebooks/`, without what changes from run to run."""
    import nbformat

    task = Task(name, {})
    book, spent = nbformat.read(task.executed, as_version=4), task.seconds()[0]
    book.cells[0].source = with_run_time(book.cells[0].source, r"\| run time \| about ", spent)
    if (readme := PROJECT / "README.md").exists():
        row = rf"\(notebooks/{name}\.ipynb\)[^\n]*\| "
        write_whole(readme, with_run_time(readme.read_text(), row, spent).encode())
    book.metadata = {"kernelspec": book.metadata["kernelspec"], "language_info": {"name": "python"}}
    for cell in book.cells:
        tags = cell.metadata.get("tags", [])
        cell.metadata = {"tags": tags} if tags else {}
    for output in outputs(book):
        for part in ("data", "metadata"):
            output.get(part, {}).pop("application/vnd.jupyter.widget-view+json", None)
    text = nbformat.writes(book, version=4)
    write_whole(task.source, (text.rstrip("\n") + "\n").encode())


def with_run_time(text: str, before: str, spent: float) -> str:
    """The text with the seconds that stand behind the pattern `before` replaced by those `spent`.

    Only where they are off by more than a third and two seconds: no refresh for the sake of noise.
    """

    def renewed(found: re.Match) -> str:
        said = int(found[2])
        off = abs(spent - said) > max(2, said / 3)
        return f"{found[1]}{max(round(spent), 1) if off else said} s |"

    return re.sub(rf"({before})(\d+) s \|", renewed, text)


def parameter_names(name: str) -> list[str]:
    """The names assigned in the cell tagged `parameters` of a notebook."""
    cells = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text())["cells"]
    tagged = [cell for cell in cells if "parameters" in cell["metadata"].get("tags", [])]
    code = "\n".join("".join(cell["source"]) for cell in tagged)
    assigned = [node for node in ast.parse(code).body if isinstance(node, ast.Assign)]
    return [target.id for node in assigned for target in node.targets]
