"""Notebook 04: linear self-attention learns one head at a time (Figure 1F).

The runs, the claims made of every panel, and the drawing are those of `figure1`.
"""

from __future__ import annotations

import numpy as np

from ..notebook import Explorer, Picture, Slider, look
from . import figure1


def fig1f_picture(paper_run: np.ndarray, ensemble: np.ndarray, levels: np.ndarray) -> Picture:
    """Figure 1F: a run of attention, other seeds, and the levels of theory (3,)."""
    fig = figure1.panel_figure(paper_run, ensemble, levels)
    alt = (
        "Figure 1F. The loss falls in two abrupt steps with a plateau at .54, near the "
        "paper's curve; other seeds fall at other times to the same levels; one query, then "
        "two, leave the origin."
    )
    return Picture(
        fig, "fig1f", alt, figure1.panel_curves(paper_run),
        {"weights": figure1.panel_weights(paper_run)},
    )  # fmt: skip


def attention_limit_picture(
    at_panel: np.ndarray, near: np.ndarray, far: np.ndarray, levels: np.ndarray, seeds: np.ndarray
) -> Picture:
    """Runs of the same seeds from ever smaller scales (`figure1.limit_figure`)."""
    fig = figure1.limit_figure([at_panel, near, far], levels)
    alt = (
        "Loss of attention for many seeds from the panel's scale, a hundredth and a "
        "ten-thousandth of it, over rescaled epochs: the drops sharpen to vertical steps and "
        "keep their times."
    )
    return Picture(
        fig, "attention_limit", alt, {"seed": list(seeds), "panel": figure1.first_drops(at_panel),
        "limit": figure1.first_drops(far) * 1e-4}
    )  # fmt: skip


def attention_escape_picture(
    predicted: np.ndarray, epochs_scaled: np.ndarray, measured: np.ndarray, draws: np.ndarray,
    first: np.ndarray,
) -> Picture:  # fmt: skip
    """Predicted against measured times of the first drop (Proposition 5)."""
    fig = look.agreement_figure(
        [{"title": "first drop of 200 draws", "label": "epochs × fraction", "log": True,
        "predicted": predicted * epochs_scaled, "measured": measured * epochs_scaled}]
    )  # fmt: skip
    alt = "Predicted against measured time of the first drop for 200 draws: all on the diagonal."
    return Picture(
        fig, "attention_escape", alt, {"seed": list(draws), "predicted": predicted * epochs_scaled,
        "measured": measured * epochs_scaled, "unit": first},
    )  # fmt: skip


def explorer() -> Explorer:
    """Explorer of panel F: the length of the context and the variance of the second coordinate."""
    return figure1.panel_explorer(
        "fig1f",
        context=Slider(31, 2, 60, label="context length"),
        second=Slider(0.5, 0.05, 1.0, 0.05, label="second variance"),
    )
