"""The type of the wait, predicted from the order of the activation and the depth, at random."""

from __future__ import annotations

import numpy as np

from ... import networks
from ...dynamics import RunFailedError
from ...networks import ACTIVATIONS, initial_units
from ...theory.activations import lowest_order
from .measure import exponent, predicted_exponent, waits

FIRST = 1e-3  # share of the loss whose fall ends the wait
DEEPEST = 13  # degree of the lowest term in the weights, beyond which waits exceed 1e300


def random_types(count: int, seed: int, width: int = 4) -> dict[str, np.ndarray]:
    """Predicted and measured exponents of random activations, depths (3 to 5) and tasks.

    A task is 8 random samples in two dimensions.  Combinations whose lowest term has a degree above
    `DEEPEST` are drawn again.  nan for a run that did not escape.  Columns: phi, depth, predicted,
    measured.
    """
    rng = np.random.default_rng(seed)
    rows: list[tuple] = []
    while len(rows) < count:
        phi, depth = str(rng.choice([*ACTIVATIONS])), int(rng.integers(3, 6))
        order = lowest_order(phi)
        if sum(order**k for k in range(depth)) > DEEPEST:
            continue
        x, y = rng.standard_normal((8, 2)), rng.standard_normal((8, 1))
        net = networks.deep([2, *[width] * (depth - 1), 1], x, y, phi)
        theta, scales = initial_units(net, 1, 1.0, int(rng.integers(2**31))), _scales(order)
        try:
            found = exponent(scales, waits(net, [s * theta for s in scales], FIRST))
        except RunFailedError:
            found = np.nan
        rows.append((phi, depth, predicted_exponent(order, depth), found))
    names = ("phi", "depth", "predicted", "measured")
    return dict(zip(names, map(np.array, zip(*rows, strict=True)), strict=True))


def _scales(order: int) -> np.ndarray:
    """Three initial scales; larger where the wait is a high power of them."""
    return np.array([1e-2, 1e-3, 1e-4]) if order < 2 else np.array([1e-2, 3e-3, 9e-4])
