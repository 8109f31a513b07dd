"""What the engines return, and why they fail."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..networks import Network


@dataclass(frozen=True)
class Trajectory:
    """A run, or an ensemble of runs, as recorded: numpy arrays whatever the engine and the device.

    times (T,) in gradient-flow time, losses (T, \\*ensemble), theta (T, \\*ensemble, units,
    features).  A linear network is trained in as many units as features (`Network.reduce`), here
    `core`: theta = basis @ core, multiplied when it is asked for.
    """

    times: np.ndarray
    losses: np.ndarray
    core: np.ndarray
    basis: np.ndarray | None = None

    @cached_property
    def theta(self) -> np.ndarray:
        """The units (T, \\*ensemble, units, features)."""
        return self.core if self.basis is None else self.basis @ self.core

    def at(self, time: float) -> np.ndarray:
        """The units (\\*ensemble, units, features) of the last record not after `time`."""
        core = self.core[max(np.searchsorted(self.times, time, side="right") - 1, 0)]
        return core if self.basis is None else self.basis @ core

    def member(self, index: int | tuple[int, ...]) -> Trajectory:
        """The run at this index of the ensemble."""
        index = index if isinstance(index, tuple) else (index,)
        basis = None if self.basis is None else self.basis[index]
        return Trajectory(self.times, self.losses[:, *index], self.core[:, *index], basis)


class RunFailedError(RuntimeError):
    """A run could not be carried to its end: it diverged, or its integration is stuck."""


def why_stuck(network: Network, theta: np.ndarray, step: float, end: float, kink: str = "") -> str:
    """Why explicit steps of this size do not bring units (units, features) to the end: a clause.

    The problem is stiff, where the step is near the limit of stability, 3.3 over the fastest rate;
    or the field jumps, for which the engine has its own words, `kink`; or rounding prevents it.
    """
    rate = _fastest_rate(network, theta)
    if step * rate > 0.3:
        advice = "use `flow`, or end" if network.smooth else "end"
        return (
            f"it is stiff, for its end, {end:.3g}, is {end * rate:.1e} times its fastest time "
            f"scale, {1 / rate:.1e}, which limits a step: {advice} the run earlier"
        )
    if not network.smooth:
        return kink
    return (
        "the initial scale is so small that rounding drowns the units that are dormant, or the "
        "time of a drop in the time of the plateau before it: start from larger units"
    )


def _fastest_rate(network: Network, theta: np.ndarray) -> float:
    """Largest |eigenvalue| of the Jacobian of the field at theta, by power iteration."""
    size = 1e-6 * np.linalg.norm(theta)
    move, rate = np.random.default_rng(0).standard_normal(theta.shape), 0.0
    for _ in range(30):
        move *= size / max(np.linalg.norm(move), 1e-300)
        move = (network.field(theta + move) - network.field(theta - move)) / 2
        rate = float(np.linalg.norm(move) / size)
    return rate
