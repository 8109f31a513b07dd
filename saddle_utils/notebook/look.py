"""One look for all figures, and one way to save them: picture, vector and the numbers behind."""

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import PIL.Image
from IPython.display import Image
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from PIL import ImageChops, ImageStat

from ..observables import LayeredRun
from .colours import BLUE, DASHED, INK, RED, STYLE, shades
from .files import output_folder, write_whole

PIXELS = 1400  # the widest picture
SEEN = 1.5  # root mean square, of 255, from which another colour may be seen


def use_style() -> None:
    """Draw everything from here on in the house style."""
    plt.style.use(STYLE)


@dataclass(frozen=True)
class Picture:
    """A figure with the name it is saved under, its alt text, and the numbers behind it.

    `data` holds columns of one length, saved as data/NAME.csv; every further table of `tables` is
    saved as data/NAME_TABLE.csv.
    """

    figure: Figure
    name: str
    alt: str
    data: Mapping[str, Sequence]
    tables: Mapping[str, Mapping[str, Sequence]] = field(default_factory=dict)

    def save(self, output_dir: str | Path | None = None) -> Image:
        """Write `name`.png and .svg and the tables; return the picture with its alt text.

        Everything is computed before anything is written.  A picture that looks like the one that
        is there is left as it is.  ValueError for a folder that cannot be written.
        """
        folder = output_folder(output_dir)
        csv = {"": self.data, **{f"_{key}": table for key, table in self.tables.items()}}
        files = {folder / "data" / f"{self.name}{key}.csv": _csv(t) for key, t in csv.items()}
        png, svg = folder / f"{self.name}.png", folder / f"{self.name}.svg"
        image, width = _with_palette(self._image()), int(100 * self.figure.get_size_inches()[0])
        if svg.exists() and png.exists() and _difference(image, PIL.Image.open(png)) < SEEN / 3:
            files[png] = png.read_bytes()
        else:
            buffer = io.BytesIO()
            image.save(buffer, "PNG", optimize=True)
            files |= {png: buffer.getvalue(), svg: self._svg()}
        plt.close(self.figure)
        for path, content in files.items():
            write_whole(path, content)
        return Image(files[png], alt=self.alt, width=width, metadata={"name": self.name})

    def _image(self) -> PIL.Image.Image:
        """The picture in pixels; drawn once, where `savefig` draws twice."""
        self.figure.set_dpi(
            min(plt.rcParams["savefig.dpi"], PIXELS / self.figure.get_size_inches()[0])
        )
        canvas = FigureCanvasAgg(self.figure)
        canvas.draw()
        self.figure.set_layout_engine("none")  # once laid out, it stays so
        return PIL.Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")

    def _svg(self) -> bytes:
        buffer = io.BytesIO()
        FigureCanvasSVG(self.figure).print_svg(buffer, metadata={"Date": None})
        return _canonical(buffer.getvalue())


def note(
    ax: Axes, text: str, xy: tuple, colour: Any = INK, offset: tuple = (4, 0), **style
) -> None:
    """A bold label in the colour of what it names, `offset` points beside the data point xy."""
    style = {"va": "center", "fontsize": 8, "fontweight": "bold", **style}
    ax.annotate(text, xy, offset, textcoords="offset points", color=colour, **style)


def write(ax: Axes, x: float, y: float, text: str, colour: Any = INK, **style) -> None:
    """A text whose middle is the data point (x, y): a number in its cell of a map, for example."""
    ax.text(x, y, text, color=colour, **{"ha": "center", "va": "center", **style})


def dashed(ax: Axes, x: Any, y: Any, lw: float = 1.0, **style) -> None:
    """Theory: a thin dashed line in the colour of ink."""
    ax.plot(x, y, **{"color": INK, "lw": lw, "ls": DASHED, **style})


def draw_band(ax: Axes, x: Sequence[float], band: np.ndarray, colour: Any) -> None:
    """Low, middle and high (3, n) of an ensemble over x: a line in the middle of an area."""
    ax.fill_between(x, band[0], band[2], color=colour, alpha=0.22, lw=0)
    ax.plot(x, band[1], "o-", color=colour, ms=3, lw=1.2)


def draw_loss(
    ax: Axes, times: np.ndarray, losses: np.ndarray, marks: Any = (), colour: Any = BLUE
) -> None:
    """Loss over gradient-flow time as a fraction of the initial one, with dots at times `marks`."""
    ax.plot(times, losses, color=colour)
    if np.size(marks):  # dots that are nowhere, and not clipped, upset the layout
        dots = {"color": colour, "mec": "white", "ms": 7, "clip_on": False}
        ax.plot(marks, np.interp(marks, times, losses), "o", **dots)
    ax.set(xlim=(0, times[-1]), ylim=(-0.04, 1.07))
    ax.set(xlabel="gradient-flow time", ylabel="loss / initial loss")


def draw_levels(ax: Axes, levels: Sequence[float], end: float | None = None, **style) -> None:
    """The levels that theory predicts, dashed, with their values at the right `end` if given."""
    for level in levels:
        ax.axhline(level, **{"color": INK, "lw": 0.9, "ls": DASHED, **style})
        if end is not None:
            text = f"{level:.3f}".lstrip("0") if 5e-4 < level < 1 else f"{level:.0f}"
            note(ax, text, (end, level), offset=(3, 0), fontsize=7.5, fontweight="normal")


def draw_words(
    ax: Axes, words: Sequence[tuple[str, object]], top: float = 0.93, step: float = 0.09,
    x: float = 0.985, **style,
) -> None:  # fmt: skip
    """Names of what is drawn, in the colours it is drawn in, down the right edge of an axes.

    Down its left edge with a small `x` and ha="left".
    """
    style = {"ha": "right", "va": "top", "fontsize": 8, "fontweight": "bold", **style}
    for row, (text, colour) in enumerate(words):
        ax.text(x, top - step * row, text, color=colour, transform=ax.transAxes, **style)


def draw_map(ax: Axes, table: Any, text: Any = True, **style) -> None:
    """A pandas table as a map, a colour for each number; `text` is that of the cells, if not these.

    Rows and columns are named by the index and the columns of the table; nan stays blank.
    """
    import seaborn as sns  # here, for its import is slow

    style = {"cmap": shades(), "cbar": False, "annot_kws": {"fontsize": 8}, **style}
    sns.heatmap(table, annot=text, fmt="", ax=ax, **style)
    ax.tick_params(length=0, rotation=0)


def draw_layers(
    loss: Axes, width: Axes, run: LayeredRun, layers: Mapping[str, Any], every: int
) -> None:
    """The loss of a run, over the effective width of each layer at every so many records.

    `layers` has the colour of each layer by its name.
    """
    loss.plot(run.times, run.losses, color=BLUE)
    loss.set(ylim=(-0.04, 1.07), ylabel="loss / initial loss")
    widths = run.layer_widths(run.trajectory.theta[::every])
    apart = 0.06 * (np.arange(len(layers)) - (len(layers) - 1) / 2)
    for colour, curve in zip(layers.values(), (widths + apart).T, strict=False):
        width.step(run.times[::every], curve, where="post", color=colour, lw=2)
    top = max(2, int(widths.max()))
    width.set(ylim=(-0.3, top + 0.5), yticks=range(0, top + 1, 1 + top // 5), ylabel="width")
    width.set_xlabel("gradient-flow time")


def layers_figure(run: LayeredRun, layers: Mapping[str, Any], title: str) -> Figure:
    """`draw_layers` for explorers, until soon after the loss has come to rest."""
    fig, (loss, width) = plt.subplots(2, 1, figsize=(7.2, 3.8), height_ratios=(2, 1), sharex=True)
    run = run.settled(1.25)
    draw_layers(loss, width, run, layers, max(1, len(run.times) // 25))
    loss.set(title=title, xlim=(0, run.times[-1]))
    draw_words(loss, [*layers.items()], 0.6, x=0.02, ha="left")
    return fig


def agreement_figure(panels: Sequence[dict]) -> Figure:
    """Predicted against measured, a panel for each dict: title, predicted, measured, label, good.

    Cases where `good` is false, for which theory does not claim to hold, are hollow.
    """
    fig, axes = plt.subplots(1, len(panels), figsize=(3.4 * len(panels), 3.2), squeeze=False)
    for ax, panel in zip(axes[0], panels, strict=True):
        _draw_agreement(ax, **panel)
    return fig


def _draw_agreement(
    ax: Axes, title: str, predicted: np.ndarray, measured: np.ndarray, label: str,
    good: np.ndarray | None = None, log: bool = False,
) -> None:  # fmt: skip
    good = np.ones(len(predicted), dtype=bool) if good is None else good
    finite = np.isfinite(predicted) & np.isfinite(measured)
    both = np.concatenate([predicted[finite], measured[finite]])
    ends = np.array([both.min(), both.max()])
    ends = ends * (0.8, 1.25) if log else ends + np.array([-0.06, 0.06]) * np.ptp(ends)
    ax.plot(ends, ends, color=INK, lw=0.9, ls=DASHED, zorder=1)
    ax.plot(predicted[~good], measured[~good], "o", mfc="none", mec=RED, ms=5, zorder=2)
    ax.plot(predicted[good], measured[good], "o", color=BLUE, ms=4, mec="white", mew=0.4, zorder=3)
    ax.set(
        title=title, xlabel=f"{label}, predicted", ylabel=f"{label}, measured", aspect="equal",
        xlim=ends, ylim=ends,
    )  # fmt: skip
    if log:
        ax.set(xscale="log", yscale="log")
    if (~good).any():
        draw_words(ax, [("hollow: outside the theory", RED)], top=0.12)


def one_table(blocks: Iterable[Mapping[str, Any]]) -> dict[str, list]:
    """Blocks of columns one below the other; a single value holds for all rows of its block."""
    import pandas as pd  # here, for its import is slow

    return pd.concat([pd.DataFrame(dict(b)) for b in blocks], ignore_index=True).to_dict("list")


def _with_palette(full: PIL.Image.Image) -> PIL.Image.Image:
    """The picture in 256 colours, a third of the bytes, where nobody sees the difference."""
    few = full.quantize(256, dither=PIL.Image.Dither.NONE)
    return few if _difference(few, full) < SEEN else full


def _difference(one: PIL.Image.Image, other: PIL.Image.Image) -> float:
    """Root mean square of the difference of two pictures, of 255; inf for two sizes."""
    if one.size != other.size:
        return np.inf
    off = ImageChops.difference(one.convert("RGB"), other.convert("RGB"))
    return float(np.sqrt(np.mean(np.square(ImageStat.Stat(off).rms))))


def _short(number: re.Match) -> bytes:
    """A coordinate to a hundredth of a point."""
    return b"%g" % round(float(number[0]), 2)


def _canonical(svg: bytes) -> bytes:
    """Short, and the same bytes each time: the layout leaves now 0, now -0, and hashes as ids."""
    svg = re.sub(rb' d="[^"]*"', lambda path: re.sub(rb"-?\d+\.\d+", _short, path[0]), svg)
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
        sizes = frame[column].abs()
        frame.loc[sizes <= 1e-9 * sizes[sizes < np.inf].max(), column] = 0.0  # nan is no noise
    return frame.to_csv(index=False, float_format="%.6g", lineterminator="\n").encode()
