"""Effective width on sets of units whose width is known by construction."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saddle_utils import networks
from saddle_utils.observables import clusters, contributions, effective_width, rays

RNG = np.random.default_rng(4)
X, Y = RNG.standard_normal((7, 3)), RNG.standard_normal((7, 2))
NETS = {name: networks.build(name, X, Y) for name in ("linear", "relu", "quadratic", "tanh")}


@settings(max_examples=40, deadline=None, derandomize=True)
@given(rank=st.integers(1, 3), units=st.integers(4, 12), seed=st.integers(0, 999))
def test_linear_width_is_the_rank(rank, units, seed):
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.standard_normal((5, 5)))[0][:rank]
    mixing = np.linalg.qr(rng.standard_normal((units, units)))[0][:, :rank]
    assert effective_width(NETS["linear"], mixing @ basis) == rank


@pytest.mark.parametrize("tau", (0.02, 0.05, 0.1))
def test_relu_width_counts_rays(tau):
    directions = np.array([[1.0, 0, 1, 0, 0], [0, 1.0, 0, 1, 0], [1.0, 0, -1, 0, 0]])
    scales = np.array([1, 0.5, 2, 0.8, 1, 1.2])
    theta = directions[[0, 0, 1, 1, 2, 2]] * scales[:, None]
    silent = 1e-4 * RNG.standard_normal((3, 5))
    assert effective_width(NETS["relu"], np.concatenate([theta, silent]), tau) == 3
    found = rays(NETS["relu"], theta)
    np.testing.assert_allclose(
        sorted(np.linalg.norm(found, axis=1)), np.sqrt(2) * np.array([1, 1.2, 2])
    )


def test_quadratic_units_and_their_mirror_images_are_one():
    u, v = np.array([1.0, 2, 0]), np.array([1.0, 0])
    theta = np.array([[*v, *u], [*v, *-u], [*-v, *u]])
    assert clusters(NETS["quadratic"], theta).tolist() == [0, 0, 1]


def test_tanh_units_are_one_only_where_they_are_equal():
    one = np.array([1.0, 0, 1, 2, 0])
    theta = np.array([one, -one, 2 * one])
    assert clusters(NETS["tanh"], theta).tolist() == [0, 0, 1]


def test_a_reference_sets_the_scale():
    theta = RNG.standard_normal((6, 5))
    for net in NETS.values():
        assert effective_width(net, 1e-4 * theta, reference=theta) == 0
        assert effective_width(net, 1e-4 * theta) > 0 or net is NETS["tanh"]


def test_ensembles_are_measured_one_by_one():
    theta = RNG.standard_normal((2, 3, 6, 5))
    widths = effective_width(NETS["relu"], theta)
    assert widths.shape == (2, 3)
    assert widths[1, 2] == effective_width(NETS["relu"], theta[1, 2])


def test_clusters_are_those_of_one_run():
    with pytest.raises(ValueError, match="wanted one run"):
        clusters(NETS["relu"], np.ones((2, 4, 3)))


def test_contributions_are_the_maps_own_size():
    """|v||u|^p is the size of a unit's map: exact for quadratic units of one output."""
    net = networks.build("quadratic", X, Y[:, :1])
    theta = RNG.standard_normal((5, 4))
    sizes = [np.linalg.norm(v * np.outer(u, u)) for v, *u in theta]
    np.testing.assert_allclose(contributions(net, theta), sizes)
