"""Linear regression with a teacher and label noise, and mini-batches drawn from it."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from .. import networks
from ..networks import Linear, Network, Quadratic


class Samples(NamedTuple):
    """A linear or quadratic network and its samples, x and y (samples, features)."""

    network: Linear | Quadratic
    x: np.ndarray
    y: np.ndarray


def regression(
    seed: int,
    strengths: tuple[float, ...] = (1.0, 0.4),
    size: int = 4,
    samples: int = 128,
    label_noise: float = 0.0,
    whiten: bool = False,
) -> Samples:
    """Linear regression from `size` inputs N(0, I) to `size` outputs.

    The teacher has the singular values `strengths` in random directions, the labels have noise of
    standard deviation `label_noise`, drawn once.  With `whiten` the covariance of the samples is I.
    """
    rng = np.random.default_rng(seed)
    bases, r = np.linalg.qr(rng.standard_normal((2, size, size)))
    bases *= np.sign(r.diagonal(axis1=1, axis2=2))[:, None]  # or some directions are likelier
    q, r = bases[..., : len(strengths)]
    x = rng.standard_normal((samples, size))
    if whiten:
        x = np.linalg.qr(x)[0] * np.sqrt(samples)
    y = x @ r * strengths @ q.T + label_noise * rng.standard_normal((samples, size))
    return Samples(networks.linear(x, y), x, y)


def sample_batches(
    data: Samples, size: int, runs: int, rng: np.random.Generator, label_noise: float = 0.0
) -> Iterator[Network]:
    """Endless networks on mini-batches of `size` samples, with moments (runs, ...) of their own.

    Each run has its own random order in each epoch; samples that do not fill a batch are left out.
    Noise of standard deviation `label_noise` is added to the labels afresh in each batch.
    ValueError for a size that is not between 1 and the number of samples.
    """
    z, samples = data.network.features(data.x), len(data.x)
    if not 1 <= size <= samples:
        raise ValueError(f"a batch of {size} of {samples} samples; wanted 1 to {samples}")
    if size == samples and not label_noise:
        yield from itertools.repeat(data.network)
    count = samples // size
    while True:
        order = rng.permuted(np.tile(np.arange(samples), (runs, 1)), axis=1)
        order = order[:, : count * size].reshape(runs, count, size)
        labels, inputs = data.y[order], z[order]
        if label_noise:
            labels += label_noise * rng.standard_normal(labels.shape)
        syz, szz = labels.mT @ inputs / size, inputs.mT @ inputs / size
        for k in range(count):
            yield replace(data.network, syz=syz[:, k], szz=szz[:, k])
