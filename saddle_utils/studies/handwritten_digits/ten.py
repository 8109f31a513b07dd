"""All ten digits at once: which ranks come when; predicted, trained, and on mini-batches."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...datasets import Images, Samples, sample_batches
from ...dynamics import descend, flow
from ...networks import initial_units, stacked
from ...observables import effective_width, first_times
from ...theory.predictions import Prediction, predict
from .measure import RECORDS, Task, digit_task

DIGITS = tuple(range(10))
DEPTH = 2  # powers of Szz: 30 inputs


class TenDigits(NamedTuple):
    """The ten digits, trained, beside what was predicted.

    theory : the prediction for one run; task : the problem, in the inputs that its gradient reaches
    times, losses : of gradient flow, (T,); widths : effective width at each time (T,)
    answers : the digit that each image is taken for, (T, samples); truth : (samples,)
    batch_times, batch_losses : of mini-batches, (B,) and (B, runs)
    """

    task: Task
    theory: Prediction
    times: np.ndarray
    losses: np.ndarray
    widths: np.ndarray
    answers: np.ndarray
    truth: np.ndarray
    batch_times: np.ndarray
    batch_losses: np.ndarray


def train_ten(
    images: Images, width: int, init_scale: float, seed: int, batch: int, runs: int, drops: int = 2
) -> TenDigits:
    """Ten digits at once: predicted, by gradient flow, and by `runs` runs on mini-batches.

    The learning rate on mini-batches of `batch` images is of the order of a tenth of the edge of
    stability; those runs see the images in the same reachable inputs.
    """
    task = digit_task(images, DIGITS, DEPTH)
    net, (x, y) = task.network, images.of(DIGITS)
    x = x @ task.basis
    core = net.reduce(initial_units(net, width, init_scale, seed))[1]
    theory = predict(stacked([net]), core[None], drops)
    end = 2.5 * theory.times[0, -1]
    run = flow(net, core, np.linspace(0, end, RECORDS + 1))
    widths = effective_width(
        net, run.theta, reference=np.broadcast_to(run.theta[-1], run.theta.shape)
    )
    answers = np.stack(
        [(x @ (u.T @ v)).argmax(1) for v, u in zip(*net.split(run.theta), strict=True)]
    )
    lr = 0.1 / np.sqrt(np.linalg.norm(net.szz, 2)) / 2
    steps = int(end / lr)
    batches = sample_batches(Samples(net, x, y), batch, runs, np.random.default_rng(seed))
    noisy = descend(
        net, np.stack([core] * runs), lr, steps, max(steps // RECORDS, 1), batches=batches
    )
    return TenDigits(
        task, theory, run.times, run.losses, widths, answers, y.argmax(1), noisy.times, noisy.losses
    )


def ten_drops(ten: TenDigits) -> tuple[np.ndarray, np.ndarray]:
    """Half-drops between the predicted levels, of gradient flow (drops,) and mini-batches (runs,
    drops)."""
    levels = ten.theory.levels[0]
    middles = (levels[1:] + levels[:-1]) / 2
    alone = [first_times(ten.times, -ten.losses, -m) for m in middles]
    noisy = [first_times(ten.batch_times, -ten.batch_losses, -m) for m in middles]
    return np.array(alone), np.stack(noisy, axis=-1)
