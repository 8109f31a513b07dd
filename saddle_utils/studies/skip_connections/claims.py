"""The claims of notebook 12, entered in a ledger."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from ...networks import ACTIVATIONS, deep
from ...notebook.ledger import Claim, Ledger
from ...observables import LayeredRun, least_share
from ...theory.activations import imbalance_order
from ...theory.deep import fixed_levels, imbalance_rates, norm_rates
from .measure import SCALES, SKIPS, imbalance_orders, network, strength, waits


def claim_fig6(ledger: Ledger, runs: Mapping[str, Mapping]) -> list[Claim]:
    """Claims on each network of Figure 6: drops, levels and widths; and on their first waits."""
    claims = []
    for kind, by_skip in runs.items():
        for skip, ensemble in by_skip.items():
            claims += _claim_network(ledger, kind, skip, ensemble)
        first = [
            waits(rs[0].network, [run.trajectory.theta[0] / scale for run in rs])
            for rs, scale in zip(by_skip.values(), SCALES, strict=True)
        ]
        ratios = [np.nanmin(a / b) for a, b in pairwise(first)]
        claims.append(
            ledger.at_least(
                f"fig6_{kind.lower()}_order", f"{kind}: every layer jumped shortens the first "
                "wait, from weights of the same scale (least ratio of two, over skips and seeds)",
                "Figure 6", measured=min(ratios), bound=2.0,
            )
        )  # fmt: skip
    return claims


def _claim_network(ledger: Ledger, kind: str, skip: str, runs: Sequence[LayeredRun]) -> list[Claim]:
    tag = f"fig6_{kind.lower()}_{[*SKIPS].index(skip)}"
    words, least = f"{kind}, {skip}", least_share(0.95, len(runs))
    narrow = fixed_levels(network(kind, SKIPS[skip], 1))
    seen = [run for run in runs if len(run.staircase.half_drops)]
    off = [np.abs(narrow - run.staircase.levels[1]).min() for run in seen]
    right = [fits(kind, skip, run.widths()) for run in runs]
    two = [len(run.staircase.half_drops) == 2 for run in runs]
    waiting = [len(run.staircase.half_drops) == 1 and run.losses[-1] > 0.4 for run in runs]
    late = f"; {sum(waiting)} still wait after one" if any(waiting) else ""
    return [
        ledger.at_least(
            f"{tag}_drops", f"{words}: two drops, of one unit each (share of {len(runs)} seeds"
            f"{late})", "Figure 6", measured=np.mean(np.logical_or(two, waiting)), bound=least,
        ),
        ledger.at_most(
            f"{tag}_levels", f"{words}: the plateau is at the level of a network of width one "
            "(median of seeds)", "Corollary 2", measured=np.median(off), bound=0.01,
        ),
        ledger.at_least(
            f"{tag}_widths", f"{words}: effective width of layers {width_words(kind, skip)} on the "
            "plateaus and at the end (share of seeds)", "Figure 6", measured=np.mean(right),
            bound=least,
        ),
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


def claim_effective_depth(ledger: Ledger, table: Mapping, depths: Mapping) -> list[Claim]:
    """Claims: exponents -2, -1 and a logarithm; and the shortest path decides, to depth 8."""
    slopes, drawn = [], []
    for number in range(len(SKIPS)):
        here = table["skip"] == number
        aligned = here & (table["seed"] < 0)
        scales, times = np.log(table["scale"][aligned]), table["time"][aligned]
        values = np.log(times) if number < 2 else strength() * times
        slopes.append(float(np.polyfit(scales, values, 1)[0]))
        for seed in np.unique(table["seed"][here & (table["seed"] >= 0)]):
            of = here & (table["seed"] == seed)
            first, second, third = table["time"][of][-3:]
            drawn.append(np.log10((second - first) / (third - second)) + 2 - number)
    off = depths["exponent"] - (2 - depths["effective"])
    return [
        ledger.close(
            "fig6_exponents", "slopes in ln scale, 1e-2 to 1e-6, balanced start: of ln t without a "
            "skip and with one layer jumped, of s_1 t with two", "theory of the repository, 1.6",
            measured=slopes, predicted=[-2, -1, -1], atol=0.03,
        ),
        ledger.at_most(
            "fig6_random", "random starts have the same exponents (worst draw)", "measured here",
            measured=np.abs(drawn).max(), bound=0.03,
        ),
        ledger.at_most(
            "shortest_path", "the exponent is 2 less the layers on the shortest path, depth to 8 "
            "(worst)", "theory of the repository, 1.9", measured=np.abs(off).max(), bound=0.03,
        ),
    ]  # fmt: skip


def claim_imbalance(ledger: Ledger, seed: int) -> list[Claim]:
    """Claims: the imbalance identity is exact, and its order is that of the activation."""
    rng, worst = np.random.default_rng(seed), 0.0
    x, y = rng.standard_normal((9, 3)), rng.standard_normal((9, 2))
    for phi in ACTIVATIONS:
        net = deep([3, 5, 4, 6, 2], x, y, phi)
        theta = 0.5 * net.draw(rng)
        norms = norm_rates(net, theta)
        off = np.diff(norms) - imbalance_rates(net, theta)
        worst = max(worst, float(np.abs(off).max() / np.abs(norms).max()))
    known = {phi: imbalance_order(phi) for phi in ACTIVATIONS}
    curved = [phi for phi, order in known.items() if order is not None]
    found = imbalance_orders(curved, seed)
    return [
        ledger.at_most(
            "imbalance_identity", "norms of layers part as the identity says (worst of "
            f"{len(ACTIVATIONS)} activations, relative)", "derived; cf. arXiv 2605.01288",
            measured=worst, bound=1e-12,
        ),
        ledger.equal(
            "imbalance_none", "and not at all for", "derived; cf. arXiv 2605.01288",
            measured=[p for p in ACTIVATIONS if np.isnan(imbalance_orders([p], seed)[0])],
            predicted=[p for p in ACTIVATIONS if known[p] is None],
        ),
        ledger.close(
            "imbalance_orders", "elsewhere at the order of sigma(a) - a sigma'(a)",
            "derived; cf. arXiv 2605.01288", measured=found,
            predicted=[float(known[p]) for p in curved], atol=0.05,
        ),
    ]  # fmt: skip


def claim_law(ledger: Ledger, table: Mapping, others: Mapping) -> list[Claim]:
    """Claims: the critical-depth law for four activations; where it fails, and what holds there."""
    claims = []
    for phi in dict.fromkeys(table["phi"]):
        here = table["phi"] == phi
        off = np.abs(table["exponent"] - (2 - table["small"]))[here]
        claims.append(
            ledger.at_least(
                f"law_{phi}", f"{phi}: share of exponents within .05 of -(r - 2), over depths, r "
                "and draws", "arXiv 2605.01288 (from a summary)",
                measured=np.mean(off < 0.05), bound=least_share(0.95, len(off)),
            )
        )  # fmt: skip
    wrong = np.abs(others["exponent"] - (2 - others["small"]))[others["small"] > 2]
    rest = others["phi"] == "x_tanh"
    flat = ~rest & (others["small"] > 2)
    off = np.abs(others["exponent"] - (2 - others["degree"]))[rest]
    return [
        *claims,
        ledger.at_least(
            "law_fails", "sigmoid, softplus, x tanh x: share of exponents further than .5 from it "
            "where three or more layers start small", "looked for here",
            measured=np.mean(~(wrong <= 0.5)), bound=least_share(0.95, len(wrong)),
        ),
        ledger.at_least(
            "law_constant", "sigmoid, softplus: share of these whose wait tends to a limit "
            "(exponent above .5)", "derived here", measured=np.mean(others["exponent"][flat] > 0.5),
            bound=least_share(0.95, flat.sum()),
        ),
        ledger.at_least(
            "law_degree", "x tanh x: share of exponents within .05 of 2 - D, D the degree of the "
            "lowest term in the small layers", "derived here", measured=np.mean(off < 0.05),
            bound=least_share(0.95, rest.sum()),
        ),
    ]  # fmt: skip
