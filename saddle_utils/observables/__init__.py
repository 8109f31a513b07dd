"""Measurements on runs: the plateaus of a loss curve, and the effective width of weights."""

from .plateaus import Staircase, count, dense_loss, drop_times, first_times, log_slope, measure
from .units import THRESHOLDS, clusters, contributions, effective_width, rays
