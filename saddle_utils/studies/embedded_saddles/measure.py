"""Measurements behind notebook 06: embedded saddles on random tasks and along runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import networks, observables
from ...datasets import random_tasks
from ...dynamics import flow
from ...networks import Linear, initial_units
from ...theory.linear import escape_rates, linear_saddle, mode_projector
from ...theory.saddles import (
    CONSTRUCTIONS,
    collapse,
    embed,
    fixed_point,
    gradient_norm,
    map_error,
    merge,
    polish,
    saddle_index,
    spectrum,
    split,
    walk,
)
from ..figure1 import PanelRun


def embeddings(seed: int) -> np.ndarray:
    """Theorem 1 on `random_tasks`: gradient, map error, promised (1 or 0), (tasks, 4, 3).

    A fixed point of one unit (linear networks: of two where the rank allows) is embedded.  Where
    the theorem promises nothing, "scaled" is tried with the factors 2 and 1/2, "combined" is nan.
    """
    rng, table = np.random.default_rng([seed, 1]), []
    for name in random_tasks(seed):
        net, narrow = narrow_task(name, seed)
        for construction in CONSTRUCTIONS:
            try:
                wide, promised = embed(net, narrow, construction, rng), 1.0
            except ValueError:
                wide, promised = split(net, narrow, 0, 2.0, 0.5), 0.0
            row = [gradient_norm(net, wide), map_error(net, wide, narrow), promised]
            table.append(row if promised or construction == "scaled" else [np.nan, np.nan, 0.0])
    return np.array(table).reshape(-1, len(CONSTRUCTIONS), 3)


def negatives(seed: int) -> dict[str, float]:
    """What must fail: the gradient of a scaled tanh unit, the map error of a ReLU unit with a
    negative factor, and the steepest slope that autograd misses at a ReLU unit with u = 0.

    With u_H = 0 and v_H = g v the slope along a unit direction d is -v_H . E[r sigma(d . x)].
    """
    (tanh, one), (relu, two) = narrow_task("tanh", seed), narrow_task("ReLU", seed)
    zero = split(relu, two, 0, 0.0, 0.7)
    directions = np.random.default_rng([seed, 2]).standard_normal((200, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    seen = np.maximum(directions @ relu.x[0].T, 0)
    slopes = seen @ (relu.y - relu.output(zero)).T @ zero[-1, :3] / relu.samples
    return {
        "tanh": float(gradient_norm(tanh, split(tanh, one, 0, 2.0, 0.5))),
        "relu_negative": map_error(relu, split(relu, two, 0, -1.0, 0.7), two),
        "relu_zero": float(np.abs(slopes).max()),
    }


def further_points(seed: int) -> list[float]:
    """Gradient and map error at fixed points that Theorem 1 does not list, largest of each.

    Linear: u_H in the kernel of the residual matrix G, v_H = 0.  ReLU: a unit that is dead on all
    samples, with any v_H.
    """
    rng = np.random.default_rng([seed, 3])
    x, y = rng.standard_normal((30, 4)), rng.standard_normal((30, 2))
    net = networks.linear(x, y)
    narrow = fixed_point(net, 1, seed)
    kernel = np.linalg.svd(net.residual(net.moment_map(narrow)))[2][-1]
    dark = networks.pointwise(np.abs(x), y)  # every -u with u > 0 is dead on these
    alive = fixed_point(dark, 1, seed)
    dead = np.concatenate([rng.standard_normal(2), -np.abs(rng.standard_normal(4))])
    cases = [(net, narrow, np.concatenate([[0, 0], kernel])), (dark, alive, dead)]
    wide = [(n, t, np.concatenate([t, unit[None]])) for n, t, unit in cases]
    return [
        max(float(gradient_norm(n, w)) for n, _, w in wide),
        max(map_error(n, w, t) for n, t, w in wide),
    ]


def hessian_prediction(seed: int, rank: int, width: int) -> list[float]:
    """Negative Hessian eigenvalues at a saddle of this rank against -s~_k, each width - rank times.

    Largest deviation and difference of the counts, for a linear task of general covariance.
    """
    net = random_tasks(seed)["linear"]
    modes = list(range(rank))
    values, _ = spectrum(net, linear_saddle(net, modes, width, seed))
    predicted = -np.repeat(escape_rates(net, modes), width - rank)
    negative = values[values < -1e-6]
    count = len(negative) - len(predicted)
    gap = np.abs(negative - predicted).max() if count == 0 and len(predicted) else 0.0
    return [gap, float(count)]


def visited_modes(net: Linear, width: int, init_scale: float, seed: int) -> list[list[int]]:
    """Modes learned on each plateau of a run by gradient flow, in order, from their strengths."""
    start = initial_units(net, width, init_scale, seed)
    slowest = escape_rates(net, list(range(min(net.syz.shape) - 1)))[0]
    run = flow(net, start, np.linspace(0, 2 * np.log(1 / init_scale) / slowest + 8, 1500))
    stairs = observables.measure(run.times, run.losses, min_duration=run.times[-1] / 100)
    count = min(net.syz.shape)
    target = net.syz @ np.linalg.pinv(net.szz, hermitian=True)
    parts = [mode_projector(net, [k]) @ target for k in range(count)]
    seen = [net.moment_map(run.at(middle)) for middle in stairs.middles]
    return [
        [k for k, part in enumerate(parts) if (m * part).sum() > (part**2).sum() / 2] for m in seen
    ]


def walk_of(run: PanelRun, tau: float = 0.02, every: int = 20) -> dict[str, Any]:
    """A run of Figure 1 as a walk between its fixed points of width 0, 1 and 2.

    Keys: title, epochs (T,), gradient (T,), index (T,), gaps (T, 3), plateau (start, end), and
    narrow_gradient, that of the plateau's fixed point merged to the network of its width
    narrow_width; point_index, the saddle index at the three fixed points.
    """
    net, end, stairs = run.panel.network, run.trajectory.theta[-1], run.staircase
    points = [np.zeros_like(end)]
    for middle in stairs.middles[1:]:
        points.append(polish(net, collapse(net, run.units_at(middle), tau, end)))
    narrow = merge(net, points[1], tau, end)
    gradient, index, gaps = walk(net, run.trajectory.theta[::every], points)
    return {
        "title": run.panel.title, "epochs": run.epochs[::every], "gradient": gradient,
        "index": index, "gaps": gaps, "plateau": (stairs.starts[1], stairs.ends[1]),
        "narrow_gradient": float(gradient_norm(net, narrow)), "narrow_width": len(narrow),
        "point_index": [saddle_index(net, point) for point in points],
    }  # fmt: skip


def narrow_task(name: str, seed: int, draws: int = 20) -> tuple[networks.Network, np.ndarray]:
    """The first draw of a random task whose narrow network has a minimum off the kinks, and it.

    About one ReLU task in twelve has none: its one-unit minima lie where a sample is on a kink.
    The narrow network has one unit, or two if it is linear and of rank three.
    """
    for draw in range(draws):
        net = random_tasks(seed, draw)[name]
        width = 2 if isinstance(net, Linear) and min(net.n_v, net.n_u) > 2 else 1
        try:
            return net, fixed_point(net, width, seed)
        except ValueError:
            continue
    raise ValueError(f"no draw of {name!r} from seed {seed} has a smooth narrow minimum")
