"""A notebook as a task: what it reads and writes, whether it is up to date, how it is refreshed."""

import ast
import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

from .files import OUTPUT_VARIABLE, PROJECT, write_whole

NOTEBOOKS, BUILD = PROJECT / "notebooks", PROJECT / "build"


class Task:
    """A notebook with parameters: where it writes, and whether what it wrote is up to date."""

    def __init__(self, name: str, given: dict[str, Any]) -> None:
        self.name, self.given = name, given
        own = BUILD / "own" / name if given else os.environ.get(OUTPUT_VARIABLE)
        self.output = Path(given.get("output_dir") or own or PROJECT / "figures").resolve()
        self.executed = (self.output if given else BUILD) / f"{name}.ipynb"
        self.record = BUILD / "stamps" / f"{name}.json"
        self.manifest = BUILD / "stamps" / f"{name}.files"

    def parameters(self) -> dict[str, Any]:
        """What papermill injects: nothing for a plain run, so that it equals the notebook."""
        return {**self.given, "output_dir": str(self.output)} if self.given else {}

    def inputs(self) -> str:
        """Fingerprint of the code of the notebook and of the package, with its data."""
        cells = json.loads((NOTEBOOKS / f"{self.name}.ipynb").read_text())["cells"]
        digest = hashlib.sha256(json.dumps([c["source"] for c in cells]).encode())
        package = Path(__file__).parents[1]
        files = (p for p in package.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
        for path in sorted(files):
            digest.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
        digest.update(str(self.output).encode())
        return digest.hexdigest()

    def up_to_date(self) -> bool:
        """Whether the last plain run succeeded on these inputs and all it wrote is still there."""
        if self.given or not self.record.exists() or not self.executed.exists():
            return False
        record = json.loads(self.record.read_text())
        there = all(Path(path).exists() for path in record["files"])
        return there and record["inputs"] == self.inputs()

    def stamp(self) -> None:
        """Remember what a successful plain run read and wrote."""
        if not self.given:
            files = sorted(set(self.manifest.read_text().splitlines()))
            text = json.dumps({"inputs": self.inputs(), "files": files})
            write_whole(self.record, text.encode())

    def claims(self) -> str:
        """Claims passed, as "9 of 9"."""
        ledger = self.output / "claims" / f"{self.name}.json"
        written = self.manifest.read_text() if self.manifest.exists() else ""
        if not ledger.exists() or str(ledger) not in written:
            return "no ledger"
        rows = json.loads(ledger.read_text())
        return f"{sum(row['passed'] for row in rows)} of {len(rows)}"


def refresh(name: str) -> None:
    """Copy a clean executed notebook back to `notebooks/`, without what changes from run to run."""
    import nbformat

    task = Task(name, {})
    book, spent = nbformat.read(task.executed, as_version=4), seconds(task.executed)["total"]
    book.cells[0].source = with_run_time(book.cells[0].source, r"\| run time \| about ", spent)
    readme = PROJECT / "README.md"
    row = rf"\(notebooks/{name}\.ipynb\)[^\n]*\| "
    if (
        readme.exists()
        and (text := with_run_time(readme.read_text(), row, spent)) != readme.read_text()
    ):
        write_whole(readme, text.encode())
    book.metadata = {"kernelspec": book.metadata["kernelspec"], "language_info": {"name": "python"}}
    for cell in book.cells:
        tags = cell.metadata.get("tags", [])
        cell.metadata = {"tags": tags} if tags else {}
        for output in cell.get("outputs", []):
            output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
            output.get("metadata", {}).pop("application/vnd.jupyter.widget-view+json", None)
    text = nbformat.writes(book, version=4)
    write_whole(NOTEBOOKS / f"{name}.ipynb", (text.rstrip("\n") + "\n").encode())


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
    code = [c["source"] for c in cells if "parameters" in c["metadata"].get("tags", [])]
    tree = ast.parse("\n".join("".join(source) for source in code))
    return [
        t.id for node in tree.body if isinstance(node,
        ast.Assign) for t in node.targets if isinstance(t, ast.Name)
    ]  # fmt: skip


def seconds(executed: Path) -> dict[str, float]:
    """Seconds of an executed notebook (0 if never): in all, its first code cell, its slowest."""
    if not executed.exists():
        return {"total": 0.0, "imports": 0.0, "slowest": 0.0}
    book = json.loads(executed.read_text())
    cells = [
        c["metadata"].get("papermill", {}).get("duration") or 0.0
        for c in book["cells"]
        if c["cell_type"] == "code"
    ]
    total = book["metadata"].get("papermill", {}).get("duration") or sum(cells)
    return {"total": total, "imports": cells[0], "slowest": max(cells[1:], default=0.0)}
