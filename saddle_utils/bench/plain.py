"""The plain way, to measure the engines against: torch.nn modules, SGD, backward() in a loop."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from ..networks import Attention, Network, Pointwise, Quadratic


class Square(nn.Module):
    """The activation a -> a^2: after a linear layer, a quadratic network (Eq. 13)."""

    def forward(self, a: torch.Tensor) -> torch.Tensor:
        return a**2


class LinearAttention(nn.Module):
    """Linear self-attention with rank-one heads (Eq. 16), on tokens (samples, N, d + 1) of x and y.

    The answer is read at the last token.  With `every_token` the matrices of attention are made
    whole, (samples, heads, N, N), as in a transformer; else only their last row.
    """

    def __init__(self, d: int, heads: int, every_token: bool = True) -> None:
        super().__init__()
        self.query = nn.Linear(d, heads, bias=False)
        self.key = nn.Linear(d, heads, bias=False)
        self.value = nn.Linear(1, heads, bias=False)
        self.every_token = every_token

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x, y = tokens[..., :-1], tokens[..., -1:]
        query = self.query(x if self.every_token else x[:, -1:])
        key, value = self.key(x), self.value(y)
        attention = query.mT[..., :, None] * key.mT[..., None, :]
        heads = attention @ value.mT[..., None]
        return heads.sum(1)[:, -1]


ACTIVATIONS = {"relu": nn.ReLU, "identity": nn.Identity, "tanh": nn.Tanh}


def model(network: Network, theta: np.ndarray, every_token: bool = True) -> nn.Module:
    """The torch module that computes what `network` does, with the weights theta (units, features).

    Fully-connected: linear layer, activation, linear layer; a convolution applies the first to
    every patch.  ValueError for an activation that has no module here.
    """
    units = len(theta)
    v, u = network.split(torch.tensor(theta))
    if isinstance(network, Attention):
        d = network.n_u // 2
        made = LinearAttention(d, units, every_token).double()
        weights = {"query": u[:, d:], "key": u[:, :d], "value": v}
    else:
        phi = Square if isinstance(network, Quadratic) else _activation(network)
        outputs = network.n_v // network.patches
        first = nn.Linear(network.n_u, units, bias=False)
        last = nn.Linear(network.patches * units, outputs, bias=False)
        made = nn.Sequential(first, phi(), nn.Flatten(), last).double()
        by_patch = v.reshape(units, outputs, network.patches).permute(1, 2, 0)
        weights = {"0": u, "3": by_patch.reshape(outputs, -1)}
    made.load_state_dict({f"{name}.weight": value for name, value in weights.items()})
    return made


def _activation(network: Network) -> type[nn.Module]:
    phi = network.phi if isinstance(network, Pointwise) else "identity"
    if phi not in ACTIVATIONS:
        raise ValueError(f"no plain model with activation {phi!r}; there are: relu, identity, tanh")
    return ACTIVATIONS[phi]


def data(network: Network, x: np.ndarray, y: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs and targets (samples, outputs) of the plain model, from those the network is made of.

    For attention the tokens (x_n; y_n), the label of the last one hidden; it is the target.
    """
    if not isinstance(network, Attention):
        return torch.tensor(x), torch.tensor(y.reshape(len(y), -1))
    labels = np.concatenate([y[:, :-1], 0 * y[:, -1:]], axis=1)
    return torch.tensor(np.concatenate([x, labels[..., None]], axis=2)), torch.tensor(y[:, -1:])


def train(model: nn.Module, x: torch.Tensor, y: torch.Tensor, lr: float, steps: int) -> list[float]:
    """Full-batch gradient descent on the mean squared error; the loss before every step."""
    optimiser = torch.optim.SGD(model.parameters(), lr=lr)
    criterion = nn.MSELoss()
    losses = []
    for _ in range(steps):
        optimiser.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses
