"""Random tasks have the kinds, sizes and noise that their description says."""

from __future__ import annotations

import numpy as np
import pytest

from saddle_utils import networks
from saddle_utils.datasets import DROPS, covariance_tasks, prediction_tasks, random_tasks
from saddle_utils.datasets.random_tasks import _ray_task
from saddle_utils.networks import Attention, Linear, Pointwise, Quadratic

KINDS = {"linear": Linear, "quadratic": Quadratic, "attention": Attention, "ReLU": Pointwise}


def test_prediction_tasks_are_of_their_kinds_and_reproducible():
    tasks, again = prediction_tasks(3, 40), prediction_tasks(3, 40)
    assert list(tasks) == list(DROPS)
    for kind, net in tasks.items():
        assert isinstance(net, KINDS[kind.split()[0].rstrip(",")])
        assert net.patches == (2 if kind.endswith("conv") else 1)
        for name in net.axes:
            assert len(getattr(net, name)) == 40
            np.testing.assert_array_equal(getattr(net, name), getattr(again[kind], name))
    first = tasks["linear"].runs(np.arange(40)).syz[0]
    np.testing.assert_allclose(first, covariance_tasks(3, 40)[0].syz)


PINNED = {  # norms of the moments, or of x and y: the tasks on which the claims were tested
    "linear, whitened": [1.5317931975, 2.4494897428, 1.6739905479],
    "linear": [4.4679815538, 4.1449150287, 6.4114945765],
    "linear conv": [2.6503508555, 3.9921801405, 4.8763740513],
    "quadratic": [2.2674355828, 9.4055897748, 1.4763465719],
    "attention": [11.403458541, 177.01597310, 2.0593364089],
    "ReLU": [10.248434903, 8.9118026217],
    "ReLU conv": [14.634357496, 5.4361133713],
}


def test_tasks_stay_what_they_were():
    """Draws are pinned to nine digits, and what they are made of is tested below."""
    for kind, net in prediction_tasks(3, 2).items():
        norms = [np.linalg.norm(getattr(net, name)) for name in net.axes]
        np.testing.assert_allclose(norms, PINNED[kind], rtol=1e-8, err_msg=kind)
    others = random_tasks(3, 1)
    norms = [net.syy for net in others.values() if not isinstance(net, Pointwise)]
    expected = [3.2225383357, 1.2558630244, 1.2558630244, 1.8216499780]
    np.testing.assert_allclose(norms, expected, rtol=1e-8)
    taught = [others[kind] for kind in ("ReLU", "ReLU conv", "tanh")]
    norms = [np.linalg.norm(a) for net in taught for a in (net.x, net.y)]
    expected = [13.623584723, 18.323107592, 14.834208650, 11.506770993, 13.623584723, 7.1147957502]
    np.testing.assert_allclose(norms, expected, rtol=1e-8)


def test_drops_are_the_ranks_of_what_units_at_zero_see():
    ranks = {"ReLU": 2, "ReLU conv": 2}  # units of the teacher
    for kind, net in prediction_tasks(3, 5).items():
        if isinstance(net, Quadratic):
            ranks[kind] = np.linalg.matrix_rank(net.matrix(net.syz)[:, 0])
        elif isinstance(net, Linear):
            ranks[kind] = np.linalg.matrix_rank(net.residual(0 * net.syz))
    ranks["attention"] = ranks["attention"] // 2  # key and query
    for kind, drops in DROPS.items():
        np.testing.assert_array_equal(ranks[kind], drops, err_msg=kind)


def test_strengths_of_whitened_tasks():
    net = prediction_tasks(4, 300)["linear, whitened"]
    s = np.linalg.svd(net.syz, compute_uv=False)
    np.testing.assert_allclose(s[:, 0], 1)
    ratio = s[:, 1:] / s[:, :-1]
    assert 0.1 < ratio.min() < 0.12 and 0.58 < ratio.max() < 0.6
    np.testing.assert_allclose(net.szz, np.broadcast_to(np.eye(3), net.szz.shape))
    np.testing.assert_allclose(net.syy, (s**2).sum(1))


def test_teachers_fit_their_tasks_up_to_the_noise():
    tasks = prediction_tasks(5, 60)
    for kind, noise in (("linear conv", 0.0), ("quadratic", 0.1)):
        net = tasks[kind]
        inverse = np.linalg.pinv(net.szz, hermitian=True)
        left = net.syy - (net.syz @ inverse * net.syz).sum((-2, -1))
        share = (50 - 6) / 50  # six parameters are fitted to fifty labels, in either kind
        assert left.mean() == pytest.approx(share * noise**2, rel=0.1, abs=1e-12)
    assert np.abs(tasks["quadratic"].syy - 1.01).mean() < 0.6
    for kind, patches in (("ReLU", 1), ("ReLU conv", 2)):
        net = tasks[kind]
        assert net.x.shape == (60, patches, 30, 2) and net.y.shape == (60, 1, 30)


def test_relu_teachers_have_norms_one_and_four_fifths():
    """The mean square of the labels: norms and noise, up to how the two rays overlap."""
    rng = np.random.default_rng(6)
    y = np.array([_ray_task(rng).y[0] for _ in range(2000)])
    # E[relu(g)^2] = 1/2, E[relu(g) relu(h)] averages to 1/(2 pi) over angles; signs are random
    assert np.mean(y**2) == pytest.approx((1 + 0.64) / 2 + 0.01, rel=0.05)
    assert abs(np.mean(y)) < 0.05


def test_weak_second_modes_are_drawn_again():
    for net in covariance_tasks(1, 200, weakest=0.2):
        explained = np.linalg.eigvalsh(net.syz @ np.linalg.inv(net.szz) @ net.syz.T)
        assert explained[0] > 0.2 * explained[1]
        assert net.syy == pytest.approx(explained.sum())
    ratios = [
        np.divide(*np.linalg.eigvalsh(net.syz @ np.linalg.inv(net.szz) @ net.syz.T))
        for net in covariance_tasks(1, 200)
    ]
    assert 0.05 < min(ratios) < 0.08


def test_random_tasks_are_drawn_from_seed_and_draw():
    tasks, other = random_tasks(1, 2), random_tasks(1, 3)
    for kind, net in tasks.items():
        name = "y" if isinstance(net, Pointwise) else "syz"
        assert not np.allclose(getattr(net, name), getattr(other[kind], name))
        np.testing.assert_array_equal(getattr(net, name), getattr(random_tasks(1, 2)[kind], name))
    assert tasks["tanh"].phi == "tanh" and tasks["ReLU conv"].patches == 2
    assert tasks["linear"].n_v == tasks["ReLU"].n_v == 3


@pytest.mark.parametrize("kind", ["ReLU", "ReLU conv", "tanh"])
def test_taught_tasks_are_learned_by_two_units_and_not_by_one(kind):
    """Gauss-Newton from several starts: two units reach the noise, .1, one does not."""
    from scipy.optimize import least_squares

    net = random_tasks(7, 0)[kind]
    best = []
    for units in (1, 2):
        starts = np.random.default_rng(0).standard_normal((12, units * (net.n_v + net.n_u)))

        def errors(flat, units=units):
            return (net.y - net.output(flat.reshape(units, -1))).ravel() / np.sqrt(net.samples)

        best.append(min(2 * least_squares(errors, start).cost for start in starts))
    noise = 0.01 * net.y.shape[0]
    assert best[1] < 1.3 * noise and best[0] > 2 * best[1]
    assert networks.initial_units(net, 2, 1.0).shape == (2, net.n_v + net.n_u)
