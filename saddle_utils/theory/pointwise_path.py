"""First drops behind which there is no saddle: smooth activations of order 0 or 1 at zero.

Small units see sigma(a) ~ c_p a^p.  For p = 1 (tanh, sine, GELU, swish) units grow as in a linear
network, all along one ray; but a ray of such units is no invariant manifold (Theorem 3), so after
the first drop there is no saddle to rest at.  For p = 0 (sigmoid, softplus) zero is no fixed point
if labels have a mean: it is learned at once.  For p >= 2 units diverge one by one
(`diverging_path`).
"""

import numpy as np

from ..dynamics import flow
from ..networks import Linear, Pointwise
from ..observables import dense_loss, passage_time
from .activations import taylor
from .linear.path import SLIGHT, SLOW, growing_modes, unit_steps
from .waiting import Walk

RAY = 1e-4  # size at which units of lowest order 1 are no longer followed as a linear network
FOLDS = 30  # and for how many e-folds of the fastest mode they are, of which nine make up for RAY


def linear_task(network: Pointwise) -> Linear:
    """What small units see of an activation of lowest order 1: the linear network of c_1 a."""
    z = taylor(network.phi)[1] * np.moveaxis(network.x, -3, -2)  # (\\*runs, samples, patches, n_u)
    z, y = z.reshape(*z.shape[:-2], -1), network.y
    moments = (y @ z, z.mT @ z, (y**2).sum((-2, -1)))
    return Linear(*(m / network.samples for m in moments), network.patches)


def ray_walk(network: Pointwise, theta0: np.ndarray, drops: int) -> Walk:
    """The first drop of a run, for lowest order 1 at zero.

    The wait is that of the linear network of c_1 a, exactly, until the mode that is due first has
    RAY times its best size.  From there all units, now nearly on one ray, are followed by gradient
    flow.  Units of a ray are equal to one unit only while they are small; so the level behind the
    drop is that of the linear network too, and the network does not rest there.
    Where they are larger than RAY at the start, nothing waits, and this is the flow itself.
    """
    task = linear_task(network)
    rates, modes, sizes, taken = growing_modes(task)
    able = (rates > SLOW * rates[0]) & (taken > SLIGHT * task.syy / 2)
    level = float(task.syy / 2)
    if not able.any() or not theta0.any():
        return Walk([theta0[:0]], [level], [])
    rates, sizes, taken = rates[able], sizes[able], taken[able]
    grown = sizes / np.linalg.norm(theta0 @ modes[able].T, axis=0)
    k = int((np.log(grown) / rates).argmin())
    begin = max(float(np.log(RAY * grown[k]) / rates[k]), 0.0)
    steps, _ = unit_steps(lambda times: np.stack([task.syz] * len(times)), np.array([0, begin]))
    run = flow(network, theta0 @ steps[0], FOLDS / rates.max(), rtol=1e-9)
    levels = [level, level - float(taken[k])]
    times, losses = dense_loss(network, run)
    half, middle = passage_time(network, run, sum(levels) / 2), sum(levels) / 2
    place = np.searchsorted(times, half)  # a record there, more exact than those around
    times, losses = np.insert(times, place, half), np.insert(losses, place, middle)
    return Walk([theta0[:0]], levels, [(1, begin + times, losses)])


def mean_walk(network: Pointwise, theta0: np.ndarray, drops: int) -> Walk:
    """The first drop of a run, for activations that do not vanish at zero.

    With small u the map is the constant m = c_0 sum_i v_i, and dm = H c_0^2 (E y - m): the loss
    falls at once to that of the mean, at the rate 2 H c_0^2.  Units share the mean, and each has
    1 / H of it, so the next drops come without a plateau.  This holds up to 1 / H.
    """
    if network.patches != 1:
        raise ValueError("the mean of a convolution is not predicted: one patch only")
    constant, mean = taylor(network.phi)[0], network.y.mean(-1)
    rate = len(theta0) * constant**2
    left = mean - constant * network.split(theta0)[0].sum(0)
    top = (network.y**2).mean(-1).sum() / 2
    bottom = top - (mean**2).sum() / 2
    times = np.linspace(0, 10 / rate, 2001)
    fall = bottom + (left**2).sum() / 2 * np.exp(-2 * rate * times)
    return Walk([theta0[:0]], [top, bottom], [(1, times, fall)])
