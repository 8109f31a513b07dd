"""Runs of Figure 5, when each of their layers recruits, escape from the origin; and the claims."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from ...dynamics import descend, escapes, flows
from ...networks import initial_units
from ...notebook.ledger import Claim, Ledger
from ...observables import LayeredRun, imbalance, layer_widths, rank_ratios, standard_error
from ...theory.deep import starts_of_norm
from ...theory.deep_linear import optimal_escape_time, whitened
from .panels import DeepPanel, panels

FRACTIONS = (1.5, 3.0, 6.0)  # of a panel's initial scale, for `recruitment`
SMALLER = 0.1  # size of the layer that starts smaller than the others, there
UNCLEAN = "D"  # where the second drop also splits units that were one
SPLIT = "E"  # where two heads share the second direction now and then, in 1 of 34 seeds seen
DEEP = "arXiv 2106.15933"  # the source of claims on deep linear networks


def train(
    panel: DeepPanel, seeds: Sequence[int], width: int | None = None, fraction: float = 1.0,
    settings: Sequence[Sequence[float]] = (), records: int = 400,
) -> list[LayeredRun]:  # fmt: skip
    """Runs of a panel from `fraction` of its initial scale, one a seed.

    `settings` multiply the initial weights of each layer, (layers,) each; all runs of the first
    setting come first.
    """
    net = panel.build(width or panel.width)
    theta = initial_units(net, panel.rows(width or panel.width), panel.scale * fraction, [*seeds])
    theta = np.concatenate([net.scaled(theta, factors) for factors in settings] or [theta])
    if panel.step:
        run = descend(net, theta, panel.step, panel.steps, max(1, panel.steps // records))
        runs = [run.member(i) for i in range(len(theta))]
    else:
        runs = flows(net, theta, float(panel.steps), 1e-4)
    return [LayeredRun(net, run) for run in runs]


def shown(runs: Sequence[LayeredRun]) -> LayeredRun:
    """The first run of an ensemble that shows the plateau, or the first of all if none does."""
    return next((run for run in runs if len(run.staircase.levels) == 3), runs[0])


def recruits(runs: Sequence[LayeredRun], width: int) -> np.ndarray:
    """When the two hidden layers of runs reach this effective width, by bisection, (runs, 2).

    In gradient-flow time, to the record; nan if a layer never does.  Widths grow.
    """
    net, tau, layers = runs[0].network, runs[0].tau, np.arange(2)
    ends = np.stack([run.trajectory.theta[-1] for run in runs])
    high = np.array([[len(run.times) - 1] * 2 for run in runs])
    low = np.zeros_like(high)

    def reached(records: np.ndarray) -> np.ndarray:
        pairs = zip(runs, records, strict=True)
        theta = np.stack([run.trajectory.theta[two] for run, two in pairs])
        against = np.broadcast_to(ends[:, None], theta.shape)
        return layer_widths(net, theta, tau, against)[:, layers, layers] >= width

    ever = reached(high)
    while (high - low > 1).any():
        middle = (low + high) // 2
        there = reached(middle)
        low, high = np.where(there, low, middle), np.where(there, middle, high)
    times = np.stack([run.times[two] for run, two in zip(runs, high, strict=True)])
    return np.where(ever, times, np.nan)


def recruitment(seed: int, seeds: int) -> pd.DataFrame:
    """When layers recruit: a row for each drop of every run of panels A to D and F.

    From `FRACTIONS` of the panel's initial scale, with all layers alike or one of them smaller.
    panel; fraction; setting (0: alike, l: layer l starts at `SMALLER` of the others); seed; drop;
    and for each of the two hidden layers how many units it gains, and when it does, over the time
    of the half-drop.  For D, whose second drop splits units, the first drop alone.
    """
    rows, smaller = [], [np.where(np.arange(1, 4) == k, SMALLER, 1.0) for k in range(4)]
    for letter, fraction in itertools.product("ABCDF", FRACTIONS):
        panel = panels()[letter]
        panel = replace(panel, steps=int(panel.steps / fraction * (1.4 if panel.step else 3)))
        names = range(panel.seed + seed, panel.seed + seed + seeds)
        runs = train(panel, names, None, fraction, smaller, 1000)
        halves = [run.staircase.half_drops[: 1 if letter == UNCLEAN else None] for run in runs]
        when = [recruits(runs, drop + 1) for drop in range(max(map(len, halves)))]
        for i, (k, name) in enumerate(itertools.product(range(4), names)):
            gains = np.diff(runs[i].widths(), axis=0)
            for drop, half in enumerate(halves[i]):
                times = when[drop][i] / half
                rows.append((letter, fraction, k, name, drop, *gains[drop], *times))
    columns = ["panel", "fraction", "setting", "seed", "drop"]
    return pd.DataFrame(rows, columns=[*columns, "gain_1", "gain_2", "when_1", "when_2"])


def escapes_by_depth(
    depths: Sequence[int], scales: np.ndarray, seeds: Sequence[int]
) -> pd.DataFrame:
    """Escape of deep linear networks from the origin, a row for each depth, scale and seed.

    Target diag(1, .4), white inputs.  Columns: depth; scale, the norm of all weights; seed, -1 for
    the balanced, aligned start; time, until the loss has lost half of what the first drop takes;
    rank, the largest second over first singular value of a layer then; drift, the largest change of
    the imbalance until then over its size.
    """
    tables = []
    for depth in depths:
        net = whitened((2, *[4] * (depth - 1), 2), (1.0, 0.4))
        settings, theta = starts_of_norm(net, scales, seeds)
        times, ends = escapes(net, theta, net.zero_loss() - 0.25, 0.03)
        kept = zip(imbalance(net, theta), imbalance(net, ends), strict=True)
        drift = np.max([np.abs(a - b).max((-2, -1)) for a, b in kept], axis=0)
        table = pd.DataFrame({"depth": depth, **settings, "time": times})
        rank = rank_ratios(net, ends).max(-1)
        tables.append(table.assign(rank=rank, drift=drift / table["scale"] ** 2))
    return pd.concat(tables, ignore_index=True)


def claim_panel(
    ledger: Ledger, panel: DeepPanel, runs: Sequence[LayeredRun], tolerance: float
) -> list[Claim]:
    """Claims of one panel: level and widths of the run shown, and of all seeds with a plateau."""
    tag, source = f"fig5{panel.letter.lower()}", f"Figure 5{panel.letter}"
    seen = [run for run in runs if len(run.staircase.levels) == 3]
    narrow = panel.narrow_levels(1)
    off = [np.abs(narrow - run.staircase.levels[1]).min() for run in seen]
    ones = [(run.widths()[1] == 1).all() for run in seen]
    counted = 2 if panel.letter in (UNCLEAN, SPLIT) else 3  # plateaus
    end = " and at the end" if counted == 3 else ""
    ends = [
        ledger.share("fig5e_ends", "share of the seeds that end with two heads", source,
            holds=[run.widths()[-1, 0] == 2 for run in seen], of=0.9),
    ] if panel.letter == SPLIT else []  # fmt: skip
    return [
        ledger.equal(f"{tag}_widths", f"effective width of each layer on the plateaus{end}", source,
            predicted=[[k] * len(panel.layers) for k in range(counted)],
            measured=shown(runs).widths()[:counted]),
        ledger.at_most(f"{tag}_levels", "every plateau is at the level of a network of width one "
            "(worst seed)", "Corollary 2", measured=max(off), bound=tolerance),
        ledger.share(f"{tag}_seeds", "share of the plateaus on which every layer has width one",
            source, holds=ones), *ends,
    ]  # fmt: skip


def claim_ends(ledger: Ledger, runs: Sequence[LayeredRun]) -> Claim:
    """Claim: in panel D the second drop leaves the second layer wider than two, at most seeds."""
    return ledger.share(
        "fig5d_ends", "share of seeds whose second layer ends with more than two units of its own",
        "measured here", holds=[run.widths()[-1, 1] > 2 for run in runs], of=0.9,
    )  # fmt: skip


def claim_linear_layer(ledger: Ledger, runs: Sequence[LayeredRun]) -> Claim:
    """Claim: the linear layer of the transformer grows with the heads, by a conserved law."""
    kept = []
    for run in runs:
        heads, layer = run.trajectory.theta[:, :-1, 2], run.trajectory.theta[:, -1, 2]
        kept.append(np.ptp((1 + layer) ** 2 - (heads**2).sum(-1)))
    return ledger.at_most(
        "fig5e_balance", "(1 + w_y)^2 - sum of o_y^2 changes by (worst seed; 0 in gradient flow)",
        "derived here", measured=max(kept), bound=0.01,
    )  # fmt: skip


def claim_recruitment(ledger: Ledger, table: pd.DataFrame) -> list[Claim]:
    """Claims: at a drop both layers recruit as many units, at the same time; in F not."""
    table = table.assign(lag=table["when_1"] - table["when_2"])
    first = table[table["fraction"] == FRACTIONS[0]]
    small = table[table["fraction"] < FRACTIONS[-1]]
    claims = []
    for letter in "ABCD":
        tag, here = f"recruits_{letter.lower()}", first[first["panel"] == letter]
        if letter != UNCLEAN:
            both = small[small["panel"] == letter]
            same = both["gain_1"] == both["gain_2"]
            one = (here["gain_1"] == 1) & (here["gain_2"] == 1)
            claims += [
                ledger.share(f"{tag}_{key}", f"panel {letter}: share of {len(found)} drops at "
                    f"which both layers recruit {words}", "measured here", holds=found, of=0.9)
                for key, words, found in (
                    ("same", "as many units, at the two smaller scales", same),
                    ("one", "one unit, at the smallest scale", one),
                )
            ]  # fmt: skip
        lags = [lag.mean(skipna=False) for _, lag in here.groupby("setting")["lag"]]
        claims.append(
            ledger.at_most(f"{tag}_lag", f"panel {letter}: mean time between the two at the "
                "smallest scale, over the time of the drop (worst of the four starts)",
                "measured here", measured=np.abs(lags).max(), bound=0.01)
        )  # fmt: skip
    last = table[(table["panel"] == "A") & (table["fraction"] == FRACTIONS[-1])]
    one, three = (last["lag"][last["setting"] == layer].to_numpy() for layer in (1, 3))
    rng = np.random.default_rng(0)
    error = np.hypot(*(standard_error(np.mean, lag, rng=rng) for lag in (one, three)))
    linear = first[(first["panel"] == "F") & (first["drop"] == 0)]
    return [
        *claims,
        ledger.at_least("recruits_a_order", "panel A, largest scale: the layer beside the smaller "
            "one is later (difference of mean times, over its standard error)",
            "found here, by looking", measured=float((one.mean() - three.mean()) / error),
            bound=4.0),
        ledger.share("recruits_f_lag", "panel F: at the first drop the linear layer is first "
            f"(share of {len(linear)} runs)", "measured here", holds=linear["lag"] > 0),
    ]  # fmt: skip


def slopes(table: pd.DataFrame, column: str) -> tuple[pd.Series, pd.DataFrame]:
    """Slopes of ln `column` in ln scale over the two smallest scales.

    Of the aligned start, by depth; and of the drawn ones, a row a depth and a column a seed.
    """
    values = table.pivot(index="scale", columns=["depth", "seed"], values=column)
    (small, low), (larger, high) = [*values.iterrows()][:2]
    found = (np.log(high / low) / np.log(larger / small)).unstack()
    return found[-1], found.drop(columns=-1)


def claim_depth(ledger: Ledger, table: pd.DataFrame) -> list[Claim]:
    """Claims on escape from the origin: exponents, constants, rank one, balance."""
    (aligned, drawn), (_, ranks) = (slopes(table, column) for column in ("time", "rank"))
    depths, least = aligned.index[aligned.index > 2], table["scale"].min()
    start = table[(table["seed"] < 0) & (table["scale"] == least)].set_index("depth")["time"]
    predicted = [optimal_escape_time(least, 1.0, depth) for depth in depths]
    return [
        ledger.close("depth_exponents", "the escape time goes as scale^(2 - L), L = 3 to 6 "
            "(balanced)", DEEP, measured=aligned[depths], predicted=2 - depths, atol=0.03),
        ledger.close("depth_constants", "and its constant is that of theory (measured over "
            "predicted)", DEEP, measured=start[depths] / predicted,
            predicted=np.ones(len(depths)), atol=0.02),
        ledger.at_most("depth_random", "random starts have the same exponents (worst draw)", DEEP,
            measured=drawn.loc[depths].sub(2 - depths, axis=0).abs().to_numpy().max(), bound=0.03),
        ledger.at_most("depth_rank", "every layer has rank one on the way, but for a part in "
            "proportion to the scale: exponents of sigma_2/sigma_1 less 1 (worst draw)", DEEP,
            measured=(ranks.loc[depths] - 1).abs().to_numpy().max(), bound=0.05),
        ledger.close("depth_two", "for two layers it is 1 - s_2/s_1 (mean of the draws)",
            "Theorem 4", measured=ranks.loc[2].mean(), predicted=0.6, atol=0.05),
        ledger.at_most("depth_balance", "W_{l+1}' W_{l+1} - W_l W_l' is kept (largest change over "
            "scale^2)", DEEP, measured=table["drift"].max(), bound=1e-4),
    ]  # fmt: skip
