"""Random tasks of all architectures, predicted and trained: what notebook 14 shows."""

from itertools import pairwise

import numpy as np
import pandas as pd

from ... import datasets
from ...datasets import whitened
from ...dynamics import flows, heun_path, sweep_over
from ...networks import Network, Pointwise, initial_units, stacked
from ...observables import dense_loss, first_times
from ...theory import intervals, linear, predictions, relu
from ...theory.activations import lowest_order
from .measure import LONGER, compare, due_drops, plateau

DROPS = datasets.DROPS | datasets.OTHER_DROPS
LOWEST = {"deep linear": 1e-3, "x_tanh": 1e-3, "cubic": 1e-2}  # scale over the largest: long waits
HIGHEST = dict.fromkeys(("tanh", "sine", "gelu"), 1e-3)  # above it they hardly wait
BATCH = 100  # tasks that one worker of a sweep predicts and trains at a time


def study(
    seed: int, count: int, width: int, scales: tuple[float, float], others: bool = False
) -> pd.DataFrame:
    """`compare` on `count` random tasks of each kind, from scales drawn log-uniformly.

    Columns as there, with "kind" (`random_tasks.prediction_tasks`, or `other_tasks`) and "scale".
    """
    rng, batches = np.random.default_rng([seed, 41]), []
    make = datasets.other_tasks if others else datasets.prediction_tasks
    for kind, network in make(seed, count).items():
        highest = scales[1] * HIGHEST.get(kind, 1)
        lowest = max(scales[0], scales[1] * LOWEST.get(kind, 0))
        drawn = np.exp(rng.uniform(*np.log((lowest, highest)), count))
        theta0 = initial_units(network, units(network, width), 1.0, range(seed, seed + count))
        for runs in np.split(np.arange(count), range(BATCH, count, BATCH)):
            batches.append((kind, network.runs(runs), theta0[runs], drawn[runs], runs))
    return pd.concat(sweep_over(_compare_batch, *zip(*batches, strict=True)), ignore_index=True)


def units(network: Network, width: int) -> int:
    """Number of units of a task: half as many where each waits by itself, at great length."""
    if not network.n_v:
        return 1  # a deep network is one row of weights
    slow = isinstance(network, Pointwise) and network.smooth and lowest_order(network.phi) > 1
    slow |= getattr(network, "rank", 1) > 1
    return max(width // 2, 1) if slow else width


def _compare_batch(
    kind: str, network: Network, theta0: np.ndarray, drawn: np.ndarray, runs: np.ndarray
) -> pd.DataFrame:
    """`compare` on some tasks of a kind, whose numbers are `runs`, at the scales `drawn`."""
    table = compare(network, theta0 * drawn[:, None, None], DROPS[kind])
    return table.assign(kind=kind, scale=drawn[table["run"]], run=runs[table["run"]])


def factors(table: pd.DataFrame, share: float = 0.92) -> pd.DataFrame:
    """What `intervals.FACTORS` should be for this share of the drops of `errors` to be inside.

    A row for each mechanism, a column for drops without doubt and with it.
    """
    gap = table["time_error"].abs().fillna(np.inf) - intervals.FLOOR
    size = (gap / table["smallness"]).groupby([table["mechanism"], table["doubtful"]])
    return size.quantile(share, interpolation="higher").unstack("doubtful")


def errors(table: pd.DataFrame) -> pd.DataFrame:
    """What `study` found, with "time_error", "level_error", "duration_error" and "log_error".

    Relative to the prediction; that of a level in fractions of the initial loss; "log_error" is
    that of the leading logarithm.
    """
    gaps = {f"{of}_error": table[of] / table[f"predicted_{of}"] - 1 for of in ("time", "duration")}
    level, log = table["level"] - table["predicted_level"], table["time"] / table["leading_log"] - 1
    return table.assign(**gaps, level_error=level, log_error=log)


def by_kind(table: pd.DataFrame) -> pd.DataFrame:
    """The `errors` of each kind in percent: median and 95th percentile, and that of sure drops.

    With the number of drops, the share of "sure" ones, without doubt, and how often the "order"
    was right, in percent.
    """
    rows = {}
    for kind, drops in table.groupby("kind", sort=False):
        sure = drops["doubt"] == "none"
        row = {("drops", "all"): len(drops), ("drops", "sure"): 100 * sure.mean()}
        row["order", "right"] = 100 * drops["right"].mean()
        for of in ("time", "level", "duration"):
            gap = 100 * drops[f"{of}_error"].abs()
            row |= {(of, "median"): gap.median(), (of, "95th"): gap.quantile(0.95)}
            row[of, "95th, sure"] = gap[sure].quantile(0.95)
        rows[kind] = row
    return pd.DataFrame(rows).T


def example(architecture: str, seed: int, width: int, init_scale: float) -> dict:
    """One random task of an architecture, predicted and trained, for a picture of its loss.

    "times" and "losses" of the run, "grid" and "theory" of the predicted curve, predicted "levels"
    and "drops", losses as fractions of the initial one.
    """
    first = architecture in datasets.DROPS
    make = datasets.prediction_tasks if first else datasets.other_tasks
    network = make(seed, 1)[architecture]
    theta0 = init_scale * initial_units(network, units(network, width), 1.0, [seed])
    theory = predictions.predict(network, theta0, DROPS[architecture])
    drops = theory.times[0, : due_drops(theory, 0.01).sum()]
    end = LONGER * drops.max(initial=1.0)
    (run,) = flows(network, theta0, end, rtol=1e-5)  # a picture needs no more
    times, losses = dense_loss(network, run) if network.smooth else (run.times, run.losses)
    grid = np.concatenate([np.linspace(0, end, 2001), *(falls[0][0] for falls in theory.falls)])
    grid, start = np.unique(grid[grid <= end]), theory.levels[0, 0]
    return {
        "kind": architecture, "times": times, "losses": losses / start, "grid": grid,
        "theory": theory.loss(0, grid) / start, "drops": drops,
        "levels": theory.levels[0, : len(drops) + 1] / start,
    }  # fmt: skip


def degenerate(seed: int, count: int, width: int, scale: float) -> pd.DataFrame:
    """`errors` of whitened linear tasks whose strengths lie close, each .6 to 1 of the one before.

    Also the closest "ratio" of a task's strengths, and "closed_time" and "closed_level", read off
    the closed solution of the whole curve (`theory.linear.whitened_loss`) as from a run.
    """
    rng, rows = np.random.default_rng([seed, 42]), []
    strengths = np.cumprod(np.insert(rng.uniform(0.6, 1, (count, 2)), 0, 1, axis=1), axis=1)
    network = stacked([whitened(list(s)) for s in strengths])
    theta0 = scale * initial_units(network, width, 1.0, range(seed, seed + count))
    table = compare(network, theta0, 3)
    for i, drops in table.groupby("run"):
        s = strengths[i]
        times = np.linspace(0, 1.3 * drops["predicted_time"].max() + 5 / s[-1], 4001)
        losses = linear.whitened_loss(s, theta0[i], times)
        levels = np.insert(drops["predicted_level"], 0, 1) * (s**2).sum() / 2
        middles = (levels[1:] + levels[:-1]) / 2
        half = [first_times(times, -losses, -middle) for middle in middles]
        flat = [plateau(times, losses, *pair)[1] for pair in pairwise([*half, times[-1]])]
        found = {"closed_time": half, "closed_level": flat / levels[0]}
        rows.append(drops.assign(ratio=(s[1:] / s[:-1]).max(), **found))
    return errors(pd.concat(rows, ignore_index=True))


def tearing(seed: int, count: int, width: int) -> np.ndarray:
    """Rates at which the units of one ray part, predicted and measured, (rays, 2).

    At the first saddles of random ReLU convolutions: `width` units share the ray of the narrow
    network at random, 1e-7 off it.  Measured is the growth of the second singular value of the
    units over the second four of eight e-folds; predicted, `relu.tearing_rate`.  Left out
    are rays that lie on a kink, or that tear twenty times slower than small units grow.
    """
    network = datasets.prediction_tasks(seed, count)["ReLU conv"]
    rng = np.random.default_rng(seed)
    theta0 = 1e-6 * initial_units(network, width, 1.0, range(seed, seed + count))
    saddle, fold = predictions.predict(network, theta0, 1).saddles[1], relu.efold_time(network)
    largest = np.linalg.norm(saddle, axis=-1).argmax(-1)
    ray = saddle[np.arange(count), largest][:, None]
    ray = heun_path(network, ray, 0.14 * fold, 1500)[-1]
    rates, speed = relu.tearing_rate(network, ray), np.abs(network.field(ray)).max((1, 2))
    some = np.flatnonzero((speed * fold < 1e-5) & (rates * fold > 0.05))
    rates, fold, ray = rates[some], fold[some], ray[some]
    share = np.sqrt(rng.dirichlet(np.ones(width), len(some)))[..., None]
    start = share * ray + 1e-7 * rng.standard_normal((len(some), width, ray.shape[-1]))
    step = np.minimum(0.02 / rates, 0.1 * fold)
    half = np.round(4 / rates / step).astype(int)
    path = heun_path(network.runs(some), start, step, 2 * half.max())
    spread = np.linalg.svd(path, compute_uv=False)[..., 1]
    runs = np.arange(len(some))
    grown = np.log(spread[2 * half, runs] / spread[half, runs])
    return np.stack([rates, grown / (half * step)], axis=1)
