"""Tests of the study `invariant_manifolds`."""

from __future__ import annotations

import numpy as np

from saddle_utils.studies.invariant_manifolds import drift, random_task, relations
from saddle_utils.theory.manifolds import is_invariant


def test_drift_starts_on_the_manifolds_and_leaves_them_at_the_speeds_it_says():
    net, among = random_task("tanh", 1), relations(6)
    times, found, speeds = drift(net, among, 6, 1, time=0.2)
    assert found.shape == (len(times), len(among)) and found[0].max() < 1e-14
    kept = np.array([is_invariant(net, relation) for relation in among.values()])
    assert speeds[kept].max() < 1e-14
    np.testing.assert_allclose(found[1, ~kept], times[1] * speeds[~kept], rtol=0.1)
