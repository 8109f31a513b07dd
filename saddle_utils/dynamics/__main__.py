"""Compile the kernels ahead of their first use: `python -m saddle_utils.dynamics`."""

import gc
from time import perf_counter

import numpy as np

from ..networks import initial_units, linear
from . import descend, flow

if __name__ == "__main__":
    gc.disable()  # a tenth of the time
    network, start = linear(np.eye(2), np.eye(2)), perf_counter()
    theta = initial_units(network, 2, 1e-3, 0)
    descend(network, theta, 0.1, 1)
    flow(network, theta, 0.1)
    print(f"engines compiled for this machine, {perf_counter() - start:.0f} s")
