"""What the hidden layers of a deep network did: effective width, imbalance and rank of each."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..dynamics import Trajectory
from ..networks import Layered, Network
from .plateaus import measure
from .staircase import Staircase
from .units import effective_width


@dataclass(frozen=True)
class LayeredRun:
    """A run of a network of several layers; times in gradient-flow time, losses over the initial.

    Units count from `tau` of the largest size at the end of the run.
    """

    network: Network
    trajectory: Trajectory
    tau: float = 0.05

    @property
    def times(self) -> np.ndarray:
        """When the run was recorded, (T,)."""
        return self.trajectory.times

    @cached_property
    def losses(self) -> np.ndarray:
        """Loss over the loss of a network without units, (T,)."""
        return self.trajectory.losses / self.network.zero_loss()

    @cached_property
    def staircase(self) -> Staircase:
        """Plateaus in gradient-flow time; what takes less than 5% of the loss is no drop."""
        return measure(self.times, self.losses, min_drop=0.05)

    def settled(self, margin: float) -> "LayeredRun":
        """The run up to `margin` times the time at which its loss is within .001 of its last."""
        rests = self.times[np.argmax(self.losses < self.losses[-1] + 1e-3)]
        return replace(self, trajectory=self.trajectory.until(margin * rests or np.inf))

    def layer_widths(self, theta: np.ndarray) -> np.ndarray:
        """Effective width of each layer (\\*shape, layers), measured against the end of the run."""
        end = np.broadcast_to(self.trajectory.theta[-1], theta.shape)
        if isinstance(self.network, Layered):
            return layer_widths(self.network, theta, self.tau, end)
        return effective_width(self.network, theta, self.tau, end)[..., None]

    def widths(self) -> np.ndarray:
        """Effective width of each layer in the middle of each plateau, (plateaus, layers)."""
        return self.layer_widths(np.stack([self.trajectory.at(t) for t in self.staircase.middles]))


def layer_widths(
    network: Layered, theta: np.ndarray, tau: float = 0.05, reference: np.ndarray | None = None
) -> np.ndarray:
    """Effective width of each hidden layer (\\*ensemble, layers), integers, by `effective_width`.

    A hidden layer is measured as the network of two layers that its units make, with the weights
    into and out of each, (v_i; u_i): in rank, rays or units, whatever its activation counts.
    Layers that skips join count as one (`Layered.streams`).  With a `reference` of the same shape,
    for example the end of the run, sizes are measured against those of the same layer there; a
    layer whose norm there is below `tau` of the largest one's, such as a branch that a skip makes
    idle, has width 0.
    """
    theta = np.asarray(theta)
    at_end = theta if reference is None else reference
    widths, norms = [], []
    for k in range(len(network.streams)):
        units, end = network.units(theta, k), network.units(at_end, k)
        norms.append(np.linalg.norm(end, axis=(-2, -1)))
        against = None if reference is None else end
        widths.append(effective_width(network.hidden(k), units, tau, against))
    return np.stack(widths, axis=-1) * (np.stack(norms, -1) > tau * np.max(norms, 0)[..., None])


def imbalance(network: Layered, theta: np.ndarray) -> list[np.ndarray]:
    """V V' - U U' of the units of each hidden layer, each (\\*ensemble, units, units).

    Without skips it is W_{l+1}' W_{l+1} - W_l W_l' (theory of deep linear networks, arXiv
    2106.15933), which gradient flow of a linear network conserves; of a homogeneous one of degree 1
    it conserves the diagonal.  Layers that skips join have one between them, conserved too.
    """
    streams = range(len(network.streams))
    parts = [network.hidden(k).split(network.units(theta, k)) for k in streams]
    return [v @ v.mT - u @ u.mT for v, u in parts]


def rank_ratios(network: Layered, theta: np.ndarray) -> np.ndarray:
    """Second over first singular value of the weights of each layer, (\\*ensemble, layers).

    0 for matrices of rank one, among them those with one row or column.
    """
    found = []
    for weights in network.weights(theta):
        values = np.linalg.svd(weights, compute_uv=False)
        found.append(
            values[..., 1] / values[..., 0] if values.shape[-1] > 1 else 0 * values[..., 0]
        )
    return np.stack(found, axis=-1)
