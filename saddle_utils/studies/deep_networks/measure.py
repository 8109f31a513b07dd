"""Runs of Figure 5: losses, effective width of each layer, and when each layer recruits."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from ...dynamics import descend, escapes, flows
from ...networks import initial_units
from ...observables import LayeredRun, imbalance, rank_ratios
from ...theory.deep import starts_of_norm
from ...theory.deep_linear import whitened
from .panels import DeepPanel, panels

FRACTIONS = (1.5, 3.0, 6.0)  # of a panel's initial scale, for `recruitment`
SMALLER = 0.1  # size of the layer that starts smaller than the others, there
COARSER = 1.5  # times the step of a panel, there
UNCLEAN = "D"  # where the second drop also splits units that were one


def train(
    panel: DeepPanel, seeds: Sequence[int], width: int | None = None, fraction: float = 1.0,
    settings: Sequence[Sequence[float]] = (), records: int = 400,
) -> list[LayeredRun]:  # fmt: skip
    """Runs of a panel from `fraction` of its initial scale, one a seed.

    `settings` multiply the initial weights of each layer, (layers,) each; all runs of the first
    setting come first.
    """
    net = panel.build(width or panel.width)
    theta = initial_units(net, panel.rows(width or panel.width), panel.scale * fraction, [*seeds])
    theta = np.concatenate([net.scaled(theta, factors) for factors in settings] or [theta])
    if panel.step:
        run = descend(net, theta, panel.step, panel.steps, max(1, panel.steps // records))
        runs = [run.member(i) for i in range(len(theta))]
    else:
        runs = flows(net, theta, float(panel.steps))
    return [LayeredRun(net, run) for run in runs]


def shown(runs: Sequence[LayeredRun]) -> LayeredRun:
    """The first run of an ensemble that shows the plateau, or the first of all if none does."""
    return next((run for run in runs if len(run.staircase.levels) == 3), runs[0])


def recruits(run: LayeredRun, layer: int, width: int) -> float:
    """When a layer (from 0) reaches this effective width, by bisection: widths grow.

    In gradient-flow time, to the record; nan if it never does.
    """
    theta, low, high = run.trajectory.theta, 0, len(run.times) - 1

    def reached(record: int) -> bool:
        return run.layer_widths(theta[record])[layer] >= width

    if not reached(high):
        return np.nan
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return float(run.times[high])


def recruitment(seed: int, seeds: int) -> pd.DataFrame:
    """When layers recruit: a row for each drop of every run of panels A to D and F.

    From `FRACTIONS` of the panel's initial scale, with all layers alike or one of them smaller.
    panel; fraction; setting (0: alike, l: layer l starts at `SMALLER` of the others); seed; drop;
    and for each of the two hidden layers how many units it gains, and when it does, over the time
    of the half-drop.  For D, whose second drop splits units, the first drop alone.
    """
    rows, smaller = [], [np.where(np.arange(1, 4) == k, SMALLER, 1.0) for k in range(4)]
    for letter, fraction in itertools.product("ABCDF", FRACTIONS):
        panel = panels()[letter]
        steps = int(panel.steps / fraction * (1.4 / COARSER if panel.step else 3))
        panel = replace(panel, step=COARSER * panel.step, steps=steps)
        names = range(panel.seed + seed, panel.seed + seed + seeds)
        runs = train(panel, names, None, fraction, smaller, 1000)
        for (k, name), run in zip(itertools.product(range(4), names), runs, strict=True):
            halves = run.staircase.half_drops[: 1 if letter == UNCLEAN else None]
            gains = np.diff(run.widths(), axis=0)
            for drop, half in enumerate(halves):
                when = [recruits(run, layer, drop + 1) / half for layer in (0, 1)]
                rows.append((letter, fraction, k, name, drop, *gains[drop], *when))
    columns = ["panel", "fraction", "setting", "seed", "drop"]
    return pd.DataFrame(rows, columns=[*columns, "gain_1", "gain_2", "when_1", "when_2"])


def escapes_by_depth(
    depths: Sequence[int], scales: np.ndarray, seeds: Sequence[int], width: int = 4
) -> pd.DataFrame:
    """Escape of deep linear networks from the origin, a row for each depth, scale and seed.

    Target diag(1, .4), white inputs.  Columns: depth; scale, the norm of all weights; seed, -1 for
    the balanced, aligned start; time, until the loss has lost half of what the first drop takes;
    rank, the largest second over first singular value of a layer then; drift, the largest change of
    the imbalance until then over its size.
    """
    tables = []
    for depth in depths:
        net = whitened((2, *[width] * (depth - 1), 2), (1.0, 0.4))
        settings, theta = starts_of_norm(net, scales, seeds)
        times, ends = escapes(net, theta, net.zero_loss() - 0.25, 0.03)
        kept = zip(imbalance(net, theta), imbalance(net, ends), strict=True)
        drift = np.max([np.abs(a - b).max((-2, -1)) for a, b in kept], axis=0)
        table = pd.DataFrame({"depth": depth, **settings, "time": times})
        rank = rank_ratios(net, ends).max(-1)
        tables.append(table.assign(rank=rank, drift=drift / table["scale"] ** 2))
    return pd.concat(tables, ignore_index=True)
