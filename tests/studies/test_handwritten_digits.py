"""Pairs of digits: the reduction against the whole problem, and the numbers known of MNIST."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from saddle_utils import networks
from saddle_utils.datasets import handwritten_digits
from saddle_utils.datasets.digits import FOLDER_VARIABLE
from saddle_utils.dynamics import flow
from saddle_utils.networks import initial_units
from saddle_utils.notebook.files import PROJECT
from saddle_utils.studies import handwritten_digits as study
from saddle_utils.studies.handwritten_digits import draw
from saddle_utils.studies.handwritten_digits.measure import leading_log, starts

SCALE = 1e-6
KNOWN = {(0, 1): (4.17, 2.42, 3.82), (3, 5): (4.76, 1.09, 1.73), (4, 9): (4.60, 0.90, 1.10)}


@pytest.fixture(scope="module")
def mnist():
    """The test images of MNIST, from the folder of the variable or the one beside the project."""
    beside = PROJECT.parent / "shared" / "mnist"
    folder = Path(os.environ.get(FOLDER_VARIABLE, beside))
    if not folder.is_dir():
        pytest.skip(f"no MNIST: neither {FOLDER_VARIABLE} is set nor is there {beside}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER_VARIABLE, str(folder))
        yield handwritten_digits("mnist")


@pytest.fixture(scope="module")
def images():
    return handwritten_digits()


def durations(images, pairs, width=1000):
    """Predicted and measured durations, and the leading logarithm, of each pair."""
    tasks = [study.digit_task(images, pair) for pair in pairs]
    theory = study.predicted(tasks, width, SCALE, 3)
    measured = study.linear_drops(tasks, theory, width, SCALE, [3])[0]
    spans = (np.diff(times, axis=1)[:, 0] for times in (theory.times, measured))
    return tasks, *spans, np.array([leading_log(task, SCALE) for task in tasks])


def test_twelve_inputs_give_the_loss_curve_of_all_pixels(images):
    """Against the network of 1000 units on all pixels, whose other initial weights are of order
    eps."""
    whole = networks.linear(*images.of([4, 7]))
    task = study.digit_task(images, [4, 7])
    theta = initial_units(whole, 1000, SCALE, 5)
    v, u = whole.split(theta)
    times = np.linspace(0, 16, 201)
    few = flow(task.network, np.concatenate([v, u @ task.basis], axis=1), times)
    np.testing.assert_allclose(few.losses, flow(whole, theta, times).losses, atol=1e-7)
    assert task.basis.shape == (64, 12)


def test_inputs_that_are_always_black_change_nothing(images):
    x, y = images.of([2, 6])
    known = study.digit_task(images, [2, 6])
    padded = type(images)(
        "padded", np.hstack([images.x, np.zeros((len(images.x), 17))]), images.labels
    )
    assert study.digit_task(padded, [2, 6]).left == pytest.approx(known.left)
    least = np.linalg.lstsq(x, y, rcond=1e-4)[0]  # the same cut, of singular values
    residual = 0.5 * ((y - x @ least) ** 2).sum() / len(x)
    assert known.levels[-1] == pytest.approx(residual, rel=1e-6)


def test_predictions_hold_at_a_seed_of_its_own(images):
    pairs = [(0, 6), (1, 8), (2, 4), (3, 8), (5, 7), (3, 9)]
    _, predicted, measured, _ = durations(images, pairs)
    np.testing.assert_allclose(predicted, measured, rtol=2e-3)


def test_both_networks_learn_the_mean_first_and_the_difference_second(images):
    for run in (
        study.train_linear(images, [0, 3], 1000, SCALE, 11, 18.0),
        study.train_relu(images, [0, 3], 30, SCALE, 11, 28.0),
    ):
        begin = run.stairs.starts[1]
        assert np.interp(begin, run.times, run.same) > 0.99 and run.right[-1] > 0.98
        half, start, end = study.rises(run).T
        assert ((start <= half) & (half <= end)).all()
        assert study.third(run, start[1]) < 0.01
        first = run.weights[np.searchsorted(run.times, run.stairs.middles[1])]
        mean = images.of([0, 3])[0].mean(0)
        cosine = np.linalg.svd(first)[2][0] @ mean / np.linalg.norm(mean)
        assert abs(cosine) > 0.98


def test_ten_digits_are_predicted(images):
    ten = study.train_ten(images, 1000, SCALE, 5, 20, 1)
    np.testing.assert_allclose(ten.drops, ten.theory.times[0], rtol=1e-5)
    np.testing.assert_allclose(study.batch_drops(ten), ten.drops[None], rtol=0.03)
    assert (np.abs(ten.drops / ten.theory.times[0] - 1) <= ten.theory.width[0]).sum() >= 7
    share, right = draw.confusion(ten, 1)
    assert share.sum(1) == pytest.approx(np.ones(10)) and right < 0.2


def test_mnist_has_the_known_singular_values(mnist):
    for pair, known in KNOWN.items():
        task = study.digit_task(mnist, pair)
        found = (*task.strengths, task.left[0])
        np.testing.assert_allclose(found, known, atol=0.01)


def test_twenty_inputs_are_enough_on_mnist(mnist):
    for pair in ((4, 9), (3, 5)):
        few, more = (study.digit_task(mnist, pair, depth) for depth in (None, 16))
        theta = initial_units(more.network, 50, SCALE, 1)
        v, u = more.network.split(theta)
        inside = np.concatenate([v, u @ more.basis.T @ few.basis], axis=1)
        times = np.linspace(0, 15, 201)
        losses = flow(more.network, theta, times).losses
        np.testing.assert_allclose(flow(few.network, inside, times).losses, losses, atol=1e-3)


def test_half_of_the_pairs_of_mnist_are_ordered_and_predicted(mnist):
    tasks, predicted, measured, log = durations(mnist, study.PAIRS[::2])
    assert spearmanr(log, measured).statistic > 0.8
    assert spearmanr(predicted, measured).statistic > 0.95
    assert np.median(np.abs(predicted / measured - 1)) < 0.05
    assert starts(tasks[:1], 1000, SCALE, 0).shape == (1, 20, 20)


def test_figure_3_on_mnist(mnist):
    for run in (
        study.train_linear(mnist, [0, 1], 1000, SCALE, 2, 7.0),
        study.train_relu(mnist, [0, 1], 10, SCALE, 2, 9.0),
    ):
        half, start, end = study.rises(run).T
        assert ((start <= half) & (half <= end)).all() and run.right[-1] > 0.98
        assert study.third(run, start[1]) < 0.01
