"""Figure 1 for seeds that no notebook uses by default, and the claims made of runs."""

from __future__ import annotations

import numpy as np
import pytest

from saddle_utils import observables
from saddle_utils.datasets import PANELS, digitised, panel
from saddle_utils.dynamics import flow
from saddle_utils.networks import initial_units
from saddle_utils.notebook.ledger import Ledger
from saddle_utils.studies import figure1
from saddle_utils.studies.figure1 import train_panel
from saddle_utils.theory import quadratic, saddles


@pytest.mark.parametrize("name", ["fig1b", "fig1c", "fig1d", "fig1e"])
def test_twenty_held_out_seeds(name):
    """Levels within .02, half-drops within 10%, effective width 0, 1, 2, for 20 of 20."""
    paper = digitised(name)
    for run in figure1.train_panel(panel(name), 5000, n_seeds=20).members():
        stairs = run.staircase
        np.testing.assert_allclose(
            stairs.levels, [1, paper.plateau_level, paper.final_loss], atol=0.02
        )
        np.testing.assert_allclose(stairs.half_drops, paper.half_drops, rtol=0.1)
        assert run.widths() == [0, 1, 2]


@pytest.mark.parametrize("name", ["fig1f", "fig1g"])
def test_held_out_seeds_in_the_limit(name):
    """From 1e-4 of the panel's scale every seed has its three plateaus, of width 0, 1, 2."""
    levels = saddles.narrow_levels(panel(name).network, 2)
    for run in figure1.flow_to_limit(panel(name), range(7000, 7020), 1e-4):
        np.testing.assert_allclose(run.staircase.levels, levels, atol=0.005)
        assert run.widths() == [0, 1, 2]


@pytest.mark.parametrize("name", PANELS)
def test_the_papers_settings_give_the_papers_panel(name):
    run, paper = figure1.train_panel(panel(name)), digitised(name)
    tolerance = 0.05 if name < "fig1f" else 0.1
    assert run.staircase.levels[1] == pytest.approx(paper.plateau_level, abs=0.02)
    assert run.losses[-1] == pytest.approx(paper.final_loss, abs=0.02)
    np.testing.assert_allclose(run.staircase.half_drops, paper.half_drops, rtol=tolerance)


def test_weights_lie_where_the_papers_lie():
    """The ray of the plateau, from the digitised dots and from ours, within 4 degrees.

    The dots of 1B alone scatter over 74 to 77 degrees, where the data of the match have 73.2.
    """
    for name in ("fig1b", "fig1c", "fig1d", "fig1e"):
        run, paper = figure1.train_panel(panel(name)), digitised(name)
        ours = run.units_at(run.staircase.middles[1])[:, run.panel.shown]
        (a, b) = (np.linalg.svd(dots)[2][0] for dots in (ours, paper.weights_plateau))
        assert np.degrees(np.arccos(min(1, abs(a @ b)))) < 4, name


def test_claims_that_do_not_hold_are_told_apart(tmp_path):
    """A run from large weights has no plateau: every claim about it must fail."""
    ledger = Ledger("probe", tmp_path)
    p = panel("fig1b")
    run = figure1.train_panel(p, 3, init_scale=0.3)
    rows = figure1.claim_against_paper(ledger, run, 0.05)
    levels = saddles.narrow_levels(p.network, 2)
    rows += figure1.claim_seeds(ledger, [run], levels, "probe")
    assert [row.passed for row in rows] == [False, True, False, False, False, False]


def test_small_scales_are_given_the_time_they_need():
    b, g = panel("fig1b"), panel("fig1g")
    assert b.epochs_from(1e-12) == 4000
    assert g.epochs_from(g.init_scale / 3) == 6000
    assert g.epochs_from(1.0) == 2000
    assert len(figure1.train_panel(b, init_scale=1e-9).staircase.levels) == 3


def test_knobs_change_the_data():
    assert panel("fig1b", second=0.5).y[1, 1] == 0.5
    x = panel("fig1d", angle=60.0).x
    cosine = x[0] @ x[1] / np.prod(np.linalg.norm(x, axis=1))
    assert cosine == pytest.approx(0.5)
    with pytest.raises(TypeError):
        panel("fig1b", angle=3)


@pytest.mark.parametrize("name", ["fig1f", "fig1g"])
def test_the_first_escape_is_the_first_drop(name):
    """The smallest escape time names the unit and the time; the largest norm often does not."""
    p, seeds = panel(name), range(700, 720)
    start = initial_units(p.network, p.width, p.init_scale * 1e-4, seeds)
    unit, time = quadratic.first_escape(p.network, start)
    measured, first = figure1.measure_first_escapes(p, seeds, 1e-4)
    assert np.median(np.abs(measured / time - 1)) < 1e-3
    np.testing.assert_array_equal(first, unit)
    assert np.mean(np.linalg.norm(start, axis=-1).argmax(-1) == unit) < 0.8


def test_scales_of_the_quadratic_escape():
    """Q1: the time goes as 1 / eps, and the other units wait at eps."""
    p, fractions = panel("fig1g"), np.array([1e-2, 1e-3, 1e-4])
    times, waiting = [], []
    for fraction in fractions:
        start = initial_units(p.network, p.width, p.init_scale * fraction, 31)
        time, first = figure1.measure_first_escapes(p, range(31, 32), fraction)
        end = flow(p.network, start, np.array([0, time[0]]), rtol=1e-9).theta[-1]
        times.append(time[0])
        waiting.append(np.linalg.norm(np.delete(end, first[0], axis=0)))
    assert observables.log_slope(fractions, np.log(times)) == pytest.approx(1, abs=0.02)
    assert -observables.log_slope(fractions, np.log(waiting)) == pytest.approx(1, abs=0.05)


def test_collapse_is_idempotent_and_near():
    net = panel("fig1d").network
    end = train_panel(panel("fig1d")).trajectory.theta[-1]
    once = saddles.collapse(net, end, 0.01)
    np.testing.assert_allclose(saddles.collapse(net, once, 0.01), once, atol=1e-12)
    assert np.linalg.norm(end - once) < 0.1 * np.linalg.norm(end)
    assert saddles.map_error(net, once, saddles.merge(net, once, 0.01)) < 1e-12


def test_the_pictures_of_limit_and_escapes_have_their_tables():
    one = np.array([1.0, 2.0])
    drawn = figure1.escape_picture("attention_escape", one, 2 * one, [3, 4], [0, 1])
    assert drawn.name == "attention_escape" and "2 draws" in drawn.alt
    assert drawn.data["measured"] == pytest.approx(2 * one) and drawn.data["unit"] == [0, 1]
    g = panel("fig1g")
    here = figure1.train_panel(g, 3, n_seeds=2).members()
    far = figure1.flow_to_limit(g, range(3, 5), 1e-3)
    limit = figure1.limit_picture("quadratic_limit", [here, far], [1, 0.3, 0])
    assert limit.data["seed"] == [3, 4] and "Quadratic" in limit.alt
    np.testing.assert_allclose(limit.data["limit"], limit.data["panel"], rtol=0.1)
