"""The engines: gradient descent with a learning rate, and gradient flow, of one run or of many.

A plain loop through automatic differentiation spends its time on the way to the arithmetic.  Here
fields are in closed form, in moments of the data where these suffice, loss and field share a
forward pass, and a linear network is trained in as many units as it has features, however wide it
is (`Network.reduce`).

`descend` takes the steps of gradient descent, all runs of an ensemble at once, and `glance` a few,
roughly; `flow` is the limit of a vanishing learning rate for one run, and `flows` the same for an
ensemble.  `sweep_over` takes a function over many tasks or settings, on all cores or on a cluster.
"""

from .escapes import escape, escapes
from .gradient_descent import descend, glance, minibatches, resolve_device
from .gradient_flow import flow, flows
from .heun import heun_path
from .optimisers import Rule, adam, gradient, momentum
from .sweeps import sweep_over
from .trajectories import RunFailedError, Trajectory
