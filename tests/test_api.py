"""The public API: few names, loaded when they are used, seen by type checkers."""

from __future__ import annotations

import ast
import re

from support import in_subprocess

import saddle_utils
from saddle_utils.notebook.files import PROJECT

STUB = ast.parse((PROJECT / "saddle_utils" / "__init__.pyi").read_text())


def test_every_name_of_the_stub_is_there_and_documented():
    named = {a.name for n in STUB.body if isinstance(n, ast.ImportFrom) for a in n.names}
    assert set(saddle_utils.__all__) == named <= set(dir(saddle_utils))
    assert 15 <= len(named) <= 30
    for name in named:
        assert getattr(saddle_utils, name).__doc__, name


def test_the_import_is_lazy():
    code = (
        "import sys, saddle_utils as su; before = set(sys.modules); su.descend; "
        "print('numpy' in before, 'numpy' in sys.modules, 'torch' in sys.modules)"
    )
    assert in_subprocess(code).split() == ["False", "True", "False"]


def test_ten_lines_on_data_of_ones_own():
    """The examples of the README, as they are printed there; the torch module makes one step."""
    example, module, *_ = readme_blocks()
    assert len(example.strip().splitlines()) <= 14
    numbers, stairs = in_subprocess(example + module).split("\n[0, 1, 2, 3]\n")
    said = example.split("# 4.115")[1].splitlines()[0]
    for number in re.findall(r"[\d.]+", "4.115" + said):
        digits = len(number.split(".")[1])
        assert any(f"{float(n):.{digits}f}" == number for n in re.findall(r"\d+\.\d+", numbers))
    assert stairs.count("  drop at") == 1


def test_a_staircase_read_off_a_log():
    """The example of the README gives the output that is printed below it."""
    code, output = (
        block for block in readme_blocks("") if "drop at" in block or "your log" in block
    )
    ours = in_subprocess("import numpy as np\nimport saddle_utils as su\n" + code)
    assert ours.strip() == output.strip()


def readme_blocks(language="python"):
    """The fenced blocks of the README in a language, or all ("")."""
    parts = (PROJECT / "README.md").read_text().split("```")[1::2]
    return [part.split("\n", 1)[1] for part in parts if part.startswith(language)]
