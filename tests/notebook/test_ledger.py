"""The ledger, and files that are whole or not there."""

from __future__ import annotations

import io
import json
import os

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import PIL.Image
import pytest

from saddle_utils.notebook import look
from saddle_utils.notebook.files import output_folder, write_whole
from saddle_utils.notebook.ledger import ClaimsFailedError, Ledger


def test_rows_are_plain_json(tmp_path):
    ledger = Ledger("01_probe", tmp_path)
    assert ledger.close(
        "a", "says a", "Eq. 1", measured=[1.0004, 2], predicted=[1, 2], atol=1e-3
    ).passed
    assert not ledger.close("b", "says b", "Eq. 2", measured=1.2, predicted=1, rtol=0.1).passed
    assert ledger.equal("c", "says c", "Eq. 3", measured=np.int64(3), predicted=3).passed
    assert ledger.at_most("d", "says d", "Eq. 4", measured=1.0, bound=1.0).passed
    assert not ledger.at_least("e", "says e", "Eq. 5", measured=0.5, bound=1.0).passed
    with pytest.raises(ClaimsFailedError, match="2 of 5 claims failed:\nFAIL  b"):
        ledger.save()
    rows = json.loads((tmp_path / "claims" / "01_probe.json").read_text())
    keys = ["name", "statement", "source", "predicted", "measured", "tolerance", "passed", "margin"]
    assert all(list(row) == keys for row in rows)
    assert [row["passed"] for row in rows] == [True, False, True, True, False]
    assert "## 01_probe: 3 of 5 passed" in (tmp_path / "CLAIMS.md").read_text()


def test_a_share_of_runs_may_fall_short_by_chance_only(tmp_path):
    ledger = Ledger("probe", tmp_path)
    row = ledger.share("a", "", "", holds=[True] * 8 + [False] * 2, of=0.9)
    assert row.passed and (row.measured, row.predicted) == (0.8, 0.5)  # fewer: .015%
    assert not ledger.share("b", "", "", holds=[True] * 4 + [False] * 6, of=0.9).passed


@pytest.mark.parametrize("measured", [np.nan, np.inf, [1, 2, 3], []])
def test_what_is_not_a_number_or_does_not_fit_never_passes(measured, tmp_path):
    ledger = Ledger("probe", tmp_path)
    assert not ledger.close("a", "", "", measured=measured, predicted=[1.0, 2], atol=9).passed
    if np.ndim(measured) == 0 and measured != np.inf:
        assert not ledger.at_most("b", "", "", measured=measured, bound=1).passed
        assert not ledger.at_least("c", "", "", measured=measured, bound=1).passed


def test_a_name_is_used_once(tmp_path):
    ledger = Ledger("probe", tmp_path)
    ledger.equal("a", "", "", measured=1, predicted=1)
    with pytest.raises(ValueError, match="already"):
        ledger.equal("a", "", "", measured=1, predicted=1)
    with pytest.raises(ValueError, match="atol or rtol"):
        ledger.close("b", "", "", measured=1, predicted=1)


def test_rows_read_the_same_whatever_the_last_digits(tmp_path):
    rows = [
        Ledger("probe", tmp_path).close("a", "s", "e", measured=0.5 + d, predicted=0.5, atol=0.02)
        for d in (0, 1e-13)
    ]
    assert rows[0] == rows[1]
    assert str(rows[0]) == "PASS  a: s"


def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "ledger.json"
    write_whole(path, b"old")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["ledger.json"]


def test_an_unwritable_folder_is_refused_before_work(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="cannot be written"):
        Ledger("probe", tmp_path / "file" / "below")
    with pytest.raises(ValueError, match="cannot be written"):
        output_folder("/proc/nowhere")


def test_figures_are_the_same_bytes_twice_with_their_numbers(tmp_path):
    def save(folder):
        look.use_style()
        fig, ax = plt.subplots()
        ax.plot([0, 1], [0, 1])
        data = {"epoch": [0, 1], "loss": [1, 0.5]}
        return look.Picture(fig, "fig", "a line", data, {"dots": {"u": [3.0]}}).save(folder)

    image = save(tmp_path / "a")
    save(tmp_path / "b")
    for name in ("fig.png", "fig.svg", "data/fig.csv", "data/fig_dots.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    assert pd.read_csv(tmp_path / "a/data/fig.csv").columns.tolist() == ["epoch", "loss"]
    assert image._repr_mimebundle_()[1]["image/png"]["alt"] == "a line"


def test_missing_and_infinite_numbers_are_saved_as_they_are():
    """Only what is noise beside the largest number is a zero."""
    text = look._csv({"loss": [1, np.nan, 1e-12, 2], "time": [3.0, np.inf, 1e-12, 1]}).decode()
    assert text.split() == ["loss,time", "1,3", ",inf", "0,0", "2,1"]


def drawn(folder, colour="C0", width=9.0, high=1.0):
    """A picture of 40 lines, saved; its bytes on disk and the picture as it is seen."""
    fig, ax = plt.subplots(figsize=(width, 3))
    for k in range(40):
        ax.plot([0, 1], [0, high * k], color=colour)
    look.Picture(fig, "fig", "lines", {"x": [high]}).save(folder)
    png = (folder / "fig.png").read_bytes()
    return png, PIL.Image.open(folder / "fig.png")


def test_pictures_are_no_wider_than_they_are_shown_and_light(tmp_path):
    look.use_style()
    _, image = drawn(tmp_path, width=13)
    assert image.size[0] <= look.PIXELS and image.mode == "P"
    _, small = drawn(tmp_path / "small", width=4)
    assert small.size[0] == 4 * plt.rcParams["savefig.dpi"]
    noise = np.random.default_rng(0).integers(0, 255, (80, 80, 3), dtype=np.uint8)
    kept = look._with_palette(PIL.Image.fromarray(noise))
    assert kept.mode == "RGB" and (np.asarray(kept) == noise).all()


def test_a_picture_that_looks_the_same_is_left_as_it_is(tmp_path):
    """Bytes stay where nobody sees a difference; they change where the picture does."""
    look.use_style()
    png, image = drawn(tmp_path)
    again = io.BytesIO()
    image.convert("RGB").save(again, "PNG")
    (tmp_path / "fig.png").write_bytes(again.getvalue())  # the same picture in other bytes
    assert drawn(tmp_path)[0] == again.getvalue() != png
    assert drawn(tmp_path, colour="C3")[0] not in (png, again.getvalue())
    assert drawn(tmp_path, width=8)[0] != png


def test_svg_is_rounded_to_a_hundredth_of_a_point_and_nothing_else_is():
    svg = b'<path d="M 1.23456 -7.6543 L 3 0.001"/><g transform="scale(0.015625)"/>'
    assert look._canonical(svg) == (
        b'<path d="M 1.23 -7.65 L 3 0"/><g transform="scale(0.015625)"/>'
    )


def test_margins_say_how_often_the_error_fits_into_the_tolerance(tmp_path):
    ledger = Ledger("probe", tmp_path)
    close = ledger.close("a", "", "", measured=[1.01, 2.05], predicted=[1, 2], atol=0.1)
    assert close.margin == 2.0
    assert ledger.close("b", "", "", measured=1.02, predicted=1, rtol=0.01).margin == 0.5
    assert ledger.at_most("c", "", "", measured=0.02, bound=0.1).margin == 5.0
    assert ledger.at_least("d", "", "", measured=0.9, bound=0.6).margin == 1.5
    assert ledger.close("e", "", "", measured=1.0, predicted=1.0, atol=1e-3).margin == 1000.0
    assert ledger.at_most("f", "", "", measured=np.nan, bound=1).margin == 0.0
    assert ledger.equal("g", "", "", measured=3, predicted=3).margin is None
    assert ledger.at_most("h", "", "", measured=-1e-17, bound=0.1).margin == 1000.0
    with pytest.raises(ClaimsFailedError):
        ledger.save()
    text = (tmp_path / "CLAIMS.md").read_text()
    assert text.startswith("# Claims\n\n6 of 8 claims passed")
    table = text.split("## probe")[0]
    assert [line.split(" | ")[0] for line in table.splitlines()[8:] if line] == [
        f"| {name}" for name in ("e", "h", "c", "a", "d", "b")
    ]
    assert "| ≤ 0.1 | 0.02 | 5 | yes |" in text and "| ≥ 0.6 | 0.9 | 1.5 | yes |" in text
    assert "| 1 ± 1% | 1.02 | 0.5 | **no** |" in text
