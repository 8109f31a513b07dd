"""Descent on a GPU, where there is one: throughput, and the share of the card that is used."""

from collections.abc import Callable, Sequence
from time import perf_counter

import numpy as np

from ..dynamics import descend
from ..notebook.ledger import markdown_table
from .tasks import Task

SECONDS = 1.0  # for the steps that are timed of a task
FILE = "BENCHMARKS_GPU.md"  # the table of the last run on a machine with a GPU
COLUMNS = ["task", "CPU, steps / s", "GPU, steps / s", "ratio", "of the arithmetic",
           "of the bandwidth"]  # fmt: skip


def section(tasks: Sequence[Task]) -> str:
    """Each task on the GPU as a table in Markdown, or that none is there.

    A step of an ensemble is a step of all its runs.
    """
    import torch

    if not torch.cuda.is_available():
        return "There is no GPU on this machine.\n"
    arithmetic, bandwidth = peaks()
    rows = []
    for task in tasks:
        cpu, gpu = (steps_per_second(task, device) for device in ("cpu", "cuda"))
        flops, traffic = work(task)
        shares = gpu * flops / arithmetic, gpu * traffic / bandwidth
        numbers = [f"{value:.3g}" for value in (cpu, gpu, gpu / cpu)]
        rows.append([task.name, *numbers, *(f"{share:.1%}" for share in shares)])
    table = markdown_table(COLUMNS, rows, "---:")
    return (
        f"{torch.cuda.get_device_name()}, float64: {arithmetic / 1e12:.3g} TFLOP/s in a product of "
        f"matrices, {bandwidth / 1e9:.4g} GB/s in a copy, measured in this run. The shares are of "
        "these, for the products and the memory traffic that a step cannot do without.\n\n"
        f"{table}\n"
    )


def steps_per_second(task: Task, device: str) -> float:
    """Steps of `descend` in a second on the clock, the transfers left out."""

    def spend(n: int) -> float:
        return seconds(lambda: descend(task.network, task.theta, task.step, n, n, device=device))

    few, n = [spend(1) for _ in range(2)][1], 2  # the first call loads and allocates
    while (more := spend(n)) - few < SECONDS / 4 and n < task.steps:
        n = min(4 * n, task.steps)
    return (n - 1) / max(more - few, 1e-9)


def work(task: Task) -> tuple[float, float]:
    """Operations in products of matrices of a step of all runs, as torch counts them, and the bytes
    it cannot do without: units read and written, data (or their moments) read there and back."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    theta = torch.as_tensor(task.network.reduce(task.theta)[1], device="meta")
    with FlopCounterMode(display=False) as counter:
        task.network.to("meta").field(theta)
    data = getattr(task.network, "szz", task.x)
    return counter.get_total_flops(), 2.0 * (theta.nbytes + data.nbytes)


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
