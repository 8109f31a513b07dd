"""Tests of the study `relu_kinks`: kinks on the line, first drops in the plane, and pictures."""

from __future__ import annotations

import numpy as np
import pytest

from saddle_utils import networks, observables
from saddle_utils.datasets import panel
from saddle_utils.dynamics import descend
from saddle_utils.networks import initial_units
from saddle_utils.studies import figure1, relu_kinks
from saddle_utils.theory import relu
from saddle_utils.theory.saddles import narrow_levels

LINE = relu_kinks.zigzag()


@pytest.mark.parametrize("seed", [2006, 2020])
def test_relu_units_obey_the_analogue_of_theorem_4(seed):
    """R1: slope of the first time, and the exponent of every direction that units serve."""
    rng, scales = np.random.default_rng(seed), np.logspace(-8, -4, 5)
    net = networks.pointwise(rng.standard_normal((40, 2)), rng.standard_normal(40))
    found = relu.relu_directions(net)
    times, norms = relu_kinks.measure_first_drop(net, scales, seed=seed)
    served = (norms > 0).all(axis=0)
    assert served[:2].all()
    assert observables.log_slope(scales, times) == pytest.approx(found.first_time, rel=0.03)
    exponents = [-observables.log_slope(scales, np.log(n)) for n in norms[:, served].T]
    assert exponents[1] == pytest.approx(found.exponent, rel=0.03)
    np.testing.assert_allclose(exponents, 1 - found.rates[served] / found.rates[0], atol=0.01)


def test_first_drops_gather_what_is_measured_task_by_task():
    scales = np.logspace(-6, -4, 3)
    drops, others = relu_kinks.measure_first_drops(300, 2, scales)
    rng = np.random.default_rng([300, 1])
    net = networks.pointwise(rng.standard_normal((40, 2)), rng.standard_normal(40))
    rates = relu.relu_directions(net).rates
    times, norms = relu_kinks.measure_first_drop(net, scales, seed=301)
    slope = np.polyfit(np.log(1 / scales), times, 1)[0]
    task = drops.iloc[1]
    np.testing.assert_allclose([task.predicted, task.measured], [1 / rates[0], slope])
    assert task.rival == pytest.approx(rates[1] / rates[0])
    assert task.served == (norms[0, 0] > 0)
    last = np.flatnonzero(norms.min(0) > 0)[-1]  # no direction behind it has units
    grown = np.polyfit(np.log(scales), np.log(norms[:, last]), 1)[0]
    np.testing.assert_allclose(others.iloc[-1], [1 - rates[last] / rates[0], grown])
    clear = np.array([True, False])
    drawn = relu_kinks.first_drops_picture(drops, others, clear)
    assert drawn.name == "relu_escape" and "2 random ReLU tasks" in drawn.alt
    np.testing.assert_array_equal(drawn.data["measured"], drops.measured)
    np.testing.assert_array_equal(drawn.data["clear"], clear)
    np.testing.assert_array_equal(drawn.tables["exponents"]["predicted"], others.predicted)


def test_kinks_are_where_the_function_bends():
    """Against second differences of the function on a fine grid."""
    theta = np.array([[1.0, 1, 0.5], [2.0, 0.5, 0.25], [-1.5, 1, -1.0], [1.0, 1, 9.0]])
    position, bend = relu_kinks.kinks(LINE, theta)
    np.testing.assert_allclose(position, [-0.5, 1.0])
    np.testing.assert_allclose(bend, [2, -1.5])
    grid = np.linspace(-2, 2, 4001)
    f = LINE.predict(theta, np.stack([grid, np.ones_like(grid)], axis=1))[0]
    bends = np.diff(f, 2) / (grid[1] - grid[0])
    seen = np.flatnonzero(np.abs(bends) > 0.1)
    np.testing.assert_allclose(grid[seen + 1], position, atol=2e-3)
    np.testing.assert_allclose(bends[seen], bend, rtol=1e-6)


def test_a_network_without_active_units_has_no_kinks():
    small, large = 1e-6 * np.ones((2, 3)), np.ones((2, 3))
    assert relu_kinks.kinks(LINE, small, reference=large)[0].shape == (0,)
    constant = np.array([[1.0, 0, 1]])  # a unit without weight bends nothing
    assert relu_kinks.kinks(LINE, constant)[0].shape == (0,)


def test_the_zigzag_is_that_of_the_notebook():
    assert np.mean(LINE.y**2) == pytest.approx(1)
    y = LINE.y[0]
    assert np.sign(np.diff(y[[0, 11, 16, 20]])).tolist() == [-1, 1, 1]
    assert LINE.x.shape == (1, 21, 2) and (LINE.x[0, :, 1] == 1).all()


def test_kinks_are_counted_on_each_plateau_and_drawn():
    runs = descend(LINE, initial_units(LINE, 50, 1e-8, [500, 501]), 0.05, 4400, every=10)
    losses = runs.losses / LINE.zero_loss()
    stairs = observables.measure(runs.times, losses, 3, min_drop=0.02)
    assert relu_kinks.kink_counts(LINE, runs, stairs) == [(0, 1, 2, 3)] * 2
    drawn = relu_kinks.relu_kinks_picture(LINE, runs, stairs, [1, 0.6, 0.15, 0.02])
    titles = [ax.get_title() for ax in drawn.figure.axes[1:]]
    assert titles == ["0 kinks", "1 kink", "2 kinks", "3 kinks"]
    assert drawn.name == "relu_kinks" and "three kinks" in drawn.alt
    np.testing.assert_array_equal(drawn.data["loss"], losses[:, 0])
    np.testing.assert_array_equal(drawn.data["time"], runs.times)


def test_the_picture_of_the_panel_has_its_numbers_and_its_words():
    p = panel("fig1d")
    run = figure1.train_panel(p)
    drawn = figure1.panel_picture(run, figure1.train_panel(p, 5, n_seeds=2), [1, 0.5, 0])
    assert drawn.name == "fig1d" and "Figure 1D" in drawn.alt
    np.testing.assert_allclose(drawn.data["loss"], run.losses)
    assert set(drawn.tables["weights"]["at"]) == {"plateau", "end"}


def test_leaky_units_are_recruited_one_by_one_though_one_would_do():
    p = panel("fig1d")
    assert narrow_levels(networks.build("leaky_relu", p.x, p.y), 1)[1] < 1e-9
    assert relu_kinks.leaky_widths(30, 1e-6, [400, 401]) == [(0, 1, 2)]


def test_units_whose_read_out_finite_steps_turn_over_do_not_serve_a_direction():
    """A task that is positive for all directions: units with v < 0 shrink, and arrive late."""
    rng = np.random.default_rng([999331, 9])
    net = networks.pointwise(rng.standard_normal((40, 2)), rng.standard_normal(40))
    found = relu.relu_directions(net)
    assert (found.signs == 1).all()
    draw = initial_units(net, 20, 1.0, 999340)
    near = np.arccos(draw[:, 1:] @ found.directions[0] / np.linalg.norm(draw[:, 1:], axis=1))
    assert draw[np.argmin(near), 0] < 0  # the unit that turns to the first direction
    _, norms = relu_kinks.measure_first_drop(net, np.logspace(-8, -4, 5), seed=999340)
    assert (norms[:, 0] == 0).all() and (norms[:, 1] > 0.3).all()
