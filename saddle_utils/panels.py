"""Runs of Figure 1's panels: the paper's own, the reader's, and the ensemble of seeds behind it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import plateaus, units
from .claims import Ledger
from .datasets import Panel, digitised
from .dynamics import Trajectory, descend, flow
from .networks import initial_units
from .plateaus import Staircase


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
        return plateaus.measure(self.epochs, self.losses, min_duration=40, min_drop=0.05)

    def units_at(self, epoch: float) -> np.ndarray:
        """The units last recorded at or before an epoch."""
        return self.trajectory.at((epoch + 1e-6) * self.panel.step)

    def members(self) -> list[PanelRun]:
        """The runs of an ensemble, one by one."""
        count = self.losses.shape[1]
        return [
            PanelRun(self.panel, self.trajectory.member(i), self.seed + i) for i in range(count)
        ]

    def widths(self, tau: float = 0.05) -> list[int]:
        """Effective width in the middle of each plateau, measured against the learned network."""
        end = self.trajectory.theta[-1]
        at = [self.units_at(epoch) for epoch in self.staircase.middles]
        return [int(units.effective_width(self.panel.network, t, tau, end)) for t in at]

    def width_curve(self, tau: float = 0.05, every: int = 10) -> tuple[np.ndarray, np.ndarray]:
        """Epochs and the effective width over the run, at every so many recorded times."""
        theta, end = self.trajectory.theta[::every], self.trajectory.theta[-1]
        widths = units.effective_width(self.panel.network, theta, tau, end)
        return self.epochs[::every], widths


def train(
    panel: Panel,
    seed: int | None = None,
    width: int | None = None,
    init_scale: float | None = None,
    n_seeds: int | None = None,
    epochs: int | None = None,
    every: int | None = None,
    device: str = "cpu",
) -> PanelRun:
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


def limit(
    panel: Panel, seeds: range, fraction: float, width: int | None = None, end: float = 4.0
) -> list[PanelRun]:
    """Gradient flow from `fraction` of the initial scale, one run a seed; for the quadratic family.

    Escape takes a time in proportion to 1 / scale (Proposition 5), so the runs last `end` times
    the panel's epochs over `fraction`; at the solver's own steps, which follow every drop however
    long they waited for it.
    """
    last = end * panel.epochs * panel.step / fraction
    runs = []
    for seed in seeds:
        theta = initial_units(
            panel.network, width or panel.width, panel.init_scale * fraction, seed
        )
        run = flow(panel.network, theta, last, rtol=1e-6)
        runs.append(PanelRun(panel, run, seed, fraction))
    return runs


def check_against_paper(ledger: Ledger, run: PanelRun, half_drops: float) -> list:
    """Claims: a run at the paper's settings against the digitised panel (reference rules).

    `half_drops` is the relative tolerance of the times.
    """
    name, paper, stairs = run.panel.name, digitised(run.panel.name), run.staircase
    source = f"Figure 1{name[-1].upper()}, digitised"
    plateau = stairs.levels[1] if len(stairs.levels) == 3 else np.nan
    return [
        ledger.close(
            f"{name}_plateau_level",
            "the loss at the plateau is the paper's",
            source,
            measured=plateau,
            predicted=paper.plateau_level,
            atol=0.02,
        ),
        ledger.close(
            f"{name}_final_loss",
            "the loss at the end is the paper's",
            source,
            measured=run.losses[-1],
            predicted=paper.final_loss,
            atol=0.02,
        ),
        ledger.close(
            f"{name}_half_drops",
            "both drops come when the paper's come (epochs)",
            source,
            measured=stairs.half_drops,
            predicted=paper.half_drops,
            rtol=half_drops,
        ),
        ledger.equal(
            f"{name}_structure",
            "effective width 1 at the plateau and 2 at the end, at thresholds .05 and .1",
            source,
            measured=[run.widths(tau)[1:] for tau in (0.05, 0.1)],
            predicted=[[1, 2], [1, 2]],
        ),
    ]


def check_seeds(ledger: Ledger, runs: list[PanelRun], levels: np.ndarray, tag: str) -> list:
    """Claims: every one of the runs has three plateaus at `levels`, of effective width 0, 1, 2."""
    found = [run.staircase.levels for run in runs]
    off = [np.abs(f - levels).max() if f.shape == levels.shape else np.inf for f in found]
    return [
        ledger.at_most(
            f"{tag}_levels",
            f"{len(runs)} of {len(runs)} seeds have the predicted plateaus and no other",
            "section 4",
            measured=max(off),
            bound=0.02,
        ),
        ledger.equal(
            f"{tag}_structure",
            f"{len(runs)} of {len(runs)} seeds have effective width 0, 1, 2 on their plateaus",
            "Theorems 1 and 3",
            measured=sorted({tuple(run.widths()) for run in runs}),
            predicted=[(0, 1, 2)],
        ),
    ]


def check_seed_times(ledger: Ledger, panel: Panel, seed: int, n_seeds: int) -> list:
    """Claim: at the paper's width and scale every seed drops within 10% of the paper's epochs."""
    runs = train(panel, seed, n_seeds=n_seeds).members()
    paper = digitised(panel.name).half_drops
    off = [
        np.abs(run.staircase.half_drops / paper - 1).max()
        if run.staircase.half_drops.shape == paper.shape
        else np.inf
        for run in runs
    ]
    return [
        ledger.at_most(
            f"{panel.name}_seeds_times",
            f"{n_seeds} of {n_seeds} seeds drop within 10% of the paper's epochs (the worst)",
            f"Figure 1{panel.name[-1].upper()}, digitised",
            measured=max(off),
            bound=0.1,
        )
    ]


def check_limit(
    ledger: Ledger, runs: list[PanelRun], near: list[PanelRun], far: list[PanelRun]
) -> list:
    """Claims on the first drop of each seed (Proposition 5): it comes at tau(draw) / scale.

    `near` and `far` are `limit` runs of the same seeds from two fractions of the initial scale of
    `runs`.
    """
    name = runs[0].panel.name
    panel, close, limit = (first_drops(ensemble) for ensemble in (runs, near, far))
    slopes = np.log(limit / close) / np.log(far[0].fraction / near[0].fraction)
    predicted = limit * far[0].fraction
    return [
        ledger.at_most(
            f"{name}_limit_slope",
            "the first drop comes at a time that goes as scale^-1, seed by seed (worst)",
            "Proposition 5",
            measured=np.abs(slopes + 1).max(),
            bound=0.02,
        ),
        ledger.at_most(
            f"{name}_limit_times",
            "the limit of vanishing scale tells the panel's own first drops, seed by seed (worst)",
            "Proposition 5",
            measured=np.abs(panel / predicted - 1).max(),
            bound=0.05,
        ),
    ]


def first_drops(runs: list[PanelRun]) -> np.ndarray:
    """Half-drop epochs of the first drop of each run, nan where there is none."""
    return np.array([np.append(run.staircase.half_drops, np.nan)[0] for run in runs])


def plateau_walk(run: PanelRun) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The first unit of a run with weights in the plane, from the end of its drop to mid-plateau.

    Epochs, angle of its first-layer weight in [0, pi), and the loss of the network, (n,) each.
    """
    stairs = run.staircase
    during = (run.epochs > stairs.starts[1] + 15) & (run.epochs < stairs.middles[1])
    first = np.argmax(units.contributions(run.panel.network, run.units_at(stairs.middles[1])))
    u = run.trajectory.theta[during, first, run.panel.shown]
    return run.epochs[during], np.arctan2(u[:, 1], u[:, 0]) % np.pi, run.losses[during]
