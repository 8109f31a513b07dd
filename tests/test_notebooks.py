"""What every notebook must have, and must not have; nbval executes them."""

from __future__ import annotations

import ast
import json
import re

import pytest

from saddle_utils.notebook.files import PROJECT
from saddle_utils.notebook.tasks import parameter_names

BOOKS = sorted((PROJECT / "notebooks").glob("*.ipynb"))
COMMON = ["seed", "width", "init_scale", "n_seeds", "output_dir", "device"]
EXTRA = {
    "01_linear_rank": ["singular_values"],
    "13_handwritten_digits": ["data", "pairs", "relu_width"],
    "16_your_own_run": ["panel", "points", "knobs", "lr", "epochs"],
}


@pytest.fixture(params=BOOKS, ids=lambda path: path.stem)
def book(request):
    path = request.param
    cells = json.loads(path.read_text())["cells"]
    for cell in cells:
        cell["source"] = "".join(cell["source"])
        cell["tags"] = cell["metadata"].get("tags", [])
    return path, cells, [cell for cell in cells if cell["cell_type"] == "code"]


def test_the_parameters_are_the_common_ones(book):
    path, _, code = book
    assert parameter_names(path.stem) == COMMON + EXTRA.get(path.stem, [])
    assert sum("parameters" in cell["tags"] for cell in code) == 1


def test_code_cells_are_short_and_hold_no_machinery(book):
    for cell in book[2]:
        assert len(cell["source"].splitlines()) <= 15, cell["source"]
        for node in ast.walk(ast.parse(cell["source"])):
            assert not isinstance(node, (ast.ClassDef, ast.While)), cell["source"]
            assert not isinstance(node, ast.For), cell["source"]


def test_it_was_executed_and_its_claims_are_compared(book):
    _, _, code = book
    counts = [cell["execution_count"] for cell in code]
    assert counts == list(range(1, len(code) + 1))
    claims = [cell for cell in code if "nbval-check-output" in cell["tags"]]
    assert claims and all("PASS" in json.dumps(cell["outputs"]) for cell in claims)
    outputs = [output for cell in code for output in cell["outputs"]]
    assert not any(output["output_type"] == "error" for output in outputs)
    assert not any(output.get("name") == "stderr" for output in outputs)
    assert "FAIL" not in json.dumps([cell["outputs"] for cell in claims])


def test_tags_are_spelled_as_nbval_reads_them(book):
    known = {"parameters", "nbval-check-output", "nbval-ignore-output"}
    for cell in book[2]:
        assert set(cell["tags"]) <= known
        if "explorer(" in cell["source"] and "import" not in cell["source"]:
            assert cell["tags"] == ["nbval-ignore-output"]
            assert "image/png" in cell["outputs"][0]["data"]


def test_no_paths_of_a_machine_and_no_volatile_metadata(book):
    text = book[0].read_text()
    assert not re.search(r'[\\"( ]/(home|root|work|tmp|Users|usr)/', text)
    assert "papermill" not in text and "widget-view" not in text


def test_every_picture_has_alt_text(book):
    for cell in book[2]:
        for output in cell["outputs"]:
            if "image/png" in output.get("data", {}):
                assert len(output["metadata"]["image/png"]["alt"]) > 20


def test_the_skeleton_is_there_and_counts_its_claims(book):
    path, cells, _ = book
    prose = "\n".join(cell["source"] for cell in cells if cell["cell_type"] == "markdown")
    for part in (
        "**Claim",
        "at a glance",
        "## Try it",
        "## What would falsify this",
        "## Further reading",
    ):
        assert part in prose, part
    rows = json.loads((PROJECT / "figures" / "claims" / f"{path.stem}.json").read_text())
    said = re.search(r"\| claims \| (\d+)", prose)
    assert said and int(said[1]) == len(rows) and all(row["passed"] for row in rows)
