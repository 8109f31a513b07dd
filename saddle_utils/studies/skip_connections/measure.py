"""Waiting times of deep networks with skips, and with some layers small and others not."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from ... import networks
from ...datasets import panel
from ...dynamics import RunFailedError, Trajectory, descend, escape
from ...networks import Layered, initial_units, pack
from ...theory import deep

SKIPS = {"no skip": (), "skips one layer": ((2, 3),), "skips two layers": ((1, 3),)}
STEP = 0.05  # of gradient descent in Figure 6, in gradient-flow time
STEPS = {"linear": (9000, 3000, 2000), "ReLU": (36000, 6000, 3000)}  # by the skip
SHARE = 0.05  # of the loss that has fallen when a network has escaped
PHIS = ("identity", "relu", "tanh", "gelu")


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
    kind: str, skip: str, seeds: Sequence[int], width: int = 10, scale: float = 0.02
) -> tuple[Layered, Trajectory]:
    """The network and its runs, one a seed, by gradient descent; recorded at 600 times."""
    net = network(kind, SKIPS[skip], width)
    steps = STEPS[kind][[*SKIPS].index(skip)]
    theta = initial_units(net, 1, scale, [*seeds])
    return net, descend(net, theta, STEP, steps, steps // 600)


def waits(
    net: Layered, starts: Sequence[np.ndarray], share: float = SHARE, rtol: float = 1e-5
) -> np.ndarray:
    """Time in which each start loses this share of its loss, (starts,)."""
    return np.array([escape(net, t, (1 - share) * float(net.loss(t)), rtol)[0] for t in starts])


def exponent(scales: np.ndarray, times: np.ndarray) -> float:
    """Exponent k of times t = c + C scale^k at three scales in geometric sequence.

    0 is a logarithm.  From the ratio of the two differences, to which a constant does not matter.
    """
    first, second = np.diff(times)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.log(np.abs(second / first)) / np.log(scales[1] / scales[0]))


def escapes_with_skips(scales: np.ndarray, seeds: Sequence[int], width: int = 4) -> dict:
    """Waiting times of four linear layers, a row for each skip, scale and seed (-1: balanced)."""
    rows = []
    for number, skips in enumerate(SKIPS.values()):
        net = network("linear", skips, width)
        for scale, seed in itertools.product(scales, (-1, *seeds)):
            if seed < 0:
                theta = deep.aligned_start(net, scale)
            else:
                theta = net.draw(np.random.default_rng(seed))
                theta *= scale / np.linalg.norm(theta)
            rows.append([number, scale, seed, waits(net, [theta])[0]])
    return dict(zip(("skip", "scale", "seed", "time"), np.array(rows).T, strict=True))


def skip_table(depths: Sequence[int], scales: np.ndarray, width: int = 3) -> dict:
    """Exponents of balanced linear networks by depth and by the layers that one skip jumps.

    The skip goes from the first hidden layer on.  Columns: depth, jumped, effective, the number of
    layers on the shortest path, and exponent, measured.
    """
    rows = []
    for depth in depths:
        for jumped in range(depth - 1):
            skips = ((1, 1 + jumped),) if jumped else ()
            net = network("linear", skips, width, depth)
            times = waits(net, [deep.aligned_start(net, s) for s in scales])
            effective = deep.effective_depth(depth, skips)
            rows.append([depth, jumped, effective, exponent(scales, times)])
    names = ("depth", "jumped", "effective", "exponent")
    return dict(zip(names, np.array(rows).T, strict=True))


def mixed_start(
    net: Layered, small: Sequence[int], scale: float, rng: np.random.Generator
) -> np.ndarray:
    """One row of weights: N(0, scale^2) in the layers `small` (from 0), He-normal in the others."""
    weights = net.weights(net.draw(rng))
    sizes = [scale if k in small else np.sqrt(2 / w.shape[1]) for k, w in enumerate(weights)]
    return pack([s * w for s, w in zip(sizes, weights, strict=True)])


def critical_depth(
    depths: Sequence[int], seeds: Sequence[int], phis: Sequence[str] = PHIS, width: int = 10
) -> dict:
    """Exponents of the wait with r of the layers small, a row for each phi, depth, r and seed.

    Which layers are small is drawn with the seed; nan where a run does not escape.  On 16 samples
    of a task in three dimensions.
    """
    rng = np.random.default_rng(0)
    x = rng.standard_normal((16, 3))
    y = x @ [1.0, -0.5, 0.3] + 0.3 * np.abs(x[:, 0])
    rows = []
    for phi, depth, seed in itertools.product(phis, depths, seeds):
        net = networks.deep([3, *[width] * (depth - 1), 1], x, y, phi)
        for r in range(2, depth + 1):
            small = np.random.default_rng([seed, depth, r]).choice(depth, r, replace=False)
            scales = np.array([1e-4, 1e-5, 1e-6]) if r == 2 else np.array([1e-2, 1e-3, 1e-4])
            starts = [mixed_start(net, small, s, np.random.default_rng(seed)) for s in scales]
            try:
                found = exponent(scales, waits(net, starts))
            except RunFailedError:
                found = np.nan
            rows.append([phi, depth, r, seed, found])
    names = ("phi", "depth", "small", "seed", "exponent")
    return dict(zip(names, map(np.array, zip(*rows, strict=True)), strict=True))


def imbalance_orders(phis: Sequence[str], seed: int) -> np.ndarray:
    """Order in the size of the weights of the imbalance that an activation makes, (phis,).

    Of two layers: the rate goes as c^(order + 1) when all weights go as c, for dL/dh_1 passes one
    layer of weights.  nan where it vanishes to rounding.
    """
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((9, 3)), rng.standard_normal((9, 2))
    found = []
    for phi in phis:
        net = networks.deep([3, 4, 2], x, y, phi)
        theta = net.draw(rng)
        rates = [float(deep.imbalance_rates(net, c * theta)[0]) for c in (1e-3, 1e-4)]
        tiny = np.abs(rates[0]) < 1e-12 * np.abs(deep.norm_rates(net, 1e-3 * theta)[0])
        found.append(np.nan if tiny else np.log10(np.abs(rates[0] / rates[1])) - 1)
    return np.array(found)


def predicted_exponent(order: int, depth: int) -> float:
    """Exponent of the wait from the origin for a lowest order p of the activation; 0: logarithm.

    The lowest term of the map is of degree D = 1 + p + p^2 + ... + p^(depth - 1) in the weights, so
    the wait goes as scale^-(D - 2): -(depth - 2) for p = 1.  With p = 0 the last layer sees a
    constant at once: there is no wait that grows, +1 here.
    """
    if order == 0:
        return 1.0
    return 2.0 - sum(order**k for k in range(depth))


def type_of(exponent: float) -> str:
    """The kind of wait of an exponent: "none", "logarithm", or the power of 1 / scale."""
    if exponent > 0.5:
        return "none"
    return "logarithm" if exponent > -0.5 else f"power {round(-exponent)}"
