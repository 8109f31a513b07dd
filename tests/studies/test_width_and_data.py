"""Width and data: the networks of Figure 2, their drops, and the laws that predict them."""

from __future__ import annotations

import numpy as np
import pytest

from saddle_utils import networks
from saddle_utils.datasets import figure2_network, power_law
from saddle_utils.dynamics import Trajectory, flow
from saddle_utils.networks import stacked
from saddle_utils.observables import drop_times
from saddle_utils.studies import figure2, width_and_data
from saddle_utils.studies.width_and_data.measure import SERVING
from saddle_utils.theory.quadratic import escape_time
from saddle_utils.theory.saddles import narrow_levels

NAMES = ("linear", "attention", "quadratic", "relu", "conv")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kappa", [0.0, 1.3])
def test_the_strengths_are_what_units_at_zero_see(name, kappa):
    net, s = figure2_network(name, kappa), power_law(kappa)
    rng = np.random.default_rng(0)
    v, u = rng.standard_normal((1, net.n_v)), np.abs(rng.standard_normal((1, net.n_u)))
    tiny = 1e-6 * np.concatenate([v, u], axis=1)
    dv = net.split(net.field(tiny))[0][0] / 1e-6**net.degree
    seen = {
        "attention": lambda u: (u[:3] * s) @ u[3:],
        "quadratic": lambda u: s @ u**2,
        "conv": lambda u: np.repeat(s * u, 2) / np.sqrt(2),  # shared by the two patches
    }.get(name, lambda u: s * u)
    assert dv == pytest.approx(np.atleast_1d(seen(u[0])), rel=1e-4)


def test_moments_of_attention_and_quadratic_networks_are_those_of_samples():
    rng, s = np.random.default_rng(1), power_law(1.0)
    x = s**0.25 * rng.standard_normal((40_000, 32, 3))
    y = np.einsum("snd,sd->sn", x, rng.standard_normal((40_000, 3)))
    sampled, net = networks.attention(x, y), figure2_network("attention", 1.0)
    assert np.abs(sampled.syz / 31 - net.syz).max() < 0.03 * np.abs(net.syz).max()
    assert np.abs(sampled.szz / 31**2 - net.szz).max() < 0.05 * np.abs(net.szz).max()
    x = rng.standard_normal((100_000, 3))
    z = x[:, :, None] * x[:, None] - np.eye(3)
    sampled, net = networks.quadratic(z, (x**2 - 1) @ s / 2), figure2_network("quadratic", 1.0)
    assert np.abs(sampled.syz - net.syz).max() < 0.03
    assert np.abs(sampled.szz - net.szz).max() < 0.1 and sampled.syy == pytest.approx(
        net.syy, rel=0.03
    )


@pytest.mark.parametrize("name", NAMES)
def test_levels_are_the_best_losses_of_narrow_networks(name):
    net = figure2_network(name, 1.0)
    assert narrow_levels(net, 3) * net.zero_loss() == pytest.approx(
        figure2.figure2_levels(name, 1.0), abs=1e-5 * net.zero_loss()
    )


def test_a_convolution_on_white_inputs_is_a_linear_network():
    conv = figure2_network("conv", 0.7)
    same = networks.Linear(conv.syz.reshape(6, 3), np.eye(3), conv.syy)
    theta = networks.initial_units(same, 5, 0.3, range(2))
    assert np.allclose(conv.field(theta), same.field(theta), atol=1e-12)
    assert np.allclose(conv.loss(theta), same.loss(theta), atol=1e-12)


def test_the_reduced_linear_network_has_the_same_loss():
    runs = figure2.train_figure2("linear", 1.0, 9, 1e-3, [3, 4])
    net = figure2_network("linear", 1.0)
    theta = networks.initial_units(net, 9, 1e-3, 4)
    whole = flow(net, theta, np.linspace(0, 40, 801), rtol=1e-9)
    found = figure2.figure2_levels("linear", 1.0)
    assert drop_times(runs[1], found) == pytest.approx(drop_times(whole, found), rel=1e-3)


def test_drop_times_and_bands_of_a_staircase():
    run = Trajectory(np.arange(5.0), np.array([4.0, 4.0, 2.0, 2.0, 1.9]), np.zeros((5, 1, 1)))
    first, second = drop_times(run, np.array([4.0, 2.0, 0.0]))
    assert first == 1.5 and np.isnan(second)
    times = np.array([[[3.0], [np.nan], [1.0], [2.0], [np.nan]]])
    low, middle, high = figure2.quantile_band(times)[:, 0, 0]
    assert low == 1 and middle == 3 and np.isnan(high)


def test_settings_of_different_widths_come_back_in_order():
    both = figure2.sweep("linear", [1.0, 0.5], [8, 4], 1e-4, range(3))
    alone = figure2.sweep("linear", 0.5, 4, 1e-4, range(3))
    assert np.array_equal(both.times[1], alone.times[0])
    assert (np.diff(both.times) > 0).all() and both.durations.shape == (2, 2)
    assert both.curves[1][1][0] == pytest.approx(1)


def test_the_chi_squared_law_of_linear_drops():
    kappas, widths = [1.0, 1.0, 0.3], [4, 20, 20]
    found = figure2.sweep("linear", kappas, widths, 1e-6, range(5000, 5300)).band
    law = width_and_data.linear_drops(kappas, widths, 1e-6)
    assert found == pytest.approx(law, rel=0.025)
    mean_field = width_and_data.linear_drops(1.0, [3, 300], 1e-6)[1]
    assert mean_field[0, 2] - mean_field[1, 2] > np.log(100) / (2 * power_law(1.0)[2])
    assert np.isnan(width_and_data.linear_drops(1.0, 2, 1e-6)[:, :, 2]).all()


def test_at_a_fixed_norm_wide_linear_networks_drop_at_the_same_time():
    scales = figure2.total_norm(1e-6, 16, [100, 10_000])
    law = width_and_data.linear_drops(1.0, [100, 10_000], scales)[1]
    assert law[0] == pytest.approx(law[1], rel=0.005)


@pytest.mark.parametrize("name", ["attention", "quadratic"])
def test_the_law_of_the_first_of_many_units(name):
    net, lone = figure2_network(name, 1.0), width_and_data.lone_waits(name, 1.0, 5000)
    draws = networks.initial_units(net, 8, 1.0, range(7000, 7400))
    first = escape_time(net, draws).min(-1)
    assert width_and_data.law_distance(lone, 8, first) < 0.1
    assert width_and_data.law_distance(lone, 16, first) > 0.15
    middle = width_and_data.first_drop_band(lone, [8])[1, 0, 0]
    assert width_and_data.first_drop_law(lone, 8, middle) == pytest.approx(0.5, abs=0.005)
    never = np.full(9, np.nan)
    assert width_and_data.law_distance(lone, 8, never) > 0.99


@pytest.mark.parametrize("name", ["attention", "quadratic"])
def test_drops_computed_from_the_draw_are_those_of_the_runs(name):
    kappas, seeds = [0.0, 1.0], range(8000, 8010)
    runs = figure2.sweep(name, kappas, 6, 1e-3, seeds)
    drawn = width_and_data.drawn_drops(name, kappas, 6, 1e-3, seeds)
    assert np.nanquantile(np.abs(drawn / runs.times - 1), 0.8) < 0.005


def test_units_that_serve_a_feature_of_a_relu_network():
    u, v = np.random.default_rng(0).standard_normal((2, 1_000_000))
    serving = (u > 0) & (u + v > 0)
    assert np.mean(serving) == pytest.approx(3 / 8, abs=2e-3)
    assert np.mean(serving * (u + v) ** 2 / 2) == pytest.approx(SERVING, rel=5e-3)


def test_relu_drops_lie_between_their_bounds():
    early, late = width_and_data.relu_drops(1.0, 64, 1e-6)
    found = figure2.sweep("relu", 1.0, 64, 1e-6, range(9000, 9040)).medians
    assert early[:, 0] == pytest.approx(late[:, 0], rel=1e-5)
    assert (found > 0.98 * early).all() and (found < 1.02 * late).all()


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="kappa"):
        power_law(-1.0)
    with pytest.raises(ValueError, match="unknown network"):
        figure2_network("deep")
    with pytest.raises(ValueError, match="one kind"):
        stacked([figure2_network("linear"), figure2_network("relu")])
