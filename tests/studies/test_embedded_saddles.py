"""Tests of the study `embedded_saddles`."""

from __future__ import annotations

import numpy as np
import pytest

from saddle_utils.datasets import panel, whitened
from saddle_utils.studies import embedded_saddles
from saddle_utils.studies.figure1 import train_panel
from saddle_utils.theory import saddles

SEEDS = [11, 512, 90210]


@pytest.mark.parametrize("seed", SEEDS)
def test_theorem_1_on_all_architectures(seed):
    table = embedded_saddles.embeddings(seed)
    promised = table[..., 2] == 1
    assert promised.sum() == 7 * 2 + 4 + 2  # copy and silent; scaled for degree 1; combined
    assert table[promised][:, 0].max() < 1e-8
    assert table[promised][:, 1].max() < 1e-10
    assert table[4:, 2, 0].min() > 1e-3  # quadratic, attention and tanh, scaled


@pytest.mark.parametrize("seed", SEEDS)
def test_what_must_fail_fails(seed):
    least = embedded_saddles.negatives(seed)
    assert least["tanh"] > 1e-3 and least["relu_negative"] > 1e-3 and least["relu_zero"] > 1e-4


def test_the_missed_slope_is_a_slope_of_the_loss():
    """The directional derivative at u_H = 0, against finite differences of the loss."""
    net, narrow = embedded_saddles.narrow_task("ReLU", 7)
    point = saddles.split(net, narrow, 0, 0.0, 0.7)
    assert saddles.gradient_norm(net, point) < 1e-10
    rng, slopes = np.random.default_rng(0), []
    for _ in range(200):
        d = rng.standard_normal(3)
        moved = point.copy()
        moved[-1, 3:] = 1e-7 * d / np.linalg.norm(d)
        slopes.append((net.loss(moved) - net.loss(point)) / 1e-7)
    assert max(np.abs(slopes)) == pytest.approx(embedded_saddles.negatives(7)["relu_zero"], rel=0.3)


def test_further_fixed_points():
    assert max(np.ravel([embedded_saddles.further_points(seed) for seed in SEEDS])) < 1e-10


def test_merged_units_compute_the_same_map_and_are_fixed_too():
    for name in ("fig1b", "fig1d", "fig1e", "fig1g"):
        run = train_panel(panel(name))
        walk = embedded_saddles.walk_of(run)
        assert walk["narrow_width"] == 1 and walk["narrow_gradient"] < 1e-8
        assert (np.diff(walk["epochs"][walk["gaps"].argmin(0)]) > 0).all()
        assert walk["gaps"][0, 2] == pytest.approx(1, abs=0.1) and walk["gaps"][-1, 2] < 0.1
        assert walk["index"][-1] < walk["index"][0]


def test_a_run_visits_the_strongest_modes_first():
    for seed in SEEDS:
        assert embedded_saddles.visited_modes(whitened([2.5, 1.6, 0.9]), 4, 1e-7, seed) == [
            [],
            [0],
            [0, 1],
            [0, 1, 2],
        ]
