"""The claims of notebook 12, entered in a ledger."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from ...networks import ACTIVATIONS, deep
from ...notebook.ledger import Claim, Ledger
from ...observables import LayeredRun
from ...theory.activations import imbalance_order
from ...theory.deep import fixed_levels, imbalance_rates, norm_rates
from .measure import SCALES, SKIPS, imbalance_orders, network, strength, waits


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
        ratios = [np.nanmin(a / b) for a, b in pairwise(first)]
        claims.append(
            ledger.at_least(f"fig6_{kind.lower()}_order", f"{kind}: every layer jumped shortens "
                "the first wait, from weights of the same scale (least ratio of two, over skips "
                "and seeds)", "Figure 6", measured=min(ratios), bound=2.0)
        )  # fmt: skip
    return claims


def _claim_network(ledger: Ledger, kind: str, skip: str, runs: Sequence[LayeredRun]) -> list[Claim]:
    tag, words = f"fig6_{kind.lower()}_{[*SKIPS].index(skip)}", f"{kind}, {skip}"
    narrow = fixed_levels(network(kind, SKIPS[skip], 1))
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
            f"{width_words(kind, skip)} on the plateaus and at the end (share of seeds)",
            "Figure 6", holds=[fits(kind, skip, run.widths()) for run in runs]),
    ]  # fmt: skip


def fits(kind: str, skip: str, widths: np.ndarray) -> bool:
    """Whether widths (plateaus, layers) are those expected of a network of Figure 6.

    After k drops every layer has width k, and a branch that a skip over two layers makes idle 0.
    ReLU layers that a skip over one layer joins hold up to three kinds of units where the layer
    before has one (fed from below, through the jumped layer, or both).
    """
    drops = np.arange(len(widths))[:, None]
    low = drops * ([1, 0] if skip == "skips two layers" else np.ones(widths.shape[1], int))
    mixed = kind == "ReLU" and skip == "skips one layer"
    return bool((low <= widths).all() and (widths <= low * ([1, 3] if mixed else 1)).all())


def width_words(kind: str, skip: str) -> str:
    """What `fits` expects, in words."""
    if skip == "skips two layers":
        return "0, 1, 2, and of the branch 0"
    mixed = kind == "ReLU" and skip == "skips one layer"
    return "0, 1, 2" + (" (joined ones up to 3 a unit)" if mixed else "")


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
            "theory of the repository, 1.6", measured=slopes, predicted=[-2, -1, -1], atol=0.03),
        ledger.at_most("fig6_random", "random starts have the same exponents (worst draw)",
            "measured here", measured=np.abs(drawn).max(), bound=0.03),
        ledger.at_most("shortest_path", "the exponent is 2 less the layers on the shortest path, "
            "depth to 8 (worst)", "theory of the repository, 1.9",
            measured=off.abs().to_numpy().max(), bound=0.03),
    ]  # fmt: skip


def claim_imbalance(ledger: Ledger, seed: int) -> list[Claim]:
    """Claims: the imbalance identity is exact, and its order is that of the activation."""
    rng, worst, source = np.random.default_rng(seed), 0.0, "derived; cf. arXiv 2605.01288"
    x, y = rng.standard_normal((9, 3)), rng.standard_normal((9, 2))
    for phi in ACTIVATIONS:
        net = deep([3, 5, 4, 6, 2], x, y, phi)
        theta = 0.5 * net.draw(rng)
        norms = norm_rates(net, theta)
        off = np.diff(norms) - imbalance_rates(net, theta)
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
