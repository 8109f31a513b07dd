"""Steps of the path of deep linear networks: what is learned, what is small, and when it is not."""

from __future__ import annotations

import numpy as np

from saddle_utils.dynamics import RunFailedError
from saddle_utils.networks import pack
from saddle_utils.theory import deep_path
from saddle_utils.theory.deep_linear import balanced_start, mode_time, whitened
from saddle_utils.theory.deep_path import deep_walk, split_ranks


def test_ranks_are_split_off_layer_by_layer():
    """The two parts add up; the large one has the rank, what is small is orthogonal to it."""
    rng, net = np.random.default_rng(1), whitened((4, 6, 5, 3), [1.0, 0.5])
    layers = [rng.standard_normal((b, a)) for a, b in ((4, 6), (6, 5), (5, 3))]
    theta = pack(layers)
    for rank in range(3):
        big, small = split_ranks(net, theta, rank)
        np.testing.assert_allclose(big + small, theta)
        for w, off in zip(layers, net.weights(small), strict=True):
            left, values, right = np.linalg.svd(w, full_matrices=False)
            np.testing.assert_allclose(left[:, :rank].T @ np.squeeze(off), 0, atol=1e-12)
            np.testing.assert_allclose(np.squeeze(off) @ right[:rank].T, 0, atol=1e-12)
            kept = np.linalg.svd(np.squeeze(off), compute_uv=False)
            np.testing.assert_allclose(kept[: len(values) - rank], values[rank:])


def test_balanced_aligned_starts_drop_when_their_modes_do():
    """Each mode by itself obeys dp / dt = p^(L - 1) (s - p^L), whose integral is `mode_time`."""
    strengths, values = [1.0, 0.4], np.array([0.01, 0.01])
    net = whitened((2, 2, 2, 2), strengths)
    start = balanced_start((2, 2, 2, 2), values, np.random.default_rng(2))
    _, levels, found, *_, after, _ = deep_walk(net, pack(start), 2)
    np.testing.assert_allclose(levels, [0.58, 0.08, 0], atol=1e-12)
    assert len(found) == 2 and np.isinf(after)
    half = 1 - 1 / np.sqrt(2)  # of the strength, where half of the loss of a mode is gone
    for (rank, times, losses), k in zip(found, range(2), strict=True):
        assert rank == k + 1
        middle = (levels[k] + levels[k + 1]) / 2
        passed = np.interp(-middle, -losses, times)
        closed = mode_time(values[k], strengths[k], 3, share=half)
        np.testing.assert_allclose(passed, closed, rtol=5e-3)


def test_a_walk_that_gets_stuck_keeps_the_drops_before(monkeypatch):
    """The levels found so far, and the index of the first drop in doubt."""
    net = whitened((2, 2, 2, 2), [1.0, 0.4])
    start = pack(balanced_start((2, 2, 2, 2), np.array([0.01, 0.01]), np.random.default_rng(2)))
    follow, calls = deep_path.flow, []

    def stuck(*args, **rest):
        calls.append(args)
        if len(calls) == 2:
            raise RunFailedError("stuck")
        return follow(*args, **rest)

    monkeypatch.setattr(deep_path, "flow", stuck)
    walk = deep_walk(net, start, 2)
    np.testing.assert_allclose(walk.levels, [0.58, 0.08], atol=1e-12)
    assert len(walk.falls) == 1 and walk.lost == 1
