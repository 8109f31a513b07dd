"""Run notebooks through papermill: all that are out of date, or one with parameters of your own.

python -m saddle_utils.run                                   all that are out of date
python -m saddle_utils.run 01_linear_rank -p seed 7 -p width 100
python -m saddle_utils.run --refresh                         clean runs back to notebooks/
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import multiprocessing
import os
import signal
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from .files import MANIFEST_VARIABLE, OUTPUT_VARIABLE, PROJECT, write_whole

NOTEBOOKS, BUILD = PROJECT / "notebooks", PROJECT / "build"


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit code, 0 if every notebook ran and every claim passed."""
    parser = argparse.ArgumentParser(
        prog="python -m saddle_utils.run",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("notebooks", nargs="*", help="names such as 01_linear_rank; default: all")
    parser.add_argument(
        "-p",
        "--parameter",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        help="a parameter of the notebook",
    )
    parser.add_argument("--jobs", type=int, default=2, help="notebooks at a time (default 2)")
    parser.add_argument("--force", action="store_true", help="run what is up to date too")
    parser.add_argument("--refresh", action="store_true", help="copy clean runs to notebooks/")
    options = parser.parse_args(arguments)
    try:
        names = _names(options.notebooks)
        given = {name: _value(text) for name, text in options.parameter}
        _check(names, given)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    code = run(names, given, max(1, options.jobs), options.force)
    if options.refresh and code == 0:
        for name in names:
            refresh(name)
    return code


def run(names: list[str], given: dict[str, Any], jobs: int = 2, force: bool = False) -> int:
    """Run these notebooks, print progress and a table, and return the exit code."""
    tasks = {name: Task(name, given) for name in names}
    todo = [name for name in names if force or not tasks[name].up_to_date()]
    for task in tasks.values():
        for part in task.output.glob("**/.*.partial-*"):
            part.unlink(missing_ok=True)
    results: dict[str, dict] = {}
    if todo:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        os.environ.update(
            {
                "OMP_NUM_THREADS": "1",
                "OPENBLAS_NUM_THREADS": "1",
                "PYDEVD_DISABLE_FILE_VALIDATION": "1",
            }
        )
        pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"))
        try:
            futures = {pool.submit(execute, name, given): name for name in todo}
            for done, future in enumerate(as_completed(futures), 1):
                name, error = futures[future], future.exception()
                result = {"error": repr(error), "seconds": 0.0} if error else future.result()
                results[name] = result
                if result["error"] is None:
                    tasks[name].stamp()
                state = "failed" if result["error"] else "done"
                print(f"[{done}/{len(todo)}] {name} {state}, {result['seconds']:.1f} s", flush=True)
        except KeyboardInterrupt:
            for child in multiprocessing.active_children():
                child.terminate()
            print("interrupted: what was written is whole; run again to go on", file=sys.stderr)
            return 130
        pool.shutdown()
        from .claims import write_summary

        for folder in {task.output for task in tasks.values()}:
            write_summary(folder)
    return _report(tasks, results)


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
        package = Path(__file__).parent
        for path in sorted(p for p in package.rglob("*") if p.is_file() and p.suffix != ".pyc"):
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


def execute(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """Run one notebook in this process; its time, and its error with the cell, or None."""
    import logging
    import warnings

    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    import papermill

    task, start, error = Task(name, given), time.perf_counter(), None
    task.executed.parent.mkdir(parents=True, exist_ok=True)
    task.manifest.parent.mkdir(parents=True, exist_ok=True)
    task.manifest.unlink(missing_ok=True)
    os.environ[MANIFEST_VARIABLE] = str(task.manifest)
    try:
        papermill.execute_notebook(
            NOTEBOOKS / f"{name}.ipynb",
            task.executed,
            task.parameters(),
            kernel_name="python3",
            progress_bar=False,
            cwd=PROJECT,
            extra_arguments=["--log-level=50"],
        )
    except papermill.PapermillExecutionError as failure:
        error = f"cell {failure.cell_index}: {failure.ename}: {failure.evalue}"
    except Exception as failure:  # a dead kernel, a full disk: named in the table like the rest
        error = f"{type(failure).__name__}: {failure}"
    return {"error": error, "seconds": time.perf_counter() - start}


def refresh(name: str) -> None:
    """Copy a clean executed notebook back to `notebooks/`, without what changes from run to run."""
    import nbformat

    book = nbformat.read(Task(name, {}).executed, as_version=4)
    book.metadata = {"kernelspec": book.metadata["kernelspec"], "language_info": {"name": "python"}}
    for cell in book.cells:
        tags = cell.metadata.get("tags", [])
        cell.metadata = {"tags": tags} if tags else {}
        for output in cell.get("outputs", []):
            output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
            output.get("metadata", {}).pop("application/vnd.jupyter.widget-view+json", None)
    text = nbformat.writes(book, version=4)
    write_whole(NOTEBOOKS / f"{name}.ipynb", (text.rstrip("\n") + "\n").encode())


def parameter_names(name: str) -> list[str]:
    """The names assigned in the cell tagged `parameters` of a notebook."""
    cells = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text())["cells"]
    code = [c["source"] for c in cells if "parameters" in c["metadata"].get("tags", [])]
    tree = ast.parse("\n".join("".join(source) for source in code))
    return [
        t.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for t in node.targets
        if isinstance(t, ast.Name)
    ]


def _names(asked: list[str]) -> list[str]:
    known = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
    names = [Path(name).stem for name in asked]
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"no notebook {', '.join(unknown)}; there are {', '.join(known)}")
    return names or known


def _check(names: list[str], given: dict[str, Any]) -> None:
    if not given:
        return
    for name in names:
        if unknown := [key for key in given if key not in parameter_names(name)]:
            raise ValueError(
                f"{name} has no parameter {', '.join(unknown)}; "
                f"it has {', '.join(parameter_names(name))}"
            )
    from .parameters import check_parameters

    check_parameters(**given)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _seconds(executed: Path) -> dict[str, float]:
    """Seconds of an executed notebook: in all, its imports (first code cell), its slowest cell."""
    book = json.loads(executed.read_text())
    cells = [
        c["metadata"].get("papermill", {}).get("duration") or 0.0
        for c in book["cells"]
        if c["cell_type"] == "code"
    ]
    total = book["metadata"].get("papermill", {}).get("duration") or sum(cells)
    return {"total": total, "imports": cells[0], "slowest": max(cells[1:], default=0.0)}


def _report(tasks: dict[str, Task], results: dict[str, dict]) -> int:
    print(f"\n{'notebook':<24}{'seconds':>8}{'imports':>9}{'slowest cell':>14}{'claims':>11}")
    for name, task in tasks.items():
        times = _seconds(task.executed) if task.executed.exists() else {}
        row = "".join(
            f"{times.get(key, 0):>{w}.1f}"
            for key, w in (("total", 8), ("imports", 9), ("slowest", 14))
        )
        note = "" if name in results else "  up to date"
        note = "  FAILED" if results.get(name, {}).get("error") else note
        print(f"{name:<24}{row}{task.claims():>11}{note}")
    failed = {name: result["error"] for name, result in results.items() if result["error"]}
    for name, error in failed.items():
        print(f"\n{name} failed in {error}\n  executed as far as it went: {tasks[name].executed}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
