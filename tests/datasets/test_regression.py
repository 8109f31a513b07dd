"""Linear regression with a teacher: what it is made of, and its mini-batches."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from saddle_utils import networks
from saddle_utils.datasets import Samples, panel, regression, sample_batches


def test_the_teacher_has_its_strengths_and_the_labels_their_noise():
    clean, noisy = (regression(3, (1.0, 0.4, 0.1), 5, 4000, noise) for noise in (0, 0.3))
    np.testing.assert_array_equal(clean.x, noisy.x)
    teacher = np.linalg.lstsq(clean.x, clean.y)[0]
    strengths = np.linalg.svd(teacher, compute_uv=False)
    np.testing.assert_allclose(strengths, [1, 0.4, 0.1, 0, 0], atol=1e-12)
    assert (noisy.y - clean.y).std() == pytest.approx(0.3, rel=0.02)
    net = noisy.network
    np.testing.assert_allclose(net.szz, noisy.x.T @ noisy.x / 4000)
    np.testing.assert_allclose(net.syz, noisy.y.T @ noisy.x / 4000)
    np.testing.assert_allclose(net.szz, np.eye(5), atol=0.1)
    assert np.abs(net.szz - np.eye(5)).max() > 1e-3
    np.testing.assert_allclose(regression(3, whiten=True).network.szz, np.eye(4), atol=1e-12)
    assert regression(3).x.shape == regression(3).y.shape == (128, 4)
    assert not np.allclose(regression(4).x, regression(3).x)


def test_batches_are_epochs_of_the_samples():
    data = regression(4, samples=12)
    batches = list(itertools.islice(sample_batches(data, 5, 3, np.random.default_rng(0)), 4))
    for first in (0, 2):  # two batches of 5 an epoch: ten different samples, moments averaged
        total = sum(batch.szz for batch in batches[first : first + 2])
        assert total.shape == (3, 4, 4)
        traces = (data.x**2).sum(1)
        left = np.array([traces.sum() - 5 * np.trace(one) for one in total])
        pairs = traces[:, None] + traces
        assert all(np.isclose(pairs, one).any() for one in left)  # two samples are left out
    everything = next(sample_batches(data, 12, 3, np.random.default_rng(0), label_noise=1e-9))
    np.testing.assert_allclose(everything.syz[2], data.network.syz, atol=1e-8)
    assert next(sample_batches(data, 12, 3, np.random.default_rng(0))) is data.network
    square = panel("fig1g")
    quadratic = Samples(square.network, square.x, square.y[:, None])
    one = next(sample_batches(quadratic, 1, 1, np.random.default_rng(5)))
    k = int(np.argmin(np.abs(square.x[:, 0] ** 2 - np.sqrt(one.szz[0, 0, 0]))))
    expected = networks.quadratic(square.x[k : k + 1], square.y[k : k + 1])
    np.testing.assert_allclose(one.syz[0], expected.syz)
    for size in (0, 13):
        with pytest.raises(ValueError, match="wanted 1 to 12"):
            next(sample_batches(data, size, 3, np.random.default_rng(0)))


def test_label_noise_is_fresh_and_of_its_size():
    data = regression(1, samples=8)
    clean, noisy = (
        np.array([b.syz for b in itertools.islice(
            sample_batches(data, 8, 400, np.random.default_rng(2), noise), 3)])
        for noise in (1e-12, 0.5)
    )  # fmt: skip
    added = noisy - clean
    expected = 0.5**2 * np.einsum("si,si->i", data.x, data.x) / 64
    np.testing.assert_allclose(added.var((0, 1, 2)), expected, rtol=0.1)
    assert np.abs(added[0] - added[1]).max() > 0.1
