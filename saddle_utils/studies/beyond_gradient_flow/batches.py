"""Measurements of the staircase under mini-batches and label noise, beside their predictions.

Each function trains and returns plain arrays.  Times are gradient-flow times; plateaus of linear
networks are those of the saddles of section 5.1.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from ...datasets import Samples, regression, sample_batches
from ...dynamics import Trajectory, adam, descend, flow, flows, momentum, sweep_over
from ...networks import Linear, Network, initial_units
from ...observables import drop_times, effective_width, first_times
from ...theory import quadratic
from ...theory.finite_steps import two_cycle
from ...theory.linear import escape_rates, linear_levels, linear_saddle, whitened_half_times
from ...theory.stochastic import saddle_growth
from .steps import progress

WIDTH, SCALE = 20, 1e-6  # of the networks that are trained, unless said otherwise
NOISE = 0.4  # standard deviation of the fresh label noise of the gallery
Panel = tuple[str, np.ndarray, Sequence[float], float]


def train_gallery(seed: int) -> tuple[list[Panel], Trajectory]:
    """One whitened linear regression of two modes, trained in eight ways, and by gradient flow.

    Learning rates of .05, .95 and 1.15 of the edge, batches of one without and with fresh label
    noise (at .05), momentum, Adam, and Adam with an eps of 1.  Of each the title, losses (T, runs)
    over steps, theory's levels, and the gradient-flow time of a step, 0 where it has none.
    """
    data, runs = regression(seed, whiten=True), 6
    net, (s1, s2) = data.network, escape_rates(data.network, [])
    theta0 = initial_units(net, WIDTH, SCALE, range(seed, seed + runs))
    end, lr, levels = 1.2 * np.log(1 / SCALE) / s2, 0.05 / s1, linear_levels(net)[:3]
    cycle = (s1 * (1 - two_cycle(1.15))) ** 2 / 2

    def batches(label_noise: float) -> Iterator[Network]:
        return sample_batches(data, 1, runs, np.random.default_rng(seed), label_noise)

    steady = [
        saddle_growth(net, linear_saddle(net, modes, len(modes)), batches(NOISE), lr, 600, runs)[1]
        for modes in ([0], [0, 1])
    ]
    noisy = [levels[0], *np.mean(steady, axis=1)]
    n = end / lr
    ways = [  # title, learning rate, steps, levels, time of flow in a step, and what else differs
        ("a small learning rate", lr, n, levels, lr, {}),
        ("95% of the edge", 0.95 / s1, 0.065 * n, levels, 0.95 / s1, {}),
        ("115% of the edge", 1.15 / s1, 0.09 * n, [*levels, *cycle], 1.15 / s1, {}),
        ("one sample a step", lr, 1.1 * n, levels, lr, {"batches": batches(0.0)}),
        ("one sample, noisy labels", lr, 1.1 * n, noisy, lr, {"batches": batches(NOISE)}),
        ("momentum .9", lr / 10, 1.2 * n, levels, lr, {"rule": momentum()}),
        ("Adam", 1e-3, 250, levels, 0, {"rule": adam()}),
        ("Adam, its ε = 1", lr, n, levels, lr, {"rule": adam(eps=1.0)}),
    ]
    panels = [
        (title, descend(net, theta0, rate, int(steps), **how).losses, theory, pace)
        for title, rate, steps, theory, pace, how in ways
    ]
    return panels, flow(net, theta0[0], 1.5 * end)


def measure_batches(
    data: Samples, sizes: Sequence[int], lr: float, seed: int, runs: int = 40
) -> tuple[np.ndarray, np.ndarray]:
    """First wait and second plateau over those of gradient flow, measured and predicted.

    (sizes, 2) each, medians over `runs` with units and an order of the samples of their own.
    Predicted without training the network: flow's waits are so much growth; how long the product
    of the matrices of random batches takes for it say the exponents of `saddle_growth`, at zero
    for the first wait and for what the second mode gains meanwhile, then at the saddle of rank 1.
    """
    net, (s1, s2, *_) = data.network, escape_rates(data.network, [])
    left = escape_rates(net, [0])[0]
    theta0 = initial_units(net, WIDTH, SCALE, range(seed, seed + runs))
    limit = flows(net, theta0, 1.3 * (np.log(1 / SCALE) + 3) / min(s2, left))
    waits = _spans(np.array([mode_drops(net, run) for run in limit]))
    needed = np.array([s1 * waits[0], s2 * waits[0] + left * waits[1]])
    steps, saddle = int(1.5 * waits.sum() / lr), linear_saddle(net, [0], 1)

    def with_batches(size: int) -> tuple[np.ndarray, list[float]]:
        rngs = [np.random.default_rng([seed, size, k]) for k in range(3)]
        trained, at_zero, at_one = (sample_batches(data, size, runs, rng) for rng in rngs)
        run = descend(net, theta0, lr, steps, every=4, batches=trained)
        first = saddle_growth(net, saddle[:0], at_zero, lr, steps, runs, 2)[0].mean(0)
        second = saddle_growth(net, saddle, at_one, lr, steps, runs)[0].mean()
        wait = needed[0] / first[0]
        return _spans(mode_drops(net, run)), [wait, (needed[1] - first[1] * wait) / second]

    measured, predicted = zip(*sweep_over(with_batches, sizes), strict=True)
    return np.array(measured) / waits, np.array(predicted) / waits


def measure_noise_levels(
    data: Samples, noises: Sequence[float], lr: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Losses at the plateau of one mode and at the end under fresh label noise, (noises, 2) each.

    Of a wide network on single samples; and of one and of two units that start at the saddle and
    see the same samples with the same noise.  Means over the same times and over 16 runs.
    """
    net, rate, runs = data.network, escape_rates(data.network, [])[1], 16
    wide = initial_units(net, WIDTH, SCALE, range(seed, seed + runs))
    narrow = [linear_saddle(net, modes, len(modes)) for modes in ([0], [0, 1])]
    steps = int(35 / (rate * lr))

    def trained(theta: np.ndarray, noise: float) -> Trajectory:
        theta0 = np.broadcast_to(theta, (runs, *theta.shape[-2:]))
        batches = sample_batches(data, 1, runs, np.random.default_rng(seed), noise)
        return descend(net, theta0, lr, steps, batches=batches)

    def with_noise(noise: float) -> list[tuple[float, float]]:
        run, *others = (trained(theta, noise) for theta in (wide, *narrow))
        first, second = np.nanmedian(mode_drops(net, run), axis=0)
        plateau = abs(run.times - (first + second) / 2) < (second - first) / 6
        pairs = zip(others, (plateau, run.times > 1.5 * second), strict=True)
        return [(run.losses[k].mean(), other.losses[k].mean()) for other, k in pairs]

    measured, predicted = np.moveaxis(sweep_over(with_noise, noises), -1, 0)
    return measured, predicted


def measure_recruiting(
    data: Samples, lr: float, label_noise: float, steps: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What fresh noise on single samples makes of the ranks that nothing calls for, in 8 runs.

    Times (T,), third singular value of the units (T, runs), and widths at the end (runs,).
    """
    theta0 = initial_units(data.network, WIDTH, 1e-4, range(seed, seed + 8))
    batches = sample_batches(data, 1, 8, np.random.default_rng(seed), label_noise)
    run = descend(data.network, theta0, lr, steps, every=40, batches=batches)
    third = np.linalg.svd(run.theta, compute_uv=False)[..., 2]
    return run.times, third, effective_width(data.network, run.theta[-1])


def measure_fitted_noise(data: Samples, scale: float, seed: int) -> dict[str, np.ndarray]:
    """Gradient flow on labels whose noise is drawn once, for whitened inputs.

    "times" (T,), "learned" modes over time (T,), the sum of `progress`, and predicted and measured
    "drops" (ranks, 2), when half of the loss of a mode is gone: predicted from moments and initial
    units, ln(1 + sqrt 2) / (2 s) before the strength is half (`whitened_half_times`), for then it
    is 1 - 1 / sqrt 2.
    """
    net, theta0 = data.network, initial_units(data.network, WIDTH, scale, seed)
    strengths = escape_rates(net, [])
    expected = whitened_half_times(net, theta0) - np.log(1 + np.sqrt(2)) / (2 * strengths)
    run = flow(net, theta0, 1.5 * expected[-1])
    drops = drop_times(run, linear_levels(net)[: len(strengths) + 1])
    return {
        "times": run.times,
        "learned": progress(net, run.theta).sum(-1),
        "drops": np.stack([expected, drops], axis=1),
    }


def measure_quadratic_batches(
    data: Samples, sizes: Sequence[int], lr: float, seed: int, scale: float
) -> np.ndarray:
    """Times at which 10 quadratic units have taken half of the loss, over those of gradient flow.

    (sizes, 8 runs).  Flow waits for `quadratic.first_escape`.
    """
    net, runs = data.network, 8
    theta0 = initial_units(net, 10, scale, range(seed, seed + runs))
    last = 1.5 * quadratic.first_escape(net, theta0)[1].max()
    levels = net.zero_loss(), 0.0
    waits = np.array([drop_times(run, levels)[0] for run in flows(net, theta0, last)])

    def ratio(size: int) -> np.ndarray:
        batches = sample_batches(data, size, runs, np.random.default_rng([seed, size]))
        run = descend(net, theta0, lr, int(1.2 * waits.max() / lr), every=5, batches=batches)
        return drop_times(run, levels)[:, 0] / waits

    return np.array(sweep_over(ratio, sizes))


def mode_drops(network: Linear, run: Trajectory) -> np.ndarray:
    """Times at which half of the loss of the first and of the second mode is gone, (runs, 2).

    Seen by `progress`, for noise on the weights raises the loss but leaves their mean alone: the
    strength of the mode is 1 - 1 / sqrt 2 of its last.
    """
    learned = progress(network, run.core)  # its map is that of theta
    return first_times(run.times, learned[..., :2], 1 - np.sqrt(0.5))


def _spans(drops: np.ndarray) -> np.ndarray:
    """Median first wait and second plateau of half-drops (runs, 2), (2,).

    Medians: in some runs noise turns the unit that has just learned so far that it passes for half
    of the second mode, for a moment.
    """
    first, second = np.median(drops, axis=0)
    return np.array([first, second - first])
