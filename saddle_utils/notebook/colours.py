"""The colours of all figures, and the dashes of theory."""

from pathlib import Path
from typing import Any

from matplotlib import rc_params_from_file
from matplotlib.colors import to_rgb

STYLE = Path(__file__).parent / "house.mplstyle"
# seaborn's palette for the colour-blind
BLUE, ORANGE, GREEN, RED, PURPLE, BROWN, PINK, GREY, YELLOW, SKY = (
    to_rgb(entry["color"]) for entry in rc_params_from_file(STYLE)["axes.prop_cycle"]
)
INK, FAINT = "#222222", "#9a9a9a"
DASHED = (0, (4, 3))  # theory, in every figure


def shades(count: int | None = None, dark_first: bool = False) -> Any:
    """So many colours from light to dark, for what grows; the whole map if `count` is None."""
    import seaborn as sns  # here, for its import takes as long as all others

    name = "crest_r" if dark_first else "crest"
    return sns.color_palette(name, count, as_cmap=count is None)
