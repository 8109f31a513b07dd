"""A run of your own: the paper by default, bad choices refused, theory as far as it goes."""

from __future__ import annotations

import numpy as np
import pytest

from saddle_utils.datasets import PANELS, panel
from saddle_utils.studies import your_own_run as study


@pytest.mark.parametrize("name", PANELS)
def test_nothing_chosen_is_the_paper(name):
    own, paper = study.own_panel(name), panel(name)
    np.testing.assert_array_equal(own.x, paper.x)
    assert (own.lr, own.network.zero_loss()) == (paper.lr, paper.network.zero_loss())


def test_what_is_chosen_is_there():
    own = study.own_panel("fig1d", [[1, 2], [3, 0.5]], [0.5, -2], lr=0.003)
    assert own.x.tolist() == [[1, 2], [3, 0.5]] and own.y.tolist() == [0.5, -2]
    assert own.lr == 0.003 and own.step == 0.006
    c = study.own_panel("fig1c", [[2.7, 0], [0, 1]], [1, 2])
    assert c.x[0, 0].tolist() == [2.7, 0] and c.x[3, 1].tolist() == [2, 0]
    f = study.own_panel("fig1f", knobs=[0.5, 0.2, 8])
    np.testing.assert_allclose(f.network.syz, 8 * np.diag([0.25, 0.04]).reshape(1, -1))
    assert study.own_panel("fig1g", knobs=[-1]).y.min() < 0


@pytest.mark.parametrize(
    ("name", "points", "knobs", "says"),
    [
        ("fig1z", None, None, "known: fig1b"),
        ("fig1f", [[1, 0], [0, 1]], None, "no points"),
        ("fig1b", None, [1], "takes 2 knobs"),
        ("fig1d", None, [0, 0], "nothing to learn"),
    ],
)
def test_bad_choices_are_refused(name, points, knobs, says):
    with pytest.raises(ValueError, match=says):
        study.own_panel(name, points, knobs)


def test_theory_goes_as_far_as_the_run():
    own = study.own_panel("fig1b")
    short = study.expected(study.train(own, 1, 20, 1e-6, 1000))
    assert len(short.times) == 1 and len(short.levels) == 2
    none = study.expected(study.train(own, 1, 20, 1e-6, 100))
    assert len(none.times) == 0 and none.levels.tolist() == [1]
