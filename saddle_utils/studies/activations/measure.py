"""Which class an activation belongs to on a task, measured on runs from ever smaller weights.

Two measurements, both blind to the prediction.  The *time scale* of the first drop, from its times
at three initial scales, of two to five layers; and whether the first drop of two layers ends near a
*saddle*, from whether the way down takes ever longer as the initial scale vanishes.
"""

import itertools
from collections.abc import Sequence
from functools import cache

import numpy as np
import pandas as pd

from ... import networks
from ...dynamics import escapes, flow, flows, sweep_over
from ...networks import ACTIVATIONS, Deep, Network, Pointwise, initial_units
from ...networks.pointwise import activation
from ...notebook.ledger import Claim, Ledger
from ...observables import exponent
from ...theory.activations import lowest_degree, predict, seen_degree, time_scale, unit_levels

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


@cache
def network(phi: str, task: str, seed: int, depth: int = 2) -> Pointwise | Deep:
    """A network on a random task, with hidden layers of four units if it has several.

    "teacher" is two random units of the same activation, of opposite sign and shares 1 and .4 to
    .7, "centred" the same less its mean.  The others have inputs x and -x: "even" is a random
    quadratic form less its mean, "odd, no linear part" a random cubic form less its linear
    regression.
    """
    rng = np.random.default_rng([seed, NAMES.index(phi), TASKS.index(task)])
    if task in ("teacher", "centred"):
        x, start = 1.5 * rng.standard_normal((40, 2)), rng.uniform(0, 2 * np.pi)
        angle = start + np.array([0, rng.uniform(0.35, 0.65) * np.pi])
        u = rng.uniform(1.0, 1.6, (2, 1)) * np.stack([np.cos(angle), np.sin(angle)], 1)
        terms = ACTIVATIONS[phi].f(x @ u.T)
        y = terms / np.sqrt((terms**2).mean(0)) @ [1.0, -rng.uniform(0.4, 0.7)]
        y = y - y.mean() if task == "centred" else y
    else:
        half = rng.standard_normal((20, 2))
        x = np.concatenate([half, -half])
        if task == "even":
            y = np.einsum("sa,ab,sb->s", half, rng.standard_normal((2, 2)), half)
            y = np.tile(y - y.mean(), 2)
        else:
            y = np.einsum("sa,sb,sc,abc->s", half, half, half, rng.standard_normal((2, 2, 2)))
            y -= half @ np.linalg.lstsq(half, y, rcond=None)[0]
            y = np.concatenate([y, -y])
    y = y / np.sqrt(np.mean(y**2))
    if depth == 2:
        return networks.pointwise(x, y, phi)
    return networks.deep([2, *[4] * (depth - 1), 1], x, y, phi)


def combinations(seed: int, count: int) -> list[tuple[str, str, int, int]]:
    """`count` random activations, tasks, seeds and depths, the arguments of `network`.

    Every activation comes about equally often, and half of them with two layers.  Combinations
    whose waits are too long to be followed are drawn again: those whose lowest degree, or that
    which the task sees, is above `HIGHEST`, or above `STIFF` where sigma(0) != 0 and there are more
    than two layers.
    """
    rng, found = np.random.default_rng([seed, 10]), []
    for k, phi in enumerate(map(str, np.resize(rng.permutation(NAMES), count))):
        highest = HIGHEST if activation(phi).vanishes else STIFF
        depths = [d for d in DEPTHS[1:] if k % 2 and lowest_degree(phi, d) <= highest] or [2]
        degree = np.inf
        while degree > highest:
            combo = phi, str(rng.choice(TASKS)), seed + k, int(rng.choice(depths))
            degree = seen_degree(network(*combo)) or 0
        found.append(combo)
    return found


def first_drops(
    network: Pointwise | Deep, seed: int, scales: Sequence[float], width: int = 6
) -> np.ndarray:
    """Times (scales,) at which the loss is down to `DROPPED` of its first value; nan for never.

    The same draw of weights at every scale, the first of those from `seed` on that is not dead (of
    output 0).  A run is followed in time, to 1000 / eps^2 whatever is predicted; that of a deep
    network with sigma(0) = 0, which may wait much longer, along its path.
    """
    rows, phi = (1, network.phis[0]) if isinstance(network, Deep) else (width, network.phi)
    draws = (initial_units(network, rows, 1.0, s) for s in itertools.count(seed))
    units = next(theta for theta in draws if network.output(theta).any())
    starts = np.asarray(scales)[:, None, None] * units
    levels = DROPPED * np.minimum(network.loss(starts), network.zero_loss())
    if isinstance(network, Deep) and activation(phi).vanishes:
        return escapes(network, starts, levels, STEP)[0]
    times = np.full(len(levels), np.nan)
    for k, (start, scale, level) in enumerate(zip(starts, scales, levels, strict=True)):
        end = 1000 / scale**2
        run = flow(network, start, end, 1e-5, level=level)
        if run.times[-1] >= end:  # nor will it fall from smaller weights
            break
        times[k] = run.times[-2] + escapes(network, run.theta[[-2]], level)[0][0]
    return times


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
    drops = first_drops(network, seed, scales, width)
    if not np.isfinite(drops).all():
        return np.nan, np.nan
    units, zero, curves = initial_units(network, width, 1.0, seed), network.zero_loss(), []
    for scale, drop in zip(scales, drops, strict=True):
        run = flows(network, scale * units[None], 20 * drop + 1000, 1e-6)[0]
        curves.append((run.times, run.losses / zero))
    last = max(losses[-1] for _, losses in curves)
    levels = np.linspace(0.9, last + 0.02, 200)[20:] if last < 0.88 else np.zeros(0)
    ways = [np.interp(-np.append(0.9, levels), -loss, t) for t, loss in curves]
    short, long = (way[1:] - way[0] for way in ways)
    return float((long / short).max(initial=1.0)), float(last)


def scale_table(combos: Sequence[tuple[str, str, int, int]]) -> pd.DataFrame:
    """Time scales of the first drop, a row for each of `combinations`.

    "naive" is predicted by the order of phi and the depth alone, "seen" by the degree that the task
    sees, and "measured" is what the times at three scales show, of exponent "exponent".
    """
    table = pd.DataFrame(combos, columns=["phi", "task", "seed", "depth"])
    nets = [network(*combo) for combo in combos]
    scales = [SCALES if depth == 2 else CLOSER for depth in table["depth"]]
    times = sweep_over(first_drops, nets, table["seed"], scales)
    powers = [exponent(*pair) for pair in zip(scales, times, strict=True)]
    return table.assign(
        naive=[time_scale(lowest_degree(phi, depth)) for phi, _, _, depth in combos],
        seen=[time_scale(seen_degree(net)) for net in nets],
        exponent=powers,
        measured=[time_scale(2 - power) for power in powers],
    )


def class_table(seed: int, n_seeds: int, init_scale: float = 1e-4, width: int = 10) -> pd.DataFrame:
    """Predicted class and measured `lengthening` of every activation and task that it sees.

    A row for each of `n_seeds` seeds.  The two scales are `init_scale` and a millionth of it, or
    100 times and once `init_scale` for orders of 2 and more.  "units" is how many the first drop
    recruits: u and -u grow alike on even labels that are seen at order 1, and elsewhere there is
    one.  "second" says whether a run falls by more than `SECOND` below the best loss of so many
    units: where it does not, there is no second drop to wait for.  Left out is the odd task, whose
    waits are too long for a notebook.
    """
    rows, best, settings = [], [], []
    for phi, task, k in itertools.product(NAMES, TASKS[:3], range(n_seeds)):
        net = network(phi, task, seed + k)
        found = predict(net)
        if found.order is None:
            continue
        pair = task == "even" and found.order == 1
        rows.append((phi, task, seed + k, found.order, found.relation, found.kept, 1 + pair))
        best.append(unit_levels(net, pair).min())
        small, large = (init_scale, 1e-6 * init_scale), (1e2 * init_scale, init_scale)
        settings.append((net, seed + k, small if found.order < 2 else large, width))
    factors, last = np.array(sweep_over(lengthening, *zip(*settings, strict=True))).T
    columns = ["phi", "task", "seed", "order", "relation", "kept", "units"]
    return pd.DataFrame(rows, columns=columns).assign(
        second=last < np.array(best) - SECOND, lengthening=factors
    )


def agrees(table: pd.DataFrame) -> pd.Series:
    """Whether each row of a `class_table` waits at a saddle if and only if predicted, (n,)."""
    return (table["lengthening"] > LONGER) == table["kept"]


def exceptions(table: pd.DataFrame) -> str:
    """The rows of a `class_table` whose class is not the one predicted, a line each."""
    return "\n".join(
        f"{row.phi}, {row.task} task, seed {row.seed}: predicted "
        f"{'saddle' if row.kept else 'slide'}, longer by a factor of {row.lengthening:.2f}"
        f"{'' if row.second else '; no second drop'}"
        for row in table[~agrees(table)].itertuples()
    ) or "no exceptions"  # fmt: skip


def claim_classes(ledger: Ledger, table: pd.DataFrame) -> list[Claim]:
    """Claims: runs lengthen where a saddle is predicted, and do not where a slide is."""
    saddle = agrees(table)[table["kept"] & table["second"]]
    slide = agrees(table)[~table["kept"]]
    return [
        ledger.share("classes_saddle", "where the relation is kept, the way down to a second drop "
            f"lengthens without limit (share of {len(saddle)} runs)", "Theorem 3, section 6",
            holds=saddle, of=0.98),
        ledger.at_least("classes_slide", "where it is not, the way down tends to a limit "
            f"(share of {len(slide)} runs)", "Theorem 3, section 6",
            measured=slide.mean(), bound=0.95),
    ]  # fmt: skip


def claim_scales(ledger: Ledger, table: pd.DataFrame) -> list[Claim]:
    """Claims: the degree that the task sees decides the time scale; order and depth do not."""
    seen, naive = (table[key] == table["measured"] for key in ("seen", "naive"))
    two, generic = table["depth"] == 2, naive[table["task"] == "teacher"]
    source = "conjecture of section 6"
    return [
        *(
            ledger.share(f"time_scale_{key}", f"{words}: the lowest degree that the task sees "
                f"decides the time scale of the first drop (share of {len(part)} combinations)",
                source, holds=part, of=0.98)
            for key, words, part in (
                ("two", "two layers", seen[two]), ("deep", "three to five layers", seen[~two])
            )
        ),
        ledger.share("time_scale_generic", "on tasks without symmetry the order of phi and the "
            f"depth alone do (share of {len(generic)})", source, holds=generic, of=0.98),
        ledger.at_most("time_scale_naive", "on all tasks, symmetric ones among them, they do not "
            "(share)", source, measured=naive.mean(), bound=0.8),
    ]  # fmt: skip
