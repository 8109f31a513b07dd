"""Attention: which head goes first, told from the draw of other seeds than the notebook's."""

from __future__ import annotations

import numpy as np
import pytest

from saddle_utils.datasets import panel
from saddle_utils.networks import initial_units
from saddle_utils.studies import attention_heads, figure1
from saddle_utils.theory.quadratic import first_escape


def test_the_first_drop_is_told_from_the_draw():
    p, seeds = panel("fig1f"), range(900, 903)
    times, heads = figure1.measure_first_escapes(p, seeds, 1e-4)
    draws = initial_units(p.network, p.width, 1e-4 * p.init_scale, seeds)
    predicted, expected = first_escape(p.network, draws)
    assert (heads == predicted).all()
    np.testing.assert_allclose(times, expected, rtol=1e-3)


def test_the_picture_of_the_escapes_has_its_table():
    one = np.array([1.0, 2.0])
    drawn = attention_heads.attention_escape_picture(one, 10.0, 2 * one, [3, 4], [0, 1])
    assert drawn.name == "attention_escape" and len(drawn.alt) > 20
    assert drawn.data["measured"] == pytest.approx(20 * one)
    assert drawn.data["predicted"] == pytest.approx(10 * one)
