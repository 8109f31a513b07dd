"""Training over gamma: a phase diagram of plateaus, and matrix completion."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ... import observables
from ...dynamics import descend, sweep_over
from ...networks.deep import Completion, DeepLinear
from ...theory import deep_linear as theory
from .runs import SIZE, STRENGTHS, descend_to, initial_weights, rank_losses, stable_step

STRENGTH, RANK, GIVEN = 5.0, 2, 7  # of the matrices to be completed; entries of each row and column
GAMMAS, WIDTHS = np.linspace(0.4, 2.8, 25), (4, 6, 8, 11, 16, 20, 26, 32)


def phases(seed: int) -> pd.DataFrame:
    """Training of three layers, a row for each gamma and width, over five runs.

    Columns: plateaus, the mean number of plateaus between the first and the last level; kernel, the
    median change of the kernel over its initial norm; second, the median sigma_2 / sigma_1 of the
    map when half of what the first mode takes of the loss is gone.
    """
    runs = pd.concat(sweep_over(_runs_of_width, WIDTHS, [seed] * len(WIDTHS)))
    ways = {"plateaus": "mean", "kernel": "median", "second": "median"}
    return runs.groupby(["gamma", "width"], as_index=False).agg(ways)


def _runs_of_width(width: int, seed: int) -> pd.DataFrame:
    """What `phases` averages, a row for each run."""
    net, gammas = theory.whitened([4, width, width, 4], STRENGTHS), np.repeat(GAMMAS, 5)
    start = initial_weights(net, width ** (-gammas / 2), np.random.default_rng([seed, width]))
    runs = descend_to(net, start, 1e-3)
    before, after = kernel(net, start), kernel(net, np.stack([run.theta[-1] for run in runs]))
    moved = np.linalg.norm(after - before, axis=(1, 2)) / np.linalg.norm(before, axis=(1, 2))
    half = (1 + rank_losses()[1]) / 2 * net.zero_loss()
    learning = np.stack([run.theta[np.argmax(run.losses < half)] for run in runs])
    values = np.linalg.svd(net.output(learning), compute_uv=False)
    count = [_between(run.times, run.losses) for run in runs]
    return pd.DataFrame(
        {"gamma": gammas, "width": width, "plateaus": count, "kernel": moved,
        "second": values[:, 1] / values[:, 0]}
    )  # fmt: skip


def _between(times: np.ndarray, losses: np.ndarray) -> int:
    """Number of plateaus of a curve between half and two hundredths of its first loss."""
    levels = observables.measure(times, losses, min_duration=0).levels / losses[0]
    return int(((levels < 0.5) & (levels > 0.02)).sum())


def kernel(net: DeepLinear, theta: np.ndarray) -> np.ndarray:
    """Tangent kernel of the map, sum_l (P_l P_l') (x) (Q_l' Q_l), (runs, entries, entries)."""
    behind, before, _ = theory.products(net.weights(theta))
    pairs = zip(behind, before, strict=True)
    full = sum(np.einsum("...ab,...cd->...acbd", p @ p.mT, q.mT @ q) for p, q in pairs)
    return full.reshape(*full.shape[:-4], net.syz.size, net.syz.size)


def completions(settings: Sequence[tuple[int, float, int]], width: int, seed: int) -> pd.DataFrame:
    """`completion` at each (depth, gamma, runs), one below the other."""
    return pd.concat([completion(*setting, width, seed) for setting in settings])


def completion(depth: int, gamma: float, runs: int, width: int, seed: int) -> pd.DataFrame:
    """Matrix completion: 10 x 10 of low rank, from some entries of each row and column.

    Its singular values are all `STRENGTH`, its singular vectors random.  A row for each run.
    Columns: depth, gamma; error, |W - M| over |M| on the entries not given; rank, the number of
    singular values of the map above two hundredths of the largest; left, the loss over that of the
    map 0.
    """
    rng = np.random.default_rng([seed, depth])
    factors = np.linalg.qr(rng.standard_normal((2, runs, SIZE, RANK)))[0]
    target = STRENGTH * factors[0] @ factors[1].mT
    band = (np.subtract.outer(range(SIZE), range(SIZE)) % SIZE < GIVEN) * 1.0
    seen = np.array([band[rng.permutation(SIZE)][:, rng.permutation(SIZE)] for _ in range(runs)])
    sizes = (SIZE, *(width,) * (depth - 1), SIZE)
    moments = seen * target, np.eye(SIZE), ((seen * target) ** 2).sum((1, 2))
    net = Completion(sizes, ("identity",) * (depth - 1), (), *moments, seen)
    theta = initial_weights(net, np.full(runs, width ** (-gamma / 2)), rng)
    step = stable_step(depth, width, gamma, STRENGTH)
    for _ in range(15):
        run = descend(net, theta, step, 100, 100)
        theta, left = run.core[-1], run.losses[-1] / net.zero_loss()
        if (left < 1e-5).all():
            break
    w, hidden = net.output(theta), 1 - seen
    missed, norm = (np.linalg.norm(hidden * m, axis=(1, 2)) for m in (w - target, target))
    values = np.linalg.svd(w, compute_uv=False)
    rank = (values > 0.02 * values[:, :1]).sum(1)
    return pd.DataFrame(
        {"depth": depth, "gamma": gamma, "error": missed / norm, "rank": rank, "left": left}
    )
