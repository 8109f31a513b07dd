"""Run notebooks through papermill: all that are out of date, or one with parameters of your own.

python -m saddle_utils.notebook.runner                all that are out of date
python -m saddle_utils.notebook.runner 01_linear_rank -p seed 7 -p width 100
python -m saddle_utils.notebook.runner --refresh      clean runs back to notebooks/
"""

import argparse
import json
import multiprocessing
import os
import signal
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from . import tasks
from .files import MANIFEST_VARIABLE, PROJECT
from .tasks import Task, parameter_names, refresh, seconds


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit code, 0 if every notebook ran and every claim passed."""
    parser = argparse.ArgumentParser(
        prog="python -m saddle_utils.notebook.runner",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("notebooks", nargs="*", help="names such as 01_linear_rank; default: all")
    parser.add_argument(
        "-p", "--parameter", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"),
        help="a parameter of the notebook",
    )  # fmt: skip
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
    todo.sort(key=lambda name: -seconds(tasks[name].executed)["total"])  # the longest first
    for task in tasks.values():
        for part in task.output.glob("**/.*.partial-*"):
            part.unlink(missing_ok=True)
    results: dict[str, dict] = {}
    if todo:
        for stop in (signal.SIGTERM, signal.SIGINT):
            signal.signal(stop, signal.default_int_handler)
        os.environ.update(
            {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
            "PYDEVD_DISABLE_FILE_VALIDATION": "1"},
        )  # fmt: skip
        pool = ProcessPoolExecutor(
            jobs, multiprocessing.get_context("spawn"), _die_with, (os.getpid(),)
        )
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
        from .ledger import write_summary

        for folder in {task.output for task in tasks.values()}:
            write_summary(folder)
    return _report(tasks, results)


def _die_with(parent: int) -> None:
    """End this worker when its parent is gone, however that came to pass."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


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
            tasks.NOTEBOOKS / f"{name}.ipynb", task.executed, task.parameters(),
            kernel_name="python3", progress_bar=False, cwd=PROJECT,
            extra_arguments=["--log-level=50"],
        )  # fmt: skip
    except papermill.PapermillExecutionError as failure:
        error = f"cell {failure.cell_index}: {failure.ename}: {failure.evalue}"
    except Exception as failure:  # a dead kernel, a full disk: named in the table like the rest
        error = f"{type(failure).__name__}: {failure}"
    return {"error": error, "seconds": time.perf_counter() - start}


def _names(asked: list[str]) -> list[str]:
    known = sorted(path.stem for path in tasks.NOTEBOOKS.glob("*.ipynb"))
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


def _report(tasks: dict[str, Task], results: dict[str, dict]) -> int:
    print(f"\n{'notebook':<24}{'seconds':>8}{'imports':>9}{'slowest cell':>14}{'claims':>11}")
    for name, task in tasks.items():
        times = seconds(task.executed)
        row = "".join(
            f"{times[key]:>{w}.1f}" for key, w in (("total", 8), ("imports", 9), ("slowest", 14))
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
