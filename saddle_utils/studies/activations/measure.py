"""Which class an activation belongs to on a task, measured on runs from ever smaller weights.

Two measurements, both blind to the prediction.  The *time scale* of the first drop, from its times
at three initial scales; and whether the first drop ends near a *saddle*, from whether the
way down takes ever longer as the initial scale vanishes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ... import networks
from ...dynamics import flows, sweep_over
from ...networks import ACTIVATIONS, Network, Pointwise, initial_units
from ...notebook.ledger import Claim, Ledger
from ...theory.activations import TIME_SCALES, lowest_order, predict, task_order, time_scale
from ...theory.saddles import narrow_levels

NAMES = tuple(name for name in ACTIVATIONS if name != "identity")
TASKS = ("teacher", "centred", "even", "odd, no linear part")
SCALES = (1e-2, 1e-3, 1e-4)  # of the first drop's times
DROPPED = 0.98  # share of the initial loss at which the first drop is timed
LONGER = 1.2  # factor of the way down from which a run counts as waiting at a saddle


@dataclass(frozen=True)
class Combination:
    """An activation and a task, from a seed."""

    phi: str
    task: str
    seed: int

    @property
    def network(self) -> Pointwise:
        """The network on its training set.

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
        return networks.pointwise(x, y / np.sqrt(np.mean(y**2)), self.phi)


def _even(half: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    y = np.einsum("sa,ab,sb->s", half, rng.standard_normal((2, 2)), half)
    return np.tile(y - y.mean(), 2)


def _odd(half: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    y = np.einsum("sa,sb,sc,abc->s", half, half, half, rng.standard_normal((2, 2, 2)))
    y -= half @ np.linalg.lstsq(half, y, rcond=None)[0]
    return np.concatenate([y, -y])


def combinations(seed: int, count: int) -> list[Combination]:
    """`count` random combinations, drawn from `seed`; every activation about equally often."""
    rng = np.random.default_rng([seed, 10])
    phis = np.resize(rng.permutation(NAMES), count)
    return [Combination(str(phi), str(rng.choice(TASKS)), seed + k) for k, phi in enumerate(phis)]


def first_drops(
    network: Network, seed: int, scales: Sequence[float] = SCALES, width: int = 6
) -> np.ndarray:
    """Times (scales,) at which the loss is down to `DROPPED` of its first value; inf for never.

    The same draw of units at every scale.  A run is continued to ever later times: to 1000, 1000 /
    eps and 1000 / eps^2, whatever is predicted.
    """
    units, times = initial_units(network, width, 1.0, seed), []
    for scale in scales:
        for power in range(3):
            run = flows(network, scale * units[None], 1000 / scale**power, 1e-5)[0]
            below = run.losses < DROPPED * network.zero_loss()
            if below.any():
                k = int(np.argmax(below))
                near = slice(max(k - 1, 0), k + 1)
                level = -DROPPED * network.zero_loss()
                times.append(float(np.interp(level, -run.losses[near], run.times[near])))
                break
        else:
            return np.full(len(scales), np.inf)
    return np.array(times)


def measured_scale(times: np.ndarray, scales: Sequence[float] = SCALES) -> str:
    """The time scale of `theory.activations.time_scale` that these three times show.

    Successive differences of the times at equal ratios of scales grow by ratio^q: q = 0 is a
    logarithm, q = 1, 2, ... a power, and q = -1 a time that tends to a limit as its first
    correction, of the order eps, vanishes.  The nearest whole q decides.
    """
    if not np.isfinite(times).all():
        return TIME_SCALES[-1]
    first, last = np.diff(times)
    power = np.log(max(last / first, 1e-9)) / np.log(scales[0] / scales[1])
    return TIME_SCALES[1 + int(np.clip(np.rint(power), -1, 3))]


def lengthening(
    network: Network, seed: int, scales: Sequence[float] = (1e-3, 1e-6), width: int = 10
) -> float:
    """By which factor the way down from the first drop takes longer from the second scale.

    It is the largest ratio of the times from 90% of the first loss to any level, down to 2% above
    the last one, of runs from the same draw.  A run that passes ever nearer to a saddle as its
    scale vanishes waits there ever longer; one whose first drop ends elsewhere takes times that
    tend to a limit, and the ratio is 1.  nan for runs that never drop.
    """
    starts = first_drops(network, seed, scales, width)
    if not np.isfinite(starts).all():
        return np.nan
    units, zero, curves = initial_units(network, width, 1.0, seed), network.zero_loss(), []
    for scale, start in zip(scales, starts, strict=True):
        run = flows(network, scale * units[None], 20 * start + 1000, 1e-6)[0]
        curves.append((run.times, run.losses / zero))
    lowest = max(losses[-1] for _, losses in curves) + 0.02
    levels = np.linspace(0.9, lowest, 200)[20:] if lowest < 0.9 else np.zeros(0)
    ways = [np.interp(-np.append(0.9, levels), -loss, t) for t, loss in curves]
    long, short = (way[1:] - way[0] for way in ways[::-1])
    return float((long / short).max(initial=1.0))


def scale_table(combos: Sequence[Combination]) -> dict[str, np.ndarray]:
    """Time scales of the first drop of each combination, as columns (n,).

    "naive" is predicted by the order of phi alone, "seen" by the order that the task sees, and
    "measured" is what the times at three scales show.
    """
    nets = [combo.network for combo in combos]
    times = sweep_over(first_drops, nets, [combo.seed for combo in combos])
    columns = {key: [getattr(c, key) for c in combos] for key in ("phi", "task", "seed")}
    columns["naive"] = [time_scale(lowest_order(combo.phi)) for combo in combos]
    columns["seen"] = [time_scale(task_order(net)) for net in nets]
    columns["measured"] = [measured_scale(found) for found in times]
    return {key: np.array(column) for key, column in columns.items()}


def class_table(
    seed: int, n_seeds: int, init_scale: float = 1e-4, width: int = 10
) -> dict[str, np.ndarray]:
    """Predicted class and measured `lengthening` of every activation and task that it sees.

    Columns (n,), a row for each of `n_seeds` seeds.  The two scales are `init_scale` and a
    thousandth of it, or 100 times and once `init_scale` for orders of 2 and more.  Left
    out is the odd task, whose waits are too long for a notebook.
    """
    found = []
    for name in NAMES:
        for task in TASKS[:3]:
            for k in range(n_seeds):
                combo = Combination(name, task, seed + k)
                prediction = predict(combo.network)
                if prediction.order is not None:
                    found.append((combo, prediction))
    nets, predictions = [combo.network for combo, _ in found], [p for _, p in found]
    small, large = (init_scale, 1e-3 * init_scale), (1e2 * init_scale, init_scale)
    pairs = [small if p.order < 2 else large for p in predictions]
    seeds, widths = [combo.seed for combo, _ in found], [width] * len(found)
    factors = sweep_over(lengthening, nets, seeds, pairs, widths)
    columns = {key: [getattr(c, key) for c, _ in found] for key in ("phi", "task", "seed")}
    for key in ("order", "relation", "kept"):
        columns[key] = [getattr(prediction, key) for prediction in predictions]
    return {key: np.array(col) for key, col in {**columns, "lengthening": factors}.items()}


def agrees(table: dict[str, np.ndarray]) -> np.ndarray:
    """Whether each row of a `class_table` waits at a saddle if and only if predicted, (n,)."""
    return (table["lengthening"] > LONGER) == table["kept"]


def exceptions(table: dict[str, np.ndarray]) -> str:
    """The rows of a `class_table` whose class is not the one predicted, a line each.

    With the best losses of one unit and of two: where they are alike, there is no second drop.
    """
    lines = []
    for i in np.flatnonzero(~agrees(table)):
        combo = Combination(*(table[key][i].item() for key in ("phi", "task", "seed")))
        _, one, two = narrow_levels(combo.network, 2)
        lines.append(
            f"{combo.phi}, {combo.task} task, seed {combo.seed}: predicted "
            f"{'saddle' if table['kept'][i] else 'slide'}, longer by a factor of "
            f"{table['lengthening'][i]:.2f}; best loss of one unit {one:.2f}, of two {two:.2f}"
        )
    return "\n".join(lines) or "no exceptions"


def claim_classes(ledger: Ledger, table: dict[str, np.ndarray]) -> list[Claim]:
    """Claims: runs lengthen where a saddle is predicted, and do not where a slide is."""
    good, kept, source = agrees(table), table["kept"], "Theorem 3, section 6"
    return [
        ledger.at_least(
            "classes_saddle", "where the relation is kept, the way down lengthens without limit "
            f"(share of {kept.sum()} runs)", source, measured=good[kept].mean(), bound=0.9,
        ),
        ledger.at_least(
            "classes_slide", "where it is not, the way down tends to a limit "
            f"(share of {(~kept).sum()} runs)", source, measured=good[~kept].mean(), bound=0.95,
        ),
    ]  # fmt: skip


def claim_scales(ledger: Ledger, table: dict[str, np.ndarray]) -> list[Claim]:
    """Claims: the order that the task sees decides the time scale; the order of phi alone not."""
    seen, naive = (np.mean(table[key] == table["measured"]) for key in ("seen", "naive"))
    count, generic = len(table["phi"]), table["task"] == "teacher"
    alone = np.mean((table["naive"] == table["measured"])[generic])
    return [
        ledger.at_least(
            "time_scale", "the order that the task sees decides the time scale of the first drop "
            f"(share of {count} combinations)", "conjecture of section 6", measured=seen,
            bound=0.95,
        ),
        ledger.at_least(
            "time_scale_generic", "on tasks without symmetry the order of phi alone does "
            f"(share of {generic.sum()})", "conjecture of section 6", measured=alone, bound=0.9,
        ),
        ledger.at_most(
            "time_scale_naive", "on all tasks, symmetric ones among them, it does not (share)",
            "conjecture of section 6", measured=naive, bound=0.8,
        ),
    ]  # fmt: skip
