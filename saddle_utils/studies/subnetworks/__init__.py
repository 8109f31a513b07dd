"""Notebook 21: subnetworks as the singularities of the parametrisation (arXiv 2606.28464)."""

from .draw import (
    coefficients_picture,
    explorer,
    floating_picture,
    full_rank_saddle_picture,
    search_picture,
    spectra_picture,
    table_picture,
    three_layers_picture,
)
from .ranks import (
    counterexample,
    exact_errors,
    floating_ranks,
    generic_losses,
    rank_table,
    search,
    smallest_degrees,
    three_layers,
)
from .runs import embedded, full_rank_saddle, plateau_volumes, spectra, volumes
