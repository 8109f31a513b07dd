"""Exact ranks against sympy, the Jacobian against autograd, and counts against brute force."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from sympy import GF, QQ, ZZ
from sympy.polys.matrices import DomainMatrix

from saddle_utils.theory import subnetworks as theory


def draw(rng, sizes):
    return [rng.standard_normal((b, a)) for a, b in pairwise(sizes)]


@pytest.mark.parametrize("sizes", [[3, 4, 2], [2, 3, 2, 1], [2, 2, 3, 2, 2]])
@pytest.mark.parametrize("degree", [1, 2, 3])
def test_the_jacobian_is_that_of_autograd(sizes, degree):
    rng = np.random.default_rng(0)
    weights, x = draw(rng, sizes), rng.standard_normal((sizes[0], 5))

    def f(*matrices):
        h = torch.as_tensor(x)
        for matrix in matrices[:-1]:
            h = (matrix @ h) ** degree
        return matrices[-1] @ h

    blocks = torch.autograd.functional.jacobian(f, tuple(map(torch.as_tensor, weights)))
    expected = torch.cat([b.reshape(sizes[-1] * 5, -1) for b in blocks], 1).numpy()
    found = theory.monomial_jacobian(weights, x, degree)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


def test_the_jacobian_modulo_a_prime_is_the_integer_one():
    rng = np.random.default_rng(1)
    weights = [rng.integers(-3, 4, (6, 3, 2)), rng.integers(-3, 4, (6, 2, 3))]
    x = rng.integers(-3, 4, (2, 7))
    whole = theory.monomial_jacobian(weights, x, 3)
    assert (theory.monomial_jacobian(weights, x, 3, 101) == whole % 101).all()


@pytest.mark.parametrize("shape", [(5, 8), (8, 5), (6, 6), (1, 4)])
def test_exact_ranks_are_those_of_sympy(shape):
    rng = np.random.default_rng(2)
    rank = rng.integers(0, min(shape) + 1, 12)
    low = [rng.integers(-9, 10, (shape[0], r)) @ rng.integers(-9, 10, (r, shape[1])) for r in rank]
    matrices = np.array([*low, *rng.integers(0, 3, (12, *shape)), np.zeros(shape)], dtype=int)
    for prime, field in ((theory.PRIME, QQ), (5, GF(5)), (2, GF(2))):
        exact = [DomainMatrix(m.tolist(), shape, ZZ).convert_to(field).rank() for m in matrices]
        assert theory.exact_rank(matrices, prime).tolist() == exact
    assert theory.exact_rank(matrices[0]).shape == ()


def test_ranks_of_small_integer_points_are_those_over_the_rationals():
    rng = np.random.default_rng(3)
    points = theory.draw_points([3, 3, 1], 8, rng, largest=1)
    x = rng.integers(-5, 6, (3, 20))
    exact = [
        DomainMatrix(m.tolist(), m.shape, QQ).rank()
        for m in theory.monomial_jacobian(points, x, 4).astype(object)
    ]
    assert theory.point_ranks(points, 4, rng).tolist() == exact


@pytest.mark.parametrize("kind", theory.KINDS)
def test_points_are_of_their_kind_and_have_the_expected_rank(kind):
    rng = np.random.default_rng(4)
    for inputs, width, degree in ((2, 4, 5), (3, 3, 4), (3, 5, 4), (4, 3, 6)):
        points = theory.draw_points([inputs, width, 1], 6, rng, kind)
        assert theory.is_subnetwork(points).all() == (kind in theory.SUBNETWORKS)
        assert theory.is_subnetwork(points).any() == (kind in theory.SUBNETWORKS)
        expected = theory.expected_rank(kind, inputs, width, degree)
        assert (theory.point_ranks(points, degree, rng) == expected).all()


def test_generic_ranks_know_the_exceptions():
    rng = np.random.default_rng(5)
    for inputs, width, degree in [*theory.DEFECTIVE, (3, 6, 4), (4, 3, 2), (6, 2, 2)]:
        found = theory.point_ranks(theory.draw_points([inputs, width, 1], 2, rng), degree, rng)
        assert (found == theory.generic_rank(inputs, width, degree)).all(), (inputs, width, degree)


def test_the_dimension_bounds_the_rank_of_deep_networks():
    rng = np.random.default_rng(6)
    for sizes in ([2, 3, 2, 1], [3, 2, 2, 2], [2, 2, 2, 2, 1]):
        for degree in (2, 3, 4):
            ranks = theory.point_ranks(theory.draw_points(sizes, 2, rng), degree, rng)
            assert (ranks <= theory.expected_dimension(sizes, degree)).all()


def test_bounds_on_the_degree():
    assert [theory.sufficient_degree(h) for h in (2, 3, 4)] == [3, 5, 7]
    assert [theory.mason_degree(h) for h in (2, 3, 4, 5)] == [3, 5, 19, 49]
    assert theory.learning_coefficient(2, 3) == (1 / 3, 1)
    assert theory.learning_coefficient(3, 3) == (0.5, 2)
    assert theory.learning_coefficient(4, 3, outputs=1) == (0.5, 1)


def test_what_does_not_exist_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="no points of kind 'idle'"):
        theory.draw_points([2, 3, 1], 1, rng, "idle")
    with pytest.raises(ValueError, match="in layer 2 of"):
        theory.draw_points([2, 3, 1], 1, rng, "redundant", layer=2)
    with pytest.raises(ValueError, match=r"below 2\^31"):
        theory.exact_rank(np.eye(2, dtype=int), 2**31 + 11)


def test_a_wide_network_has_no_more_dimensions_than_there_are_polynomials():
    """Quadratic forms of two variables; forms of degree nine of three: (3 + 8 choose 9)."""
    assert theory.expected_dimension([2, 50, 1], 2) == 3
    assert theory.expected_dimension([3, 100, 100, 2], 3) == 2 * 55
