"""Compile the kernels ahead of their first use: `python -m saddle_utils.dynamics`."""

import gc
from concurrent.futures import ProcessPoolExecutor
from time import perf_counter

import numpy as np

from ..networks import initial_units, linear
from . import descend, flow


def use(steps: int) -> None:
    """Run the kernel of gradient flow or, for some `steps`, that of gradient descent."""
    gc.disable()  # a tenth of the time
    network = linear(np.eye(2), np.eye(2))
    theta = initial_units(network, 2, 1e-3, 0)
    descend(network, theta, 0.1, steps) if steps else flow(network, theta, 0.1)


if __name__ == "__main__":
    start = perf_counter()
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(use, (0, 1)))
    print(f"engines compiled for this machine, {perf_counter() - start:.0f} s")
