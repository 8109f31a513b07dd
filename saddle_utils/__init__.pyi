# The public API, by floor; read by type checkers, and by `__init__.py` at run time.
from .dynamics import RunFailedError, Trajectory, descend, flow, flows
from .networks import Autograd, Network, build, initial_units, stacked
from .notebook import Choice, Explorer, Ledger, Picture, Slider, open_notebook
from .observables import Staircase, clusters, effective_width, measure
from .theory.manifolds import is_invariant
from .theory.predictions import Prediction, predict
from .theory.saddles import embed, narrow_levels, saddle_index

__all__ = [
    "Autograd",
    "Choice",
    "Explorer",
    "Ledger",
    "Network",
    "Picture",
    "Prediction",
    "RunFailedError",
    "Slider",
    "Staircase",
    "Trajectory",
    "build",
    "clusters",
    "descend",
    "effective_width",
    "embed",
    "flow",
    "flows",
    "initial_units",
    "is_invariant",
    "measure",
    "narrow_levels",
    "open_notebook",
    "predict",
    "saddle_index",
    "stacked",
]
