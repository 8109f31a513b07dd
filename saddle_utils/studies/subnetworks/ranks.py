"""Ranks of the Jacobian of monomial networks at points of every kind, exact and floating."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from ...theory import subnetworks as theory
from ...theory.subnetworks import KINDS, SUBNETWORKS, draw_points, point_ranks, sufficient_degree

PRIMES = (theory.PRIME, 2**31 - 19)


def rank_table(
    inputs: Sequence[int], widths: Sequence[int], seed: int, draws: int = 20
) -> pd.DataFrame:
    """`rank_row` for each number of inputs, each width H and each degree up to 2H + 1."""
    rng = np.random.default_rng(seed)
    cells = ((n, h, d) for n in inputs for h in widths for d in range(1, 2 * h + 2))
    return pd.DataFrame([rank_row(*cell, rng, draws) for cell in cells])


def rank_row(
    inputs: int, width: int, degree: int, rng: np.random.Generator, draws: int
) -> dict[str, Any]:
    """Exact ranks at random points of every kind.

    Keys: inputs, width, degree; verdict; the largest rank of each of `theory.KINDS`; exceptions,
    for how many kinds a draw has another rank than the formula says.
    """
    points = {kind: draw_points([inputs, width, 1], draws, rng, kind) for kind in KINDS}
    ranks = {kind: point_ranks(weights, degree, rng) for kind, weights in points.items()}
    expected = {kind: theory.expected_rank(kind, inputs, width, degree) for kind in KINDS}
    return {
        "inputs": inputs, "width": width, "degree": degree, "verdict": verdict(ranks),
        **{kind: int(found.max()) for kind, found in ranks.items()},
        "exceptions": sum((ranks[kind] != expected[kind]).any() for kind in KINDS),
    }  # fmt: skip


def verdict(ranks: Mapping[str, np.ndarray]) -> str:
    """Whether critical means subnetwork, of the ranks found by kind, (draws,) each.

    It "holds" where all subnetworks are critical and points in a plane are not.
    """
    generic = np.max(ranks["generic"])
    if max(np.max(ranks[kind]) for kind in SUBNETWORKS) >= generic:
        return "not critical"  # a subnetwork with the generic rank
    return "holds" if np.min(ranks["in a plane"]) >= generic else "not a subnetwork"


def smallest_degrees(table: pd.DataFrame, inputs: int) -> list[int]:
    """Degree from which on the verdict is "holds", for each width in order."""
    own = table[table["inputs"] == inputs]
    failing = own["degree"] * (own["verdict"] != "holds")
    return (failing.groupby(own["width"]).max() + 1).tolist()


def generic_losses(
    inputs: Sequence[int], widths: Sequence[int], seed: int, draws: int = 1000
) -> tuple[int, int, int]:
    """Exceptions at degrees 2H - 1, 2H and 2H + 1, of networks with one output, and with two.

    The number of points drawn; of those that are no subnetworks, how many have less than full
    rank, H (n + N_v - 1); of the subnetworks, how many have full rank.  `draws` generic points are
    drawn for one output, a tenth of it of every other kind.
    """
    rng, drawn, lost, full = np.random.default_rng([seed, 1]), 0, 0, 0
    for n, width, outputs in product(inputs, widths, (1, 2)):
        top, sizes = width * (n + outputs - 1), [n, width, outputs]
        for degree in range(sufficient_degree(width), 2 * width + 2):
            for kind in KINDS:
                many = draws if kind == "generic" and outputs == 1 else draws // 10
                ranks = point_ranks(draw_points(sizes, many, rng, kind), degree, rng)
                drawn += many
                if kind in SUBNETWORKS:
                    full += int((ranks >= top).sum())
                else:
                    lost += int((ranks < top).sum())
    return drawn, lost, full


def search(
    inputs: int, width: int, degrees: Sequence[int], seed: int, draws: int = 3000
) -> tuple[np.ndarray, list[np.ndarray] | None]:
    """Critical points that are no subnetworks, among random weights of -1, 0 and 1.

    Their share of all points that are no subnetworks (degrees,), and the weights of the one at the
    highest degree with the most zeros, None if there is none.
    """
    rng, shares, best = np.random.default_rng([seed, 2]), [], None
    for degree in degrees:
        points = draw_points([inputs, width, 1], draws, rng, largest=1)
        others = ~theory.is_subnetwork(points)
        points = [matrix[others] for matrix in points]
        critical = point_ranks(points, degree, rng) < theory.generic_rank(inputs, width, degree)
        shares.append(critical.mean())
        if critical.any():
            zeros = (points[0] == 0).sum((1, 2)) * critical
            best = [matrix[np.argmax(zeros)] for matrix in points]
    return np.array(shares), best


def counterexample() -> tuple[list[int], float]:
    """Three neurons in a plane, at the degree 4 = 2H - 2: critical, though no subnetwork.

    The rank modulo two primes (generic: 9), and the largest coefficient of the identity behind it,
    (x + y)^3 (x - y) - x^3 (x + 2 y) + y^3 (y + 2 x) = 0.
    """
    weights = [np.array([[1, 1, 0], [1, 0, 0], [0, 1, 0]]), np.ones((1, 3), dtype=int)]
    x = np.random.default_rng(0).integers(1, PRIMES[1], (3, 20))
    ranks = [int(theory.exact_rank(theory.monomial_jacobian(weights, x, 4, p), p)) for p in PRIMES]
    sides = [np.poly1d([1, 1]) ** 3 * [1, -1], np.poly1d([1, 2, 0, 0, 0]), np.poly1d([2, 1])]
    return ranks, float(np.abs((sides[0] - sides[1] + sides[2]).coeffs).max())


def exact_errors(width: int, seed: int, draws: int = 100) -> int:
    """Wrong ranks by exact arithmetic where `floating_ranks` uses singular values."""
    rng, wrong = np.random.default_rng([seed, 9]), 0
    for kind, rank in (("generic", 2 * width), ("redundant", 2 * width - 2)):
        points = draw_points([2, width, 1], draws, rng, kind)
        wrong += int((point_ranks(points, sufficient_degree(width), rng) != rank).sum())
    return wrong


def floating_ranks(
    width: int, seed: int, thresholds: np.ndarray, draws: int = 200
) -> dict[str, np.ndarray]:
    """Ranks by counting singular values, of networks with two inputs and degree 2H - 1.

    The first half of the draws is generic, of rank 2H, the second half has a redundant neuron, and
    rank 2H - 2.  Columns of the Jacobian have norm 1.  Keys: the singular values over the largest
    of each draw, `double` and `single` (draws, 2H + ...), and the shares of draws with a wrong rank
    at each of the thresholds, `double_wrong` and `single_wrong`.
    """
    rng, degree, half = np.random.default_rng([seed, 3]), sufficient_degree(width), draws // 2
    w, v = rng.standard_normal((draws, width, 2)), rng.standard_normal((draws, 1, width))
    w[half:, -1] = w[half:, -2] * rng.standard_normal((draws - half, 1))
    angles = np.linspace(0, np.pi, 200, endpoint=False)
    jacobian = theory.monomial_jacobian([w, v], np.stack([np.cos(angles), np.sin(angles)]), degree)
    jacobian /= np.linalg.norm(jacobian, axis=1, keepdims=True)
    right = np.where(np.arange(draws) < half, 2 * width, 2 * width - 2)
    out = {}
    for name, kind in (("double", np.float64), ("single", np.float32)):
        values = np.linalg.svd(jacobian.astype(kind), compute_uv=False)
        out[name] = values / values[:, :1]
        counts = (out[name][..., None] > thresholds).sum(1)
        out[f"{name}_wrong"] = (counts != right[:, None]).mean(0)
    return out


def three_layers(
    architectures: Sequence[Sequence[int]], degrees: Sequence[int], seed: int
) -> pd.DataFrame:
    """Exact ranks of networks with two hidden layers, a row for each architecture and degree.

    Columns: sizes, as "2-3-2-1"; degree; generic, the largest rank of five points; subnetwork, the
    largest rank of a subnetwork of either layer; bound, `expected_dimension`.
    """
    rng, rows = np.random.default_rng([seed, 4]), []

    def largest(sizes: Sequence[int], degree: int, kind: str = "generic", layer: int = 1) -> int:
        points = draw_points([*sizes], 5, rng, kind, layer)
        return int(point_ranks(points, degree, rng).max())

    for sizes, degree in product(architectures, degrees):
        found = [largest(sizes, degree, *where) for where in product(SUBNETWORKS, (1, 2))]
        rows.append(
            {"sizes": "-".join(map(str, sizes)), "degree": degree,
            "generic": largest(sizes, degree), "subnetwork": max(found),
            "bound": theory.expected_dimension([*sizes], degree)}
        )  # fmt: skip
    return pd.DataFrame(rows)
