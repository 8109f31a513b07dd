"""Peaks and prominences, against those of `scipy.signal`."""

import numpy as np
import pytest
from scipy.signal import find_peaks as reference

from saddle_utils.observables.peaks import find_peaks


@pytest.mark.parametrize("levels", [2, 3, 10, 0])
def test_peaks_and_prominences_are_those_of_scipy(levels):
    """Of noise, in a few levels only, so that there are ties and flat tops, or in many."""
    rng = np.random.default_rng(levels)
    for length in [*range(1, 12), *rng.integers(12, 400, 100)]:
        values = rng.standard_normal(length).cumsum() * rng.integers(2)
        values += rng.integers(0, levels, length) if levels else rng.standard_normal(length)
        peaks, prominences = find_peaks(values)
        known, found = reference(values, prominence=0)
        np.testing.assert_array_equal(peaks, known)
        np.testing.assert_array_equal(prominences, found["prominences"])
