"""The rule for plateaus, on curves made for it and on the paper's own."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saddle_utils.datasets import PANELS, digitised, random_tasks
from saddle_utils.datasets.figure1 import REFERENCE
from saddle_utils.dynamics import Trajectory, flow
from saddle_utils.networks import initial_units, quadratic
from saddle_utils.observables import (
    count,
    dense_loss,
    drop_times,
    exponent,
    first_times,
    log_slope,
    measure,
    passage_time,
)
from saddle_utils.observables.plateaus import is_clean


def stairs(times, drops, levels, width):
    """A staircase of tanh steps, one function written out."""
    sizes = np.diff([1.0, *levels])
    steps = (1 + np.tanh((times[:, None] - np.array(drops)) / width)) / 2
    return 1 + steps @ sizes


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    gaps=st.lists(st.floats(150, 400), min_size=1, max_size=4),
    sizes=st.lists(st.floats(0.15, 1), min_size=4, max_size=4),
    width=st.floats(4, 12),
)
def test_made_staircases_are_read_back(gaps, sizes, width):
    drops = np.cumsum(gaps)
    left = 1 - np.cumsum(sizes[: len(drops)]) / (sum(sizes[: len(drops)]) + 0.1)
    times = np.arange(0, drops[-1] + 250, 1.0)
    found = measure(times, stairs(times, drops, left, width), min_duration=40)
    np.testing.assert_allclose(found.levels, [1, *left], atol=0.01)
    np.testing.assert_allclose(found.half_drops, drops, atol=2)
    np.testing.assert_allclose(found.durations, np.diff(drops), atol=4)


@pytest.mark.parametrize("name", PANELS)
def test_the_papers_curves_are_read_as_by_hand(name):
    """Levels within .005 and half-drops within 5 epochs of the features digitised apart."""
    paper = digitised(name)
    features = json.loads((REFERENCE / "panels.json").read_text())[name]
    found = measure(paper.epochs, paper.losses, min_duration=40)
    assert len(found.levels) == 3
    assert found.levels[1] == pytest.approx(features["plateau_level"], abs=0.005)
    np.testing.assert_allclose(found.half_drops, features["half_drop_epochs"], atol=5)


def test_uneven_times_do_not_move_levels():
    even = np.linspace(0, 1000, 4001)
    uneven = np.sort(np.random.default_rng(0).uniform(0, 1000, 2500))
    a, b = (measure(t, stairs(t, [300, 700], [0.6, 0.1], 8), 40) for t in (even, uneven))
    np.testing.assert_allclose(a.levels, b.levels, atol=0.005)
    np.testing.assert_allclose(a.half_drops, b.half_drops, atol=1)


def test_an_ensemble_is_its_curves():
    times = np.arange(1000.0)
    curves = np.stack([stairs(times, [d], [0.2], 9) for d in (300, 500)], axis=1)
    assert [s.half_drops.round().tolist() for s in measure(times, curves)] == [[300], [500]]


def test_a_smooth_decay_has_no_middle_plateau():
    times = np.linspace(0, 20, 2001)
    assert len(measure(times, np.exp(-times)).levels) <= 1


CURVE = np.array([1.0, 0.9, 0.5, 0.1])


@pytest.mark.parametrize(
    ("times", "losses", "words"),
    [
        (np.arange(5), np.zeros(4), r"wanted \(T,\)"),
        ([], [], "T >= 3"),
        ([0.0], [1.0], "T >= 3"),
        ([0.0, 1.0], [1.0, 0.5], "T >= 3"),
        ([[0.0, 1, 2]], [[1.0, 0.5, 0.1]], "T >= 3"),
        (3.0, 1.0, "T >= 3"),
        (np.arange(4), np.zeros((4, 2, 2)), r"or \(T, n\)"),
        (np.arange(4), CURVE * 1j, "losses must be real numbers: these are complex"),
        (np.arange(4), ["loss", "1", ".5", ".1"], "losses must be real numbers: could not"),
    ],
)
def test_curves_that_cannot_be_measured_are_refused_in_words(times, losses, words):
    with pytest.raises(ValueError, match=words):
        measure(times, losses)
    with pytest.raises(ValueError, match=words):
        count([np.arange(4.0), times], [CURVE, losses])


@pytest.mark.parametrize(
    ("times", "losses", "words"),
    [
        (np.arange(4), [1.0, np.nan, 0.5, 0.1], "not finite"),
        (np.arange(4), [1.0, np.inf, 0.5, 0.1], "not finite"),
        ([0, np.nan, 2, 3], CURVE, "times, hold values that are not finite"),
        ([0, 1, 2, np.inf], CURVE, "not finite"),
        ([-np.inf, 1, 2, 3], CURVE, "not finite"),
        ([0, 1, 1, 2], CURVE, "must increase: record 2 is at 1, after 1; sort"),
        ([0, 2, 1.5, 3], CURVE, "must increase: record 2 is at 1.5, after 2; sort"),
        ([3, 2, 1, 0], CURVE, "must increase: record 1 is at 2, after 3; sort"),
        ([0, 0, 0, 0], CURVE, "must increase: record 1 is at 0, after 0; sort"),
        ([0, 1, 2, 2], CURVE, "must increase: record 3 "),
    ],
)
def test_counting_wants_clean_curves_and_measuring_mends_them(times, losses, words):
    with pytest.raises(ValueError, match=words):
        count([np.arange(4.0), times], [CURVE, losses])
    if len(set(times)) < 3:
        with pytest.raises(ValueError, match="1 record left, wanted at least 3"):
            measure(times, losses)
    else:
        assert measure(times, losses).notes


@pytest.mark.filterwarnings("error")
def test_the_smallest_and_the_flattest_curves_are_measured():
    assert (
        len(measure([0, 1, 2], [1.0, 1.0, 1.0]).levels) == count([[0, 1, 2]], [[1.0] * 3])[0] == 1
    )
    assert measure([0, 1, 2], np.ones((3, 0))) == [] and count([], []).shape == (0,)
    adjacent, stairs = (np.arange(5.0), np.arange(4.0, 9.0)), np.array([1.0, 1, 0.5, 0, 0])
    np.testing.assert_array_equal(count(adjacent, [stairs, stairs]), [2, 2])


def test_a_plateau_lasts_from_half_drop_to_half_drop_and_has_a_middle():
    """Two logistic drops at 40 and 100, of known levels; the default leaves out short rests."""
    times = np.linspace(0, 150, 3001)
    losses = 1 - 0.6 / (1 + np.exp(40 - times)) - 0.4 / (1 + np.exp(100 - times))
    stairs = measure(times, losses)
    np.testing.assert_allclose(stairs.levels, [1, 0.4, 0], atol=1e-6)
    np.testing.assert_allclose(stairs.half_drops, [40, 100], atol=0.01)
    np.testing.assert_allclose(stairs.durations, [60], atol=0.01)
    np.testing.assert_allclose(stairs.middles[1], 70, atol=0.5)
    assert len(measure(times, losses, min_duration=70).levels) == 0


def test_the_default_leaves_out_rests_of_less_than_a_fiftieth_of_the_curve():
    """A steady descent from 20 to 40 with a rest of known length in the middle."""
    for rest, plateaus in ((1.9, 2), (2.1, 3)):
        times = np.array([0, 20, 30, 30 + rest, 40 + rest, 100.0])
        found = measure(times, np.array([2, 2, 1.0, 1.0, 0, 0]))
        assert len(found.levels) == plateaus
        np.testing.assert_array_equal(found.levels, [2, 1, 0] if plateaus == 3 else [2, 0])
        assert (found.starts[0], found.ends[0]) == (0, 20)
        assert (found.starts[-1], found.ends[-1]) == (40 + rest, 100)
        np.testing.assert_allclose(found.middles[[0, -1]], [10, 70 + rest / 2])
    np.testing.assert_allclose(found.half_drops, [25, 30 + rest + 5])
    assert found.middles[1] == pytest.approx(30 + rest / 2)


def test_flat_and_min_drop_are_thresholds():
    """A slope of a tenth of the drops' beside it; a drop by 5% of the initial loss."""
    times = np.array([0, 10, 11, 21, 22, 40.0])
    losses = np.array([2.0, 2, 1, 0.5, 0, 0])  # the slope in the middle is .05 of 1 and of .5
    assert len(measure(times, losses, 1, flat=0.11).levels) == 3
    assert len(measure(times, losses, 1, flat=0.09).levels) == 2
    small = np.array([2.0, 2, 1.9, 1.9, 0, 0])
    assert len(measure(times, small, 1, min_drop=0.049).levels) == 3
    assert len(measure(times, small, 1, min_drop=0.051).levels) == 2
    for curve, knobs in ((losses, {"flat": 0.11}), (losses, {"flat": 0.09})):
        assert count([times], [curve], **knobs)[0] == len(measure(times, curve, 1, **knobs).levels)


def test_counts_are_those_of_measure():
    rng, times, losses = np.random.default_rng(2), [], []
    for n in rng.integers(3, 90, 400):
        t = np.cumsum(rng.exponential(size=n))
        drops = rng.exponential(size=n) ** 4 * (rng.random(n) < rng.uniform(0, 0.2))
        loss = np.cumsum(drops)[::-1] + 0.1
        if is_clean(t, loss, 0.01 * loss[0]):  # others would be asked for proof
            times.append(t)
            losses.append(loss)
    assert len(times) > 250
    for knobs in ({"flat": 0.3, "min_drop": 0.2}, {}):
        one_by_one = [
            len(measure(t, loss, 0, **knobs).levels) for t, loss in zip(times, losses, strict=True)
        ]
        np.testing.assert_allclose(count(times, losses, **knobs), one_by_one)
    assert len(set(one_by_one)) > 4
    with pytest.raises(ValueError, match="T >= 3"):
        count([np.arange(2.0)], [np.ones(2)])


def test_first_times_are_interpolated_and_nan_where_not_reached():
    times, curves = np.array([0.0, 1, 3]), np.array([[0.0, 5, 0], [1, 5, 0], [3, 5, 0]])
    np.testing.assert_array_equal(first_times(times, curves, 2.0), [2, 0, np.nan])
    assert first_times(times, np.array([0.0, 2, 0]), 1.5) == 0.75  # on the way up, not down
    assert first_times(times, np.array([0.0, 2, 2]), 2.0) == 1  # a level is reached when it is met


def test_drop_times_are_when_losses_pass_midway():
    losses = np.array([[4.0, 4], [4, 3], [2, 1], [1.5, 0.4], [1.2, 0]])
    run = Trajectory(np.array([0.0, 1, 2, 4, 5]), losses, np.zeros((5, 2, 1, 1)))
    np.testing.assert_allclose(drop_times(run, [4, 2, 0.2]), [[1.5, np.nan], [1, 2 - 0.1 / 2]])


def test_a_dense_loss_is_the_loss_between_records():
    net = quadratic(*np.random.default_rng(0).standard_normal((2, 20, 2)))
    start = initial_units(net, 3, 0.3, 1)
    run = flow(net, start, np.linspace(0, 20, 81))
    times, losses = dense_loss(net, run, finer=4)
    assert len(times) == 321 and (times[0], times[-1]) == (0, 20)
    np.testing.assert_array_equal(times[::4], run.times)
    np.testing.assert_allclose(losses[::4], run.losses, rtol=1e-12)
    exact = flow(net, start, times).losses
    straight = np.interp(times, run.times, run.losses)
    assert np.abs(losses - exact).max() < 0.02 * np.abs(straight - exact).max()
    assert len(dense_loss(net, run)[0]) == 8 * 80 + 1


def test_log_slopes():
    scales = np.array([1e-1, 1e-2, 1e-4])
    assert log_slope(scales, 3 - 2 * np.log(scales)) == pytest.approx(2)


@pytest.mark.parametrize("power", [-3.0, -1.0, 1.0])
def test_an_exponent_is_found_beside_a_constant(power):
    scales = np.array([1e-2, 1e-3, 1e-4])
    assert exponent(scales, 7 + 0.3 * scales**power) == pytest.approx(power, abs=1e-6)
    assert exponent(scales, 5 + np.log(1 / scales)) == pytest.approx(0, abs=1e-9)
    assert np.isnan(exponent(scales, np.array([1.0, np.nan, 2.0])))


def test_the_time_of_a_passage_is_as_exact_as_the_run():
    """Against a run of a tolerance ten thousand times smaller; never, where it never comes."""
    network = random_tasks(21)["tanh"]
    theta0 = 1e-4 * initial_units(network, 10, 1.0, 3)
    coarse, fine = (flow(network, theta0, 60.0, rtol=rtol) for rtol in (1e-8, 1e-12))
    middle = (coarse.losses[0] + coarse.losses[-1]) / 2
    exact = passage_time(network, fine, middle)
    assert passage_time(network, coarse, middle) == pytest.approx(exact, rel=1e-8)
    times, losses = dense_loss(network, coarse)
    assert abs(first_times(times, -losses, -middle) / exact - 1) > 1e-8  # what it is better than
    assert np.isnan(passage_time(network, coarse, 2 * coarse.losses[0]))
    assert np.isnan(passage_time(network, coarse, -1.0))
