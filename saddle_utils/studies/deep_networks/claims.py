"""The claims of notebook 11, entered in a ledger."""

from collections.abc import Mapping, Sequence

import numpy as np

from ...notebook.ledger import Claim, Ledger
from ...observables import least_share, standard_error
from ...theory.deep import escape_time
from .measure import FRACTIONS, DeepRun, shown

UNCLEAN = "D"  # where the second drop also splits units that were one


def claim_panel(ledger: Ledger, runs: Sequence[DeepRun], tolerance: float) -> list[Claim]:
    """Claims of one panel: level and widths of the run shown, and of all seeds with a plateau."""
    run, panel = shown(runs), runs[0].panel
    tag, source = f"fig5{panel.letter.lower()}", f"Figure 5{panel.letter}"
    seen = [r for r in runs if len(r.staircase.levels) == 3]
    narrow = panel.narrow_levels(1)
    off = [np.abs(narrow - r.staircase.levels[1]).min() for r in seen]
    ones = [(r.widths()[1] == 1).all() for r in seen]
    last = None if panel.letter == UNCLEAN else 3
    count = [[k] * len(panel.layers) for k in (0, 1, 2)][: last or 2]
    words = "effective width of each layer on the plateaus" + (" and at the end" if last else "")
    return [
        ledger.equal(
            f"{tag}_widths", words, source, predicted=count, measured=run.widths()[:last or 2]
        ),
        ledger.at_most(
            f"{tag}_levels", "every plateau is at the level of a network of width one (worst seed)",
            "Corollary 2", measured=max(off), bound=tolerance,
        ),
        ledger.at_least(
            f"{tag}_seeds", "share of the plateaus on which every layer has width one", source,
            measured=np.mean(ones), bound=least_share(0.95, len(seen)),
        ),
    ]  # fmt: skip


def claim_ends(ledger: Ledger, runs: Sequence[DeepRun]) -> Claim:
    """Claim: in panel D the second drop leaves the second layer wider than two, at most seeds."""
    ends = np.array([run.widths()[-1] for run in runs])
    return ledger.at_least(
        "fig5d_ends", "share of seeds whose second layer ends with more than two units of its own",
        "measured here", measured=np.mean(ends[:, 1] > 2), bound=least_share(0.9, len(runs)),
    )  # fmt: skip


def claim_linear_layer(ledger: Ledger, runs: Sequence[DeepRun]) -> Claim:
    """Claim: the linear layer of the transformer grows with the heads, by a conserved law."""
    kept = []
    for run in runs:
        heads, layer = run.trajectory.theta[:, :-1, 2], run.trajectory.theta[:, -1, 2]
        kept.append(np.ptp((1 + layer) ** 2 - (heads**2).sum(-1)))
    return ledger.at_most(
        "fig5e_balance", "(1 + w_y)^2 - sum of o_y^2 changes by (worst seed; 0 in gradient flow)",
        "derived here", measured=max(kept), bound=0.01,
    )  # fmt: skip


def claim_recruitment(ledger: Ledger, table: Mapping[str, np.ndarray]) -> list[Claim]:
    """Claims: at a drop both layers recruit as many units, at the same time; in F not."""
    claims, rng = [], np.random.default_rng(0)
    same = table["gain_1"] == table["gain_2"]
    one = same & (table["gain_1"] == 1)
    lag = table["when_1"] - table["when_2"]
    for letter in "ABCD":
        here, tag = table["panel"] == letter, f"recruits_{letter.lower()}"
        first = here & (table["fraction"] == FRACTIONS[0])
        small = here & (table["fraction"] < FRACTIONS[-1])
        starts = (first & (table["setting"] == k) for k in range(4))
        worst = max(np.abs(lag[start].mean()) for start in starts if start.any())
        if letter != UNCLEAN:
            claims += [
                ledger.at_least(
                    f"{tag}_{key}", f"panel {letter}: share of {n.sum()} drops at which both "
                    f"layers recruit {words}", "measured here", measured=np.mean(found[n]),
                    bound=least_share(0.9, n.sum()),
                )
                for key, words, n, found in (
                    ("same", "as many units, at the two smaller scales", small, same),
                    ("one", "one unit, at the smallest scale", first, one),
                )
            ]  # fmt: skip
        claims.append(
            ledger.at_most(
                f"{tag}_lag", f"panel {letter}: mean time between the two at the smallest scale, "
                "over the time of the drop (worst of the four starts)", "measured here",
                measured=worst, bound=0.01,
            )
        )  # fmt: skip
    last = (table["panel"] == "A") & (table["fraction"] == FRACTIONS[-1])
    one_small, three_small = (lag[last & (table["setting"] == k)] for k in (1, 3))
    apart = one_small.mean() - three_small.mean()
    error = np.hypot(*(standard_error(np.mean, x, rng=rng) for x in (one_small, three_small)))
    claims.append(
        ledger.at_least(
            "recruits_a_order", "panel A, largest scale: the layer beside the smaller one is later "
            "(difference of mean times, over its standard error)", "found here, by looking",
            measured=float(apart / error), bound=4.0,
        )
    )  # fmt: skip
    here = (table["panel"] == "F") & (table["fraction"] == FRACTIONS[0]) & (table["drop"] == 0)
    claims.append(
        ledger.at_least(
            "recruits_f_lag", "panel F: at the first drop the linear layer is first (share of "
            f"{here.sum()} runs)", "measured here", measured=np.mean(lag[here] > 0),
            bound=least_share(0.95, here.sum()),
        )
    )  # fmt: skip
    return claims


def _slopes(table: Mapping[str, np.ndarray], column: str, aligned: bool) -> dict[int, np.ndarray]:
    """Slopes of ln `column` in ln scale over the two smallest scales, of each depth, (starts,)."""
    found = {}
    for depth in np.unique(table["depth"]).astype(int):
        here = (table["depth"] == depth) & ((table["seed"] < 0) == aligned)
        small, next_ = np.unique(table["scale"])[:2]
        low, high = (table[column][here & (table["scale"] == s)] for s in (small, next_))
        found[int(depth)] = np.log(high / low) / np.log(next_ / small)
    return found


def claim_depth(ledger: Ledger, table: Mapping[str, np.ndarray]) -> list[Claim]:
    """Claims on escape from the origin: exponents, constants, rank one, balance."""
    aligned, drawn = (_slopes(table, "time", k) for k in (True, False))
    ranks, depths = _slopes(table, "rank", False), [d for d in aligned if d > 2]
    here = (table["seed"] < 0) & (table["scale"] == table["scale"].min()) & (table["depth"] > 2)
    predicted = [escape_time(int(d), 1.0, table["scale"].min()) for d in table["depth"][here]]
    return [
        ledger.close(
            "depth_exponents", "the escape time goes as scale^(2 - L), L = 3 to 6 (balanced)",
            "arXiv 2106.15933", measured=[float(aligned[d][0]) for d in depths],
            predicted=[2 - d for d in depths], atol=0.03,
        ),
        ledger.close(
            "depth_constants", "and its constant is that of theory (measured over predicted)",
            "arXiv 2106.15933", measured=table["time"][here] / predicted,
            predicted=np.ones(len(depths)), atol=0.02,
        ),
        ledger.at_most(
            "depth_random", "random starts have the same exponents (worst draw)",
            "arXiv 2106.15933", bound=0.03,
            measured=max(np.abs(drawn[d] - (2 - d)).max() for d in depths),
        ),
        ledger.at_most(
            "depth_rank", "every layer has rank one on the way, but for a part in proportion to "
            "the scale: exponents of sigma_2/sigma_1 less 1 (worst draw)", "arXiv 2106.15933",
            measured=max(np.abs(ranks[d] - 1).max() for d in depths), bound=0.05,
        ),
        ledger.close(
            "depth_two", "for two layers it is 1 - s_2/s_1 (mean of the draws)", "Theorem 4",
            measured=ranks[2].mean(), predicted=0.6, atol=0.05,
        ),
        ledger.at_most(
            "depth_balance", "W_{l+1}' W_{l+1} - W_l W_l' is kept (largest change over scale^2)",
            "arXiv 2106.15933", measured=table["drift"].max(), bound=1e-4,
        ),
    ]  # fmt: skip
