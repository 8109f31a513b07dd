"""Measurements behind notebook 07: true and false relations side by side, on random tasks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...dynamics import descend
from ...networks import Network, build, initial_units
from ...theory.manifolds import (
    Relation,
    dependent,
    distance,
    equal,
    project,
    proportional,
    reflected,
    silent,
)


def relations(units: int) -> dict[str, Relation]:
    """The relations among the first units that the notebook and its figure compare, by formula."""
    mixed = np.array([0, 1, -0.5, *[0] * units])[:units]
    return {
        r"$\theta_1=\theta_2$": equal(units, 0, 1),
        r"$\theta_1=0$": silent(units, 0),
        r"$\theta_1=2\,\theta_2$": proportional(units, 0, 1, 2),
        r"$\theta_1=-\theta_2$": reflected(units, 0, 1, -1, -1),
        r"$v_1=v_2,\ u_1=-u_2$": reflected(units, 0, 1, 1, -1),
        r"$v_1=4v_2,\ u_1=2u_2$": proportional(units, 0, 1, 4, 2),
        r"$\theta_1=\theta_2-\frac{1}{2}\theta_3$": dependent(units, 0, mixed),
    }


def random_task(architecture: str, seed: int, samples: int = 40, features: int = 3) -> Network:
    """A network on random data of general covariance, labels with an odd and an even part."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((samples, features)) @ rng.standard_normal((features, features))
    x /= np.sqrt((x**2).sum(1).mean())
    y = x @ rng.standard_normal((features, 2)) + (x * x) @ rng.standard_normal((features, 2))
    return build(architecture, x, y)


def drift(
    network: Network, among: Mapping[str, Relation], width: int, seed: int, time: float = 5.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Descend from a random start on each manifold: how far does the run get from it?

    Returns times (T,), distances (T, relations), and the speeds (relations,) at which the starts
    are left: at first the distance is speed times t.
    The start is the point of the manifold nearest to random units: the first three with |v| = 1
    and |u| = 2, for the relations are among these and the shape of phi must matter, the others
    small.  The manifolds are linear, so a step of descent keeps what the flow keeps.
    """
    theta = initial_units(network, width, 1 / np.sqrt(width), seed)
    for half, size in zip(network.split(theta), (1, 2), strict=True):
        half[:3] *= size / np.linalg.norm(half[:3], axis=1, keepdims=True)
    start = np.stack([project(network, relation, theta) for relation in among.values()])
    run = descend(network, start, 0.01, round(time / 0.01), every=4, reduce=False)
    found = [distance(network, r, run.theta[:, k]) for k, r in enumerate(among.values())]
    # the manifold is a linear space, so the part of the field across it is the field's distance
    field = network.field(start)
    speeds = [distance(network, r, field[k]) for k, r in enumerate(among.values())]
    return run.times, np.stack(found, axis=1), np.array(speeds)
