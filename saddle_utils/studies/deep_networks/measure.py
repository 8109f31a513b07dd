"""Runs of Figure 5: losses, effective width of each layer, and when each layer recruits."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ... import observables
from ...dynamics import descend, escapes, flows
from ...networks import DeepLinear, initial_units
from ...observables import LayeredRun
from ...theory import deep
from .panels import DeepPanel, panels

FRACTIONS = (1.5, 3.0, 6.0)  # of a panel's initial scale, for `recruitment`
COARSER = 1.5  # times the step of a panel, there


@dataclass(frozen=True, kw_only=True)
class DeepRun(LayeredRun):
    """One run of a panel of Figure 5."""

    panel: DeepPanel
    seed: int

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
    return [
        DeepRun(net, one, panel=panel, seed=seed) for one, seed in zip(runs, named, strict=True)
    ]


def shown(runs: Sequence[DeepRun]) -> DeepRun:
    """The first run of an ensemble that shows the plateau, or the first of all if none does."""
    return next((run for run in runs if len(run.staircase.levels) == 3), runs[0])


def recruitment(
    seed: int, seeds: int, letters: str = "ABCDF", fractions: Sequence[float] = FRACTIONS,
    small: float = 0.1,
) -> dict[str, np.ndarray]:  # fmt: skip
    """When layers recruit: a row for each drop of every run of these panels, as columns (n,).

    From fractions of the panel's initial scale, with all layers alike or one of them smaller.
    panel; fraction; setting (0: alike, l: layer l starts at `small` of the others); seed; drop; and
    for each of the two hidden layers how many units it gains, and when it does, over the time of
    the half-drop.  For D, whose second drop splits units, the first drop alone.
    """
    factors = [(), *(np.where(np.arange(3) == layer, small, 1.0) for layer in range(3))]
    rows = []
    for letter, fraction in itertools.product(letters, fractions):
        panel = panels()[letter]
        panel = replace(panel, step=COARSER * panel.step)
        names = range(panel.seed + seed, panel.seed + seed + seeds)
        steps = int(panel.steps / fraction * (1.4 / COARSER if panel.step else 3))
        runs = train(panel, names, None, fraction, factors, steps, 1000)
        for k, run in enumerate(runs):
            if not len(run.staircase.half_drops):
                continue
            gains, halves = np.diff(run.widths(), axis=0), run.staircase.half_drops
            for drop, when in enumerate(run.recruits()[: 1 if letter == "D" else None]):
                row = [letter, fraction, k // seeds, run.seed, drop, *gains[drop]]
                rows.append([*row, *(when / halves[drop])])
    columns = ["panel", "fraction", "setting", "seed", "drop", "gain_1", "gain_2"]
    values = map(np.array, zip(*rows, strict=True))
    return dict(zip([*columns, "when_1", "when_2"], values, strict=True))


def escapes_by_depth(
    depths: Sequence[int], scales: np.ndarray, seeds: Sequence[int], width: int = 4
) -> dict[str, np.ndarray]:
    """Escape of deep linear networks from the origin, a row for each depth, scale and seed.

    Target diag(1, .4), white inputs.  Columns: depth; scale, the norm of all weights; seed, -1 for
    the balanced, aligned start; time, until the loss has lost half of what the first drop takes;
    rank, the largest second over first singular value of a layer then; drift, the largest change of
    the imbalance until then over its size.
    """
    rows, settings = [], [*itertools.product(scales, (-1, *seeds))]
    for depth in depths:
        sizes, phis = (2, *[width] * (depth - 1), 2), ("identity",) * (depth - 1)
        net = DeepLinear(sizes, phis, (), np.diag([1.0, 0.4]), np.eye(2), 1.16)
        draws = [net.draw(np.random.default_rng(max(seed, 0))) for _, seed in settings]
        theta = np.stack([
            deep.aligned_start(net, scale) if seed < 0 else draw * scale / np.linalg.norm(draw)
            for (scale, seed), draw in zip(settings, draws, strict=True)
        ])  # fmt: skip
        times, ends = escapes(net, theta, net.zero_loss() - 0.25, 0.03)
        kept = zip(observables.imbalance(net, theta), observables.imbalance(net, ends), strict=True)
        drifts = np.max([np.abs(a - b).max((-2, -1)) for a, b in kept], axis=0)
        ranks = observables.rank_ratios(net, ends).max(-1)
        for setting, *found in zip(settings, times, ranks, drifts, strict=True):
            rows.append([depth, *setting, *found])
            rows[-1][-1] /= setting[0] ** 2
    names = ("depth", "scale", "seed", "time", "rank", "drift")
    return dict(zip(names, np.array(rows).T, strict=True))
