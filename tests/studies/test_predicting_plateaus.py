"""Tests of the study `predicting_plateaus`."""

from __future__ import annotations

import numpy as np
import pytest
from support import half_drops

from saddle_utils import observables
from saddle_utils.datasets import prediction_tasks
from saddle_utils.dynamics import flow
from saddle_utils.networks import initial_units
from saddle_utils.observables import contributions
from saddle_utils.studies import predicting_plateaus
from saddle_utils.theory.predictions import predict


@pytest.mark.parametrize("kind", ["linear", "linear conv", "quadratic", "attention"])
def test_every_drop_of_gradient_flow(kind):
    """By LSODA, one by one: times, levels, and for quadratic units who goes; on two fresh seeds."""
    for seed in (904, 905):
        net, drops = prediction_tasks(seed, 3)[kind], 2
        theta0 = 1e-7 * initial_units(net, 10, 1.0, range(seed, seed + 3))
        found = predict(net, theta0, drops)
        for k in range(3):
            task = net.runs(k)
            run = flow(task, theta0[k], 1.1 * found.times[k, 1], rtol=1e-8)
            curve = observables.dense_loss(task, run)
            measured = half_drops(*curve, found.levels[k])
            np.testing.assert_allclose(found.times[k], measured, rtol=2e-3)
            _, level = predicting_plateaus.plateau(*curve, *measured)
            assert level == pytest.approx(found.levels[k, 1], abs=0.02 * found.levels[k, 0])
            if kind in ("quadratic", "attention"):
                then = run.theta[np.searchsorted(run.times, measured[1])]
                largest = contributions(task, then).argsort()[-2:]
                assert set(largest) == set(found.recruits[k])


def test_errors_of_quadratic_units_vanish_with_the_scale():
    """In proportion to it, for all three drops, down to the tolerance of the integrator."""
    net = prediction_tasks(906, 12)["quadratic"]
    draw, medians = initial_units(net, 15, 1.0, range(12)), []
    for scale in (1e-2, 1e-3, 1e-4):
        table = predicting_plateaus.errors(predicting_plateaus.compare(net, scale * draw, 3))
        medians.append(table["time_error"].abs().median())
    assert medians[1] < medians[0] / 5 and medians[2] < medians[1] / 5 and medians[2] < 1e-4
    assert table["right"].all()


@pytest.mark.parametrize("kind", ["ReLU", "ReLU conv"])
def test_first_rays_and_their_levels(kind):
    """Times within 1%, levels within 3% without doubt: units not balanced, fresh seeds."""
    net = prediction_tasks(908, 8)[kind]
    table = predicting_plateaus.compare(net, 1e-6 * initial_units(net, 15, 1.0, range(8)), 2)
    first = predicting_plateaus.errors(table[(table["drop"] == 1) & (table["doubt"] == "none")])
    assert len(first) >= 2 and first["right"].all()
    assert first["time_error"].abs().max() < 0.01 and first["level_error"].abs().max() < 0.03


def test_the_predicted_curve_of_a_run():
    """Whole, within a hundredth of the initial loss."""
    shown = predicting_plateaus.example("linear", 3, 12, 1e-6)
    theory_there = np.interp(shown["times"], shown["grid"], shown["theory"])
    assert np.abs(theory_there - shown["losses"]).max() < 0.01
    assert len(shown["drops"]) == 2 and shown["levels"][0] == 1


def test_close_strengths_are_doubted_beforehand():
    """Saddle levels miss between close strengths: theory says so, and the closed solution holds."""
    table = predicting_plateaus.degenerate(910, 12, 10, 1e-4)
    missed = table["level_error"].abs() > 0.02
    assert missed.any() and (table["doubt"][missed] != "none").all()
    assert (table["time"] / table["closed_time"] - 1).abs().max() < 1e-3
    assert (table["level"] - table["closed_level"]).abs().max() < 0.03
