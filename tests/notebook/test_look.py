"""The idioms of pictures: words and levels where they are asked for, tables one below another."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from saddle_utils.notebook.look import draw_levels, draw_map, draw_words, one_table, write


@pytest.fixture
def ax():
    fig, ax = plt.subplots()
    yield ax
    plt.close(fig)


def test_levels_have_their_numbers_at_the_end_if_there_is_one(ax):
    draw_levels(ax, [1, 0.25])
    assert len(ax.lines) == 2 and not ax.texts
    draw_levels(ax, [1, 0.25, 1e-5], 7.0, color="red")
    assert [text.get_text() for text in ax.texts] == ["1", ".250", "0"]
    assert {text.xy[0] for text in ax.texts} == {7.0} and ax.lines[-1].get_color() == "red"


def test_words_go_down_the_side_that_is_asked_for(ax):
    draw_words(ax, [("one", "red"), ("two", "blue")])
    draw_words(ax, [("three", "green")], x=0.04, ha="left")
    one, two, three = ax.texts
    assert one.get_position()[1] - two.get_position()[1] == pytest.approx(0.09)
    assert one.get_ha() == "right" and three.get_ha() == "left" and two.get_color() == "blue"


def test_a_text_is_written_around_its_point(ax):
    write(ax, 2, 3, "5", "white", fontsize=7)
    (text,) = ax.texts
    assert text.get_position() == (2, 3) and (text.get_ha(), text.get_va()) == ("center", "center")


def test_blocks_stand_one_below_the_other():
    blocks = ({"name": name, "value": values} for name, values in [("a", [1, 2]), ("b", [3])])
    assert one_table(blocks) == {"name": ["a", "a", "b"], "value": [1, 2, 3]}


def test_a_map_names_its_rows_and_columns_and_leaves_blanks(ax):
    table = pd.DataFrame([[1, np.nan], [3, 4]], index=["a", "b"], columns=["c", "d"])
    draw_map(ax, table, table.map("{:.1f}".format))
    assert [t.get_text() for t in ax.get_yticklabels()] == ["a", "b"]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["c", "d"]
    assert [t.get_text() for t in ax.texts] == ["1.0", "3.0", "4.0"]
