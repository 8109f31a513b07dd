"""The claims of notebook 12, entered in a ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from ...networks import ACTIVATIONS, deep
from ...notebook.ledger import Claim, Ledger
from ...observables import least_share, measure
from ...theory.activations import imbalance_order
from ...theory.deep import imbalance_rates, norm_rates
from .measure import SKIPS, imbalance_orders, strength, type_of


def claim_fig6(ledger: Ledger, runs: Mapping[str, Mapping]) -> list[Claim]:
    """Claims on Figure 6: each skip shortens the first wait of every seed; plateaus remain."""
    claims = []
    for kind, by_skip in runs.items():
        first = []
        for net, run in by_skip.values():
            losses = run.losses / net.zero_loss()
            first.append(run.times[np.argmax(losses < 0.9, axis=0)])
        ratios = [np.min(a / b) for a, b in pairwise(first)]
        claims.append(
            ledger.at_least(
                f"fig6_{kind.lower()}_order", f"{kind}: every layer jumped shortens the first wait "
                "(least ratio of two, over skips and seeds)", "Figure 6",
                measured=min(ratios), bound=2.0,
            )
        )  # fmt: skip
        net, run = by_skip["no skip"]
        stairs = [measure(run.times, curve, min_drop=0.05) for curve in run.losses.T]
        claims.append(
            ledger.at_least(
                f"fig6_{kind.lower()}_plateau", f"{kind}: share of seeds without a skip with an "
                "abrupt drop from the first plateau", "Figure 6",
                measured=np.mean([len(s.half_drops) >= 1 for s in stairs]), bound=0.9,
            )
        )  # fmt: skip
    return claims


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
    """Claims: the critical-depth law for four activations; it fails where sigma(0) != 0."""
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
    wrong = np.abs(others["exponent"] - (2 - others["small"]))
    claims.append(
        ledger.at_least(
            "law_fails", "sigmoid, softplus: share of exponents further than .5 from it where "
            "three or more layers start small", "looked for here",
            measured=np.mean(wrong[others["small"] > 2] > 0.5), bound=0.5,
        )
    )  # fmt: skip
    return claims


def claim_activations(ledger: Ledger, table: Mapping) -> Claim:
    """Claim: the order of the activation and the depth predict the type of the wait."""
    pairs: Sequence = [*zip(table["predicted"], table["measured"], strict=True)]
    right = [bool(np.isfinite(b)) and type_of(a) == type_of(b) for a, b in pairs]
    return ledger.at_least(
        "wait_types", f"share of {len(right)} random networks whose wait is of the predicted type",
        "section 5; conjecture of the paper", measured=np.mean(right),
        bound=least_share(0.95, len(right)),
    )  # fmt: skip
