"""Figure 4: its panels, and the two measurements of a class, against closed forms and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from saddle_utils import networks
from saddle_utils.datasets import FIGURE4, digitised, figure4_panel
from saddle_utils.networks import initial_units
from saddle_utils.studies import activations as study
from saddle_utils.studies.activations.measure import NAMES, TASKS, Combination, measured_scale
from saddle_utils.studies.activations.panels import expected, ring
from saddle_utils.theory.activations import predict, task_order
from saddle_utils.theory.saddles import narrow_level


def test_the_time_scale_is_read_off_three_times():
    scales = np.array([1e-2, 1e-3, 1e-4])
    laws = {
        "immediate": 3 + 5 * scales, "logarithmic": 2 - 0.7 * np.log(scales),
        "1/eps": 4 + 0.3 / scales, "1/eps^2": 1 + 0.2 / scales**2,
        "never": np.full(3, np.inf),
    }  # fmt: skip
    assert {name: measured_scale(times) for name, times in laws.items()} == {k: k for k in laws}


def test_the_order_that_a_task_sees():
    """By hand: parity of the data against the series of the activation."""

    def seen(phi, task):
        return task_order(Combination(phi, task, 3).network)

    orders = {name: [seen(name, task) for task in TASKS] for name in NAMES}
    assert orders == {
        "relu": [1, 1, 1, None], "leaky_relu": [1, 1, 1, None],
        "tanh": [1, 1, None, 3], "sine": [1, 1, None, 3],
        "sigmoid": [0, 1, None, 3], "softplus": [0, 1, 2, None],
        "gelu": [1, 1, 2, None], "swish": [1, 1, 2, None],
        "x_tanh": [2, 2, 2, None], "square": [2, 2, 2, None], "cubic": [3, 3, None, 3],
    }  # fmt: skip


def test_what_is_predicted_of_a_class():
    found = {name: predict(Combination(name, "teacher", 0).network) for name in NAMES}
    slides = {name for name, prediction in found.items() if not prediction.kept}
    assert slides == {"tanh", "sine", "gelu", "swish"}
    assert {n for n, p in found.items() if p.relation == "equal"} == {"sigmoid", "softplus"}
    even = predict(Combination("softplus", "even", 0).network)
    assert (even.order, even.relation, even.kept) == (2, "equal", True)


def test_linear_times_are_those_of_the_closed_form():
    """One unit on one sample: |theta| grows as e^t, so a decade of scale takes ln 10 / rate."""
    net = networks.pointwise(np.array([[1.0, 0.0]]), np.array([1.0]), "identity")
    times = study.first_drops(net, 0, width=3)
    np.testing.assert_allclose(np.diff(times), np.log(10), rtol=0.02)
    assert measured_scale(times) == "logarithmic"


def test_leaky_relu_waits_at_a_saddle_and_tanh_does_not():
    saddle, slide = (Combination(name, "teacher", 4).network for name in ("leaky_relu", "tanh"))
    assert study.lengthening(saddle, 4) > 1.3 and study.lengthening(slide, 4) < 1.1
    assert np.isnan(study.lengthening(Combination("tanh", "even", 0).network, 0))


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


def test_the_ring_contains_the_best_single_unit():
    p = figure4_panel("x_tanh")
    low, high = ring(p)
    assert low == pytest.approx(narrow_level(p.network, 1) / p.network.zero_loss(), abs=2e-3)
    assert high > low + 0.05


def test_panels_and_their_reference():
    assert len(FIGURE4) == 11
    paper = digitised("fig4d")
    assert np.isnan(paper.plateau_level) and paper.half_drops.tolist() == [263]
    assert digitised("fig4f").plateau_level == 0.2441
    assert digitised("fig4f").weights_final.shape == (2, 2)
    with pytest.raises(ValueError, match="unknown panel 'relu'"):
        figure4_panel("relu")


def test_the_confusion_of_kinds_counts_every_combination():
    predicted, measured = np.array(["a", "a", "b"]), np.array(["a", "b", "b"])
    assert study.confusion(predicted, measured, ["a", "b"]).tolist() == [[1, 1], [0, 1]]
