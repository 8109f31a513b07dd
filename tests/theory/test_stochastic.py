"""Growth under noise: Lyapunov exponents against closed forms and products of matrices."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from saddle_utils import datasets, networks
from saddle_utils.datasets import regression, sample_batches
from saddle_utils.theory import stochastic
from saddle_utils.theory.finite_steps import discrete_growth_rate
from saddle_utils.theory.linear import escape_rates, linear_saddle
from saddle_utils.theory.stochastic import saddle_growth


def test_without_noise_the_exponents_are_the_growth_rates():
    data, lr = regression(2), 0.3
    everything = itertools.repeat(data.network)
    s, left = escape_rates(data.network, []), escape_rates(data.network, [0])
    growth, loss = saddle_growth(data.network, np.zeros((0, 8)), everything, lr, 400, 2, 2)
    np.testing.assert_allclose(growth, [discrete_growth_rate(s, lr)] * 2, rtol=1e-6)
    np.testing.assert_allclose(loss, data.network.zero_loss())
    saddle = linear_saddle(data.network, [0], 1)
    growth, loss = saddle_growth(data.network, saddle, everything, lr, 200, 1)
    np.testing.assert_allclose(growth[0, 0], discrete_growth_rate(left[0], lr), rtol=1e-6)
    np.testing.assert_allclose(loss, data.network.loss(saddle), rtol=1e-6)


def test_where_matrices_commute_the_exponent_is_a_mean_of_logarithms():
    """One input, one output: every A_b is a multiple of one matrix; epochs of all samples."""
    x = np.random.default_rng(0).standard_normal((10, 1))
    data = datasets.Samples(networks.linear(x, 0.8 * x), x, 0.8 * x)
    batches = sample_batches(data, 1, 3, np.random.default_rng(1))
    growth, _ = saddle_growth(data.network, np.zeros((0, 2)), batches, 0.2, 50, 3)
    np.testing.assert_allclose(growth[:, 0], np.log(1 + 0.2 * 0.8 * x[:, 0] ** 2).mean() / 0.2)


def test_only_noise_along_the_direction_of_growth_slows_it():
    """Second order: the exponent of a product of 20 x 1600 random matrices, within 1%."""
    data = regression(30)
    lr = 0.04 / escape_rates(data.network, [])[0]
    for noise in (0.0, 0.5):
        batches = sample_batches(data, 1, 20, np.random.default_rng(3), noise)
        growth, _ = saddle_growth(data.network, np.zeros((0, 8)), batches, lr, 1600, 20)
        expected = stochastic.batch_growth_rate(data, 1, lr, noise)
        assert expected < 0.99 * discrete_growth_rate(escape_rates(data.network, [])[0], lr)
        np.testing.assert_allclose(growth.mean(), expected, rtol=0.012)
    exact = discrete_growth_rate(escape_rates(data.network, [])[0], lr)
    np.testing.assert_allclose(stochastic.batch_growth_rate(data, 128, lr), exact)


@pytest.mark.parametrize("rank", [0, 4])
def test_noise_alone_drives_units_in_many_dimensions(rank):
    """White inputs drawn afresh, a teacher of this rank that is learned: within 20%."""
    rng, teacher = np.random.default_rng(7), np.zeros((20, 20))
    teacher[range(rank), range(rank)] = [1.0, 0.8, 0.6, 0.5][:rank]
    net = networks.Linear(teacher, np.eye(20), float((teacher**2).sum()))

    def batches():
        while True:
            x = rng.standard_normal((12, 1, 20))
            y = x @ teacher.T + 0.5 * rng.standard_normal((12, 1, 20))
            yield networks.Linear(y.mT @ x, x.mT @ x, 0.0)

    learned = linear_saddle(net, list(range(rank)), rank) if rank else np.zeros((0, 40))
    growth, _ = saddle_growth(net, learned, batches(), 0.02, 5000, 12)
    expected = stochastic.recruiting_rate(20, rank, 0.02, 0.5, 1)
    np.testing.assert_allclose(growth.mean(), expected, rtol=0.2)


def test_a_batch_has_the_noise_of_its_mean():
    """Noise sigma / sqrt(size) of a mean; and by drawing batches, without replacement."""
    rate = stochastic.recruiting_rate(20, 2, 0.02, 0.5, 4)
    assert rate == pytest.approx(stochastic.recruiting_rate(20, 2, 0.02, 0.25, 1)) and rate > 0
    assert stochastic.recruiting_rate(6, 2, 0.02, 0.5, 1) == 0
    assert stochastic.recruiting_rate(4, 2, 0.02, 0.5, 1) < 0
    data, rng = regression(31), np.random.default_rng(1)
    lr, along = 0.05, []
    q, s, r = np.linalg.svd(data.network.syz)
    for _ in range(20_000):  # the variance of t'A_b t by drawing batches of five
        k = rng.choice(len(data.x), 5, replace=False)
        noise = 0.7 * rng.standard_normal((5, data.y.shape[1]))
        along.append(np.mean(((data.y[k] + noise) @ q[:, 0]) * (data.x[k] @ r[0])))
    slowing = lr**2 * np.var(along) / (2 * (1 + lr * s[0]) ** 2)
    expected = (np.log(1 + lr * s[0]) - slowing) / lr
    found = stochastic.batch_growth_rate(data, 5, lr, 0.7)
    exact = np.log(1 + lr * s[0]) / lr
    assert found - exact == pytest.approx(expected - exact, rel=0.05)
