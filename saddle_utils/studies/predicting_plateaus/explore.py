"""The explorer of notebook 14: any random task, trained and predicted."""

from ...notebook.explorer import Choice, Explorer, Slider
from . import draw


def explorer() -> Explorer:
    """The explorer of predicted plateaus: a random task of an architecture, and its prediction."""
    from . import tasks  # here, for it imports pandas, which is slow

    kinds = list(draw.ALL)

    def simulate(architecture: str, init_scale: float, seed: int, width: int) -> dict:
        return tasks.example(architecture, seed, width, init_scale)

    return Explorer(
        simulate, draw.example_figure,
        "Loss over time of a random task, the loss curve predicted before training dashed over it",
        {"quadratic units": {"architecture": "quadratic"}, "a ReLU task": {"architecture": "ReLU"},
        "long waits": {"init_scale": 1e-8}, "hardly a plateau": {"init_scale": 1e-2}},
        architecture=Choice(kinds[0], kinds), init_scale=Slider(1e-4, -8, -2, 0.25, log=True,
        label="initial scale"), seed=Slider(1, 0, 100), width=Slider(20, 5, 30, label="units"),
    )  # fmt: skip
