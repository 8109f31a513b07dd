"""Where figures go: to the checkout, or for a package that pip installed, to the working folder."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

from saddle_utils.notebook import files


def test_an_installed_package_writes_into_the_working_folder(tmp_path, monkeypatch):
    assert files.PROJECT == files.CHECKOUT == Path(files.__file__).parents[2]
    copy = tmp_path / "site-packages" / "saddle_utils" / "notebook" / "files.py"
    copy.parent.mkdir(parents=True)
    shutil.copy(files.__file__, copy)
    monkeypatch.chdir(tmp_path)
    spec = importlib.util.spec_from_file_location("installed", copy)
    installed = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(installed)
    assert installed.PROJECT == tmp_path
