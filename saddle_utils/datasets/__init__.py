"""Training sets: Figures 1, 2 and 4, handwritten digits, noisy regression, and random tasks."""

from .digits import Images, handwritten_digits
from .figure1 import PANELS, Digitised, Panel, digitised, panel
from .figure2 import figure2_network, power_law, whitened
from .figure4 import FIGURE4, figure4_panel
from .random_tasks import (
    DROPS,
    OTHER_DROPS,
    correlated_task,
    covariance_tasks,
    other_tasks,
    prediction_tasks,
    random_tasks,
)
from .regression import Samples, regression, sample_batches
