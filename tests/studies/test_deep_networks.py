"""The data, widths and recruitment of Figure 5, against direct computation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from saddle_utils import networks
from saddle_utils.datasets import panel
from saddle_utils.studies import deep_networks as study


def test_five_points_stand_for_a_thousand():
    """The same loss and field as on all samples of panel G."""
    x = panel("fig1g").x
    points = study.few_points(x)
    assert len(points) <= 5
    few, all_ = (
        networks.deep([2, 4, 3, 2], a, study.quadratic_labels(a), ("square", "identity"))
        for a in (points, x)
    )
    theta = few.draw(np.random.default_rng(0))
    assert few.loss(theta) == pytest.approx(all_.loss(theta), rel=1e-10)
    np.testing.assert_allclose(few.field(theta), all_.field(theta), atol=1e-9)
    np.testing.assert_allclose(
        study.quadratic_labels(x).sum(1), panel("fig1g").y.ravel(), rtol=1e-12
    )


def test_the_labels_are_split_and_nothing_else():
    for letter, of in (("B", "fig1c"), ("D", "fig1e")):
        net = study.panels()[letter].build(3)
        assert net.zero_loss() == pytest.approx(panel(of).network.zero_loss())


def test_narrow_levels_of_linear_layers_are_those_of_the_shallow_network():
    from saddle_utils.theory.linear import linear_levels

    net = panel("fig1b").network
    levels = linear_levels(net) / net.zero_loss()
    found = study.panels()["A"].narrow_levels(1)
    np.testing.assert_allclose(found[0], levels[1], atol=1e-6)


@pytest.mark.parametrize("letter", "ABCDF")
def test_networks_of_width_two_have_a_fixed_point_at_loss_zero(letter):
    assert study.panels()[letter].narrow_levels(2)[0] < 1e-6


def test_layers_recruit_where_their_width_curve_rises():
    panel = replace(study.panels()["A"], steps=3000)
    (run,) = study.train(panel, [1], width=8, fraction=5.0)
    assert run.widths().tolist() == [[0, 0], [1, 1], [2, 2]]
    widths = run.layer_widths(run.trajectory.theta)
    for layer, width in np.ndindex(2, 3):
        first = run.times[np.argmax(widths[:, layer] >= width + 1)] if width < 2 else np.nan
        np.testing.assert_equal(study.recruits([run, run], width + 1)[1, layer], first)


def test_factors_scale_layers():
    panel = replace(study.panels()["A"], steps=2)
    plain, scaled = study.train(panel, [1], 4, settings=((1, 1, 1), (0.1, 1, 1)))
    a, b = (run.network.weights(run.trajectory.theta[0]) for run in (plain, scaled))
    np.testing.assert_allclose(b[0], 0.1 * a[0])
    np.testing.assert_allclose(b[1], a[1])
