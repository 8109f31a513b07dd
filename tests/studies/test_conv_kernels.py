"""Convolutions: which one-kernel solution a plateau is, and what its picture holds."""

from __future__ import annotations

import numpy as np
import pytest

from saddle_utils.datasets import panel
from saddle_utils.dynamics import flow
from saddle_utils.networks import initial_units
from saddle_utils.studies import figure1
from saddle_utils.theory.saddles import narrow_levels, path_levels


def test_the_plateau_is_on_the_path_and_not_the_best_from_a_vanishing_scale():
    net = panel("fig1c").network
    best, path = narrow_levels(net, 2), path_levels(net, 2)
    run = flow(net, initial_units(net, 20, 1e-9, 77), 80.0)
    level = run.losses[np.argmin(np.abs((net.field(run.theta) ** 2).sum((1, 2))[50:-50])) + 50]
    slow = np.abs(np.gradient(run.losses, run.times))
    resting = (run.losses < 0.6 * run.losses[0]) & (run.losses > 0.2 * run.losses[0])
    level = run.losses[resting][np.argmin(slow[resting])] / net.zero_loss()
    assert level == pytest.approx(path[1], abs=1e-4)
    assert level > best[1] + 0.004


@pytest.mark.parametrize("name", ["fig1c", "fig1e"])
def test_a_picture_has_its_numbers_and_its_words(name):
    p = panel(name)
    run = figure1.train_panel(p)
    drawn = figure1.panel_picture(run, figure1.train_panel(p, 5, n_seeds=2), [1, 0.4, 0])
    assert drawn.name == name and f"Figure {name[3:].upper()}" in drawn.alt
    assert {len(column) for column in drawn.data.values()} == {2001}
    np.testing.assert_allclose(drawn.data["loss"], run.losses)
    assert set(drawn.tables["weights"]["at"]) == {"plateau", "end"}
