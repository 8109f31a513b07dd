"""The runner: parameters refused before anything runs, failures named, runs not repeated."""

from __future__ import annotations

import json
import time
from pathlib import Path

import nbformat
import numpy as np
import pytest

from saddle_utils.notebook import runner, tasks
from saddle_utils.notebook.parameters import check_parameters

IN_PROCESS = ["--jobs", "1"]  # one at a time, in this process, which knows the patched folders


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with one good notebook and one whose third cell fails."""
    monkeypatch.setattr(tasks, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr(tasks, "BUILD", tmp_path / "build")
    (tmp_path / "notebooks").mkdir()

    def book(name, *sources):
        cells = [nbformat.v4.new_code_cell(source) for source in sources]
        cells[1].metadata["tags"] = ["parameters"]
        meta = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        nbformat.write(
            nbformat.v4.new_notebook(cells=cells, metadata=meta),
            tmp_path / "notebooks" / f"{name}.ipynb",
        )

    claim = 'ledger.equal("one", "1 is", "arithmetic", measured={}, predicted=seed)'
    head = "from saddle_utils.notebook.ledger import Ledger"
    knobs = "seed = 1\noutput_dir = None"
    book(
        "good",
        head,
        knobs,
        'ledger = Ledger("good", output_dir)',
        claim.format("seed"),
        "ledger.save()",
    )
    book(
        "bad",
        head,
        knobs,
        'ledger = Ledger("bad", output_dir)',
        claim.format("seed + 1"),
        "ledger.save()",
    )
    return tmp_path


def test_runs_report_repeat_and_refresh(project, capsys):
    output = project / "figures"
    assert runner.main(IN_PROCESS) == 1
    seen = capsys.readouterr()
    assert "good" in seen.out and "1 of 1" in seen.out
    assert "bad failed in cell 4: ClaimsFailedError" in seen.out
    assert str(project / "build" / "bad.ipynb") in seen.out
    assert json.loads((output / "claims" / "bad.json").read_text())[0]["passed"] is False
    assert "good: 1 of 1" in (output / "CLAIMS.md").read_text()

    start = time.perf_counter()
    assert runner.main(["good", "--refresh", *IN_PROCESS]) == 0
    assert "up to date" in capsys.readouterr().out
    assert time.perf_counter() - start < 2
    book = nbformat.read(project / "notebooks" / "good.ipynb", as_version=4)
    assert "PASS  one" in book.cells[3].outputs[0]["data"]["text/plain"]
    assert "papermill" not in book.metadata and str(project) not in str(book)
    assert tasks.Task("good", {}).up_to_date()
    (output / "claims" / "good.json").unlink()
    assert not tasks.Task("good", {}).up_to_date() and not tasks.Task("bad", {}).up_to_date()


def test_what_is_compiled_meanwhile_makes_no_notebook_out_of_date():
    """Kernels are kept beside the modules, some from their first use in a notebook on."""
    cache = Path(tasks.__file__).parents[1] / "dynamics" / "__pycache__"
    cache.mkdir(exist_ok=True)
    before, kernel = tasks.Task("01_linear_rank", {}).inputs(), cache / "a-kernel-of-a-test.nbi"
    kernel.write_bytes(b"compiled")
    try:
        assert tasks.Task("01_linear_rank", {}).inputs() == before
    finally:
        kernel.unlink()


def test_parameters_of_ones_own_go_to_a_folder_of_their_own(project):
    assert runner.main(["good", "-p", "seed", "5", *IN_PROCESS]) == 0
    own = project / "build" / "own" / "good"
    assert json.loads((own / "claims" / "good.json").read_text())[0]["measured"] == 5
    assert not (project / "figures" / "claims" / "good.json").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["good", "-p", "sede", "3"], "no parameter sede; it has seed, output_dir"),
        (["good", "-p", "seed", "-3"], "seed = -3: wanted a whole number"),
        (["good", "-p", "seed", "many"], "seed = 'many': wanted"),
        (["good", "-p", "output_dir", "/proc/nowhere"], "cannot be written"),
        (["goood"], "no notebook goood; there are bad, good"),
    ],
)
def test_bad_requests_are_refused_before_anything_runs(project, capsys, arguments, words):
    assert runner.main(arguments) == 2
    assert words in capsys.readouterr().err
    assert not (project / "build").exists()


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"width": 0}, "width = 0"),
        ({"width": -2}, "width = -2"),
        ({"width": 2.5}, "whole number"),
        ({"width": True}, "whole number"),
        ({"init_scale": 0}, "fixed point"),
        ({"init_scale": float("nan")}, "init_scale = nan"),
        ({"n_seeds": 0}, "n_seeds = 0"),
        ({"device": "gpu"}, '"cuda" or "auto"'),
        ({"singular_values": []}, "1 to 8"),
        ({"singular_values": [1, -1]}, "positive"),
        ({"singular_values": [1.0] * 9}, "1 to 8"),
        ({"singular_values": [1.0] * 4, "width": 3}, "out of reach"),
        ({"points": [[1, 0]]}, "two points"),
        ({"points": [[1, 0], [0]]}, "two points"),
        ({"pairs": [[1, 0]]}, "smaller first"),
        ({"pairs": [[0, 1, 2]]}, "smaller first"),
        ({"pairs": [0, 1]}, "1 to 6 pairs"),
        ({"knobs": [1, float("inf")]}, "1 to 3 numbers"),
        ({"seed": 10**400}, "whole number"),
        ({"lr": 0}, "positive"),
        ({"colour": 3}, "unknown parameter 'colour'"),
        ({"width": 0, "seed": -1}, r"width = 0.*; seed = -1"),
    ],
)
def test_parameters_out_of_range_are_named(parameters, words):
    with pytest.raises(ValueError, match=words):
        check_parameters(**parameters)


def test_good_parameters_pass():
    check_parameters(
        seed=0,
        width=2,
        init_scale=1,
        n_seeds=1,
        device="auto",
        output_dir=None,
        singular_values=[1, 2.5],
        points=[[1, 0], (0, 2.5)],
        pairs=[[0, 1], [3, 9]],
        knobs=None,
        lr=None,
    )


def test_numbers_of_numpy_and_paths_are_parameters_too(tmp_path):
    check_parameters(seed=np.int64(0), width=np.int32(5), init_scale=np.float32(0.1))
    check_parameters(output_dir=tmp_path)
    with pytest.raises(ValueError, match="width"):
        check_parameters(width=True)


def test_run_times_have_one_source_and_change_only_for_a_reason():
    """README and notebook say what the run took, unless that is what they say already."""
    text = "| [01 a](notebooks/01_a.ipynb) | claims | 1B | 6 s |\n| run time | about 9 s |"
    row = r"\(notebooks/01_a\.ipynb\)[^\n]*\| "
    assert tasks.with_run_time(text, row, 7.9) == text
    assert tasks.with_run_time(text, row, 12.4) == text.replace("6 s", "12 s")
    assert tasks.with_run_time(text, r"\| run time \| about ", 5.2) == text.replace("9 s", "5 s")
    assert tasks.with_run_time(text, r"\(notebooks/02_b\.ipynb\)[^\n]*\| ", 99.0) == text
