"""Attention: which head goes first, told from the draw of other seeds than the notebook's."""

from __future__ import annotations

import numpy as np

from saddle_utils.datasets import panel
from saddle_utils.networks import initial_units
from saddle_utils.studies import figure1
from saddle_utils.theory.quadratic import first_escape


def test_the_first_drop_is_told_from_the_draw():
    p, seeds = panel("fig1f"), range(900, 903)
    times, heads = figure1.measure_first_escapes(p, seeds, 1e-4)
    draws = initial_units(p.network, p.width, 1e-4 * p.init_scale, seeds)
    predicted, expected = first_escape(p.network, draws)
    assert (heads == predicted).all()
    np.testing.assert_allclose(times, expected, rtol=1e-3)
