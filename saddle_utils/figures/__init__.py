"""One look for all figures, and one way to save them: picture, vector and the numbers behind."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from IPython.display import Image
from matplotlib import rc_params_from_file
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from ..files import output_folder, write_whole

STYLE = Path(__file__).parent / "house.mplstyle"
# seaborn's palette for the colour-blind
BLUE, ORANGE, GREEN, RED, PURPLE, BROWN, PINK, GREY, YELLOW, SKY = (
    to_rgb(entry["color"]) for entry in rc_params_from_file(STYLE)["axes.prop_cycle"]
)
INK, FAINT = "#222222", "#9a9a9a"
DASHED = (0, (4, 3))  # theory, in every figure


def use_style() -> None:
    """Draw everything from here on in the house style."""
    plt.style.use(STYLE)


def shades(count: int | None = None, dark_first: bool = False) -> Any:
    """So many colours from light to dark, for what grows; the whole map if `count` is None."""
    import seaborn as sns  # here, for its import takes as long as all others

    name = "crest_r" if dark_first else "crest"
    return sns.color_palette(name, count, as_cmap=count is None)


def save_figure(
    fig: Figure,
    name: str,
    alt: str,
    data: Mapping[str, Sequence],
    output_dir: str | Path | None = None,
    **tables: Mapping[str, Sequence],
) -> Image:
    """Write `name`.png and .svg and the numbers behind them, and return the picture with alt text.

    `data` (columns of one length) goes to data/`name`.csv, every further table to
    data/`name`_`table`.csv.
    """
    folder = output_folder(output_dir)
    csv = {"": data, **{f"_{key}": table for key, table in tables.items()}}
    files = {folder / "data" / f"{name}{key}.csv": _csv(table) for key, table in csv.items()}
    for kind, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
        buffer = io.BytesIO()
        fig.savefig(buffer, format=kind, metadata=metadata)
        fig.set_layout_engine("none")  # once laid out, it stays so
        content = buffer.getvalue()
        files[folder / f"{name}.{kind}"] = _canonical(content) if kind == "svg" else content
    plt.close(fig)
    for path, content in files.items():
        write_whole(path, content)
    inches = fig.get_size_inches()[0]
    return Image(files[folder / f"{name}.png"], alt=alt, width=int(100 * inches))


def draw_levels(ax: Axes, levels: Sequence[float], end: float) -> None:
    """Theory's levels, dashed, with their values at the right end."""
    for level in levels:
        ax.axhline(level, color=INK, lw=0.9, ls=DASHED)
        ax.annotate(
            f"{level:.3f}".lstrip("0") if 5e-4 < level < 1 else f"{level:.0f}",
            (end, level),
            (3, 0),
            textcoords="offset points",
            va="center",
            fontsize=7.5,
            color=INK,
        )


def draw_words(
    ax: Axes, words: Sequence[tuple[str, object]], top: float = 0.93, step: float = 0.09
) -> None:
    """Name what is drawn, in the colours it is drawn in, down the right edge of an axes."""
    for row, (text, colour) in enumerate(words):
        ax.text(
            0.985,
            top - step * row,
            text,
            color=colour,
            transform=ax.transAxes,
            ha="right",
            va="top",
            fontsize=8,
            fontweight="bold",
        )


def _canonical(svg: bytes) -> bytes:
    """The same bytes each time: the layout solver leaves now 0, now -0, and ids that hash it."""
    svg = re.sub(rb"(?<![\d.e])-0(?![\d.])", b"0", svg)
    ids = dict.fromkeys(re.findall(rb'<clipPath id="(\w+)"', svg))
    for number, name in enumerate(ids):
        svg = svg.replace(name, b"clip%d" % number)
    return svg


def _csv(table: Mapping[str, Sequence]) -> bytes:
    """Six digits, nothing below 1e-9 of the largest: what machines of other make agree on."""
    import pandas as pd  # here, for its import is slow

    frame = pd.DataFrame(dict(table))
    for column in frame.select_dtypes(float):
        noise = 1e-9 * frame[column].abs().max()
        frame[column] = frame[column].where(frame[column].abs() > noise, 0.0)
    return frame.to_csv(index=False, float_format="%.6g", lineterminator="\n").encode()
