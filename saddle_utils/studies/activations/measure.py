"""Which class an activation belongs to on a task, measured on runs from ever smaller weights.

Two measurements, both blind to the prediction.  The *time scale* of the first drop, from its times
at three initial scales, of two to five layers; and whether the first drop of two layers ends near a
*saddle*, from whether the way down takes ever longer as the initial scale vanishes.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ... import networks
from ...dynamics import escapes, flows, sweep_over
from ...networks import ACTIVATIONS, Deep, Network, Pointwise, initial_units
from ...networks.pointwise import activation
from ...notebook.ledger import Claim, Ledger
from ...observables import exponent, least_share
from ...theory.activations import lowest_degree, predict, seen_degree, time_scale
from ...theory.saddles import narrow_level

NAMES = tuple(name for name in ACTIVATIONS if name != "identity")
TASKS = ("teacher", "centred", "even", "odd, no linear part")
DEPTHS = (2, 3, 4, 5)
HIGHEST, STIFF = 13, 4  # degrees in the weights beyond which waits are too long for a notebook
SCALES = np.array([1e-2, 1e-3, 1e-4])  # of the first drop's times, two layers
CLOSER = np.array([1e-2, 3e-3, 9e-4])  # and more than two, whose waits are higher powers
DROPPED = 0.99  # share of the initial loss at which the first drop is timed
STEP = 0.2  # along the path of a run (`dynamics.escapes`)
LONGER = 1.2  # factor of the way down from which a run counts as waiting at a saddle
SECOND = 0.05  # of the loss without units: what a second drop takes at least


@dataclass(frozen=True)
class Combination:
    """An activation, a task and a number of layers, from a seed."""

    phi: str
    task: str
    seed: int
    depth: int = 2

    @cached_property
    def network(self) -> Pointwise | Deep:
        """The network on its training set, with hidden layers of four units if it has several.

        "teacher" is two random units of the same activation, of opposite sign and shares 1 and
        .4 to .7, "centred" the same less its mean.  The others have inputs x and -x: "even" is a
        random quadratic form less its mean, "odd, no linear part" a random cubic form less its
        linear regression.
        """
        rng = np.random.default_rng([self.seed, NAMES.index(self.phi), TASKS.index(self.task)])
        if self.task in TASKS[:2]:
            x, start = 1.5 * rng.standard_normal((40, 2)), rng.uniform(0, 2 * np.pi)
            angle = start + np.array([0, rng.uniform(0.35, 0.65) * np.pi])
            u = rng.uniform(1.0, 1.6, (2, 1)) * np.stack([np.cos(angle), np.sin(angle)], 1)
            terms = ACTIVATIONS[self.phi].f(x @ u.T)
            y = terms / np.sqrt((terms**2).mean(0)) @ [1.0, -rng.uniform(0.4, 0.7)]
            y = y - y.mean() if self.task == "centred" else y
        else:
            half = rng.standard_normal((20, 2))
            x = np.concatenate([half, -half])
            y = _even(half, rng) if self.task == "even" else _odd(half, rng)
        y = y / np.sqrt(np.mean(y**2))
        if self.depth == 2:
            return networks.pointwise(x, y, self.phi)
        return networks.deep([2, *[4] * (self.depth - 1), 1], x, y, self.phi)


def _even(half: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    y = np.einsum("sa,ab,sb->s", half, rng.standard_normal((2, 2)), half)
    return np.tile(y - y.mean(), 2)


def _odd(half: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    y = np.einsum("sa,sb,sc,abc->s", half, half, half, rng.standard_normal((2, 2, 2)))
    y -= half @ np.linalg.lstsq(half, y, rcond=None)[0]
    return np.concatenate([y, -y])


def combinations(seed: int, count: int) -> list[Combination]:
    """`count` random combinations, drawn from `seed`; every activation about equally often.

    Half of them with two layers.  Combinations whose waits are too long to be followed are drawn
    again: those whose lowest degree, or that which the task sees, is above `HIGHEST`, or above
    `STIFF` where sigma(0) != 0 and there are more than two layers.
    """
    rng, found = np.random.default_rng([seed, 10]), []
    for k, phi in enumerate(np.resize(rng.permutation(NAMES), count)):
        highest = HIGHEST if activation(phi).vanishes else STIFF
        depths = [d for d in DEPTHS[1:] if k % 2 and lowest_degree(phi, d) <= highest] or [2]
        drawn = (
            Combination(str(phi), str(rng.choice(TASKS)), seed + k, int(rng.choice(depths)))
            for _ in itertools.count()
        )
        found.append(next(c for c in drawn if (seen_degree(c.network) or 0) <= highest))
    return found


def first_drops(
    network: Pointwise | Deep, seed: int, scales: Sequence[float], width: int = 6
) -> np.ndarray:
    """Times (scales,) at which the loss is down to `DROPPED` of its first value; nan for never.

    The same draw of weights at every scale, the first of those from `seed` on that is not dead (of
    output 0).  Where sigma(0) != 0 the field is stiff, and a run is followed in time, to 1000,
    1000 / eps and 1000 / eps^2, whatever is predicted; elsewhere along its path.
    """
    deep = isinstance(network, Deep)
    draws = (initial_units(network, 1 if deep else width, 1.0, s) for s in itertools.count(seed))
    units = next(theta for theta in draws if network.output(theta).any())
    starts = np.asarray(scales)[:, None, None] * units
    levels = DROPPED * np.minimum(network.loss(starts), network.zero_loss())
    if activation(network.phis[0] if deep else network.phi).vanishes:
        return escapes(network, starts, levels, STEP)[0]
    times = np.full(len(levels), np.nan)
    for k, (start, scale, level) in enumerate(zip(starts, scales, levels, strict=True)):
        times[k] = _in_time(network, start, scale, level)
        if np.isnan(times[k]):  # nor will it from smaller weights
            break
    return times


def _in_time(network: Network, start: np.ndarray, scale: float, level: float) -> float:
    """Time at which a run from `start` falls to a level, found by ever longer runs; nan if not."""
    for power in range(STIFF - 1):
        run = flows(network, start[None], 1000 / scale**power, 1e-5)[0]
        below = run.losses < level
        if below.any():
            last = int(np.argmax(below)) - 1
            return float(run.times[last] + escapes(network, run.theta[[last]], level)[0][0])
    return np.nan


def lengthening(
    network: Network, seed: int, scales: Sequence[float], width: int = 10
) -> tuple[float, float]:
    """By which factor the way down from the first drop takes longer from the second scale.

    It is the largest ratio of the times from 90% of the first loss to any level, down to 2% above
    the last one, of runs from the same draw.  A run that passes ever nearer to a saddle as its
    scale vanishes waits there ever longer; one whose first drop ends elsewhere takes times that
    tend to a limit, and the ratio is 1.  With it comes the last loss, over that without units, the
    larger one of the two runs.  Both are nan for runs that never drop.
    """
    starts = first_drops(network, seed, scales, width)
    if not np.isfinite(starts).all():
        return np.nan, np.nan
    units, zero, curves = initial_units(network, width, 1.0, seed), network.zero_loss(), []
    for scale, start in zip(scales, starts, strict=True):
        run = flows(network, scale * units[None], 20 * start + 1000, 1e-6)[0]
        curves.append((run.times, run.losses / zero))
    last = max(losses[-1] for _, losses in curves)
    levels = np.linspace(0.9, last + 0.02, 200)[20:] if last < 0.88 else np.zeros(0)
    ways = [np.interp(-np.append(0.9, levels), -loss, t) for t, loss in curves]
    long, short = (way[1:] - way[0] for way in ways[::-1])
    return float((long / short).max(initial=1.0)), float(last)


def scale_table(combos: Sequence[Combination]) -> dict[str, np.ndarray]:
    """Time scales of the first drop of each combination, as columns (n,).

    "naive" is predicted by the order of phi and the depth alone, "seen" by the degree that the task
    sees, and "measured" is what the times at three scales show, of exponent "exponent".
    """
    nets, scales = [c.network for c in combos], [SCALES if c.depth == 2 else CLOSER for c in combos]
    times = sweep_over(first_drops, nets, [c.seed for c in combos], scales)
    columns = {key: [getattr(c, key) for c in combos] for key in ("phi", "task", "seed", "depth")}
    columns["naive"] = [time_scale(lowest_degree(c.phi, c.depth)) for c in combos]
    columns["seen"] = [time_scale(seen_degree(net)) for net in nets]
    columns["exponent"] = [exponent(s, t) for s, t in zip(scales, times, strict=True)]
    columns["measured"] = [time_scale(2 - power) for power in columns["exponent"]]
    return {key: np.array(column) for key, column in columns.items()}


def class_table(
    seed: int, n_seeds: int, init_scale: float = 1e-4, width: int = 10
) -> dict[str, np.ndarray]:
    """Predicted class and measured `lengthening` of every activation and task that it sees.

    Columns (n,), a row for each of `n_seeds` seeds.  The two scales are `init_scale` and a
    millionth of it, or 100 times and once `init_scale` for orders of 2 and more.  "units" is how
    many the first drop recruits: u and -u grow alike on even labels that are seen at order 1, and
    elsewhere there is one.  "second" says whether a run falls by more than `SECOND` below the best
    loss of so many units: where it does not, there is no second drop to wait for.  Left out is the
    odd task, whose waits are too long for a notebook.
    """
    found = []
    for name, task, k in itertools.product(NAMES, TASKS[:3], range(n_seeds)):
        combo = Combination(name, task, seed + k)
        prediction = predict(combo.network)
        if prediction.order is not None:
            found.append((combo, prediction))
    nets, predictions = [combo.network for combo, _ in found], [p for _, p in found]
    small, large = (init_scale, 1e-6 * init_scale), (1e2 * init_scale, init_scale)
    pairs = [small if p.order < 2 else large for p in predictions]
    seeds, widths = [combo.seed for combo, _ in found], [width] * len(found)
    factors, last = np.array(sweep_over(lengthening, nets, seeds, pairs, widths)).T
    columns = {key: [getattr(c, key) for c, _ in found] for key in ("phi", "task", "seed")}
    for key in ("order", "relation", "kept"):
        columns[key] = [getattr(prediction, key) for prediction in predictions]
    units = [1 + (c.task == "even" and p.order == 1) for c, p in found]
    best = [narrow_level(n, k, 4) / n.zero_loss() for n, k in zip(nets, units, strict=True)]
    columns |= {"units": units, "second": last < np.array(best) - SECOND, "lengthening": factors}
    return {key: np.array(column) for key, column in columns.items()}


def agrees(table: dict[str, np.ndarray]) -> np.ndarray:
    """Whether each row of a `class_table` waits at a saddle if and only if predicted, (n,)."""
    return (table["lengthening"] > LONGER) == table["kept"]


def exceptions(table: dict[str, np.ndarray]) -> str:
    """The rows of a `class_table` whose class is not the one predicted, a line each."""
    return "\n".join(
        f"{table['phi'][i]}, {table['task'][i]} task, seed {table['seed'][i]}: predicted "
        f"{'saddle' if table['kept'][i] else 'slide'}, longer by a factor of "
        f"{table['lengthening'][i]:.2f}{'' if table['second'][i] else '; no second drop'}"
        for i in np.flatnonzero(~agrees(table))
    ) or "no exceptions"  # fmt: skip


def claim_classes(ledger: Ledger, table: dict[str, np.ndarray]) -> list[Claim]:
    """Claims: runs lengthen where a saddle is predicted, and do not where a slide is."""
    good, slide, source = agrees(table), ~table["kept"], "Theorem 3, section 6"
    saddle = table["kept"] & table["second"]
    return [
        ledger.at_least(
            "classes_saddle", "where the relation is kept, the way down to a second drop lengthens "
            f"without limit (share of {saddle.sum()} runs)", source, measured=good[saddle].mean(),
            bound=least_share(0.98, saddle.sum()),
        ),
        ledger.at_least(
            "classes_slide", "where it is not, the way down tends to a limit "
            f"(share of {slide.sum()} runs)", source, measured=good[slide].mean(),
            bound=0.95,
        ),
    ]  # fmt: skip


def claim_scales(ledger: Ledger, table: dict[str, np.ndarray]) -> list[Claim]:
    """Claims: the degree that the task sees decides the time scale; order and depth do not."""
    right = {key: table[key] == table["measured"] for key in ("seen", "naive")}
    two, generic = table["depth"] == 2, table["task"] == "teacher"
    parts = {"two": (two, "two layers"), "deep": (~two, "three to five layers")}
    source = "conjecture of section 6"
    return [
        *(
            ledger.at_least(
                f"time_scale_{key}", f"{words}: the lowest degree that the task sees decides the "
                f"time scale of the first drop (share of {part.sum()} combinations)", source,
                measured=right["seen"][part].mean(), bound=least_share(0.98, part.sum()),
            )
            for key, (part, words) in parts.items()
        ),
        ledger.at_least(
            "time_scale_generic", "on tasks without symmetry the order of phi and the depth alone "
            f"do (share of {generic.sum()})", source, measured=right["naive"][generic].mean(),
            bound=least_share(0.98, generic.sum()),
        ),
        ledger.at_most(
            "time_scale_naive", "on all tasks, symmetric ones among them, they do not (share)",
            source, measured=right["naive"].mean(), bound=0.8,
        ),
    ]  # fmt: skip
