"""Figure 6's runs, waits of deep networks with skips or with only some layers small, the claims."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ... import networks
from ...datasets import panel
from ...dynamics import descend, escapes, flows
from ...networks import ACTIVATIONS, Layered, initial_units, pack
from ...notebook.ledger import Claim, Ledger
from ...observables import LayeredRun, exponent
from ...theory import deep
from ...theory.activations import imbalance_order, lowest_order

SKIPS = {"no skip": (), "skips one layer": ((2, 3),), "skips two layers": ((1, 3),)}
SCALES = (1.0, 0.1, 0.01)  # of the initial weights by the skip, so that each network has plateaus
ENDS = {"linear": (1e5, 4e3, 400.0), "ReLU": (8e3, 3e3, 100.0)}  # of the runs
STEP = 0.5  # of gradient descent for ReLU, in gradient-flow time
TAU = 0.1  # of the largest size, from which a unit counts
SHARE = 0.05  # of the loss that has fallen when a network has escaped
PATH = 0.4  # step along the path of a network (`dynamics.escapes`)
SHORT = 0.1  # the same where fields jump, or are stiff, for sigma(0) != 0
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
        runs = flows(net, theta, end, 1e-4)
    else:
        steps = int(end / STEP)
        run = descend(net, theta, STEP, steps, max(1, steps // 600))
        runs = [run.member(i) for i in range(len(theta))]
    return [LayeredRun(net, run, TAU).settled(1.5) for run in runs]


def waits(net: Layered, theta: np.ndarray) -> np.ndarray:
    """Time in which each start loses `SHARE` of its loss, (starts,); nan if it does not."""
    calm = net.smooth and all(ACTIVATIONS[phi].vanishes for phi in net.phis)
    return escapes(net, theta, (1 - SHARE) * net.loss(theta), PATH if calm else SHORT)[0]


def escapes_with_skips(scales: np.ndarray, seeds: Sequence[int]) -> pd.DataFrame:
    """Waiting times of four linear layers, a row for each skip, scale and seed (-1: balanced)."""
    tables = []
    for number, skips in enumerate(SKIPS.values()):
        net = network("linear", skips, 4)
        settings, theta = deep.starts_of_norm(net, scales, seeds)
        tables.append(pd.DataFrame({"skip": number, **settings, "time": waits(net, theta)}))
    return pd.concat(tables, ignore_index=True)


def skip_table(depths: Sequence[int], scales: np.ndarray) -> pd.DataFrame:
    """Exponents of balanced linear networks by depth and by the layers that one skip jumps.

    The skip goes from the first hidden layer on.  Columns: depth, jumped, effective, the number of
    layers on the shortest path, and exponent, measured.
    """
    rows = []
    for depth, jumped in ((d, j) for d in depths for j in range(d - 1)):
        skips = ((1, 1 + jumped),) if jumped else ()
        net = network("linear", skips, 3, depth)
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
    depths: Sequence[int], seeds: Sequence[int], phis: Sequence[str] = PHIS
) -> pd.DataFrame:
    """Exponents of the wait with r of the layers small, a row for each phi, depth, seed and r.

    Which layers are small is drawn with the seed, and "degree" is theirs (`deep.small_degree`); nan
    where a run does not escape.  On 16 samples of a task in three dimensions.
    """
    rng, rows = np.random.default_rng(0), []
    x = rng.standard_normal((16, 3))
    y = x @ [1.0, -0.5, 0.3] + 0.3 * np.abs(x[:, 0])
    for phi, depth in itertools.product(phis, depths):
        net, starts, settings = networks.deep([3, *[10] * (depth - 1), 1], x, y, phi), [], []
        for seed, r in itertools.product(seeds, range(2, depth + 1)):
            small = np.random.default_rng([seed, depth, r]).choice(depth, r, replace=False)
            scales = np.array([1e-2, 1e-3, 1e-4]) * (0.01 if r == 2 else 1)  # 2: a logarithm
            starts += [mixed_start(net, small, s, np.random.default_rng(seed)) for s in scales]
            settings.append((r, seed, deep.small_degree(lowest_order(phi), depth, small), scales))
        times = waits(net, np.stack(starts)).reshape(-1, 3)
        for (*setting, scales), three in zip(settings, times, strict=True):
            rows.append((phi, depth, *setting, exponent(scales, three)))
    return pd.DataFrame(rows, columns=["phi", "depth", "small", "seed", "degree", "exponent"])


def imbalance_orders(phis: Sequence[str], seed: int) -> np.ndarray:
    """Order in the size of the weights of the imbalance that an activation makes, (phis,).

    Of two layers: the rate goes as c^(order + 1) when all weights go as c, for dL/dh_1 passes one
    layer of weights.  It is the root of the mean square over draws of the weights, for one draw
    may nearly cancel the lowest order.  nan where it vanishes to rounding.
    """
    rng, found = np.random.default_rng(seed), []
    x, y = rng.standard_normal((9, 3)), rng.standard_normal((9, 2))
    for phi in phis:
        net = networks.deep([3, 4, 2], x, y, phi)
        theta = np.stack([net.draw(rng) for _ in range(50)])
        sizes = [np.linalg.norm(deep.imbalance_rates(net, c * theta)) for c in (1e-3, 1e-4)]
        tiny = sizes[0] < 1e-12 * np.linalg.norm(deep.norm_rates(net, 1e-3 * theta)[:, 0])
        found.append(np.nan if tiny else np.log10(sizes[0] / sizes[1]) - 1)
    return np.array(found)


def claim_fig6(ledger: Ledger, runs: Mapping[str, Mapping]) -> list[Claim]:
    """Claims on each network of Figure 6: drops, levels and widths; and on their first waits."""
    claims = []
    for kind, by_skip in runs.items():
        for skip, ensemble in by_skip.items():
            claims += _claim_network(ledger, kind, skip, ensemble)
        starts = [np.stack([r.trajectory.theta[0] for r in rs]) for rs in by_skip.values()]
        first = [
            waits(rs[0].network, theta / scale)
            for rs, theta, scale in zip(by_skip.values(), starts, SCALES, strict=True)
        ]
        ratios = [np.nanmin(a / b) for a, b in itertools.pairwise(first)]
        claims.append(
            ledger.at_least(f"fig6_{kind.lower()}_order", f"{kind}: every layer jumped shortens "
                "the first wait, from weights of the same scale (least ratio of two, over skips "
                "and seeds)", "Figure 6", measured=min(ratios), bound=2.0)
        )  # fmt: skip
    return claims


def _claim_network(ledger: Ledger, kind: str, skip: str, runs: Sequence[LayeredRun]) -> list[Claim]:
    tag, words = f"fig6_{kind.lower()}_{[*SKIPS].index(skip)}", f"{kind}, {skip}"
    narrow = deep.fixed_levels(network(kind, SKIPS[skip], 1))
    drops = [len(run.staircase.half_drops) for run in runs]
    plateaus = [run.staircase.levels[1] for run, n in zip(runs, drops, strict=True) if n]
    off = np.abs(np.subtract.outer(plateaus, narrow)).min(1)
    waiting = [n == 1 and run.losses[-1] > 0.4 for n, run in zip(drops, runs, strict=True)]
    late = f"; {sum(waiting)} still wait after one" if any(waiting) else ""
    return [
        ledger.share(f"{tag}_drops", f"{words}: two drops, of one unit each (share of {len(runs)} "
            f"seeds{late})", "Figure 6", holds=np.equal(drops, 2) | waiting),
        ledger.at_most(f"{tag}_levels", f"{words}: the plateau is at the level of a network of "
            "width one (median of seeds)", "Corollary 2", measured=np.median(off), bound=0.01),
        ledger.share(f"{tag}_widths", f"{words}: effective width of layers "
            f"{expected_widths(kind, skip)[2]} on the plateaus and at the end (share of seeds)",
            "Figure 6", holds=[fits(kind, skip, run.widths()) for run in runs]),
    ]  # fmt: skip


def expected_widths(kind: str, skip: str) -> tuple[list[int], list[int], str]:
    """Least and largest width that layers of a network of Figure 6 add at a drop; and in words.

    Every layer adds one, and a branch that a skip over two layers makes idle none.  ReLU layers
    that a skip over one layer joins hold up to three kinds of units where the layer before has one
    (fed from below, through the jumped layer, or both).
    """
    if skip == "skips two layers":
        return [1, 0], [1, 0], "0, 1, 2, and of the branch 0"
    if kind == "ReLU" and skip == "skips one layer":
        return [1, 1], [1, 3], "0, 1, 2 (joined ones up to 3 a unit)"
    return [1], [1], "0, 1, 2"


def fits(kind: str, skip: str, widths: np.ndarray) -> bool:
    """Whether widths (plateaus, layers) are the `expected_widths`, of which the first is 0."""
    low, high, _ = expected_widths(kind, skip)
    drops = np.arange(len(widths))[:, None]
    return bool((drops * low <= widths).all() and (widths <= drops * high).all())


def claim_effective_depth(ledger: Ledger, table: pd.DataFrame, depths: pd.DataFrame) -> list[Claim]:
    """Claims: exponents -2, -1 and a logarithm; and the shortest path decides, to depth 8."""
    slopes, drawn = [], []
    for number, rows in table.groupby("skip"):
        times = rows.pivot(index="scale", columns="seed", values="time")
        values = np.log(times[-1]) if number < 2 else strength() * times[-1]
        slopes.append(float(np.polyfit(np.log(times.index), values, 1)[0]))
        third, second, first = times.drop(columns=-1).to_numpy()[:3]  # from the smallest scales
        drawn.append(np.log10((second - first) / (third - second)) + 2 - number)
    off = depths["exponent"] - (2 - depths["effective"])
    return [
        ledger.close("fig6_exponents", "slopes in ln scale, 1e-2 to 1e-6, balanced start: of ln t "
            "without a skip and with one layer jumped, of s_1 t with two",
            "derived", measured=slopes, predicted=[-2, -1, -1], atol=0.03),
        ledger.at_most("fig6_random", "random starts have the same exponents (worst draw)",
            "measured here", measured=np.abs(drawn).max(), bound=0.03),
        ledger.at_most("shortest_path", "the exponent is 2 less the layers on the shortest path, "
            "depth to 8 (worst)", "derived",
            measured=off.abs().to_numpy().max(), bound=0.03),
    ]  # fmt: skip


def claim_imbalance(ledger: Ledger, seed: int) -> list[Claim]:
    """Claims: the imbalance identity is exact, and its order is that of the activation."""
    rng, worst, source = np.random.default_rng(seed), 0.0, "derived; cf. arXiv 2605.01288"
    x, y = rng.standard_normal((9, 3)), rng.standard_normal((9, 2))
    for phi in ACTIVATIONS:
        net = networks.deep([3, 5, 4, 6, 2], x, y, phi)
        theta = 0.5 * net.draw(rng)
        norms = deep.norm_rates(net, theta)
        off = np.diff(norms) - deep.imbalance_rates(net, theta)
        worst = max(worst, float(np.abs(off).max() / np.abs(norms).max()))
    known = {phi: imbalance_order(phi) for phi in ACTIVATIONS}
    curved = {phi: float(order) for phi, order in known.items() if order is not None}
    return [
        ledger.at_most("imbalance_identity", "norms of layers part as the identity says (worst of "
            f"{len(ACTIVATIONS)} activations, relative)", source, measured=worst, bound=1e-12),
        ledger.equal("imbalance_none", "and not at all for", source,
            measured=[p for p in ACTIVATIONS if np.isnan(imbalance_orders([p], seed)[0])],
            predicted=[p for p in ACTIVATIONS if p not in curved]),
        ledger.close("imbalance_orders", "elsewhere at the order of sigma(a) - a sigma'(a)", source,
            measured=imbalance_orders([*curved], seed), predicted=[*curved.values()], atol=0.05),
    ]  # fmt: skip


def claim_law(ledger: Ledger, table: pd.DataFrame, others: pd.DataFrame) -> list[Claim]:
    """Claims: the critical-depth law for four activations; where it fails, and what holds there."""
    many, curved = others[others["small"] > 2], others[others["phi"] == "x_tanh"]
    flat = many[many["phi"] != "x_tanh"]
    off, wrong = (rows["exponent"] - (2 - rows["small"]) for rows in (table, many))
    return [
        *(
            ledger.share(f"law_{phi}", f"{phi}: share of exponents within .05 of -(r - 2), over "
                "depths, r and draws", "arXiv 2605.01288 (from a summary)",
                holds=each.abs() < 0.05)
            for phi, each in off.groupby(table["phi"], sort=False)
        ),
        ledger.share("law_fails", "sigmoid, softplus, x tanh x: share of exponents further than .5 "
            "from it where three or more layers start small", "looked for here",
            holds=~(wrong.abs() <= 0.5)),
        ledger.share("law_constant", "sigmoid, softplus: share of these whose wait tends to a "
            "limit (exponent above .5)", "derived here", holds=flat["exponent"] > 0.5),
        ledger.share("law_degree", "x tanh x: share of exponents within .05 of 2 - D, D the degree "
            "of the lowest term in the small layers", "derived here",
            holds=(curved["exponent"] - (2 - curved["degree"])).abs() < 0.05),
    ]  # fmt: skip
