"""The rule for plateaus, on curves made for it and on the paper's own."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saddle_utils.datasets import PANELS, digitised
from saddle_utils.datasets.figure1 import REFERENCE
from saddle_utils.observables import count, measure


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


@pytest.mark.parametrize(
    ("times", "losses", "words"),
    [
        (np.arange(5), np.zeros(4), r"wanted \(T,\)"),
        (np.arange(5), np.full(5, np.nan), "not finite"),
        (np.arange(2), np.zeros(2), "T >= 3"),
    ],
)
def test_bad_input_is_refused_in_words(times, losses, words):
    with pytest.raises(ValueError, match=words):
        measure(times, losses)


@pytest.mark.parametrize(
    "times", [[0, 1, 1, 2], [0, 2, 1, 3], [3, 2, 1, 0], [0, np.nan, 2, 3], [0, 0, 0, 0]]
)
def test_times_that_do_not_increase_are_refused_with_their_place(times):
    losses = np.array([1.0, 0.9, 0.5, 0.1])
    k = int(np.argmax(~(np.diff(times) > 0)))
    for call in (lambda: measure(times, losses), lambda: count([np.array(times)], [losses])):
        with pytest.raises(ValueError, match=f"must increase: record {k + 1} is at .* sort"):
            call()


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
