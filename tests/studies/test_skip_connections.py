"""Exponents, starts and predictions of notebook 12, against constructed cases."""

from __future__ import annotations

import numpy as np
import pytest

from saddle_utils import networks
from saddle_utils.networks import ACTIVATIONS
from saddle_utils.studies import skip_connections as study
from saddle_utils.theory.activations import imbalance_order, lowest_order


@pytest.mark.parametrize("power", [-3.0, -1.0, 1.0])
def test_an_exponent_is_found_beside_a_constant(power):
    scales = np.array([1e-2, 1e-3, 1e-4])
    assert study.exponent(scales, 7 + 0.3 * scales**power) == pytest.approx(power, abs=1e-6)
    assert study.exponent(scales, 5 + np.log(1 / scales)) == pytest.approx(0, abs=1e-9)


def test_types_of_waits():
    assert [study.type_of(e) for e in (1.0, 0.01, -0.98, -3.2)] == [
        "none", "logarithm", "power 1", "power 3",
    ]  # fmt: skip


def test_the_degree_of_the_lowest_term_is_the_predicted_one():
    """Against the loss of networks that shrink: L(0) - L goes as c^D in the size of the weights."""
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((6, 2)), rng.standard_normal((6, 1))
    for phi in ("identity", "tanh", "gelu", "square", "x_tanh", "cubic"):
        for depth in (2, 3):
            net = networks.deep([2, *[3] * (depth - 1), 1], x, y, phi)
            theta = net.draw(rng)
            out = [np.abs(net.output(c * theta)).max() for c in (1e-2, 1e-3)]
            degree = np.log10(out[0] / out[1])
            predicted = study.predicted_exponent(lowest_order(phi), depth)
            assert degree - 2 == pytest.approx(-predicted, abs=0.1)


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
