"""Runs of Figure 5: losses, effective width of each layer, and when each layer recruits."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ... import observables
from ...dynamics import Trajectory, descend, escape, flows
from ...networks import DeepLinear, Layered, Network, initial_units
from ...observables import Staircase
from ...theory import deep
from .panels import DeepPanel, panels


@dataclass(frozen=True)
class DeepRun:
    """One run of a panel of Figure 5; times in gradient-flow time, losses over the initial one."""

    panel: DeepPanel
    network: Network
    trajectory: Trajectory
    seed: int

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
        return observables.measure(self.times, self.losses, min_drop=0.05)

    def layer_widths(self, theta: np.ndarray, tau: float = 0.05) -> np.ndarray:
        """Effective width of each layer (\\*shape, layers), measured against the end of the run."""
        end = np.broadcast_to(self.trajectory.theta[-1], theta.shape)
        if isinstance(self.network, Layered):
            return observables.layer_widths(self.network, theta, tau, end)
        return observables.effective_width(self.network, theta, tau, end)[..., None]

    def widths(self, tau: float = 0.05) -> np.ndarray:
        """Effective width of each layer in the middle of each plateau, (plateaus, layers)."""
        at = np.stack([self.trajectory.at(t) for t in self.staircase.middles])
        return self.layer_widths(at, tau)

    def width_curves(self, every: int = 4) -> tuple[np.ndarray, np.ndarray]:
        """Times (n,) and effective width of each layer, (n, layers), at every so many records."""
        return self.times[::every], self.layer_widths(self.trajectory.theta[::every])

    def recruits(self) -> np.ndarray:
        """When each layer reaches effective width 1, 2, ... as many as there are drops.

        Shape (drops, layers), in gradient-flow time, to the record, by bisection: widths grow.
        nan for a width that is never reached.
        """
        theta, drops = self.trajectory.theta, len(self.staircase.half_drops)
        found = np.full((drops, len(self.panel.layers)), np.nan)
        for drop, layer in np.ndindex(found.shape):
            low, high = 0, len(theta) - 1
            if self.layer_widths(theta[high])[layer] <= drop:
                continue
            while high - low > 1:
                middle = (low + high) // 2
                reached = self.layer_widths(theta[middle])[layer] > drop
                low, high = (low, middle) if reached else (middle, high)
            found[drop, layer] = self.times[high]
        return found


def train(
    panel: DeepPanel, seeds: Sequence[int], width: int | None = None, fraction: float = 1.0,
    factors: Sequence[Sequence[float]] = ((),), steps: int | None = None, records: int = 400,
) -> list[DeepRun]:  # fmt: skip
    """Runs of a panel from `fraction` of its initial scale, for each seed and each of `factors`.

    `factors` multiply the initial weights of each layer, (layers,) a setting; all runs of the first
    setting come first.
    """
    net = panel.build(width or panel.width)
    theta = initial_units(net, panel.rows(width or panel.width), panel.scale * fraction, [*seeds])
    starts = [net.scaled(theta, f) if len(f) else theta for f in factors]
    theta, steps = np.concatenate(starts), steps or panel.steps
    if panel.step:
        run = descend(net, theta, panel.step, steps, max(1, steps // records))
        runs = [run.member(i) for i in range(len(theta))]
    else:
        runs = flows(net, theta, float(steps))
    named = [*seeds] * len(factors)
    return [DeepRun(panel, net, one, seed) for one, seed in zip(runs, named, strict=True)]


def shown(runs: Sequence[DeepRun]) -> DeepRun:
    """The first run of an ensemble that shows the plateau, or the first of all if none does."""
    return next((run for run in runs if len(run.staircase.levels) == 3), runs[0])


def recruitment(
    letters: Sequence[str], seed: int, seeds: int, small: float = 0.1
) -> dict[str, dict[str, np.ndarray]]:
    """When layers recruit, for panels of three layers with all layers alike or one of them smaller.

    From twice the initial scale of the panel.  For each panel a table of one row a drop of a run
    that shows its plateau: setting (0: alike, l: layer l starts at `small` of it), seed, drop, and
    for each hidden layer the effective width before and after the drop, and when it changes, over
    the time of the half-drop.
    """
    tables = {}
    for letter in letters:
        panel = panels()[letter]
        factors = [(), *(np.where(np.arange(3) == layer, small, 1.0) for layer in range(3))]
        names = range(panel.seed + seed, panel.seed + seed + seeds)
        runs = train(panel, names, fraction=2.0, factors=factors, records=1500)
        rows = []
        for k, run in enumerate(runs):
            if len(run.staircase.levels) != 3:
                continue
            widths, halves, times = run.widths(), run.staircase.half_drops, run.recruits()
            for drop in (0, 1):
                row = [k // seeds, run.seed, drop, *widths[drop], *widths[drop + 1]]
                rows.append([*row, *(times[drop] / halves[drop])])
        columns = ["setting", "seed", "drop", "before_1", "before_2", "after_1", "after_2"]
        values = np.array(rows).T
        tables[letter] = dict(zip([*columns, "when_1", "when_2"], values, strict=True))
    return tables


def escapes_by_depth(
    depths: Sequence[int], scales: np.ndarray, seeds: Sequence[int], width: int = 4
) -> dict[str, np.ndarray]:
    """Escape of deep linear networks from the origin, a row for each depth, scale and seed.

    Target diag(1, .4), white inputs.  Columns: depth; scale, the norm of all weights; seed, -1 for
    the balanced, aligned start; time, until the loss has lost half of what the first drop takes;
    rank, the largest second over first singular value of a layer then; drift, the largest change of
    the imbalance until then over its size.
    """
    rows = []
    for depth in depths:
        sizes, phis = (2, *[width] * (depth - 1), 2), ("identity",) * (depth - 1)
        net = DeepLinear(sizes, phis, (), np.diag([1.0, 0.4]), np.eye(2), 1.16)
        for scale, seed in itertools.product(scales, (-1, *seeds)):
            if seed < 0:
                theta = deep.aligned_start(net, scale)
            else:
                theta = net.draw(np.random.default_rng(seed))
                theta *= scale / np.linalg.norm(theta)
            time, end = escape(net, theta, net.zero_loss() - 0.25)
            pairs = zip(
                observables.imbalance(net, theta), observables.imbalance(net, end), strict=True
            )
            drift = max(float(np.abs(a - b).max()) for a, b in pairs) / scale**2
            rank = float(observables.rank_ratios(net, end).max())
            rows.append([depth, scale, seed, time, rank, drift])
    names = ("depth", "scale", "seed", "time", "rank", "drift")
    return dict(zip(names, np.array(rows).T, strict=True))
