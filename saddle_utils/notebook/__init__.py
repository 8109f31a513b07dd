"""What every notebook uses: parameters, ledger, look, explorers, files, and the runner."""

from typing import Any

from .explorer import Choice, Explorer, Slider
from .ledger import Ledger
from .look import Picture, use_style
from .parameters import check_parameters

__all__ = ["Choice", "Explorer", "Ledger", "Picture", "Slider", "check_parameters", "open_notebook"]


def open_notebook(notebook: str, **parameters: Any) -> Ledger:
    """Check the parameters of a notebook, set the style of its figures, and open its ledger.

    `notebook` is its name, such as "01_linear_rank"; `parameters` are those of its parameters cell
    by name, `output_dir` among them.  ValueError that names every parameter that is unknown or out
    of its range, before anything is computed.
    """
    check_parameters(**parameters)
    use_style()
    return Ledger(notebook, parameters.get("output_dir"))
