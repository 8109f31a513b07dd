"""Animations of Figure 1: the loss beside the weights as they move (`make animations`)."""

import argparse
import io
import sys
from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import PIL.Image

from ..datasets import PANELS, panel
from ..notebook.colours import BLUE, FAINT, GREEN
from ..notebook.files import PROJECT, write_whole
from ..notebook.look import use_style
from ..observables import effective_width
from ..studies import figure1
from ..studies.figure1 import PanelRun

FRAMES, RATE = 120, 20  # pictures, and how many of them a second
HOLD = 20  # pictures for which the end stays


def frames(run: PanelRun) -> Iterator[PIL.Image.Image]:
    """The pictures of a run: loss up to an epoch, weights then, and the effective width."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.2), width_ratios=(1.6, 1), dpi=100)
    end = run.trajectory.theta[-1]
    shown, limit = run.panel.shown, 1.15 * np.abs(end[:, run.panel.shown]).max()
    for k in np.append(np.linspace(0, len(run.epochs) - 1, FRAMES), [len(run.epochs) - 1] * HOLD):
        now = run.trajectory.theta[int(k)]
        width = effective_width(run.panel.network, now, reference=end)
        left.clear()
        left.plot(run.epochs, run.losses, color=FAINT, lw=1)
        left.plot(run.epochs[: int(k) + 1], run.losses[: int(k) + 1], color=BLUE, lw=2.2)
        left.plot(run.epochs[int(k)], run.losses[int(k)], "o", color=BLUE, mec="white", ms=8)
        left.set(xlim=(-40, run.epochs[-1]), ylim=(-0.05, 1.08), xlabel="epoch", ylabel="loss")
        left.set_title(run.panel.title)
        right.clear()
        figure1.draw_weights(right, now[:, shown], "", limit=limit)
        right.set_title(f"effective width {width}", color=GREEN, fontweight="bold", loc="center")
        buffer = io.BytesIO()
        fig.savefig(buffer, format="png", dpi=100)
        yield PIL.Image.open(buffer).convert("RGB")
    plt.close(fig)


def gif(pictures: list[PIL.Image.Image]) -> bytes:
    """An animated GIF that loops, in 32 colours, of the first picture's size."""
    palette = pictures[-1].quantize(32)
    few = [picture.quantize(palette=palette, dither=0) for picture in pictures]
    buffer = io.BytesIO()
    rest = {"save_all": True, "append_images": few[1:], "duration": 1000 // RATE, "loop": 0}
    few[0].save(buffer, format="GIF", optimize=True, **rest)
    return buffer.getvalue()


def video(pictures: list[PIL.Image.Image], path: Path) -> None:
    """Write an MP4 by ffmpeg; ImportError where imageio-ffmpeg is not installed."""
    import imageio_ffmpeg

    width, height = (size - size % 2 for size in pictures[0].size)
    writer = imageio_ffmpeg.write_frames(
        str(path), (width, height), fps=RATE, macro_block_size=2, ffmpeg_log_level="error"
    )
    writer.send(None)
    for picture in pictures:
        writer.send(np.ascontiguousarray(np.asarray(picture)[:height, :width]))
    writer.close()


def main(arguments: list[str] | None = None) -> int:
    """The command line: panels to animate (all) and the folder they go to."""
    parser = argparse.ArgumentParser(
        prog="python -m saddle_utils.site.animations", description=__doc__
    )
    parser.add_argument("panels", nargs="*", default=[*PANELS], help="such as fig1b (default: all)")
    parser.add_argument("--folder", type=Path, default=PROJECT / "build" / "animations")
    options = parser.parse_args(arguments)
    if unknown := ", ".join(set(options.panels) - set(PANELS)):
        parser.error(f"no panel {unknown}; there are {', '.join(PANELS)}")
    use_style()
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in options.panels:
        pictures = list(frames(figure1.train_panel(panel(name))))
        write_whole(options.folder / f"{name}.gif", gif(pictures))
        video(pictures, options.folder / f"{name}.mp4")
        print(options.folder / f"{name}.gif")
    return 0


if __name__ == "__main__":
    sys.exit(main())
