"""The explorer of Figure 4: an activation by name, scale, width, and the moment shown."""

from ...datasets import FIGURE4, figure4_panel
from ...notebook import Choice, Explorer, Slider
from ..figure1 import PanelRun, train_panel
from .draw import snapshot

QUICK = {"softmax": 500, "softmax_rank2": 500}  # epochs of the panels that cost more


def explorer() -> Explorer:
    """Explorer of all panels of Figure 4; `scale` multiplies the panel's initial scale."""

    def simulate(phi: str, scale: float, width: int, seed: int) -> PanelRun:
        panel, epochs = figure4_panel(phi), QUICK.get(phi, 2000)
        return train_panel(panel, seed, width, scale * panel.init_scale, epochs=epochs, every=20)

    alt = "Loss and effective width of a network with the chosen activation, and its weights"
    return Explorer(
        simulate, snapshot, alt, phi=Choice("tanh", tuple(FIGURE4), "activation"),
        scale=Slider(1.0, -3, 1.5, 0.1, log=True, label="scale × panel's"), width=Slider(10, 1, 30),
        seed=Slider(0, 0, 100), progress=Slider(0.3, 0.0, 1.0, 0.01, view=True, label="time shown"),
    )  # fmt: skip
