"""The ring of one-unit solutions of panel G, against minimisation and runs."""

from __future__ import annotations

import numpy as np
import pytest

from saddle_utils.datasets import panel
from saddle_utils.studies import figure1, quadratic_units
from saddle_utils.theory.quadratic import one_unit_profile
from saddle_utils.theory.saddles import narrow_level


def test_the_ring_ends_at_the_best_single_unit():
    net, angles = panel("fig1g").network, np.linspace(0, np.pi, 2001)
    ring = one_unit_profile(net, angles)
    assert ring.min() == pytest.approx(narrow_level(net, 1), rel=1e-5)
    assert ring.max() > 1.05 * ring.min()


def test_the_first_unit_slides_down_the_ring():
    p = panel("fig1g")
    run = figure1.train_panel(p, 12)
    epochs, walk, losses = quadratic_units.plateau_walk(run)
    ring = one_unit_profile(p.network, walk) / p.network.zero_loss()
    assert len(epochs) > 20 and (np.diff(losses) < 1e-9).all()
    np.testing.assert_allclose(losses, ring, atol=2e-3)
