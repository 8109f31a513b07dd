"""What steps of a finite size change: growth at a saddle, cycles at the edge of stability."""

from __future__ import annotations

import numpy as np


def discrete_growth_rate(rate: np.ndarray | float, lr: float, beta: float = 0.0) -> np.ndarray:
    """Growth per unit of time lr of a direction that gradient flow lets grow at `rate`, exact.

    ln(z) / lr with z the larger root of z^2 - (1 + beta + lr rate) z + beta = 0, for the growth
    theta_{n+1} = theta_n + lr rate theta_n + beta (theta_n - theta_{n-1}) of linear and ReLU units
    at a saddle: ln(1 + lr rate) / lr without momentum.  As lr -> 0 it is rate / (1 - beta).
    """
    middle = (1 + beta + lr * np.asarray(rate)) / 2
    return np.log(middle + np.sqrt(middle**2 - beta)) / lr


def slowdown(product: np.ndarray | float, beta: float = 0.0) -> np.ndarray:
    """Waits over those of gradient flow, of the product lr times rate: lr rate / ln(z).

    lr rate / ln(1 + lr rate) without momentum, at most 1 / ln 2 below the edge of stability; see
    `growth_rate`.
    """
    return product / discrete_growth_rate(product, 1.0, beta)


def two_cycle(multiple: float) -> np.ndarray:
    """Strengths p >= q between which a mode jumps at `multiple` times the edge of stability, (2,).

    Balanced units of a mode of strength s = 1 obey u <- u (1 + m - m u^2) with m = lr s, the
    multiple of the edge 1 / s.  Above m = 1 the fixed point u^2 = 1 gives way to a cycle with
    p + q = 1 + 1 / m and p q = 1 / m^2, stable up to m = sqrt(5) - 1; above m = 2 runs diverge.
    """
    middle = (1 + 1 / multiple) / 2
    half = np.sqrt(max(middle**2 - 1 / multiple**2, 0.0))
    return np.array([middle + half, middle - half])
