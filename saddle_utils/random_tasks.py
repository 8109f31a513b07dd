"""Random tasks, drawn from a seed, on which claims are tested."""

from __future__ import annotations

import numpy as np

from . import networks
from .networks import Network


def random_tasks(seed: int, draw: int = 0) -> dict[str, Network]:
    """A network of each kind on random data, drawn from `seed` and `draw`, that one unit can't fit.

    The pointwise tasks have a teacher of two units and noise, so that one unit has a minimum: on
    pure noise its best weights often lie at infinity (tanh) or on a kink (ReLU).
    """
    rng = np.random.default_rng([seed, draw])
    x, patches = rng.standard_normal((60, 3)), rng.standard_normal((60, 2, 2))
    y3, y = rng.standard_normal((60, 3)), rng.standard_normal((60, 1))
    prompts, w = rng.standard_normal((60, 6, 2)), rng.standard_normal((60, 2))

    def taught(inputs: np.ndarray, noise: np.ndarray, phi: str) -> Network:
        net = networks.pointwise(inputs, noise, phi)
        teacher = np.array([[1.0], [0.7]]) * rng.standard_normal((2, net.n_v + net.n_u))
        return networks.pointwise(inputs, net.output(teacher).T + 0.1 * noise, phi)

    return {
        "linear": networks.linear(x @ rng.standard_normal((3, 3)), y3),
        "linear conv": networks.linear(patches, y),
        "ReLU": taught(x, y3, "relu"),
        "ReLU conv": taught(patches, y, "relu"),
        "quadratic": networks.quadratic(x, y),
        "attention": networks.attention(prompts, np.einsum("snd,sd->sn", prompts, w)),
        "tanh": taught(x, y, "tanh"),
    }


def covariance_tasks(seed: int, count: int, weakest: float = 0.05) -> list[networks.Linear]:
    """Random linear tasks of two modes with correlated inputs, drawn from `seed`.

    Tasks whose second mode explains less than `weakest` of what the first does are drawn again:
    units that wait so long are drowned by the rounding errors of those that have learned.
    """
    rng, tasks = np.random.default_rng(seed), []
    while len(tasks) < count:
        x = rng.standard_normal((200, 2)) @ (np.eye(2) + 0.5 * rng.standard_normal((2, 2)))
        y = x @ rng.standard_normal((2, 2))
        explained = np.linalg.eigvalsh(y.T @ y)  # all of y is explained: Syy = Syz Szz^-1 Syz'
        if explained[0] > weakest * explained[1]:
            tasks.append(networks.linear(x, y))
    return tasks
