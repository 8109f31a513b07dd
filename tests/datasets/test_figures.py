"""The training sets of Figures 1 and 2 are what the paper says, by their own moments."""

from __future__ import annotations

import numpy as np
import pytest

from saddle_utils import networks
from saddle_utils.datasets import PANELS, digitised, figure2_network, panel, power_law, whitened


def test_panels_on_orthogonal_inputs():
    for name in ("fig1b", "fig1c", "fig1d", "fig1e"):
        x = panel(name).x.reshape(len(panel(name).x), -1)
        np.testing.assert_allclose(x @ x.T, np.diag((x * x).sum(1)), atol=1e-12)
    b = panel("fig1b").network
    strengths = np.linalg.svd(b.syz, compute_uv=False)
    np.testing.assert_allclose(strengths, [3.0 * 1.42 / 2, 1.16 * 1.40 / 2])
    x, y = panel("fig1d").x, panel("fig1d").y
    turned = x[0, 0] * x[1, 1] - x[0, 1] * x[1, 0]
    assert turned < 0 and np.linalg.norm(x[0]) == pytest.approx(2 * np.linalg.norm(x[1]))
    assert y.tolist() == [1, -1]
    x, y = panel("fig1d", angle=60.0).x, panel("fig1e").y
    cosine = x[0] @ x[1] / np.prod(np.linalg.norm(x, axis=1))
    assert cosine == pytest.approx(0.5) and y.tolist() == [1.05, 1.05, -0.86, -0.86]
    lengths = np.linalg.norm(panel("fig1c").x, axis=-1)
    np.testing.assert_allclose(lengths, [[2.7, 0], [0, 2], [2, 0], [0, 2]])


@pytest.mark.parametrize(("name", "second"), [("fig1b", 1.0), ("fig1c", 1.0), ("fig1e", 1.0)])
def test_knobs_change_the_second_label(name, second):
    usual, other = panel(name).y, panel(name, second=second).y
    assert (usual != other).sum() == {"fig1b": 1, "fig1c": 1, "fig1e": 2}[name]
    assert set(other[usual != other]) == {second}


def test_panels_of_random_data():
    f, g = panel("fig1f"), panel("fig1g")
    tokens = f.x[:, :-1].reshape(-1, 2)
    assert f.x.shape == (5000, 32, 2)
    np.testing.assert_allclose(tokens.var(0), [0.5, 0.5], rtol=0.02)
    np.testing.assert_allclose(panel("fig1f", second=0.2).x.var((0, 1)), [0.5, 0.2], rtol=0.02)
    weights = np.linalg.lstsq(f.x[0], f.y[0])[0]
    np.testing.assert_allclose(f.x[0] @ weights, f.y[0], atol=1e-12)
    assert np.mean(g.y**2) == pytest.approx(1)
    ratio = g.y / (g.x**2).sum(1)
    np.testing.assert_allclose(ratio, ratio[0])
    other = panel("fig1g", second=3.0).y / (g.x**2 @ [1, 3])
    np.testing.assert_allclose(other, other[0])


def test_epochs_and_steps():
    """A step is the learning rate on the mean over outputs; plateaus last ln(1 / s), or 1 / s."""
    steps = [panel(name).step / panel(name).lr for name in PANELS]
    assert steps == [1, 2, 2, 2, 2, 2]
    b, g = panel("fig1b"), panel("fig1g")
    assert (b.epochs_from(1e-6), b.epochs_from(1e-12), b.epochs_from(1e-3)) == (2000, 4000, 2000)
    assert [g.epochs_from(0.005 / k) for k in (1, 4, 0.5, 100)] == [2000, 8000, 2000, 20000]


@pytest.mark.parametrize("name", PANELS)
def test_digitised_panels_are_read_in_their_order(name):
    paper = digitised(name)
    assert (np.diff(paper.epochs) > 0).all() and paper.epochs[-1] <= 2000
    assert paper.losses[0] > paper.plateau_level > paper.final_loss
    drops = np.interp(paper.half_drops, paper.epochs, paper.losses)
    assert paper.losses[0] > drops[0] > paper.plateau_level > drops[1] > paper.final_loss
    assert paper.weights_plateau.shape[1] == paper.weights_final.shape[1] == 2
    size = [np.abs(w).max() for w in (paper.weights_plateau, paper.weights_final)]
    assert size[1] > 0.8 * size[0]


def test_strengths_of_figure_2():
    np.testing.assert_allclose(power_law(1.0), np.array([6, 3, 2]) / 11)
    np.testing.assert_allclose(power_law(2.0), np.array([36, 9, 4]) / 49)
    np.testing.assert_allclose(power_law(0.0), np.full(3, 1 / 3))
    for bad in (-1.0, np.inf):
        with pytest.raises(ValueError, match="wanted 0 or more"):
            power_law(bad)
    with pytest.raises(ValueError, match="unknown network 'tanh'"):
        figure2_network("tanh")


@pytest.mark.parametrize("name", ["linear", "attention", "quadratic", "relu", "conv"])
def test_strengths_are_what_units_at_zero_see(name):
    """dv / eps of one small unit whose first layer is along a feature: s_n in each family."""
    net, s, eps = figure2_network(name, 1.0), power_law(1.0), 1e-6
    for n, strength in enumerate(s):
        u = np.eye(3)[n]
        if name == "attention":
            u = np.tile(u, 2)
        theta = np.concatenate([np.zeros(net.n_v), u])[None]
        theta[:, net.n_v :] *= eps
        dv = net.field(theta)[0, : net.n_v] / eps**net.degree
        assert np.linalg.norm(dv) == pytest.approx(strength, rel=1e-6)
    energy = {"attention": np.sqrt(s).sum() / 2, "quadratic": s @ s / 4}.get(name, s @ s / 2)
    assert net.zero_loss() == pytest.approx(energy)


def test_fourth_moments_of_figure_2():
    """Of prompts: E[z z'] of the mean of y_n x_n; of white x: E of products of x_a x_b - 1_ab."""
    s, n = power_law(1.0), 31
    c, eye = np.diag(np.sqrt(s)), np.eye(3)
    zz = (1 + 1 / n) * c @ c + np.trace(c) * c / n
    np.testing.assert_allclose(figure2_network("attention").szz, np.kron(zz, c))
    points, weights = np.polynomial.hermite_e.hermegauss(5)
    x = np.stack(np.meshgrid(points, points, points), -1).reshape(-1, 3)
    w = np.prod(np.stack(np.meshgrid(weights, weights, weights), -1), -1).ravel()
    z = (x[:, :, None] * x[:, None] - eye).reshape(-1, 9)
    szz = z.T @ (z * w[:, None]) / w.sum()
    np.testing.assert_allclose(figure2_network("quadratic").szz, szz, atol=1e-12)


def test_whitened_networks():
    net = whitened([3, 1])
    np.testing.assert_array_equal(net.szz, np.eye(2))
    np.testing.assert_array_equal(net.syz, np.diag([3, 1]))
    assert net.zero_loss() == 5 and isinstance(net, networks.Linear)
