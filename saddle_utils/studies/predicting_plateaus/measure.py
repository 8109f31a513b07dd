"""Runs trained, and set against their `predictions` drop by drop."""

from itertools import pairwise

import numpy as np
import pandas as pd

from ...dynamics import Trajectory, flows
from ...networks import Linear, Network, Pointwise
from ...observables import contributions, dense_loss, first_times, passage_time
from ...theory import intervals, linear, predictions
from ...theory.path import Prediction, tie_at
from ...theory.waiting import residual_task

SMALLEST = 0.05  # of the initial loss: what a predicted drop must take to be followed
FLAT = 0.02  # of the initial loss: a plateau that comes so near to its level is there
SETTLED = 3.0  # a plateau is looked at for so many times what its drop takes to settle
RTOL = {  # of runs, by family, a tenth of what is claimed at the smallest scales; else 1e-8
    "linear": 1e-10, "order 1": 1e-9, "order 2": 1e-6, "ReLU": 1e-7,
}  # fmt: skip
LONGER = 1.2  # a run is trained for so many times what it is predicted to take


def compare(network: Network, theta0: np.ndarray, drops: int) -> pd.DataFrame:
    """Predicted and measured drops of an ensemble of runs, a row for each drop of each run.

    Columns: "run"; "drop", from 1; "time" at which the loss passes the middle of two predicted
    levels; "level", the loss where it is slowest behind the drop, as a fraction of the initial one;
    "duration" until the next drop (nan behind the last); each of these also "predicted_...";
    "leading_log", the time to leading logarithm (nan if not linear); "right", whether the unit that
    escaped is the one predicted (where none is, whether the drop came); "rival" as predicted;
    "tearing", growth of differences within a ray while it waits for the drop, over its size (0 but
    for ReLU); and "doubt", the first reason to doubt the drop before any training, or "none":
    "tie", this or an earlier unit has a rival that is near; "tears", more tearing than
    `predictions.TEARS`; "order", it is `Prediction.doubtful` for another reason; "short", the
    predicted curve does not rest before and behind it.  "width" is half of the interval of the time
    over the time, "inside" whether the measured time is in it; "mechanism", "smallness" and
    "doubtful" say what it was made of (`theory.intervals`).  Where theory knows of no plateau there
    are no levels.
    """
    theory = predictions.predict(network, theta0, drops)
    due, family = due_drops(theory), intervals.family(network)
    ends, rows = _ends(theory, due), []
    small = np.broadcast_to(intervals.smallness(network, theta0, theory), due.shape)
    logs = np.full(due.shape, np.nan)
    if isinstance(network, Linear):
        size = np.sqrt(np.mean(theta0**2, axis=(1, 2)))
        logs = linear.path_leading_log_times(network, theory.saddles[:-1]) * -np.log(size)[:, None]
    runs = flows(network, theta0, LONGER * ends, rtol=RTOL.get(family, 1e-8))
    for i, (run, count) in enumerate(zip(runs, due.sum(1), strict=True)):
        net = network.runs(np.array([i]))
        columns = {
            "run": i, "drop": np.arange(count) + 1, "leading_log": logs[i, :count],
            "width": theory.width[i, :count], "doubtful": theory.doubtful[i, :count],
            "smallness": small[i, :count], "mechanism": family,
        }  # fmt: skip
        columns |= _expected(net, theory, i, count, ends[i])
        rows.append(pd.DataFrame(columns | _measured(net, run, theory, i, count, ends[i])))
    table = pd.concat(rows, ignore_index=True)
    gap = (table["time"] / table["predicted_time"] - 1).abs()
    until = -table.groupby("run")[["time", "predicted_time"]].diff(-1)  # the next drop of the run
    table[["duration", "predicted_duration"]] = until
    return table.assign(inside=gap <= table["width"])


def due_drops(theory: Prediction, smallest: float = SMALLEST) -> np.ndarray:
    """Which drops of a prediction are followed, (runs, drops): those before the first small one."""
    taken = -np.diff(theory.levels, axis=1) / theory.levels[:, :1]
    return np.logical_and.accumulate(np.isfinite(theory.times) & (taken > smallest), axis=1)


def plateau(times: np.ndarray, losses: np.ndarray, begin: float, end: float) -> tuple[int, float]:
    """Where a loss curve is flattest between two times: index of the interval, and loss there."""
    inside = np.flatnonzero((times[:-1] >= begin) & (times[1:] <= end))
    if not len(inside):
        return -1, np.nan
    k = inside[np.argmin(((losses[:-1] - losses[1:]) / np.diff(times))[inside])]
    return int(k), float((losses[k] + losses[k + 1]) / 2)


def _ends(theory: Prediction, due: np.ndarray) -> np.ndarray:
    """When the last plateau of each run is over: it has settled, or another drop is predicted."""
    ends = np.ones(len(due))
    for i, count in enumerate(due.sum(1)):
        if count:
            half = theory.times[i, count - 1]
            falls = (fall[i] for fall in theory.falls[count - 1 :])  # of merged ones the last
            times, losses = next(fall for fall in falls if len(fall[0]) > 1)
            above, below = theory.levels[i, count - 1 : count + 1]
            settled = times[np.argmax(losses <= below + 0.01 * (above - below))]
            settled = settled if theory.rests and settled > half else 1.05 * half
            following = np.append(theory.times[i, count:], theory.after[i])[0]
            ends[i] = min(half + SETTLED * (settled - half), max(following, settled))
    return ends


def _expected(network: Network, theory: Prediction, i: int, count: int, end: float) -> dict:
    """What `compare` says of one run before training."""
    times, levels, flat = theory.times[i, :count], theory.levels[i, : count + 1], []
    for span in pairwise([*times, end]):
        ahead = np.linspace(*span, 1001)
        flat.append(plateau(ahead, theory.loss(i, ahead), *span)[1])
    rests = np.abs(np.array(flat) - levels[1:]) < FLAT * levels[0]
    rivals = theory.rivals[i, :count]
    tearing = np.zeros(count) if theory.tearing is None else theory.tearing[i, :count]
    reasons = {
        "tie": np.maximum.accumulate(rivals) > tie_at(network),
        "tears": np.maximum.accumulate(tearing) > predictions.TEARS,
        "order": theory.doubtful[i, :count],
        "short": theory.rests & ~(rests & np.append(True, rests)[:count]),
    }
    return {
        "predicted_time": times,
        "predicted_level": np.where(theory.rests, levels[1:] / levels[0], np.nan),
        "rival": rivals, "tearing": tearing,
        "doubt": np.select([*reasons.values()], [*reasons], "none"),
    }  # fmt: skip


def _measured(
    network: Network, run: Trajectory, theory: Prediction, i: int, count: int, end: float
) -> dict:
    """What `compare` measures of one run."""
    levels = theory.levels[i, : count + 1]
    times, losses = dense_loss(network, run) if network.smooth else (run.times, run.losses)
    half = np.full(count, np.nan)
    for k, middle in enumerate((levels[1:] + levels[:-1]) / 2):
        if network.smooth:
            half[k] = passage_time(network, run, middle)
        elif losses[0] > middle:
            half[k] = first_times(times, -losses, -middle)
    flat, right, before = np.full(count, np.nan), np.isfinite(half), 0
    bounds = np.append(half, end + (half - theory.times[i, :count])[-1:])
    for k in range(count):
        onset = np.argmax(run.losses <= levels[k] - (levels[k] - levels[k + 1]) / 4)
        if isinstance(network, Linear) or theory.recruits[i, k] >= 0:
            saddle, path = theory.saddles[k][i : i + 1], run.theta[[before, onset]]
            right[k] &= _right(network, saddle, path, theory.recruits[i, k])
        here, flat[k] = plateau(times, losses, bounds[k], bounds[k + 1])
        before = np.searchsorted(run.times, times[here])
    return {"time": half, "level": flat / levels[0], "right": right}


def _right(network: Network, saddle: np.ndarray, path: np.ndarray, recruit: int) -> bool:
    """Whether that has grown from plateau to onset, path (2, units, features), which should have.

    Linear networks: of the modes that the saddle leaves, the first.  Quadratic units: the recruit
    more than any other, also where it is an active head that learns its next rank.  ReLU units: of
    those that waited, the one that has grown most is on the ray of the recruit.
    """
    if isinstance(network, Linear):
        g = residual_task(network, saddle).syz.reshape(network.n_v, network.n_u)
        q, _, r = np.linalg.svd(g, full_matrices=False)
        v, u = network.split(path)
        gained = np.einsum("ak,ab,kb->k", q, np.diff(v.mT @ u, axis=0)[0], r)
        return bool(np.argmax(np.abs(gained[: len(gained) - saddle.shape[-2]])) == 0)
    size = contributions(network, path)
    inner = getattr(network, "rank", 1) > 1  # then an active unit may learn on
    waited = size[0] < 0.05 * size[1].max() if saddle.shape[-2] and not inner else True
    leader = np.where(waited, size[1] - size[0], 0).argmax()
    if not isinstance(network, Pointwise):
        return bool(leader == recruit)
    rays = path[1] / np.linalg.norm(path[1], axis=-1, keepdims=True)
    return bool(rays[leader] @ rays[recruit] > 0.99)
