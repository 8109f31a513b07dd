"""What the engines return, and why they fail; the runs of an ensemble in threads."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

CHUNKS = 4  # for each core: runs may take different times


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

    def until(self, time: float) -> "Trajectory":
        """The records of the run up to `time`."""
        kept = slice(np.searchsorted(self.times, time, side="right"))
        return replace(self, times=self.times[kept], losses=self.losses[kept], core=self.core[kept])

    def member(self, index: int | tuple[int, ...]) -> "Trajectory":
        """The run at this index of the ensemble."""
        index = index if isinstance(index, tuple) else (index,)
        basis = None if self.basis is None else self.basis[index]
        return Trajectory(self.times, self.losses[:, *index], self.core[:, *index], basis)

    @classmethod
    def together(cls, runs: Sequence["Trajectory"], shape: tuple[int, ...]) -> "Trajectory":
        """The ensemble of this shape, of runs that were recorded at the same times."""
        losses = np.stack([run.losses for run in runs], axis=1)
        core = np.stack([run.core for run in runs], axis=1)
        bases = [run.basis for run in runs if run.basis is not None]
        basis = np.stack(bases).reshape(*shape, *bases[0].shape) if bases else None
        return cls(
            runs[0].times,
            losses.reshape(-1, *shape),
            core.reshape(-1, *shape, *core.shape[2:]),
            basis,
        )


def in_threads(some: Callable[[np.ndarray], list], count: int) -> list:
    """What `some` returns for parts of the runs 0, 1, ... count - 1, on all cores, for kernels
    release the GIL."""
    cores = os.cpu_count() or 1
    if count == 1 or cores == 1:
        return some(np.arange(count))
    parts = np.array_split(np.arange(count), min(count, CHUNKS * cores))
    with ThreadPoolExecutor(cores) as pool:
        return [run for part in pool.map(some, parts) for run in part]


class RunFailedError(RuntimeError):
    """A run could not be carried to its end: it diverged, or its integration is stuck."""
