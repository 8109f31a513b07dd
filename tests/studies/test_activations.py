"""Figure 4: its panels, and the two measurements of a class, against closed forms and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from saddle_utils import networks
from saddle_utils.datasets import FIGURE4, digitised, figure4_panel
from saddle_utils.dynamics import flow
from saddle_utils.networks import initial_units
from saddle_utils.observables import first_times
from saddle_utils.studies import activations as study
from saddle_utils.studies.activations.measure import NAMES, SCALES, SECOND, TASKS, network
from saddle_utils.studies.activations.panels import FLOWS, expected
from saddle_utils.studies.figure1 import train_panel
from saddle_utils.theory.activations import (
    lowest_degree,
    predict,
    seen_degree,
    time_scale,
    unit_levels,
)
from saddle_utils.theory.saddles import narrow_level


def test_time_scales_by_name():
    names = [time_scale(d) for d in (1, 2, 3.02, 4, 13, None, np.nan)]
    assert names == ["immediate", "logarithmic", "1/eps", "1/eps^2", "1/eps^11", "never", "never"]


def test_the_degree_that_a_task_sees():
    """By hand, one more than the order: parity of the data against the series of the activation."""

    def seen(phi, task, depth=2):
        return seen_degree(network(phi, task, 3, depth))

    degrees = {name: [seen(name, task) for task in TASKS] for name in NAMES}
    assert degrees == {
        "relu": [2, 2, 2, None], "leaky_relu": [2, 2, 2, None],
        "tanh": [2, 2, None, 4], "sine": [2, 2, None, 4],
        "sigmoid": [1, 2, None, 4], "softplus": [1, 2, 3, None],
        "gelu": [2, 2, 3, None], "swish": [2, 2, 3, None],
        "x_tanh": [3, 3, 3, None], "square": [3, 3, 3, None], "cubic": [4, 4, None, 4],
    }  # fmt: skip
    # three layers: w (w x), w (w x)^2, w w (w x)^3 and, where 1/2 breaks the parity, w w^2 (w x)^3
    assert [seen("gelu", task, 3) for task in TASKS] == [3, 3, 4, 6]
    assert [seen("tanh", task, 3) for task in TASKS] == [3, 3, None, 5]
    assert [seen("relu", task, 3) for task in TASKS] == [3, 3, 3, 3]
    assert lowest_degree("x_tanh", 3) == seen("x_tanh", "teacher", 3) == 7


@pytest.mark.parametrize("combo", [("gelu", "even", 5, 3), ("softplus", "centred", 4, 2)])
def test_drops_are_those_of_gradient_flow_in_time(combo):
    """Both ways to follow a wait, against a flow recorded densely, and the exponent."""
    net, scales = network(*combo), np.array([3e-2, 1e-2])
    times = study.first_drops(net, combo[2], scales)
    theta = scales[0] * initial_units(net, 1 if combo[3] > 2 else 6, 1.0, combo[2])
    run = flow(net, theta, np.linspace(0, 1.2 * times[0], 2001))
    level = 0.99 * min(run.losses[0], net.zero_loss())
    assert times[0] == pytest.approx(float(first_times(run.times, -run.losses, -level)), rel=2e-3)


def test_what_is_predicted_of_a_class():
    found = {name: predict(network(name, "teacher", 0)) for name in NAMES}
    slides = {name for name, prediction in found.items() if not prediction.kept}
    assert slides == {"tanh", "sine", "gelu", "swish"}
    assert {n for n, p in found.items() if p.relation == "equal"} == {"sigmoid", "softplus"}
    even = predict(network("softplus", "even", 0))
    assert (even.order, even.relation, even.kept) == (2, "equal", True)


def test_linear_times_are_those_of_the_closed_form():
    """Units on one sample: |theta| grows as e^t, so a decade of scale takes ln 10 / rate."""
    net = networks.pointwise(np.array([[1.0, 0.0]]), np.array([1.0]), "identity")
    times = study.first_drops(net, 0, SCALES, width=3)
    np.testing.assert_allclose(np.diff(times), np.log(10), rtol=0.02)


def test_leaky_relu_waits_at_a_saddle_and_tanh_does_not():
    saddle, slide = (network(name, "teacher", 4) for name in ("leaky_relu", "tanh"))
    scales = (1e-3, 1e-6)
    (longer, end), (same, _) = (study.lengthening(net, 4, scales) for net in (saddle, slide))
    assert longer > 1.3 and same < 1.1
    assert end < narrow_level(saddle, 1) / saddle.zero_loss() - SECOND
    assert np.isnan(study.lengthening(network("tanh", "even", 0), 0, scales)).all()


@pytest.mark.parametrize("rank", [1, 2])
def test_the_idle_heads_of_softmax_attention_are_one(rank):
    """Heads at u = 0 return the mean label, whatever their number, and stay there."""
    net = figure4_panel("softmax" if rank == 1 else "softmax_rank2").network
    few = initial_units(net, 2, 0.5, 1)
    few[1, 1:] = 0
    many = np.concatenate([few[:1], few[1:] / 4, few[1:] * 3 / 4])
    np.testing.assert_allclose(net.output(many), net.output(few), atol=1e-14)
    np.testing.assert_array_equal(net.field(many)[1:, 1:], 0)
    np.testing.assert_allclose(net.output(few) - net.output(few[:1]),
                               few[1, 0] * net.y[:, :-1].mean(1))  # fmt: skip
    assert expected(figure4_panel("softmax")).relation == "equal"


def test_the_best_units_by_direction():
    """Against BFGS: of single units, and of pairs, where labels are even and two units are one."""
    ring = unit_levels(figure4_panel("x_tanh").network)
    net = figure4_panel("x_tanh").network
    assert ring.min() == pytest.approx(narrow_level(net, 1) / net.zero_loss(), abs=2e-3)
    assert ring.max() > ring.min() + 0.05
    gelu = network("gelu", "even", 0)
    best = narrow_level(gelu, 2) / gelu.zero_loss()
    assert best - 1e-9 < unit_levels(gelu, pairs=True).min() < best + 0.01
    sigmoid = figure4_panel("sigmoid").network  # of two outputs
    best = narrow_level(sigmoid, 1) / sigmoid.zero_loss()
    assert unit_levels(sigmoid).min() == pytest.approx(best, abs=2e-3)


def test_gradient_flow_drops_when_descent_does():
    for name in FLOWS:
        panel = figure4_panel(name)
        by_steps = train_panel(panel, 3, n_seeds=2).members()
        for one, other in zip(by_steps, study.train((name,), 3, 2)[name], strict=True):
            drops, flowed = (run.staircase.half_drops[:1] for run in (one, other))
            np.testing.assert_allclose(drops, flowed, rtol=0.02)


def test_panels_and_their_reference():
    assert len(FIGURE4) == 11
    paper = digitised("fig4d")
    assert np.isnan(paper.plateau_level) and paper.half_drops.tolist() == [263]
    assert digitised("fig4f").plateau_level == 0.2441
    assert digitised("fig4f").weights_final.shape == (2, 2)
    with pytest.raises(ValueError, match="unknown panel 'relu'"):
        figure4_panel("relu")
