"""Notebook 00: Figure 1 whole, the landscape of a two-unit network (A) and six panels (B to G)."""

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from mpl_toolkits.mplot3d.axes3d import Axes3D

from ..dynamics import Trajectory, flow
from ..networks import Linear, initial_units
from ..notebook import Explorer, Picture, Slider
from ..notebook.colours import BLUE, INK, ORANGE, RED, shades
from ..notebook.look import draw_loss
from .figure1 import PanelRun, draw_panel


@dataclass(frozen=True)
class Landscape:
    """The loss of a two-unit linear network on an invariant plane through its saddles.

    On the plane unit 1 is a (e1; e1) and unit 2 is b (e2; e2), for the target diag(strengths):
    a says how much of the first mode is learned, b how much of the second.
    """

    strengths: tuple[float, float] = (1.5, 0.9)

    @property
    def network(self) -> Linear:
        """Linear network with whitened inputs and this target."""
        target = np.diag(self.strengths)
        return Linear(target, np.eye(2), float((target**2).sum()))

    def units(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """The units (\\*shape, 2, 4) at coordinates a, b (\\*shape) of the plane."""
        a, b = np.broadcast_arrays(a, b)
        one, two = np.array([1, 0, 1, 0]), np.array([0, 1, 0, 1])
        return np.stack([a[..., None] * one, b[..., None] * two], axis=-2)

    def coordinates(self, theta: np.ndarray) -> np.ndarray:
        """a, b (..., 2) of any units: the norm over units of their part along (e_k; e_k)."""
        return np.linalg.norm(theta[..., :2] + theta[..., 2:], axis=-2) / 2

    def project(self, theta: np.ndarray) -> np.ndarray:
        """The units (..., 2, 4) nearest on the plane."""
        a, b = ((theta[..., k, k] + theta[..., k, k + 2]) / 2 for k in (0, 1))
        return self.units(a, b)

    def nearest(self, run: Trajectory) -> np.ndarray:
        """Distance at which a run passes each saddle, in a and b, and when: (3, 2)."""
        gaps = np.linalg.norm(self.coordinates(run.theta)[:, None] - self.saddles, axis=-1)
        return np.stack([gaps.min(0), run.times[gaps.argmin(0)]], axis=1)

    @property
    def saddles(self) -> np.ndarray:
        """Coordinates of the fixed points of width 0, 1 and 2 on the way, (3, 2)."""
        a, b = np.sqrt(self.strengths)
        return np.array([[0, 0], [a, 0], [a, b]])

    @property
    def miss_exponent(self) -> float:
        """Exponent in the scale of the distance at which a run passes the saddle of width 1.

        The first mode comes as exp(-2 s_1 t), and the second, of size eps^(1 - s_2 / s_1) when the
        first is learned, grows as exp(s_2 t): nearest is where both are as far.
        """
        one, two = self.strengths
        return (1 - two / one) * 2 * one / (2 * one + two)

    def train(self, init_scale: float, seed: int) -> Trajectory:
        """Gradient flow of all eight weights from a small random start, off the plane."""
        theta = initial_units(self.network, 2, init_scale, seed)
        last = 2 * np.log(1 / init_scale) / min(self.strengths) + 6
        return flow(self.network, theta, np.linspace(0, last, 600))


def draw_landscape(ax: Axes3D, scene: Landscape, run: Trajectory, mesh: int = 60) -> None:
    """The loss over the plane, its saddles, the manifolds of narrower networks, and the run."""
    a, b = np.meshgrid(np.linspace(-0.5, 1.42, 120), np.linspace(-0.5, 1.28, 120))
    net = scene.network
    ax.computed_zorder = False
    style = {"linewidth": 0.15, "edgecolor": (1, 1, 1, 0.25), "alpha": 0.92, "rasterized": True}
    style |= {"cmap": shades(dark_first=True), "rcount": mesh, "ccount": mesh}
    ax.plot_surface(a, b, net.loss(scene.units(a, b)), zorder=1, **style)
    lift, line = 0.012, np.linspace(-0.5, 1.42, 80)
    short = line[line < 1.28]
    for x, y in ((line, 0 * line), (0 * short, short)):
        height = net.loss(scene.units(x, y)) + lift
        ax.plot(x, y, height, color="white", lw=1.3, ls=(0, (4, 2)), zorder=2)
    path = scene.coordinates(run.theta)
    ax.plot(*path.T, run.losses + 2 * lift, color=RED, lw=2.6, zorder=3)
    labels = (
        ("saddle, width 0", -0.1, 0.2),
        ("saddle, width 1", -0.3, -0.32),
        ("minimum, width 2", 0.15, 0.2),
    )
    for (x, y), (text, sideways, up) in zip(scene.saddles, labels, strict=True):
        z = float(net.loss(scene.units(x, y)))
        ax.plot([x], [y], [z + 3 * lift], "o", color="white", mec=INK, ms=6, zorder=4)
        ax.text(
            x + sideways, y, z + up, text, color=INK, ha="center", fontsize=9, fontweight="bold",
            zorder=5, path_effects=[withStroke(linewidth=2.5, foreground=(1, 1, 1, 0.8))],
        )  # fmt: skip
    ax.set(xticks=[], yticks=[], zticks=[])
    ax.set_box_aspect((1.15, 1.1, 0.85), zoom=1.12)
    ax.set_xlabel("unit 1, mode 1", labelpad=-12)
    ax.set_ylabel("unit 2, mode 2", labelpad=-12)
    ax.view_init(elev=33, azim=-52)
    for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
        axis.pane.fill = False
        axis.pane.set_edgecolor("#dddddd")


def _letter(part: Figure, letter: str, title: str) -> None:
    part.suptitle(f"$\\bf{{{letter}}}$  {title}", x=0.02, ha="left", fontsize=10)


def explorer() -> Explorer:
    """The explorer of Figure 1A: the run over the landscape beside its loss over time."""

    def simulate(init_scale: float, seed: int, second: float) -> tuple[Landscape, Trajectory]:
        scene = Landscape((1.5, second))
        return scene, scene.train(init_scale, seed)

    def draw(found: tuple[Landscape, Trajectory], angle: float) -> Figure:
        fig = plt.figure(figsize=(7.2, 3.2), layout="constrained")
        left, right = fig.subfigures(1, 2, width_ratios=(1.2, 1))
        ax = left.add_subplot(projection="3d")
        draw_landscape(ax, *found, mesh=18)
        ax.view_init(elev=33, azim=angle)
        run = found[1]
        draw_loss(right.subplots(), run.times, run.losses / run.losses[0], colour=RED)
        return fig

    return Explorer(
        simulate, draw,
        "Loss surface of two linear units with a run on it, beside the run's loss over time",
        {"no plateau": {"init_scale": 0.5}, "a long plateau": {"second": 0.3}},
        init_scale=Slider(1e-6, -8, -0.3, 0.1, log=True, label="initial scale"),
        second=Slider(0.9, 0.3, 1.5, 0.05, label="second strength"),
        seed=Slider(0, 0, 100), angle=Slider(-52, -90, 0, 2, view=True, label="view from"),
    )  # fmt: skip


def fig1_picture(
    runs: Sequence[PanelRun], scene: Landscape, path: Trajectory, levels: Sequence[np.ndarray],
    names: Sequence[str],
) -> Picture:  # fmt: skip
    """Figure 1, panels A to G: runs, theory's levels and names in the order of B to G."""
    fig = plt.figure(figsize=(13, 6.9))
    left, right = fig.subfigures(1, 2, width_ratios=(1, 2.1))
    ax = left.add_axes((0, 0.16, 1, 0.78), projection="3d")
    draw_landscape(ax, scene, path)
    _letter(left, "A", "Loss of a linear network of two units")
    key = (
        ("height: loss; dashed: invariant manifolds, one unit silent", INK),
        ("gradient flow of all eight weights, from small ones", RED),
        ("B to G: this run", BLUE),
        ("B to G: the paper, digitised", ORANGE),
        ("B to G: theory, dashed", INK),
    )
    for row, (text, colour) in enumerate(key):
        left.text(0.06, 0.14 - 0.03 * row, text, color=colour, fontsize=8, fontweight="bold")
    for part, run, level in zip(right.subfigures(3, 2).ravel(), runs, levels, strict=True):
        axes = part.subplot_mosaic("LPE", width_ratios=(1.45, 1, 1))
        draw_panel(axes, run, level)
        axes["L"].set(xlabel="epoch", ylabel="loss", xticks=(0, 1000, 2000))
        _letter(part, run.panel.name[-1].upper(), run.panel.title)
    alt = (
        "Figure 1. A: a loss surface with two saddles and a minimum; a run goes from one to "
        "the next. B to G: six architectures, each with two drops of the loss and a plateau "
        "between them, on the paper's curves; first-layer weights form one ray or unit at "
        "the plateau, two at the end."
    )
    losses = {name: run.losses for name, run in zip(names, runs, strict=True)}
    a, b = scene.coordinates(path.theta).T
    landscape = {"time": path.times, "loss": path.losses, "a": a, "b": b}
    data = {"epoch": runs[0].epochs.round().astype(int), **losses}
    return Picture(fig, "fig1", alt, data, {"landscape": landscape})
