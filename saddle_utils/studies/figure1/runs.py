"""Runs of Figure 1's panels: the paper's own, the reader's, and the ensemble of seeds behind it."""

from dataclasses import dataclass

import numpy as np

from ... import observables
from ...datasets import Panel
from ...dynamics import Trajectory, descend, flows
from ...networks import initial_units
from ...observables import Staircase, contributions


def measure_first_escapes(
    panel: Panel, seeds: range, fraction: float = 1e-4
) -> tuple[np.ndarray, np.ndarray]:
    """Time at which the loss is half way to its next level, and the unit that is largest then.

    (seeds,) each, of gradient flow from `fraction` of the panel's initial scale; nan and -1 where
    the loss does not drop.  The prediction is `quadratic.first_escape` of `initial_units`.
    """
    runs = flow_to_limit(panel, seeds, fraction)
    times = first_drops(runs) * panel.step
    first = [
        np.argmax(contributions(panel.network, run.trajectory.at(t))) if np.isfinite(t) else -1
        for run, t in zip(runs, times, strict=True)
    ]
    return times, np.array(first)


@dataclass(frozen=True)
class PanelRun:
    """A run of a panel: losses as a fraction of the initial one, by epoch.

    `fraction` is the initial scale as a fraction of the panel's, for runs towards the limit.
    """

    panel: Panel
    trajectory: Trajectory
    seed: int
    fraction: float = 1.0

    @property
    def epochs(self) -> np.ndarray:
        """Epochs at which the run was recorded, (T,)."""
        return self.trajectory.times / self.panel.step

    @property
    def losses(self) -> np.ndarray:
        """Loss over the loss of a network without units, (T, \\*ensemble)."""
        return self.trajectory.losses / self.panel.network.zero_loss()

    @property
    def staircase(self) -> Staircase | list[Staircase]:
        """Plateaus in epochs, of 40 or more as for the digitised panels.

        What takes less than 5% of the loss is no drop: a unit that slides among solutions of the
        same width, as in panel G.
        """
        return observables.measure(self.epochs, self.losses, min_duration=40, min_drop=0.05)

    def units_at(self, epoch: float) -> np.ndarray:
        """The units last recorded at or before an epoch."""
        return self.trajectory.at((epoch + 1e-6) * self.panel.step)

    def members(self) -> list["PanelRun"]:
        """The runs of an ensemble, one by one."""
        count = self.losses.shape[1]
        return [
            PanelRun(self.panel, self.trajectory.member(i), self.seed + i) for i in range(count)
        ]

    def widths(self, tau: float = 0.05) -> list[int]:
        """Effective width in the middle of each plateau, measured against the learned network."""
        end = self.trajectory.theta[-1]
        at = [self.units_at(epoch) for epoch in self.staircase.middles]
        return [int(observables.effective_width(self.panel.network, t, tau, end)) for t in at]

    def width_curve(self, tau: float = 0.05, every: int = 10) -> tuple[np.ndarray, np.ndarray]:
        """Epochs and the effective width over the run, at every so many recorded times."""
        theta, end = self.trajectory.theta[::every], self.trajectory.theta[-1]
        widths = observables.effective_width(self.panel.network, theta, tau, end)
        return self.epochs[::every], widths


def train_panel(
    panel: Panel, seed: int | None = None, width: int | None = None,
    init_scale: float | None = None, n_seeds: int | None = None, epochs: int | None = None,
    every: int | None = None, device: str = "cpu",
) -> PanelRun:  # fmt: skip
    """Train a panel; what is not given is as in the panel.  An ensemble if `n_seeds` is given.

    The ensemble has the seeds `seed`, `seed` + 1, ...  Recorded is every epoch of a single run,
    every fifth of an ensemble, unless `every` says otherwise.
    """
    seed = panel.seed if seed is None else seed
    seeds = seed if n_seeds is None else range(seed, seed + n_seeds)
    scale = panel.init_scale if init_scale is None else init_scale
    theta = initial_units(panel.network, panel.width if width is None else width, scale, seeds)
    epochs = epochs or panel.epochs_from(scale)
    every = every or (1 if n_seeds is None else 5)
    run = descend(panel.network, theta, panel.step, epochs, every, device=device)
    return PanelRun(panel, run, seed)


def flow_to_limit(
    panel: Panel, seeds: range, fraction: float, width: int | None = None, end: float = 4.0
) -> list[PanelRun]:
    """Gradient flow from `fraction` of the initial scale, one run a seed; for the quadratic family.

    Escape takes a time in proportion to 1 / scale (Proposition 5), so the runs last `end` times
    the panel's epochs over `fraction`; at the solver's own steps, which follow every drop however
    long they waited for it.
    """
    last = end * panel.epochs * panel.step / fraction
    theta = initial_units(panel.network, width or panel.width, panel.init_scale * fraction, seeds)
    runs = flows(panel.network, theta, last)
    return [PanelRun(panel, run, seed, fraction) for run, seed in zip(runs, seeds, strict=True)]


def first_drops(runs: list[PanelRun]) -> np.ndarray:
    """Half-drop epochs of the first drop of each run, nan where there is none."""
    return np.array([np.append(run.staircase.half_drops, np.nan)[0] for run in runs])
