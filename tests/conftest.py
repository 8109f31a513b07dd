"""Every test computes in float64 and writes to an output folder of its own."""

from __future__ import annotations

import sys

import pytest
import torch

from saddle_utils.notebook.files import OUTPUT_VARIABLE

torch.set_default_dtype(torch.float64)
sys.modules["rfc3987_syntax"] = None  # for jsonschema; it compiles a grammar for two seconds
LONGEST = (  # modules of ten seconds and more
    "test_any_curve", "test_explorers", "test_site", "test_bench", "test_app",
    "test_handwritten_digits", "test_predictions", "test_random_tasks", "test_lab", "test_sweeps",
    "test_quadratic", "test_runner", "test_width_and_data",
)  # fmt: skip


def pytest_collection_modifyitems(items):
    """The longest modules run first: short ones are left to the end, and no processor waits."""
    rank = {name: k for k, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))


@pytest.fixture(autouse=True)
def own_output(tmp_path, monkeypatch):
    """No test writes to the project's figures."""
    monkeypatch.setenv(OUTPUT_VARIABLE, str(tmp_path / "figures"))
