"""The explorer of notebook 12: activation, depth and skip by name, and the scale."""

from __future__ import annotations

from ... import networks
from ...datasets import panel
from ...dynamics import descend
from ...networks import ACTIVATIONS, initial_units
from ...notebook.explorer import Choice, Explorer, Slider
from ...theory.deep import effective_depth
from .draw import snapshot

STEP, STEPS = 0.25, 900


def explorer() -> Explorer:
    """Explorer of Figure 6 on the data of Figure 1D, by gradient descent."""
    data = panel("fig1d")

    def simulate(phi: str, depth: int, jumped: int, init_scale: float, seed: int) -> tuple:
        jumped = min(jumped, depth - 2)
        skips = ((1, 1 + jumped),) if jumped else ()
        net = networks.deep([2, *[8] * (depth - 1), 1], data.x, data.y, phi, skips)
        theta = initial_units(net, 1, init_scale, seed)
        run = descend(net, theta, STEP, STEPS, 5)
        left = effective_depth(depth, skips)
        law = "a logarithm" if left == 2 else f"1 / scale^{left - 2}"
        return net, run, f"{phi}, shortest path {left}: {law}"

    return Explorer(
        simulate, snapshot,
        "Loss of a deep network with a skip, over linear and logarithmic time, beside the "
        "effective "
        "width of each of its layers",
        phi=Choice("relu", [*ACTIVATIONS], label="activation"),
        depth=Slider(4, 2, 6),
        jumped=Slider(1, 0, 4, label="layers jumped"),
        init_scale=Slider(0.05, -3, -0.5, 0.1, log=True, label="initial scale"),
        seed=Slider(0, 0, 100),
    )  # fmt: skip
