"""All ten digits at once: which ranks come when; predicted, trained, and on mini-batches."""

from typing import NamedTuple

import numpy as np

from ...datasets import Images, Samples, sample_batches
from ...dynamics import Trajectory, descend, flow
from ...networks import initial_units
from ...observables import dense_loss, drop_times, effective_width
from ...theory.predictions import Prediction, predict
from .measure import RECORDS, Task, digit_task

DIGITS = tuple(range(10))
DEPTH = 3  # powers of Szz: 40 inputs
DROPS = 9  # that are predicted


class TenDigits(NamedTuple):
    """The ten digits, trained, beside what was predicted.

    theory : the prediction for one run; task : the problem, in the inputs that its gradient reaches
    drops : times at which gradient flow passes midway between the predicted levels, (drops,)
    run : gradient flow, recorded (T,) times; widths : effective width at each of them (T,)
    answers : the digit that each image is taken for, (T, samples); truth : (samples,)
    batches : the runs on mini-batches
    """

    task: Task
    theory: Prediction
    drops: np.ndarray
    run: Trajectory
    widths: np.ndarray
    answers: np.ndarray
    truth: np.ndarray
    batches: Trajectory


def train_ten(
    images: Images, width: int, init_scale: float, seed: int, batch: int, runs: int
) -> TenDigits:
    """Ten digits at once: predicted, by gradient flow, and by `runs` runs on mini-batches.

    The learning rate on mini-batches of `batch` images is of the order of a tenth of the edge of
    stability; those runs see the images in the same reachable inputs.
    """
    task = digit_task(images, DIGITS, DEPTH)
    net, (x, y) = task.network, images.of(DIGITS)
    x = x @ task.basis
    core = net.reduce(initial_units(net, width, init_scale, seed))[1]
    theory = predict(net, core[None], DROPS)
    end = 1.15 * theory.times[0, -1]
    exact = flow(net, core, end, rtol=1e-11)  # for an interval of 1e-6
    found = drop_times(Trajectory(*dense_loss(net, exact), exact.core[:0]), theory.levels[0])
    run = flow(net, core, np.linspace(0, end, RECORDS + 1))
    last = np.broadcast_to(run.theta[-1], run.theta.shape)
    widths = effective_width(net, run.theta, reference=last)
    units = zip(*net.split(run.theta), strict=True)
    answers = np.stack([(x @ (u.T @ v)).argmax(1) for v, u in units])
    lr = 0.1 / np.sqrt(np.linalg.norm(net.szz, 2)) / 2
    steps, theta = int(end / lr), np.stack([core] * runs)
    batches = sample_batches(Samples(net, x, y), batch, runs, np.random.default_rng(seed))
    noisy = descend(net, theta, lr, steps, max(steps // RECORDS, 1), batches=batches)
    return TenDigits(task, theory, found, run, widths, answers, y.argmax(1), noisy)


def batch_drops(ten: TenDigits) -> np.ndarray:
    """Times at which mini-batches pass midway between the predicted levels, (runs, drops)."""
    return drop_times(ten.batches, ten.theory.levels[0])
