"""Run notebooks through papermill: all that are out of date, or one with parameters of your own.

python -m saddle_utils.notebook.runner                all that are out of date
python -m saddle_utils.notebook.runner 01_linear_rank -p seed 7 -p width 100
python -m saddle_utils.notebook.runner --refresh      clean runs back to notebooks/
"""

import argparse
import json
import logging
import os
import signal
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed

from . import tasks
from .files import PROJECT
from .ledger import write_summary
from .parameters import check_parameters
from .tasks import Task, parameter_names, refresh


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit code, 0 if every notebook ran and every claim passed."""
    parser = argparse.ArgumentParser(
        prog="python -m saddle_utils.notebook.runner", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
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
    every = [Task(name, given) for name in names]
    todo = [task for task in every if force or not task.up_to_date()]
    todo.sort(key=lambda task: -task.seconds()[0])  # the longest first
    for part in (part for task in every for part in task.output.glob("**/.*.partial-*")):
        part.unlink(missing_ok=True)
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    errors: dict[str, str | None] = {}
    try:
        results = Parallel(jobs, return_as="generator_unordered")(map(delayed(execute), todo))
        for done, (name, error, spent) in enumerate(results, 1):
            errors[name] = error
            state = "failed" if error else "done"
            print(f"[{done}/{len(todo)}] {name} {state}, {spent:.1f} s", flush=True)
    except KeyboardInterrupt:
        print("interrupted: what was written is whole; run again to go on", file=sys.stderr)
        return 130
    if todo:
        write_summary(every[0].output)
    return _report(every, errors)


def execute(task: Task) -> tuple[str, str | None, float]:
    """Run a notebook; its name, its error with the cell or None, and the seconds it took."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    import papermill

    start, error = time.perf_counter(), None
    task.executed.parent.mkdir(parents=True, exist_ok=True)
    try:
        papermill.execute_notebook(
            task.source, task.executed, task.parameters(), kernel_name="python3",
            progress_bar=False, cwd=PROJECT, extra_arguments=["--log-level=50"],
        )  # fmt: skip
        task.stamp()
    except papermill.PapermillExecutionError as failure:
        error = f"cell {failure.cell_index}: {failure.ename}: {failure.evalue}"
    except Exception as failure:  # a dead kernel, a full disk: named in the table like the rest
        error = f"{type(failure).__name__}: {failure}"
    return task.name, error, time.perf_counter() - start


def _names(asked: list[str]) -> list[str]:
    known = sorted(path.stem for path in tasks.NOTEBOOKS.glob("*.ipynb"))
    names = [Path(name).stem for name in asked]
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"no notebook {', '.join(unknown)}; there are {', '.join(known)}")
    return names or known


def _check(names: list[str], given: dict[str, Any]) -> None:
    for name in names:
        known = parameter_names(name)
        if unknown := [key for key in given if key not in known]:
            raise ValueError(
                f"{name} has no parameter {', '.join(unknown)}; it has {', '.join(known)}"
            )
    check_parameters(**given)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _report(every: list[Task], errors: dict[str, str | None]) -> int:
    print(f"\n{'notebook':<24}{'seconds':>8}{'slowest cell':>14}{'claims':>11}")
    for task in every:
        total, slowest = task.seconds()
        note = "" if task.name in errors else "  up to date"
        note = "  FAILED" if errors.get(task.name) else note
        print(f"{task.name:<24}{total:>8.1f}{slowest:>14.1f}{task.claims():>11}{note}")
    failed = [task for task in every if errors.get(task.name)]
    for task in failed:
        print(f"\n{task.name} failed in {errors[task.name]}")
        print(f"  executed as far as it went: {task.executed}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
