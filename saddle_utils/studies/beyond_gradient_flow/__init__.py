"""Notebook 15: what finite steps, mini-batches, noise, momentum and Adam leave of the staircase."""

from .batches import (
    measure_batches,
    measure_fitted_noise,
    measure_noise_levels,
    measure_quadratic_batches,
    measure_recruiting,
    train_gallery,
)
from .draw import adam_picture, explorer, learning_rate_picture, noise_picture, survival_picture
from .steps import last_losses, measure_delays, measure_learning_rates, measure_rule
