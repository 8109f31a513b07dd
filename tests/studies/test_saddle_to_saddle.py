"""The landscape of Figure 1A: its saddles are fixed points, its plane is invariant."""

from __future__ import annotations

import numpy as np

from saddle_utils.studies.saddle_to_saddle import Landscape


def test_the_saddles_are_fixed_points_with_the_losses_of_narrow_networks():
    scene = Landscape((1.5, 0.9))
    points = np.stack([scene.units(*point) for point in scene.saddles])
    np.testing.assert_allclose(scene.network.field(points), 0, atol=1e-15)
    np.testing.assert_allclose(
        scene.network.loss(points), [(1.5**2 + 0.9**2) / 2, 0.9**2 / 2, 0], atol=1e-15
    )
    np.testing.assert_allclose(scene.coordinates(points), scene.saddles, atol=1e-15)


def test_the_plane_is_invariant_and_projected_on():
    scene, rng = Landscape(), np.random.default_rng(0)
    theta = rng.standard_normal((5, 2, 4))
    flat = scene.project(theta)
    np.testing.assert_allclose(scene.project(flat), flat, atol=1e-15)
    field = scene.network.field(flat)
    np.testing.assert_allclose(scene.project(field), field, atol=1e-14)
    assert (np.linalg.norm(theta - flat, axis=(1, 2)) > 0.1).all()


def test_a_run_passes_the_saddles_in_order_and_nearer_from_smaller_weights():
    scene = Landscape()
    far, near = (scene.nearest(scene.train(scale, 3)) for scale in (1e-2, 1e-5))
    assert (np.diff(near[:, 1]) > 0).all() and near[:, 0].max() < 0.02
    assert near[1, 0] < 0.1 * far[1, 0]
