"""Training over gamma: a phase diagram of plateaus, and matrix completion."""

import numpy as np

from ... import observables
from ...dynamics import descend
from ...dynamics.sweeps import sweep_over
from ...networks.deep import Completion, DeepLinear
from ...theory import deep_linear as theory
from .runs import SIZE, STRENGTHS, initial_weights, products, rank_losses, train

STRENGTH = 5.0  # of the matrices to be completed
GAMMAS, WIDTHS = np.linspace(0.4, 2.8, 25), (4, 6, 8, 11, 16, 20, 26, 32)


def phases(seed: int, draws: int = 5) -> dict[str, np.ndarray]:
    """Training over gamma and width, three layers: plateaus, kernel change, rank, (25, 8) each.

    Keys: gammas, widths; plateaus, the mean number of plateaus between the first and the last
    level; kernel, the median change of the kernel over its initial norm; second, the median
    sigma_2 / sigma_1 of the map when half of what the first mode takes of the loss is gone.
    """
    found = sweep_over(_phase_column, WIDTHS, [seed] * len(WIDTHS), [draws] * len(WIDTHS))
    keys = ("plateaus", "kernel", "second", "left")
    columns = {key: np.stack([f[key] for f in found], axis=1) for key in keys}
    return {"gammas": GAMMAS, "widths": np.array(WIDTHS), **columns}


def _phase_column(width: int, seed: int, draws: int) -> dict[str, np.ndarray]:
    net = theory.whitened([4, width, width, 4], STRENGTHS)
    scales = np.repeat(width ** (-GAMMAS / 2), draws)
    theta = initial_weights(net, scales, np.random.default_rng([seed, width]))

    def probe(at: np.ndarray) -> np.ndarray:
        return np.linalg.svd(net.output(at), compute_uv=False)

    found = train(net, theta, 1000, probe, chunk=5, end=1e-3)
    curves = zip(found.times.T, found.losses.T, strict=True)
    count = [_between(*curve) for curve in curves]
    change = kernel(net, found.theta) - kernel(net, theta)
    moved = np.linalg.norm(change, axis=(1, 2)) / np.linalg.norm(kernel(net, theta), axis=(1, 2))
    half = (1 + rank_losses()[1]) / 2 * net.zero_loss()
    at = (found.losses[::5] < half).argmax(0)
    values = found.seen[at, range(len(scales))]
    shaped = {"plateaus": np.array(count), "kernel": moved, "second": values[:, 1] / values[:, 0],
              "left": found.losses[-1] / net.zero_loss()}  # fmt: skip
    reduce = {"plateaus": np.mean, "left": np.max}
    return {k: reduce.get(k, np.median)(v.reshape(-1, draws), axis=1) for k, v in shaped.items()}


def _between(times: np.ndarray, losses: np.ndarray) -> int:
    """Number of plateaus of a curve between half and a thousandth of its first loss."""
    stairs = observables.measure(times, losses, min_duration=0)
    return int(np.sum((stairs.levels < 0.5 * losses[0]) & (stairs.levels > 0.02 * losses[0])))


def kernel(net: DeepLinear, theta: np.ndarray) -> np.ndarray:
    """Tangent kernel of the map, sum_l (P_l P_l') (x) (Q_l' Q_l), (runs, entries, entries)."""
    parts = zip(*products(net, net.weights(theta)), strict=True)
    full = sum(np.einsum("...ab,...cd->...acbd", p @ p.mT, q.mT @ q) for p, q in parts)
    return full.reshape(*full.shape[:-4], net.syz.size, net.syz.size)


def completion(
    depth: int, gamma: float, seed: int, runs: int, width: int = 100, rank: int = 2,
    given: int = 7, steps: int = 3000,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Matrix completion: 10 x 10 of low rank, from `given` entries of each row and column.

    Its singular values are all `STRENGTH`, its singular vectors random.  Keys, all (runs,): error,
    |W - M| over |M| on the entries not given; rank, the number of singular values of the map above
    two hundredths of the largest; left, the loss over that of the map 0.
    """
    rng = np.random.default_rng([seed, depth])
    factors = np.linalg.qr(rng.standard_normal((2, runs, SIZE, rank)))[0]
    target = STRENGTH * factors[0] @ factors[1].mT
    band = (np.subtract.outer(range(SIZE), range(SIZE)) % SIZE < given) * 1.0
    seen = np.array([band[rng.permutation(SIZE)][:, rng.permutation(SIZE)] for _ in range(runs)])
    sizes = (SIZE, *(width,) * (depth - 1), SIZE)
    net = Completion(sizes, ("identity",) * (depth - 1), (), target, seen)
    theta = initial_weights(net, np.full(runs, width ** (-gamma / 2)), rng)
    start = 2.0 ** (depth - 2) * width ** ((1 - gamma) * (depth - 1))  # of the kernel, about
    step = 0.5 / (depth * max(STRENGTH ** (2 - 2 / depth), start))
    zero = ((seen * target) ** 2).sum((1, 2)) / 2
    for _ in range(0, steps, 100):
        run = descend(net, theta, step, 100, 100)
        theta = run.core[-1]
        if (run.losses[-1] < 1e-5 * zero).all():
            break
    w, hidden = net.output(theta), 1 - seen
    error = np.linalg.norm(hidden * (w - target), axis=(1, 2))
    error /= np.linalg.norm(hidden * target, axis=(1, 2))
    values = np.linalg.svd(w, compute_uv=False)
    count = (values > 0.02 * values[:, :1]).sum(1)
    return {"error": error, "rank": count, "left": run.losses[-1] / zero}
