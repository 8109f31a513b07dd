"""Linear attention, saddle by saddle: how long heads wait, and whether that shows (section 5.2).

From small weights each head obeys Eq. 14 by itself, so the draw alone says which goes first and
when (`escape.escape_time`).  While it does, all others have moved on, still small; at the saddle
they obey Eq. 14 again, with what is left of E[y Z].  So the waits of all drops follow from the
draw, as tau / eps.  A head that has gone settles along a curve that is known too, in the time of
order one that it takes a drop.  A plateau shows where the wait is longer than that.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.optimize import brentq

from ...networks import Attention
from . import escape


def residual_attention(network: Attention, learned: int) -> Attention:
    """The network that small heads see when this many modes are learned: Eq. 14.

    The k-th head to go learns the k-th singular pair of Syz and leaves the rest of Syz to the
    others, which do not see each other, Szz = 0.
    """
    q, s, r = np.linalg.svd(network.syz.reshape((network.n_u // 2,) * 2))
    rest = (q[:, learned:] * s[learned:]) @ r[learned:]
    return replace(network, syz=rest.reshape(1, -1), szz=0 * network.szz)


def head_waits(network: Attention, theta: np.ndarray) -> np.ndarray:
    """Times between one escape and the next, the first from the start, (runs, modes).

    Of heads theta (runs, heads, features), at least as many as there are modes, in the limit of
    vanishing weights: waits(eps theta) = waits(theta) / eps.
    """
    found, modes = [], network.n_u // 2
    for k in range(modes):
        lone = residual_attention(network, k)
        times = escape.escape_time(lone, theta)
        found.append(times.min(-1))
        left = np.arange(theta.shape[1]) != times.argmin(-1)[:, None]
        theta = theta[left].reshape(len(theta), -1, theta.shape[-1])
        if k < modes - 1:
            ends = found[-1] * (1 - 1e-6)  # just before, for two heads may go nearly at once
            theta = escape.dormant_units(lone, theta, ends)
    return np.stack(found, axis=-1)


def critical_scales(network: Attention, theta: np.ndarray, flat: float = 0.1) -> np.ndarray:
    """Largest eps at which a run from eps theta shows a plateau before each drop, (runs, modes).

    Before the first, the slope at the start, of order eps^4, must be below `flat` times its peak
    (see `plateaus.measure`); later `waits` / eps must be at least what is `needed`.
    """
    rates, _ = _heads(network)
    start = (residual_attention(network, 0).field(theta) ** 2).sum((-2, -1))
    first = (flat * rates[0] * _slope(SHARES).max() / start) ** 0.25
    return np.column_stack([first, head_waits(network, theta)[:, 1:] / visible_wait(network, flat)])


def visible_wait(network: Attention, flat: float = 0.1) -> np.ndarray:
    """Shortest wait between drops that shows as a plateau, (modes - 1,), in closed form but a root.

    The slopes of a head that settles and of one that rises add up, and must together fall below
    `flat` times the peak of the gentler.
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
    """Of a balanced head on each mode, 3 s^2 c^4 and 1 / (s c): |v| = |k| = |q| = c y, with

    dy/dt = s c y^2 (1 - y^3) and -dL/dt = 3 s^2 c^4 y^4 (1 - y^3)^2, for c^3 = s / gamma and the
    loss -s c^3 y^3 + gamma (c^3 y^3)^2 / 2 of one head along a singular pair of Syz.
    """
    d = network.n_u // 2
    q, s, r = np.linalg.svd(network.syz.reshape(d, d))
    pairs = np.einsum("ak,kb->kab", q, r).reshape(d, -1)
    c = (s / np.einsum("ka,ab,kb->k", pairs, network.szz, pairs)) ** (1 / 3)
    return 3 * s**2 * c**4, 1 / (s * c)


def _slope(y: np.ndarray) -> np.ndarray:
    return y**4 * (1 - y**3) ** 2


def _time(y: np.ndarray) -> np.ndarray:
    """When a head has the share y, in units of 1 / (s c); 0 is when it would diverge alone."""
    turn = np.arctan((2 * y + 1) / np.sqrt(3)) - np.arctan(1 / np.sqrt(3))
    return -1 / y + (np.log1p(y + y**2) / 2 - np.log1p(-y)) / 3 - turn / np.sqrt(3)


SHARES = np.concatenate([np.geomspace(1e-3, 0.1, 400), np.linspace(0.1, 0.9, 800)[1:],
                         1 - np.geomspace(0.1, 1e-12, 800)[1:]])  # fmt: skip
TIMES = _time(SHARES)


def _share(time: np.ndarray) -> np.ndarray:
    """The share y of a head at this time, the inverse of `_time`."""
    return np.interp(time, TIMES, SHARES)


def attention_levels(covariance: np.ndarray, context: int) -> np.ndarray:
    """Losses E|y - f|^2 / 2 of linear self-attention with 0, 1, ... heads learned, (d + 1,).

    2 L_m = tr C - sum_{d <= m} lambda_d / (1 + (1 + tr C / lambda_d) / N) for tokens N(0, C), a
    context of N and w ~ N(0, I); lambda are the eigenvalues of C in descending order.
    """
    values = np.sort(np.linalg.eigvalsh(covariance))[::-1]
    learned = values / (1 + (1 + values.sum() / values) / context)
    return (values.sum() - np.concatenate([[0], np.cumsum(learned)])) / 2
