"""The same tasks by our engines and by what others would use, side by side: `make bench`.

Writes BENCHMARKS.md and the figure bench_engines to the output folder; with --gpu, on a machine
that has one, the GPU table alone (BENCHMARKS_GPU.md), which later pages show.
"""

import sys
import warnings
from time import perf_counter

from ..notebook.explorer import explorer_of
from ..notebook.files import output_folder, write_whole
from ..notebook.look import Picture, use_style
from ..notebook.tasks import explorers
from . import gpu, page, tasks, waits
from .measure import measure, missing


def main() -> None:
    """Measure everything, print each row as it is done, and write the page and the figure."""
    import pandas as pd
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    use_style()
    folder, start, rows = output_folder(), perf_counter(), []
    for name, need in missing().items():
        print(f"{name} is left out, for {need} is not installed: pip install -e '.[bench]'")
    for task in tasks.listed():
        rows += (new := measure(task))
        print(page.table(pd.DataFrame(new)).splitlines()[-1], flush=True)
    found = pd.DataFrame(rows)
    alt = "Processor time of every task, a row each, by every engine, a dot each, on a log axis"
    Picture(page.draw(found), "bench_engines", alt, found.drop(columns="group")).save(folder)
    known = folder / gpu.FILE
    on_gpu = known.read_text() if known.exists() else "No GPU has been measured yet.\n"
    redraws = {name: waits.redraws(explorer_of(name)) for name in sorted(explorers().values())}
    text = page.page(found, redraws, waits.imports(), on_gpu)
    write_whole(folder / "BENCHMARKS.md", text.encode())
    print(text[text.index("## Targets") :])
    print(f"{folder / 'BENCHMARKS.md'} after {perf_counter() - start:.0f} s")


def main_gpu() -> None:
    """Measure the rows of the GPU table alone, and write it where the page finds it."""
    file, text = output_folder() / gpu.FILE, gpu.section(tasks.for_gpu())
    write_whole(file, text.encode())
    print(text)


if __name__ == "__main__":
    main_gpu() if "--gpu" in sys.argv else main()
