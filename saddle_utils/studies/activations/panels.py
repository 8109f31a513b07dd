"""The runs of Figure 4's panels: what each is expected to show, what it shows, and the claims."""

import numpy as np

from ... import observables
from ...datasets import FIGURE4, Panel, digitised, figure4_panel
from ...networks import Pointwise
from ...notebook.ledger import Claim, Ledger
from ...theory import activations, saddles
from ..figure1 import PanelRun, first_drops, flow_to_limit, train_panel

ALL = tuple(FIGURE4)
SOFTMAX = ("softmax", "softmax_rank2")
FLOWS = ("sine", "tanh", "x_tanh", "gelu", "swish")  # whose ensembles are trained by gradient flow
TAU = 0.02  # of effective widths: where all units share the work, each is small
LUCK = 40  # seeds whose first drops are set beside the paper's
FEWER = 5  # seeds of the softmax panels, which cost ten times the others

Ensembles = dict[str, list[PanelRun]]  # runs of each panel, by its name


def expected(panel: Panel) -> activations.Prediction:
    """What theory predicts of a panel (`theory.activations.predict`).

    A softmax head is the mean label at u = 0, which tells nothing of the target; what it sees of
    the target first is linear in K and in Q, so its order is 2.  Idle heads are equal, all with
    u = 0: together they are one head of uniform attention.
    """
    if isinstance(panel.network, Pointwise):
        return activations.predict(panel.network)
    return activations.Prediction(2, "equal", True)


def class_words(found: activations.Prediction) -> str:
    """The predicted class in words: the order, the relation and what follows."""
    follows = "saddle to saddle" if found.kept else "a drop, then a slide"
    return f"order {found.order}, {found.relation}: {follows}"


def train(names: tuple[str, ...], seed: int, n_seeds: int) -> Ensembles:
    """Runs of the panels from `n_seeds` seeds each (at most `FEWER` for softmax), by name.

    Those of `FLOWS` are trained by gradient flow, in less than half the time; their drops come a
    hundredth later than by steps of the panel's size.
    """
    counts = {name: min(n_seeds, FEWER) if name in SOFTMAX else n_seeds for name in names}
    return {
        name: flow_to_limit(figure4_panel(name), range(seed, seed + count), 1.0, end=1.0)
        if name in FLOWS
        else train_panel(figure4_panel(name), seed, n_seeds=count).members()
        for name, count in counts.items()
    }


def shown(run: PanelRun) -> list[tuple[str, float]]:
    """When the weights of a run are drawn: past its first unit, and its end; as (word, epoch)."""
    stairs, found = run.staircase, expected(run.panel)
    if len(stairs.levels) == 3:
        first = stairs.middles[1]
    else:
        first = stairs.middles[0] if found.order == 0 else stairs.starts[-1]
    return [("plateau" if found.kept else "drop", float(first)), ("end", float(run.epochs[-1]))]


def narrow_point(run: PanelRun) -> float:
    """Level (of the initial loss) of the fixed point of width 1 next to the plateau (Theorem 1).

    For orders of 2 and more Newton's method leads there from the largest unit, with all others in
    one unit at u = 0 where phi is not 0; for proportional units descent does from their sum.
    Elsewhere it is the best loss of one unit.
    """
    net, found = run.panel.network, expected(run.panel)
    theta = run.units_at(shown(run)[0][1])
    if (found.order or 0) >= 2:
        first = int(np.argmax(observables.contributions(net, theta)))
        others = np.delete(theta, first, axis=0).sum(0) * (np.arange(theta.shape[1]) < net.n_v)
        few = theta[[first]] if found.relation == "silent" else np.stack([theta[first], others])
        return float(net.loss(saddles.polish(net, few))) / net.zero_loss()
    start = saddles.merge(net, theta) if found.kept and found.order == 1 else None
    return saddles.narrow_level(net, 1, starts=4, start=start) / net.zero_loss()


def as_predicted(run: PanelRun) -> bool | None:
    """Whether the drops and widths of a run are those of its predicted class.

    None where a run of order 2 or more shows no plateau of one unit: two units escaped at once, or
    none has yet.
    """
    found, levels = expected(run.panel), run.staircase.levels
    shared = found.order == 0 or not found.kept  # the work is, by all units
    widths = run.widths(TAU if shared else 0.05)
    if not found.kept:  # a drop from width 0, and never a plateau of width 1
        return len(levels) in (2, 3) and widths[0] == 0 and 1 not in widths
    if found.order == 0:  # the mean is learned before the first plateau, by all units alike
        return len(levels) == 2 and widths[0] == 1 and widths[1] > 1
    if found.order >= 2 and widths[0] == 0 and min(widths[1:2], default=2) > 1:
        return None
    return widths[:2] == [0, 1] and min(widths[2:], default=2) > 1  # or still waits at the end


def claim_panels(ledger: Ledger, ensembles: Ensembles) -> list[Claim]:
    """Claims, one a panel: drops and effective widths are those of the class predicted.

    Heads of rank 2 have a claim of their own, `claim_ranks`.
    """
    claims = []
    for name in [name for name in ensembles if name != "softmax_rank2"]:
        found = [as_predicted(run) for run in ensembles[name]]
        luck = f"; in {found.count(None)} two units escaped at once" if None in found else ""
        words = class_words(expected(figure4_panel(name)))
        claims.append(
            ledger.share(f"{name}_class", f"{words} (share of {len(found)} seeds{luck})",
                "Figure 4, section 6", holds=[good is not False for good in found])
        )  # fmt: skip
    return claims


def claim_levels(ledger: Ledger, ensembles: Ensembles) -> list[Claim]:
    """Claims: plateaus lie at a fixed point of width 1, or among the best units by direction.

    The latter for x tanh x, whose target is nearly isotropic: its one unit slides along a ring of
    solutions, as in panel 1G.  Not for order 0, where runs are still on their way along the
    manifold of equal units as they leave it, nor for heads of rank 2, which go on by themselves.
    """
    claims = []
    for name in ("softmax", "cubic", "leaky_relu"):
        seen = [run for run in ensembles[name] if as_predicted(run)]
        off = [abs(run.staircase.levels[1] - narrow_point(run)) for run in seen]
        if seen:
            claims.append(
                ledger.at_most(f"{name}_level", "the plateau lies at a fixed point of width 1 "
                    f"(median of {len(seen)} seeds)", "Theorem 1",
                    measured=np.median(off), bound=0.02)
            )  # fmt: skip
    seen = [run.staircase.levels[1] for run in ensembles["x_tanh"] if as_predicted(run)]
    ring = activations.unit_levels(figure4_panel("x_tanh").network)
    off = np.abs(seen - np.clip(seen, ring.min(), ring.max()))
    return [
        *claims,
        ledger.share("x_tanh_level", "plateaus lie among the best single units of all directions, "
            f"to .02 (share of {len(seen)} seeds)", "Theorem 1", holds=off < 0.02),
    ]  # fmt: skip


def claim_4d(ledger: Ledger, run: PanelRun) -> list[Claim]:
    """Claims: the tanh panel against the paper's, its losses, drop, line and bend."""
    paper, epochs, source = digitised("fig4d"), [300, 960, 1960], "Figure 4D, digitised"
    after, end = (spread_of_directions(run, epoch) for epoch in (300, 1960))
    return [
        ledger.close("4d_losses", "the loss at epochs 300, 960 and 1960 is the paper's", source,
            measured=run.losses[epochs], predicted=np.interp(epochs, paper.epochs, paper.losses),
            atol=0.02),
        ledger.close("4d_half_drop", "the one drop comes when the paper's comes (epochs)", source,
            measured=run.staircase.half_drops, predicted=paper.half_drops, rtol=0.05),
        ledger.at_most("4d_line", "after the drop all first-layer weights lie on a line (ratio of "
            "the eigenvalues of sum u u'; the paper's is .003)", source,
            measured=after, bound=0.01),
        ledger.at_least("4d_bend", "at the end no longer (the paper's is .16)", source,
            measured=end, bound=0.05),
    ]  # fmt: skip


def claim_4f(ledger: Ledger, run: PanelRun, seed: int) -> list[Claim]:
    """Claims: the x tanh x panel against the paper's, and the times of `LUCK` seeds around it."""
    paper, stairs, source = digitised("fig4f"), run.staircase, "Figure 4F, digitised"
    level = stairs.levels[1] if len(stairs.levels) == 3 else np.nan
    first = first_drops(train(("x_tanh",), seed, LUCK)["x_tanh"])
    return [
        ledger.close("4f_level", "the loss at the plateau is the paper's", source,
            measured=level, predicted=paper.plateau_level, atol=0.02),
        ledger.close("4f_half_drops", "both drops come when the paper's come (epochs)", source,
            measured=stairs.half_drops, predicted=paper.half_drops, rtol=0.1),
        ledger.equal("4f_structure", "effective width 1 at the plateau and 2 at the end", source,
            measured=run.widths(0.05)[1:], predicted=[1, 2]),
        ledger.close("4f_luck", "the paper's first drop lies within 90% of those of other seeds "
            "(share before it)", source, measured=np.mean(first < paper.half_drops[0]),
            predicted=0.5, atol=0.45),
    ]  # fmt: skip


def spread_of_directions(run: PanelRun, epoch: float) -> float:
    """Second over first eigenvalue of sum u u' at an epoch: 0 where all u lie on a line."""
    values = np.linalg.svd(run.units_at(epoch)[:, run.panel.shown], compute_uv=False) ** 2
    return float(values[1] / values[0])


def constant_part(run: PanelRun) -> float:
    """How far the output varies over the samples when the loss first is that of the mean label.

    The standard deviation of f over its root mean square, between 0 (a constant) and 1.
    """
    net = run.panel.network
    mean = (net.y.var(axis=1).sum() / 2) / net.zero_loss()
    f = net.output(run.trajectory.theta[np.argmax(run.losses < 1.01 * mean)])
    return float(np.sqrt(f.var(axis=1).sum() / (f**2).mean(axis=1).sum()))


def claim_ranks(ledger: Ledger, ensembles: Ensembles) -> Claim:
    """Claim: keys and queries of rank 2 shorten the plateau between two components."""
    one, two = (
        np.median([np.append(run.staircase.durations, 0)[0] for run in ensembles[name]])
        for name in SOFTMAX
    )
    return ledger.at_most("softmax_rank2_shorter", "one head of rank 2 learns two components: its "
        "plateau is shorter than that of heads of rank 1 (ratio of medians over seeds)",
        "arXiv 2501.16265", measured=two / one, bound=0.6)  # fmt: skip
