"""What the tests share: activations and models in torch, random networks, fresh interpreters."""

from __future__ import annotations

import os

import numpy as np
import torch

from saddle_utils import networks
from saddle_utils.observables import first_times

TORCH = {  # activations, written apart from the package
    "linear": lambda a: a,
    "identity": lambda a: a,
    "relu": torch.relu,
    "leaky_relu": lambda a: torch.where(a > 0, a, a / 10),
    "tanh": torch.tanh,
    "sine": torch.sin,
    "sigmoid": torch.sigmoid,
    "softplus": torch.nn.functional.softplus,
    "gelu": torch.nn.functional.gelu,
    "swish": torch.nn.functional.silu,
    "x_tanh": lambda a: a * torch.tanh(a),
    "square": lambda a: a**2,
    "cubic": lambda a: a**3,
}


def brute(architecture: str, n_v: int, patches: int):
    """f(theta, x) as explicit sums over units and patches, written apart from the package."""

    def predict(theta, x):
        v, u = theta[:, :n_v], theta[:, n_v:]
        if architecture == "quadratic":
            return torch.einsum("ho,ha,hb,sa,sb->so", v, u, u, x, x)
        x = x if x.ndim == 3 else x[:, None]
        out = 0
        for i in range(len(u)):
            for p in range(patches):
                weights = v[i].reshape(-1, patches)[:, p]
                out = out + torch.outer(TORCH[architecture](x[:, p] @ u[i]), weights)
        return out

    return predict


def random_network(architecture, rng, samples=6, patches=1, features=2, outputs=1):
    """A network on random data, and the same through autograd on the brute-force model."""
    shape = (samples, features) if patches == 1 else (samples, patches, features)
    x, y = rng.standard_normal(shape), rng.standard_normal((samples, outputs))
    net = networks.build(architecture, x, y)
    model = brute(architecture, net.n_v, patches)
    return net, networks.Autograd(model, x, y, net.n_v, net.n_u)


def in_subprocess(code: str, **environment: str) -> str:
    """What a fresh interpreter prints when it runs this code."""
    import subprocess
    import sys

    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=True,
    )
    return result.stdout


def skewed(seed, outputs=2, inputs=3):
    """A linear network with random correlations and a covariance of its own."""
    rng = np.random.default_rng(seed)
    a, syz = rng.standard_normal((inputs, inputs)), rng.standard_normal((outputs, inputs))
    szz = a @ a.T / inputs + 0.1 * np.eye(inputs)
    return networks.Linear(syz, szz, float(np.trace(syz @ np.linalg.solve(szz, syz.T))))


def half_drops(times, losses, levels):
    """When losses pass half-way between each level and the next."""
    return [first_times(times, -losses, -m) for m in (levels[1:] + levels[:-1]) / 2]


def relative(a, b) -> float:
    return float(np.abs(np.asarray(a) - np.asarray(b)).max() / np.abs(np.asarray(b)).max())
