"""The claims that are made of every panel of Figure 1, entered in a ledger."""

import numpy as np

from ...datasets import Panel, digitised
from ...notebook.ledger import Claim, Ledger
from .runs import PanelRun, first_drops, train_panel


def claim_against_paper(ledger: Ledger, run: PanelRun, half_drops: float) -> list[Claim]:
    """Claims: a run at the paper's settings against the digitised panel (reference rules).

    `half_drops` is the relative tolerance of the times.
    """
    name, paper, stairs = run.panel.name, digitised(run.panel.name), run.staircase
    source = f"Figure 1{name[-1].upper()}, digitised"
    plateau = stairs.levels[1] if len(stairs.levels) == 3 else np.nan
    words = "effective width 1 at the plateau and 2 at the end, at thresholds .05 and .1"
    widths = [run.widths(tau)[1:] for tau in (0.05, 0.1)]
    return [
        ledger.close(
            f"{name}_plateau_level", "the loss at the plateau is the paper's", source,
            measured=plateau, predicted=paper.plateau_level, atol=0.005,
        ),
        ledger.close(
            f"{name}_final_loss", "the loss at the end is the paper's", source,
            measured=run.losses[-1], predicted=paper.final_loss, atol=0.005,
        ),
        ledger.close(
            f"{name}_half_drops", "both drops come when the paper's come (epochs)", source,
            measured=stairs.half_drops, predicted=paper.half_drops, rtol=half_drops,
        ),
        ledger.equal(
            f"{name}_structure", words, source, measured=widths, predicted=[[1, 2], [1, 2]]
        ),
    ]  # fmt: skip


def claim_seeds(
    ledger: Ledger, runs: list[PanelRun], levels: np.ndarray, tag: str, bound: float = 0.01
) -> list[Claim]:
    """Claims: every run has three plateaus, within `bound` of `levels`, of width 0, 1, 2."""
    found = [run.staircase.levels for run in runs]
    off = [np.abs(f - levels).max() if f.shape == levels.shape else np.inf for f in found]
    count = f"{len(runs)} of {len(runs)} seeds"
    return [
        ledger.at_most(
            f"{tag}_levels", f"{count} have the predicted plateaus and no other", "section 4",
            measured=max(off), bound=bound,
        ),
        ledger.equal(
            f"{tag}_structure", f"{count} have effective width 0, 1, 2 on their plateaus",
            "Theorems 1 and 3", measured=sorted({tuple(run.widths()) for run in runs}),
            predicted=[(0, 1, 2)],
        ),
    ]  # fmt: skip


def claim_seed_times(ledger: Ledger, panel: Panel, seed: int, n_seeds: int) -> list[Claim]:
    """Claim: at the paper's width and scale 99% of seeds drop within 10% of the paper's epochs.

    Of 600 seeds all do in panels B, C and D, and in panel E all but two.
    """
    runs = train_panel(panel, seed, n_seeds=n_seeds).members()
    paper = digitised(panel.name).half_drops
    found = [run.staircase.half_drops for run in runs]
    holds = [f.shape == paper.shape and np.abs(f / paper - 1).max() <= 0.1 for f in found]
    words = f"seeds drop within 10% of the paper's epochs (share of {n_seeds}; 99% of all)"
    source = f"Figure 1{panel.name[-1].upper()}, digitised"
    return [ledger.share(f"{panel.name}_seeds_times", words, source, holds=holds, of=0.99)]


def claim_limit(
    ledger: Ledger, runs: list[PanelRun], near: list[PanelRun], far: list[PanelRun]
) -> list[Claim]:
    """Claims on the first drop of each seed (Proposition 5): it comes at tau(draw) / scale.

    `near` and `far` are `limit` runs of the same seeds from two fractions of the initial scale of
    `runs`.
    """
    name = runs[0].panel.name
    panel, close, limit = (first_drops(ensemble) for ensemble in (runs, near, far))
    slopes = np.log(limit / close) / np.log(far[0].fraction / near[0].fraction)
    predicted = limit * far[0].fraction
    return [
        ledger.at_most(f"{name}_limit_slope",
        "the first drop comes at a time that goes as scale^-1, seed by seed (worst)",
        "Proposition 5", measured=np.abs(slopes + 1).max(), bound=1e-3),
        ledger.at_most(f"{name}_limit_times",
        "the limit of vanishing scale tells the panel's own first drops, seed by seed (worst)",
        "Proposition 5", measured=np.abs(panel / predicted - 1).max(), bound=0.05),
    ]  # fmt: skip
