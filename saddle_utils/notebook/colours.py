"""The colours of all figures, and the dashes of theory."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_params_from_file
from matplotlib.colors import LinearSegmentedColormap, to_rgb

STYLE = Path(__file__).parent / "house.mplstyle"
# seaborn's palette for the colour-blind
BLUE, ORANGE, GREEN, RED, PURPLE, BROWN, PINK, GREY, YELLOW, SKY = (
    to_rgb(entry["color"]) for entry in rc_params_from_file(STYLE)["axes.prop_cycle"]
)
INK, FAINT = "#222222", "#9a9a9a"
DASHED = (0, (4, 3))  # theory, in every figure
CREST = [  # of seaborn, whose import takes as long as all others
    "#a5cd90", "#92c491", "#7fbb91", "#6db290", "#5da890", "#509e90", "#44948f", "#398a8e",
    "#2e808d", "#24768b", "#1d6c8a", "#1d6187", "#215584", "#26497e", "#2a3d78", "#2c3172",
]  # fmt: skip


def shades(count: int | None = None, dark_first: bool = False) -> Any:
    """So many colours from light to dark, for what grows; the whole map if `count` is None."""
    crest = LinearSegmentedColormap.from_list("crest", CREST[::-1] if dark_first else CREST)
    if count is None:
        return crest
    return [to_rgb(colour) for colour in crest(np.linspace(0, 1, count + 2)[1:-1])]
