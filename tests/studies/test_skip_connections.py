"""Exponents, starts and predictions of notebook 12, against constructed cases."""

from __future__ import annotations

import numpy as np
import pytest

from saddle_utils import networks
from saddle_utils.networks import ACTIVATIONS
from saddle_utils.studies import skip_connections as study
from saddle_utils.studies.skip_connections.measure import fits
from saddle_utils.theory.activations import imbalance_order, lowest_order
from saddle_utils.theory.deep import small_degree


def test_the_degree_of_small_layers_is_that_of_the_map():
    """Against the output of networks of which some layers shrink: it goes as c^D."""
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((6, 2)), rng.standard_normal((6, 1))
    for phi in ("identity", "tanh", "gelu", "square", "x_tanh", "cubic"):
        net = networks.deep([2, 3, 3, 1], x, y, phi)
        theta = net.draw(rng)
        for small in ([0, 1, 2], [0, 2], [1]):
            sizes = [np.where(np.isin(range(3), small), c, 0.3) for c in (1e-2, 1e-3)]
            out = [np.abs(net.output(net.scaled(theta, size))).max() for size in sizes]
            assert small_degree(lowest_order(phi), 3, small) == pytest.approx(
                np.log10(out[0] / out[1]), abs=0.1
            )


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
