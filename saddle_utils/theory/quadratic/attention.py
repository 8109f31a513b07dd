"""Linear self-attention: levels, escape times of the heads, and plateaus that show (section 5.2).

From small weights each dormant head obeys Eq. 14 by itself, so its draw decides when it escapes
(`escape.escape_time`).  The first head learns the first mode; the others have moved meanwhile, but
are still small, and obey Eq. 14 again with the residual of E[y Z].  So the times between all
escapes follow from the draw, in inverse proportion to eps.  An escaped head settles on a known
curve in a time of order one, and a plateau shows where the time between escapes is longer.
"""

from dataclasses import replace

import numpy as np
from scipy.optimize import brentq

from ...networks import Attention
from . import escape


def residual_attention(network: Attention, learned: int) -> Attention:
    """The residual task of dormant heads when this many modes are `learned` (Eq. 14).

    The k-th head to escape learns the k-th singular pair of Syz and leaves the other pairs.
    Dormant heads do not see each other, hence Szz = 0.
    """
    q, s, r = np.linalg.svd(network.syz.reshape((network.n_u // 2,) * 2))
    rest = (q[:, learned:] * s[learned:]) @ r[learned:]
    return replace(network, syz=rest.reshape(1, -1), szz=0 * network.szz)


def head_waits(network: Attention, theta: np.ndarray) -> np.ndarray:
    """Times between successive escapes, the first of them from the start, (runs, modes).

    They hold for vanishing weights, where they are in inverse proportion to these: theta (runs,
    heads, features), with at least as many heads as modes.  ValueError as in `escape_time`.
    """
    found, modes = [], network.n_u // 2
    for k in range(modes):
        lone = residual_attention(network, k)
        times = escape.escape_time(lone, theta, rtol=1e-8)
        found.append(times.min(-1))
        left = np.arange(theta.shape[1]) != times.argmin(-1)[:, None]
        theta = theta[left].reshape(len(theta), -1, theta.shape[-1])
        if k < modes - 1:
            ends = found[-1] * (1 - 1e-6)  # just before, for two heads may go nearly at once
            theta = escape.dormant_units(lone, theta, ends)
    return np.stack(found, axis=-1)


def critical_scales(network: Attention, theta: np.ndarray, flat: float = 0.1) -> np.ndarray:
    """Largest eps at which a run from eps theta shows a plateau before each drop, (runs, modes).

    Before the first drop, the slope of the loss at the start, of order eps^4, must be below `flat`
    times its peak (see `observables.measure`).  Before the others, `head_waits` / eps must be at
    least `visible_wait`.
    """
    rates, _ = _heads(network)
    start = (residual_attention(network, 0).field(theta) ** 2).sum((-2, -1))
    first = (flat * rates[0] * _slope(SHARES).max() / start) ** 0.25
    return np.column_stack([first, head_waits(network, theta)[:, 1:] / visible_wait(network, flat)])


def visible_wait(network: Attention, flat: float = 0.1) -> np.ndarray:
    """Shortest time between two escapes at which a plateau shows between the drops, (modes - 1,).

    The slopes of the head that settles and of the one that rises add up; their sum must fall below
    `flat` times the lower of their peaks.  Closed but for the root of one equation.
    """
    rates, spans = _heads(network)
    peaks, moments = rates * _slope(SHARES).max(), spans * TIMES[_slope(SHARES).argmax()]
    found = []
    for k in range(len(rates) - 1):

        def excess(wait: float, k: int = k) -> float:
            times = np.linspace(moments[k], wait + moments[k + 1], 2001)
            tail = rates[k] * _slope(_share(times / spans[k]))
            head = rates[k + 1] * _slope(_share((times - wait) / spans[k + 1]))
            return (tail + head).min() / min(peaks[k : k + 2]) - flat

        both = moments[k] - moments[k + 1]  # after this wait the two would peak at once
        found.append(brentq(excess, both, both + 40 * (spans[k] + spans[k + 1])))
    return np.array(found)


def _heads(network: Attention) -> tuple[np.ndarray, np.ndarray]:
    """Units of slope, 3 s^2 c^4, and of time, 1 / (s c), of a balanced head on each mode.

    A head |v| = |k| = |q| = c y along a singular pair of Syz has the loss -s c^3 y^3 +
    gamma (c^3 y^3)^2 / 2.  With c^3 = s / gamma it obeys dy/dt = s c y^2 (1 - y^3), and the slope
    is -dL/dt = 3 s^2 c^4 y^4 (1 - y^3)^2.
    """
    d = network.n_u // 2
    q, s, r = np.linalg.svd(network.syz.reshape(d, d))
    pairs = np.einsum("ak,kb->kab", q, r).reshape(d, -1)
    c = (s / np.einsum("ka,ab,kb->k", pairs, network.szz, pairs)) ** (1 / 3)
    return 3 * s**2 * c**4, 1 / (s * c)


def _slope(y: np.ndarray) -> np.ndarray:
    """Slope -dL/dt of a head in its units, see `_heads`."""
    return y**4 * (1 - y**3) ** 2


def _time(y: np.ndarray) -> np.ndarray:
    """Time at which a head has learned the share y^3, in units of 1 / (s c); it escapes at 0."""
    turn = np.arctan((2 * y + 1) / np.sqrt(3)) - np.arctan(1 / np.sqrt(3))
    return -1 / y + (np.log1p(y + y**2) / 2 - np.log1p(-y)) / 3 - turn / np.sqrt(3)


SHARES = np.concatenate([np.geomspace(1e-3, 0.1, 400), np.linspace(0.1, 0.9, 800)[1:],
                         1 - np.geomspace(0.1, 1e-12, 800)[1:]])  # fmt: skip
TIMES = _time(SHARES)


def _share(time: np.ndarray) -> np.ndarray:
    """Inverse of `_time`."""
    return np.interp(time, TIMES, SHARES)


def attention_levels(covariance: np.ndarray, context: int) -> np.ndarray:
    """Losses E|y - f|^2 / 2 of linear self-attention with 0, 1, ... modes learned, (d + 1,).

    2 L_m = tr C - sum_{d <= m} lambda_d / (1 + (1 + tr C / lambda_d) / N) for tokens N(0, C), a
    `context` of N tokens and w ~ N(0, I); lambda are the eigenvalues of the `covariance` C in
    descending order.
    """
    values = np.sort(np.linalg.eigvalsh(covariance))[::-1]
    learned = values / (1 + (1 + values.sum() / values) / context)
    return (values.sum() - np.concatenate([[0], np.cumsum(learned)])) / 2
