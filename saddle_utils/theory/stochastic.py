"""Mini-batches and label noise: how random gradients change the escape from a saddle.

The dormant units of a linear network obey theta <- (1 + lr A_b) theta on a batch b, where A_b =
[[0, G_b], [G_b', 0]] with the residual matrix G_b of the batch.  Noise multiplies the units and is
never added to them: a unit at zero stays there on any batch (Theorem 3 holds for any loss).  So the
rates of escape are the Lyapunov exponents of a product of random matrices.  They are per unit of
gradient-flow time, lr times the number of steps.
"""

import itertools
from collections.abc import Iterator

import numpy as np

from ..datasets import Samples
from ..networks import Linear, Network

TOGETHER = 10  # steps after which dormant units are orthonormalised


def saddle_growth(
    network: Linear,
    active: np.ndarray,
    batches: Iterator[Network],
    lr: float,
    steps: int,
    runs: int,
    probes: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Lyapunov exponents of dormant units at a saddle, largest first, (runs, probes), and the loss.

    The `active` units (rank, features) go on training, on the same `batches`, one a step.  Beside
    them are `probes` dormant units, which start where flow would turn them and are orthonormalised
    now and then; the logarithms of the factors average to the exponents of the product of the
    1 + lr A_b.  The first fifth of the steps does not count, as the noise has yet to settle.  The
    loss of `network` (runs,), averaged likewise, is the level of a plateau under noise.
    """
    tiny, g = 1e-8, network.residual(network.moment_map(active))
    blocks = np.block([[np.zeros((len(g),) * 2), g], [g.T, np.zeros((g.shape[1],) * 2)]])
    values, vectors = np.linalg.eigh(30 * blocks / (np.linalg.norm(network.syz) or 1.0))
    generic = np.random.default_rng(0).standard_normal((len(blocks), probes))
    q = np.linalg.qr((vectors * np.exp(values)) @ vectors.T @ generic)[0]  # generic where G = 0
    rank, first, steps = len(active), steps // 5 // TOGETHER, steps // TOGETHER
    active = np.broadcast_to(active, (runs, *active.shape))
    q = np.broadcast_to(q, (runs, *q.shape))
    growth, losses = np.zeros((runs, probes)), []
    for step in range(steps):
        theta = np.concatenate([active, tiny * q.mT], axis=1)
        for batch in itertools.islice(batches, TOGETHER):
            theta = theta + lr * batch.field(theta)
        active = theta[:, :rank]
        q, r = np.linalg.qr(theta[:, rank:].mT)
        if step >= first:
            growth += np.log(np.abs(np.diagonal(r, axis1=1, axis2=2)) / tiny)
            losses.append(network.loss(active))
    return growth / (lr * TOGETHER * (steps - first)), np.mean(losses, axis=0)


def batch_growth_rate(data: Samples, size: int, lr: float, label_noise: float = 0.0) -> float:
    """Top Lyapunov exponent of a linear network at zero, to second order in lr times the noise.

    (ln(1 + lr s) - lr^2 Var(t'A_b t) / (2 (1 + lr s)^2)) / lr with t = (q_1; r_1) / sqrt 2, for
    batches of this `size` drawn without replacement.  Only noise along t counts, and it slows the
    growth: noise across t lengthens a unit by as much as the misalignment that it causes costs.
    """
    q, s, r = np.linalg.svd(data.network.syz)
    along, samples = data.x @ r[0], len(data.x)
    left = (samples - size) / max(samples - 1, 1)  # of the variance, without replacement
    variance = np.var(data.y @ q[:, 0] * along) * left + label_noise**2 * np.mean(along**2)
    slowing = lr**2 * variance / (2 * size * (1 + lr * s[0]) ** 2)
    return float((np.log1p(lr * s[0]) - slowing) / lr)


def recruiting_rate(inputs: int, rank: int, lr: float, label_noise: float, size: int) -> float:
    """Growth rate of dormant units by fresh label noise alone, if nothing is left to learn.

    lr (sigma^2 / size) (inputs / 2 - rank - 1), for white inputs and as many outputs.  With noise
    A_b = N of independent entries, E|N t|^2 / 2 = inputs / 2 lengthens units and E(t'Nt)^2 = 1
    shortens them; the part of N t along the `rank` learned directions, which training takes back,
    costs rank / 2 twice.  In low dimension the rate is negative: noise makes dormant units decay.
    """
    return lr * label_noise**2 / size * (inputs / 2 - rank - 1)
