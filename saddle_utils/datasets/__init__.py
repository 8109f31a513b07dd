"""TODO."""

from .figure1 import PANELS, Digitised, Panel, digitised, panel
from .figure2 import figure2_network, power_law, whitened
from .random_tasks import DROPS, covariance_tasks, prediction_tasks, random_tasks
from .regression import Samples, regression, sample_batches

__all__ = [
    "DROPS",
    "PANELS",
    "Digitised",
    "Panel",
    "Samples",
    "covariance_tasks",
    "digitised",
    "figure2_network",
    "panel",
    "power_law",
    "prediction_tasks",
    "random_tasks",
    "regression",
    "sample_batches",
    "whitened",
]
