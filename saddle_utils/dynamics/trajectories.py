"""What the engines return, and how they fail."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Trajectory:
    """A run, or an ensemble of runs, at the times asked for.

    times (T,) in gradient-flow time, losses (T, \\*ensemble), theta (T, \\*ensemble, units,
    features); numpy arrays whatever the engine and the device.  A linear network moves in as many
    units as features (`Linear.reduce`): theta = basis @ core, multiplied when it is asked for.
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
        """The units (\\*ensemble, units, features) recorded last at or before `time`."""
        core = self.core[max(np.searchsorted(self.times, time, side="right") - 1, 0)]
        return core if self.basis is None else self.basis @ core

    def member(self, index: int | tuple[int, ...]) -> Trajectory:
        """The run at this index of the ensemble."""
        index = index if isinstance(index, tuple) else (index,)
        basis = None if self.basis is None else self.basis[index]
        return Trajectory(self.times, self.losses[:, *index], self.core[:, *index], basis)


class RunFailedError(RuntimeError):
    """A run could not be carried to its end: it diverged, or the integration got stuck."""
