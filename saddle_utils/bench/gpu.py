"""Descent on a GPU, where there is one: throughput, and the share of the card that is used."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from time import perf_counter

import numpy as np

from ..dynamics import descend
from ..networks import Linear, Pointwise, Quadratic
from .tasks import Task

SECONDS = 1.0  # for the steps that are timed of a task
FILE = "BENCHMARKS_GPU.md"  # the table of the last run on a machine with a GPU
COLUMNS = (
    "| task | CPU, steps / s | GPU, steps / s | ratio | of the arithmetic | of the bandwidth |"
)


def known(folder: Path) -> list[str]:
    """Lines of the GPU table that was measured last, or that there is none."""
    there = (folder / FILE).exists()
    return (folder / FILE).read_text().splitlines() if there else ["No GPU has been measured yet."]


def section(tasks: Sequence[Task]) -> list[str]:
    """Lines of Markdown: each task on the GPU, or that none is there.

    A step of an ensemble is a step of all its runs.
    """
    import torch

    if not torch.cuda.is_available():
        return ["There is no GPU on this machine."]
    arithmetic, bandwidth = peaks()
    lines = [
        f"{torch.cuda.get_device_name()}, float64: {arithmetic / 1e12:.3g} TFLOP/s in a product "
        f"of matrices, {bandwidth / 1e9:.4g} GB/s in a copy, measured in this run. The shares are "
        "of these, for the operations and memory traffic that a step cannot do without.",
        "",
        COLUMNS,
        "|---|" + "---:|" * (COLUMNS.count("|") - 2),
    ]
    for task in tasks:
        cpu, gpu = (steps_per_second(task, device) for device in ("cpu", "cuda"))
        flops, traffic = work(task)
        lines.append(
            f"| {task.name} | {cpu:.3g} | {gpu:.3g} | {gpu / cpu:.3g} | "
            f"{gpu * flops / arithmetic:.1%} | {gpu * traffic / bandwidth:.1%} |"
        )
    return lines


def steps_per_second(task: Task, device: str) -> float:
    """Steps of `descend` in a second on the clock, the transfers left out."""

    def spend(n: int) -> float:
        return seconds(lambda: descend(task.network, task.theta, task.step, n, n, device=device))

    few, n = [spend(1) for _ in range(2)][1], 2  # the first call loads and allocates
    while (more := spend(n)) - few < SECONDS / 4 and n < task.steps:
        n = min(4 * n, task.steps)
    return (n - 1) / max(more - few, 1e-9)


def work(task: Task) -> tuple[float, float]:
    """Operations, and bytes read or written, that a step of all runs of a task cannot do without.

    In layers, of S samples, from a to b units: the map, its gradient and the way back take 2 S a b
    each, but the first needs no way back; x is read twice and theta read and written.  With
    moments, of N features psi and H units: v' psi, psi g' and v g, 2 H N each an output, and M Szz.
    Linear networks have as many units as features (`Linear.reduce`).
    """
    net, theta = task.network, task.network.reduce(task.theta)[1]
    if isinstance(net, (Linear, Quadratic)):
        features, outputs = net.szz.shape[-1], net.n_v // net.patches
        flops = 6.0 * theta.shape[-2] * features + 2.0 * features**2
        return len(task.starts) * outputs * flops, 2.0 * theta.nbytes + net.szz.nbytes
    if isinstance(net, Pointwise):
        layers = [(net.n_u, theta.shape[-2]), (theta.shape[-2], net.n_v // net.patches)]
    else:
        layers = [*pairwise(net.sizes)]
    first, *others = (2.0 * net.patches * len(task.x) * a * b for a, b in layers)
    return 2 * first + 3 * sum(others), 2.0 * (task.x.nbytes + theta.nbytes)


def peaks() -> tuple[float, float]:
    """Operations and bytes a second that the card reaches: a product of matrices, and a copy."""
    import torch

    size = 4096
    a = torch.rand(size, size, dtype=torch.float64, device="cuda")
    source = torch.rand(2**27, dtype=torch.float64, device="cuda")  # a gigabyte
    target = torch.empty_like(source)
    product = np.median([seconds(lambda: a @ a) for _ in range(6)][1:])
    copy = np.median([seconds(lambda: target.copy_(source)) for _ in range(6)][1:])
    return 2 * size**3 / product, 2 * source.nbytes / copy


def seconds(call: Callable) -> float:
    """Seconds that a call takes until the GPU is done."""
    import torch

    wait = torch.cuda.synchronize if torch.cuda.is_available() else lambda: None
    wait()
    start = perf_counter()
    call()
    wait()
    return perf_counter() - start
