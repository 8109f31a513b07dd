"""The same tasks the plain way, by `descend` and by `flow`, side by side: `make bench`.

Writes BENCHMARKS.md and the figure bench_scaling to the output folder; with --gpu, on a machine
that has one, the GPU table alone (BENCHMARKS_GPU.md), which later pages show.
"""

from __future__ import annotations

import os
import sys

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"

from time import perf_counter

from ..notebook.files import output_folder, write_whole
from ..notebook.look import Picture, use_style
from . import gpu, imports, scaling, table, targets
from .engines import measure
from .rows import rows


def main() -> None:
    """Measure everything, print each row as it is done, and write the page and the figure."""
    use_style()
    folder, start, results = output_folder(), perf_counter(), []
    for row in rows():
        results.append(measure(row))
        print(table.table(results)[-1], flush=True)
    sweeps = {
        "quadratic network to its second drop; 1 / initial scale": scaling.by_scale(
            [result for result in results if result.row.group == "quadratic"]
        ),
        "linear network (1B); units": scaling.by_width(),
        "linear network; samples": scaling.by_samples(),
        "ensemble of linear networks (1B); seeds": scaling.by_seeds(),
    }
    scale, units, samples, seeds = sweeps.values()
    alt = "Time of three engines against initial scale, units, samples and seeds, on log axes"
    tables = {
        "units": units.columns("units"), "samples": samples.columns("samples"),
        "seeds": seeds.columns("seeds"),
    }  # fmt: skip
    data = scale.columns("inverse_scale")
    Picture(scaling.draw(sweeps), "bench_scaling", alt, data, tables).save(folder)
    spent = imports.times()
    text = table.page(results, samples, spent, gpu.known(folder) or gpu.section(results))
    write_whole(folder / "BENCHMARKS.md", text.encode())
    print("\n".join(targets.targets(results, samples, spent)))
    print(f"{folder / 'BENCHMARKS.md'} after {perf_counter() - start:.0f} s")


def main_gpu() -> None:
    """Measure the rows of the GPU table alone, and write it where the page finds it."""
    folder, results = output_folder(), [measure(row) for row in rows() if gpu.concerns(row)]
    write_whole(folder / gpu.FILE, ("\n".join(gpu.section(results)) + "\n").encode())
    print((folder / gpu.FILE).read_text())


if __name__ == "__main__":
    main_gpu() if "--gpu" in sys.argv else main()
