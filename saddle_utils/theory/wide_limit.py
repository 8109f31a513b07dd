r"""Linear networks with white inputs in the limit of many units, at any initial scale.

Let q_k, r_k be the singular vectors of Syz and s_k its strengths.  Of N(0, eps^2) units the vectors
p = V q_k and g = U r_k, of H numbers each, have |p|^2 = |g|^2 = m = H eps^2 and are orthogonal to
each other and to those of all other modes, up to relative fluctuations of order 1 / sqrt H.  Then
modes do not mix: with a = p . g and c = |p|^2 = |g|^2 the flow (Eq. 9) is

    da/dt = 2 (s - a) c,   dc/dt = 2 (s - a) a,   so that c^2 - a^2 = m^2 is conserved.

A small m gives the logistic curve from a(0) = m / 2 (section 5.1), a large one the exponential of a
fixed kernel (Domine et al., arXiv 2409.14623).  `mass` is m; arrays broadcast.
"""

import numpy as np
from scipy.special import expit


def modes(strengths: np.ndarray, mass: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Strength a(t) of each mode at each time, from a(0) = 0, broadcast.

    With a = m sinh x, y = e^x runs from 1 to (s + c) / m, where c = sqrt(s^2 + m^2), on a logistic
    curve of rate 2 c between the roots (s + c) / m and -m / (s + c) of dy/dt.
    """
    c, top, low, start = _roots(strengths, mass)
    y = low + (top - low) * expit(start + 2 * c * times)
    return mass * (y - 1 / y) / 2


def times_at(strengths: np.ndarray, mass: np.ndarray, fraction: np.ndarray) -> np.ndarray:
    """Times at which a `fraction` (from 0, below 1) of each mode is learned, broadcast."""
    c, top, low, start = _roots(strengths, mass)
    a = fraction * strengths
    y = (a + np.hypot(a, mass)) / mass
    return (np.log((y - low) / (top - y)) - start) / (2 * c)


def slopes(strengths: np.ndarray, mass: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Contribution of each mode to -dL/dt, 2 (s - a)^2 sqrt(m^2 + a^2), broadcast."""
    a = modes(strengths, mass, times)
    return 2 * (strengths - a) ** 2 * np.hypot(mass, a)


def calm(strengths: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """Flatness of the loss before each drop, (..., K): a plateau where below `flat` of `measure`.

    It is the least slope between the times at which two successive modes drop fastest (from the
    start, for the first), over the lower of the slopes at these times.  A mode drops fastest at
    a = (s + sqrt(s^2 - 24 m^2)) / 6, or at the start.  strengths (..., K) descend, mass is (...,).
    """
    s, m = np.asarray(strengths, dtype=float), np.asarray(mass, dtype=float)[..., None]
    room = s**2 - 24 * m**2
    steepest = np.where(room > 0, (1 + np.sqrt(np.maximum(room, 0)) / s) / 6, 0)
    ends = times_at(s, m, steepest)  # (..., K)
    begins = np.concatenate([0 * ends[..., :1], ends[..., :-1]], axis=-1)
    grid = begins + np.linspace(0, 1, 201).reshape(-1, *(1,) * ends.ndim) * (ends - begins)
    total = slopes(s[..., None, :], m[..., None], grid[..., None]).sum(-1)
    gentler = total[-1].copy()
    gentler[..., 1:] = np.minimum(total[0], total[-1])[..., 1:]
    return total.min(0) / gentler


def critical_mass(strengths: np.ndarray, flat: float = 0.1) -> np.ndarray:
    """Largest H eps^2 with a plateau between each mode and the next, (..., K - 1).

    Closed for small m: the half-times 1 / (2 s) ln(2 s / m) must lie as far apart as the tail of
    one drop, 2 s^3 exp(-4 s t), and the head of the next, 2 s^3 exp(-2 s t), take to fall to
    flat / 2 of the lower peak, 8 s^3 / 27.  Between equal strengths it is 0.
    """
    s = np.asarray(strengths, dtype=float)
    one, two, low = s[..., :-1], s[..., 1:], np.log(13.5 / flat)
    needed = low / (2 * two) + (low + 3 * np.log(one / two)) / (4 * one)
    gap = 1 / (2 * two) - 1 / (2 * one)  # of the half-times, for each unit of ln(1 / m)
    known = np.log(2 * two) / (2 * two) - np.log(2 * one) / (2 * one)
    with np.errstate(divide="ignore"):
        return np.exp(-(needed - known) / np.where(gap > 0, gap, 0))


def half_drops(strengths: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """Times at which the loss is half way between two saddles, (..., K), by bisection.

    strengths (..., K) descend, mass is (...,) or, where modes start from different ones, (..., K).
    Where drops are far apart, the strength of mode k is 1 - 1 / sqrt 2 of its final one then.
    """
    s, m = np.asarray(strengths, dtype=float), np.asarray(mass, dtype=float)
    m = m[..., None] if m.ndim < s.ndim else m
    left = np.cumsum((s**2)[..., ::-1], axis=-1)[..., ::-1] / 2  # L_0, ..., L_{K-1}
    middles = left - s**2 / 4
    low = 0 * (m + middles)
    high = low + times_at(s, m, 1 - 1e-3).max(-1, keepdims=True)
    for _ in range(50):
        half = (low + high) / 2
        a = modes(s[..., None, :], m[..., None, :], half[..., None])
        above = ((s[..., None, :] - a) ** 2).sum(-1) / 2 > middles
        low, high = np.where(above, half, low), np.where(above, high, half)
    return high


def distance(strengths: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """Relative distance from rank r at the r-th half-drop, the largest over r < K, (...,).

    Each mode gives Theta the squared singular values sqrt(m^2 + a^2) +- a; the distance is
    Frobenius, over the norm of Theta.
    """
    s, m = np.asarray(strengths, dtype=float), np.asarray(mass, dtype=float)[..., None, None]
    a = modes(s[..., None, :], m, half_drops(s, mass)[..., :-1, None])  # (..., r, K)
    c = np.hypot(m, a)
    grown = np.cumsum(np.sort(c + a, axis=-1)[..., ::-1], axis=-1)
    kept = np.diagonal(grown, axis1=-2, axis2=-1) / (2 * c.sum(-1))
    return np.sqrt(1 - kept).max(-1)


def movement(strengths: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """Relative change of the neural tangent kernel from start to end, (...,), in Frobenius norm.

    V'V and U'U go from m to sqrt(m^2 + s_k^2) in each mode, and the kernel is their sum.
    """
    s, m = np.asarray(strengths, dtype=float), np.asarray(mass, dtype=float)[..., None]
    grown = s**2 / (np.hypot(s, m) + m)
    both = grown[..., :, None] + grown[..., None, :]
    return np.sqrt((both**2).mean((-2, -1))) / (2 * m[..., 0])


def lazy_movement(modes: int, width: int) -> float:
    """Root mean square of `movement` for m >> s, sqrt((3 K^2 + K + 2) / 8) / H, H = `width`.

    A lazy network moves U'U by (S'S - W'W) / (2 m), and V'V likewise, where the initial map W has
    K x K entries N(0, m^2 / H).  In units of their variance E|W'W|^2 = K^2 (2 K + 1) and
    E[(tr W'W)^2] = K^2 (K^2 + 2).
    """
    return float(np.sqrt((3 * modes**2 + modes + 2) / 8) / width)


def _roots(strengths: np.ndarray, mass: np.ndarray) -> tuple[np.ndarray, ...]:
    """c, the two roots, and the start of the logistic curve of `modes`."""
    c = np.hypot(strengths, mass)
    top, low = (strengths + c) / mass, -mass / (strengths + c)
    return c, top, low, np.log((1 - low) / (top - 1))
