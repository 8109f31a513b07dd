"""Training sets: of Figures 1 and 2, handwritten digits, noisy regression, and random tasks."""

from .digits import Images, handwritten_digits
from .figure1 import PANELS, Digitised, Panel, digitised, panel
from .figure2 import figure2_network, power_law, whitened
from .random_tasks import DROPS, covariance_tasks, prediction_tasks, random_tasks
from .regression import Samples, regression, sample_batches
