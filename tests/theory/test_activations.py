"""Orders of activations at zero, against nested automatic differentiation of torch's own."""

from __future__ import annotations

from math import factorial

import numpy as np
import pytest
import torch
from support import TORCH

from saddle_utils.networks import ACTIVATIONS
from saddle_utils.networks.pointwise import activation
from saddle_utils.theory.activations import imbalance_order, lowest_order, taylor


def test_taylor_coefficients_equal_nested_derivatives():
    for name in (name for name, act in ACTIVATIONS.items() if act.smooth):
        function, expected, zero = TORCH[name], [], torch.tensor(0.0, dtype=torch.float64)
        for order in range(6):
            expected.append(float(function(zero)) / factorial(order))
            function = torch.func.grad(function)
        np.testing.assert_allclose(taylor(name)[:6], expected, atol=1e-13, err_msg=name)


def test_the_orders_of_every_activation():
    orders = {name: (lowest_order(name), imbalance_order(name)) for name in ACTIVATIONS}
    assert orders == {
        "relu": (1, None), "leaky_relu": (1, None), "identity": (1, None),
        "tanh": (1, 3), "sine": (1, 3), "sigmoid": (0, 0), "softplus": (0, 0),
        "gelu": (1, 2), "swish": (1, 2), "x_tanh": (2, 2), "square": (2, 2), "cubic": (3, 3),
    }  # fmt: skip


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_orders_are_the_slopes_near_zero(name):
    """|sigma(a)| and |sigma(a) - a sigma'(a)| as powers of a small a, which no series is asked."""
    act, a = activation(name), np.array([1e-2, 1e-3])
    value, gap = act.f(a), act.f(a) - a * act.df(a, act.f(a))
    slope = np.diff(np.log(np.abs(value))) / np.diff(np.log(a))
    np.testing.assert_allclose(slope, lowest_order(name), atol=0.02)
    if imbalance_order(name) is None:
        np.testing.assert_allclose(gap, 0, atol=1e-17)
    else:
        slope = np.diff(np.log(np.abs(gap))) / np.diff(np.log(a))
        np.testing.assert_allclose(slope, imbalance_order(name), atol=0.02)


def test_softplus_neither_overflows_nor_loses_its_tails():
    a = np.array([-800.0, -30.0, 30.0, 800.0])
    with np.errstate(all="raise", under="ignore"):
        np.testing.assert_allclose(ACTIVATIONS["softplus"].f(a), np.logaddexp(0, a), rtol=1e-14)


def test_errors():
    with pytest.raises(ValueError, match="unknown activation 'cosine'"):
        lowest_order("cosine")
    with pytest.raises(ValueError, match="kink"):
        taylor("relu")
