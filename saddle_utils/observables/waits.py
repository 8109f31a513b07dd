"""How a wait depends on the initial scale, from its times at three scales."""

import numpy as np


def exponent(scales: np.ndarray, times: np.ndarray) -> float:
    """Exponent k of times t = c + C scale^k at three scales in geometric sequence.

    0 is a logarithm.  From the ratio of the two differences, to which a constant does not matter;
    nan where a time is.
    """
    first, second = np.diff(times)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.log(np.abs(second / first)) / np.log(scales[1] / scales[0]))
