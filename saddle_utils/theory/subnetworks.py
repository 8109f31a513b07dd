"""Subnetworks as singularities of the parametrisation (Kohn et al., arXiv 2606.28464).

A network with sigma(t) = t^d, f(x) = W_L sigma(... sigma(W_1 x)), is a polynomial map.  A point of
weight space is *critical* if the Jacobian of weights -> f has a lower rank there than at a generic
point.  Ranks are exact here: weights and inputs are integers modulo a prime, and `exact_rank`
eliminates over that field.  A rank found so is a lower bound of the generic rank, always, and equal
to it but for a chance of about degree / prime.
"""

from functools import reduce
from itertools import pairwise
from math import comb

import numpy as np

PRIME = 2**31 - 1  # the difference of two products of residues fits 64 bits
DEFECTIVE = {(3, 5, 4), (4, 9, 4), (5, 14, 4), (5, 7, 3)}  # (inputs, width, degree)
SUBNETWORKS = ("no output", "no input", "redundant")
KINDS = ("generic", "in a plane", *SUBNETWORKS)  # of points that `draw_points` draws


def monomial_jacobian(
    weights: list[np.ndarray], x: np.ndarray, degree: int, prime: int | None = None
) -> np.ndarray:
    """Jacobian of f(x; W_1 ... W_L) in the weights, (\\*ensemble, outputs * samples, weights).

    `weights` holds matrices (\\*ensemble, out, in), `x` is (inputs, samples); the columns follow
    the matrices in order, row by row.  Integers modulo `prime` if one is given, else floats.
    """

    def mod(a: np.ndarray) -> np.ndarray:
        return a if prime is None else a % prime

    def times(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return a @ b if prime is None else mod(mod(a[..., None] * b[..., None, :, :]).sum(-2))

    def power(a: np.ndarray, exponent: int) -> np.ndarray:
        return reduce(lambda product, _: mod(product * a), range(exponent), np.ones_like(a))

    ensemble, outputs, samples = weights[0].shape[:-2], weights[-1].shape[-2], x.shape[-1]
    inner, slopes = [np.broadcast_to(mod(x), (*ensemble, *x.shape))], []
    for matrix in weights[:-1]:
        a = times(mod(matrix), inner[-1])
        lower = power(a, degree - 1)
        slopes.append(mod(degree * lower))
        inner.append(mod(lower * a))
    one = np.eye(outputs, dtype=x.dtype)[..., None]
    back = np.broadcast_to(one, (*ensemble, outputs, outputs, samples))
    blocks = []  # back (*ensemble, outputs, out, samples) is df / da of each layer, from the last
    for k in reversed(range(len(weights))):
        of_layer = mod(back[..., None, :] * inner[k][..., None, None, :, :])
        of_layer = np.moveaxis(of_layer, -1, -3)  # (*ensemble, outputs, samples, out, in)
        blocks.append(of_layer.reshape(*ensemble, outputs * samples, -1))
        if k:
            back = times(mod(weights[k]).mT[..., None, :, :], back)
            back = mod(back * slopes[k - 1][..., None, :, :])
    return np.concatenate(blocks[::-1], axis=-1)


def exact_rank(matrices: np.ndarray, prime: int = PRIME) -> np.ndarray:
    """Rank of integer matrices (\\*ensemble, rows, columns) modulo a prime, (\\*ensemble,).

    Gaussian elimination without division, all matrices at once.  ValueError for a prime of more
    than 31 bits, whose products overflow.
    """
    if not 1 < prime < 2**31:
        raise ValueError(f"the prime is {prime}; wanted one below 2^31, for products in 64 bits")
    a = np.array(matrices, dtype=np.int64).reshape(-1, *np.shape(matrices)[-2:]) % prime
    a = a if a.shape[1] >= a.shape[2] else a.mT.copy()  # rank of the transpose, fewer columns
    every, used = np.arange(len(a)), np.zeros(a.shape[:2], dtype=bool)  # rows that were pivots
    while a.shape[2]:
        head = np.where(used, 0, a[:, :, 0])
        pivot = (head != 0).argmax(1)
        lead = a[every, pivot]
        used[every, pivot] |= head.any(1)
        head[every, pivot] = 0
        scale = np.where(head.any(1), lead[:, 0], 1)
        a = (a[:, :, 1:] * scale[:, None, None] - head[..., None] * lead[:, None, 1:]) % prime
    return used.sum(1).reshape(np.shape(matrices)[:-2])


def draw_points(
    sizes: list[int], count: int, rng: np.random.Generator, kind: str = "generic", layer: int = 1,
    largest: int | None = None,
) -> list[np.ndarray]:  # fmt: skip
    """Random integer weights of `count` networks of layers `sizes`, (count, out, in) each.

    `kind` says what is true of the last neuron of hidden `layer` (from 1): nothing ("generic"), its
    outgoing or its incoming weights are 0 ("no output", "no input"), or its incoming weights are a
    multiple of those of the neuron before it ("redundant").  "in a plane" is no subnetwork: the
    weights of all first neurons span two dimensions only.  Weights are nonzero residues modulo
    `PRIME`, or whole numbers from -`largest` to `largest`, 0 among them but in the last matrix.
    ValueError for an unknown kind, or a layer without the neurons it takes.
    """
    if kind not in KINDS or not 0 < layer < len(sizes) - 1 or sizes[layer] < 2:
        raise ValueError(
            f"no points of kind {kind!r} in layer {layer} of {sizes}; known: {', '.join(KINDS)}, "
            "in a hidden layer of two neurons or more"
        )
    shapes = [(count, b, a) for a, b in pairwise(sizes)]
    low, high = (1, PRIME) if largest is None else (-largest, largest + 1)
    weights = [rng.integers(low, high, shape) for shape in shapes]
    weights[-1][weights[-1] == 0] = 1
    if kind == "no output":
        weights[layer][..., -1] = 0
    elif kind == "no input":
        weights[layer - 1][:, -1] = 0
    elif kind == "in a plane":
        mixture = rng.integers(1, PRIME, (count, sizes[1], 2))
        weights[0] = sum(mixture[..., k, None] * weights[0][:, None, k] % PRIME for k in (0, 1))
    elif kind == "redundant":
        factor = rng.integers(1, PRIME, (count, 1))
        weights[layer - 1][:, -1] = factor * weights[layer - 1][:, -2] % PRIME
    return weights


def point_ranks(weights: list[np.ndarray], degree: int, rng: np.random.Generator) -> np.ndarray:
    """Exact rank of the Jacobian at integer weights (\\*ensemble, out, in), (\\*ensemble,).

    It is evaluated at as many random inputs as there are weights, and two more.
    """
    samples = sum(matrix.shape[-2] * matrix.shape[-1] for matrix in weights) + 2
    x = rng.integers(1, PRIME, (weights[0].shape[-1], samples))
    return exact_rank(monomial_jacobian(weights, x, degree, PRIME))


def is_subnetwork(weights: list[np.ndarray], prime: int = PRIME) -> np.ndarray:
    """Whether a neuron of the first of two layers is inactive or redundant, (\\*ensemble,).

    `weights` are integers (\\*ensemble, width, inputs) and (\\*ensemble, outputs, width).
    """
    w, v = (matrix % prime for matrix in weights)
    inactive = (~w.any(-1) | ~v.any(-2)).any(-1)
    outer = w[..., :, None, :, None] * w[..., None, :, None, :] % prime
    parallel = ~(outer != outer.mT).any((-2, -1))  # w_i w_j' is symmetric where w_i || w_j
    return inactive | (parallel.sum((-2, -1)) > w.shape[-2])


def generic_rank(inputs: int, width: int, degree: int) -> int:
    """Generic rank of the Jacobian of sum_h v_h (w_h . x)^d with one output.

    It is the dimension of the space of sums of `width` powers of linear forms, which the theorem of
    Alexander and Hirschowitz (1995) gives: weights less a scale for each neuron, or all polynomials
    of the degree, with the exceptions of degree 2 and `DEFECTIVE`.
    """
    if degree <= 2:
        few = min(width, inputs)
        return inputs if degree == 1 else few * inputs - few * (few - 1) // 2
    expected = min(width * inputs, comb(inputs + degree - 1, degree))
    return expected - ((inputs, width, degree) in DEFECTIVE)


def expected_rank(kind: str, inputs: int, width: int, degree: int) -> int:
    """Rank of the Jacobian at a random point of this kind (see `draw_points`), one output.

    A redundant neuron, or one without input, adds nothing to the narrower network.  One without
    output adds its power (w . x)^d, in which the function may still move.  If all w_h are in a
    plane, directions within it and across it are two problems of two variables.
    """
    if kind == "generic":
        return generic_rank(inputs, width, degree)
    if kind == "in a plane":
        return min(2 * width, degree + 1) + (inputs - 2) * min(width, degree)
    narrow = generic_rank(inputs, width - 1, degree)
    if kind != "no output":
        return narrow
    return min(narrow + 1, comb(inputs + degree - 1, degree))


def expected_dimension(sizes: list[int], degree: int) -> int:
    """Weights less one scale for each hidden neuron, or all polynomials of the degree if fewer.

    An upper bound of the generic rank of a network of any depth.
    """
    weights = sum(a * b for a, b in pairwise(sizes)) - sum(sizes[1:-1])
    powers = degree ** (len(sizes) - 2)
    return min(weights, sizes[-1] * comb(sizes[0] + powers - 1, powers))


def sufficient_degree(width: int) -> int:
    """Degree 2H - 1 from which a two-layer network is critical only at its subnetworks.

    Of a relation sum_h (w_h . x)^(d-1) l_h(x) = 0 with w_h pairwise not parallel, restricted to a
    plane: 2H numbers in a space of d + 1 dimensions, independent if they fit (Hermite).
    """
    return 2 * width - 1


def mason_degree(width: int) -> int:
    """The same degree from Mason's theorem for several terms (Brownawell and Masser, 1986).

    H coprime forms of degree d in two variables with sum 0, and no smaller sum 0, have
    d <= (H-1)(H-2)/2 (N - 2), N their distinct roots; here N <= 2H.  Two terms need d >= 3.
    """
    return max((width - 1) ** 2 * (width - 2) + 1, 3)


def learning_coefficient(inputs: int, degree: int, outputs: int = 1) -> tuple[float, int]:
    """Local learning coefficient and multiplicity of a dormant neuron (Watanabe's theory).

    The excess loss of a neuron v (u . x)^d over the function 0 is of the order |v|^2 |u|^(2d); the
    volume of weights with less than eps goes as eps^lambda ln(1/eps)^(m - 1), with lambda the
    smaller of N_v / 2 and n / (2d), and m = 2 where these are equal.
    """
    shares = outputs / 2, inputs / (2 * degree)
    return min(shares), 1 + (shares[0] == shares[1])
