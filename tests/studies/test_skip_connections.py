"""Exponents, starts and predictions of notebook 12, against constructed cases."""

from __future__ import annotations

import numpy as np
import pytest

from saddle_utils import networks
from saddle_utils.networks import ACTIVATIONS
from saddle_utils.studies import skip_connections as study
from saddle_utils.studies.skip_connections.measure import fits
from saddle_utils.theory.activations import imbalance_order


@pytest.mark.parametrize(("kind", "skip"), [("linear", "no skip"), ("ReLU", "skips two layers")])
def test_runs_drop_twice_and_widths_follow(kind, skip):
    (run,) = study.train(kind, skip, [100])
    assert len(run.staircase.half_drops) == 2 and fits(kind, skip, run.widths())
    assert not fits(kind, skip, run.widths() + 1)
    assert run.times[-1] < 2 * run.staircase.half_drops[-1]  # it is cut soon after its last drop


def test_mixed_starts_have_the_sizes_asked_for():
    net = networks.deep([50, 60, 70, 50], np.ones((2, 50)), np.ones((2, 50)))
    theta = study.mixed_start(net, [1], 1e-3, np.random.default_rng(0))
    sizes = [w.std() for w in net.weights(theta)]
    np.testing.assert_allclose(sizes, [np.sqrt(2 / 50), 1e-3, np.sqrt(2 / 70)], rtol=0.05)


def test_the_imbalance_has_the_order_of_its_activation():
    found = study.imbalance_orders([*ACTIVATIONS], 11)
    for phi, order in zip(ACTIVATIONS, found, strict=True):
        expected = imbalance_order(phi)
        assert np.isnan(order) if expected is None else abs(order - expected) < 0.05


def test_one_skip_over_all_but_two_layers_leaves_a_logarithm():
    table = study.skip_table([3, 4], np.array([1e-3, 1e-4, 1e-5]))
    assert table["effective"].tolist() == [3, 2, 4, 3, 2]
    np.testing.assert_allclose(table["exponent"], 2 - table["effective"], atol=0.01)
