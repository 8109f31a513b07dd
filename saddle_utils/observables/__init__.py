"""What a run did: the staircase of its loss, and the effective width of its weights."""

from .plateaus import Staircase, count, dense_loss, drop_times, first_times, log_slope, measure
from .units import THRESHOLDS, clusters, contributions, effective_width, rays
