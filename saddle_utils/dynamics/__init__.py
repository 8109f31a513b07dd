"""The engines: gradient descent with a learning rate, and gradient flow, of one run or of many."""

from .gradient_descent import descend, minibatches, resolve_device
from .gradient_flow import flow, flows
from .optimisers import Rule, adam, gradient, momentum
from .trajectories import RunFailedError, Trajectory
