"""Every test computes in float64 and writes to an output folder of its own."""

from __future__ import annotations

import pytest
import torch

from saddle_utils.notebook.files import OUTPUT_VARIABLE

torch.set_default_dtype(torch.float64)


@pytest.fixture(autouse=True)
def own_output(tmp_path, monkeypatch):
    """No test writes to the project's figures."""
    monkeypatch.setenv(OUTPUT_VARIABLE, str(tmp_path / "figures"))
