"""Figure 6's runs, and waiting times of deep networks with skips or with only some layers small."""

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd

from ... import networks
from ...datasets import panel
from ...dynamics import descend, escapes, flows
from ...networks import Layered, initial_units, pack
from ...observables import LayeredRun, exponent
from ...theory import deep
from ...theory.activations import lowest_order

SKIPS = {"no skip": (), "skips one layer": ((2, 3),), "skips two layers": ((1, 3),)}
SCALES = (1.0, 0.1, 0.01)  # of the initial weights by the skip, so that each network has plateaus
ENDS = {"linear": (1e5, 4e3, 400.0), "ReLU": (8e3, 3e3, 100.0)}  # of the runs
STEP = 0.4  # of gradient descent for ReLU, in gradient-flow time
TAU = 0.1  # of the largest size, from which a unit counts
SHARE = 0.05  # of the loss that has fallen when a network has escaped
PATH = 0.25  # step along the path of a smooth network (`dynamics.escapes`)
PHIS = ("identity", "relu", "tanh", "gelu")
OTHERS = ("sigmoid", "softplus", "x_tanh")  # sigma(0) != 0, or sigma'(0) = 0


def network(kind: str, skips: Sequence[tuple[int, int]], width: int, depth: int = 4) -> Layered:
    """The network of Figure 6, "linear" on the data of Figure 1B or "ReLU" on those of 1D."""
    data = panel("fig1b" if kind == "linear" else "fig1d")
    x, y = data.x, data.y.reshape(len(data.x), -1)
    sizes = [x.shape[1], *[width] * (depth - 1), y.shape[1]]
    if kind == "linear":
        return networks.deep_linear(sizes, x, y, skips)
    return networks.deep(sizes, x, y, "relu", skips)


def strength() -> float:
    """Largest singular value of the correlations that the linear network of Figure 6 learns."""
    return float(np.linalg.norm(panel("fig1b").network.syz, 2))


def train(
    kind: str, skip: str, seeds: Sequence[int], width: int = 8, scale: float = 0.01
) -> list[LayeredRun]:
    """Runs of a network of Figure 6, one a seed, from `scale` times that of its skip in `SCALES`.

    Gradient flow for linear networks, descent with a small step for ReLU; each run is cut soon
    after its last drop.
    """
    number, net = [*SKIPS].index(skip), network(kind, SKIPS[skip], width)
    theta = initial_units(net, 1, scale * SCALES[number], [*seeds])
    end = ENDS[kind][number]
    if kind == "linear":
        runs = flows(net, theta, end, 1e-5)
    else:
        steps = int(end / STEP)
        run = descend(net, theta, STEP, steps, max(1, steps // 600))
        runs = [run.member(i) for i in range(len(theta))]
    return [LayeredRun(net, run, TAU).settled(1.5) for run in runs]


def waits(net: Layered, theta: np.ndarray) -> np.ndarray:
    """Time in which each start loses `SHARE` of its loss, (starts,); nan if it does not."""
    return escapes(net, theta, (1 - SHARE) * net.loss(theta), PATH if net.smooth else None)[0]


def escapes_with_skips(scales: np.ndarray, seeds: Sequence[int], width: int = 4) -> pd.DataFrame:
    """Waiting times of four linear layers, a row for each skip, scale and seed (-1: balanced)."""
    tables = []
    for number, skips in enumerate(SKIPS.values()):
        net = network("linear", skips, width)
        settings, theta = deep.starts_of_norm(net, scales, seeds)
        tables.append(pd.DataFrame({"skip": number, **settings, "time": waits(net, theta)}))
    return pd.concat(tables, ignore_index=True)


def skip_table(depths: Sequence[int], scales: np.ndarray, width: int = 3) -> pd.DataFrame:
    """Exponents of balanced linear networks by depth and by the layers that one skip jumps.

    The skip goes from the first hidden layer on.  Columns: depth, jumped, effective, the number of
    layers on the shortest path, and exponent, measured.
    """
    rows = []
    for depth, jumped in ((d, j) for d in depths for j in range(d - 1)):
        skips = ((1, 1 + jumped),) if jumped else ()
        net = network("linear", skips, width, depth)
        times = waits(net, deep.starts_of_norm(net, scales, ())[1])
        rows.append((depth, jumped, deep.effective_depth(depth, skips), exponent(scales, times)))
    return pd.DataFrame(rows, columns=["depth", "jumped", "effective", "exponent"])


def mixed_start(
    net: Layered, small: Sequence[int], scale: float, rng: np.random.Generator
) -> np.ndarray:
    """One row of weights: N(0, scale^2) in the layers `small` (from 0), He-normal in the others."""
    weights = net.weights(net.draw(rng))
    sizes = [scale if k in small else np.sqrt(2 / w.shape[1]) for k, w in enumerate(weights)]
    return pack([s * w for s, w in zip(sizes, weights, strict=True)])


def critical_depth(
    depths: Sequence[int], seeds: Sequence[int], phis: Sequence[str] = PHIS, width: int = 10
) -> pd.DataFrame:
    """Exponents of the wait with r of the layers small, a row for each phi, depth, seed and r.

    Which layers are small is drawn with the seed, and "degree" is theirs (`deep.small_degree`); nan
    where a run does not escape.  On 16 samples of a task in three dimensions.
    """
    rng, rows = np.random.default_rng(0), []
    x = rng.standard_normal((16, 3))
    y = x @ [1.0, -0.5, 0.3] + 0.3 * np.abs(x[:, 0])
    for phi, depth in itertools.product(phis, depths):
        net, starts, settings = networks.deep([3, *[width] * (depth - 1), 1], x, y, phi), [], []
        for seed, r in itertools.product(seeds, range(2, depth + 1)):
            small = np.random.default_rng([seed, depth, r]).choice(depth, r, replace=False)
            scales = np.array([1e-2, 1e-3, 1e-4]) * (0.01 if r == 2 else 1)  # 2: a logarithm
            starts += [mixed_start(net, small, s, np.random.default_rng(seed)) for s in scales]
            settings.append((r, seed, deep.small_degree(lowest_order(phi), depth, small), scales))
        times = waits(net, np.stack(starts)).reshape(-1, 3)
        for (*setting, scales), three in zip(settings, times, strict=True):
            rows.append((phi, depth, *setting, exponent(scales, three)))
    return pd.DataFrame(rows, columns=["phi", "depth", "small", "seed", "degree", "exponent"])


def imbalance_orders(phis: Sequence[str], seed: int, draws: int = 50) -> np.ndarray:
    """Order in the size of the weights of the imbalance that an activation makes, (phis,).

    Of two layers: the rate goes as c^(order + 1) when all weights go as c, for dL/dh_1 passes one
    layer of weights.  It is the root of the mean square over draws of the weights, for one draw
    may nearly cancel the lowest order.  nan where it vanishes to rounding.
    """
    rng, found = np.random.default_rng(seed), []
    x, y = rng.standard_normal((9, 3)), rng.standard_normal((9, 2))
    for phi in phis:
        net = networks.deep([3, 4, 2], x, y, phi)
        theta = np.stack([net.draw(rng) for _ in range(draws)])
        sizes = [np.linalg.norm(deep.imbalance_rates(net, c * theta)) for c in (1e-3, 1e-4)]
        tiny = sizes[0] < 1e-12 * np.linalg.norm(deep.norm_rates(net, 1e-3 * theta)[:, 0])
        found.append(np.nan if tiny else np.log10(sizes[0] / sizes[1]) - 1)
    return np.array(found)
