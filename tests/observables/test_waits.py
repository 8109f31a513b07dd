"""Exponents of waits, against constructed laws."""

from __future__ import annotations

import numpy as np
import pytest

from saddle_utils.observables import exponent


@pytest.mark.parametrize("power", [-3.0, -1.0, 1.0])
def test_an_exponent_is_found_beside_a_constant(power):
    scales = np.array([1e-2, 1e-3, 1e-4])
    assert exponent(scales, 7 + 0.3 * scales**power) == pytest.approx(power, abs=1e-6)
    assert exponent(scales, 5 + np.log(1 / scales)) == pytest.approx(0, abs=1e-9)
    assert np.isnan(exponent(scales, np.array([1.0, np.nan, 2.0])))
