"""Descent on a GPU, where there is one: throughput, and the share of the card that is used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

import numpy as np

from ..dynamics import descend
from ..networks import Pointwise
from .engines import Result
from .rows import Row

SECONDS = 1.0  # for the steps that are timed of a row
FILE = "BENCHMARKS_GPU.md"  # the table of the last run on a machine with a GPU
COLUMNS = (
    "| task | CPU, steps / s | GPU, steps / s | ratio | of the arithmetic | of the bandwidth |"
)


def concerns(row: Row) -> bool:
    """Whether a row is one of the GPU table: an ensemble, or a network of MNIST's size."""
    return row.group.endswith(("ensemble", "large"))


def known(folder: Path) -> list[str]:
    """Lines of the GPU table that was measured last, none if there is none or a GPU is here."""
    import torch

    if torch.cuda.is_available() or not (folder / FILE).exists():
        return []
    return (folder / FILE).read_text().splitlines()


def section(results: Sequence[Result]) -> list[str]:
    """Lines of Markdown: ensembles and rows of MNIST's size on the GPU, or that none is there.

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
    for result in results:
        row = result.row
        if not concerns(row):
            continue
        cpu, gpu = row.steps / result.seconds["descend"], steps_per_second(row)
        flops, traffic = work(row)
        lines.append(
            f"| {row.name} | {cpu:.3g} | {gpu:.3g} | {gpu / cpu:.3g} | "
            f"{gpu * flops / arithmetic:.1%} | {gpu * traffic / bandwidth:.1%} |"
        )
    return lines


def steps_per_second(row: Row) -> float:
    """Steps of `descend` on the GPU in a second, the transfers left out."""

    def spend(n: int) -> float:
        return seconds(lambda: descend(row.network, row.theta, row.step, n, n, device="cuda"))

    spend(2)  # the first call loads and allocates
    few, n = spend(2), 20
    while (more := spend(n)) - few < SECONDS / 4 and n < row.steps:
        n = min(4 * n, row.steps)
    return (n - 2) / max(more - few, 1e-9)


def work(row: Row) -> tuple[float, float]:
    """Operations, and bytes read or written, that a step of all runs of a row cannot do without.

    Pointwise, with S samples, H units and n inputs: u x' and its gradient take 2 S H n each, v and
    its gradient and the way back 2 S H each an output; x is read twice and theta read and written.
    With moments, of N features psi: v' psi, psi g' and v g, 2 H N each an output, and M Szz.
    Linear networks have as many units as features (`Linear.reduce`).
    """
    net, theta = row.network, row.network.reduce(row.theta)[1]
    units = theta.shape[-2]
    outputs = net.n_v // net.patches
    if isinstance(net, Pointwise):
        mapped = net.patches * net.samples * units
        return 4.0 * mapped * net.n_u + 6.0 * mapped * outputs, 2.0 * (net.x.nbytes + theta.nbytes)
    features = net.szz.shape[-1]
    flops = row.runs * outputs * (6.0 * units * features + 2.0 * features**2)
    return flops, 2.0 * theta.nbytes + net.szz.nbytes


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

    torch.cuda.synchronize()
    start = perf_counter()
    call()
    torch.cuda.synchronize()
    return perf_counter() - start
