"""Steps of finite size: growth of dormant units, and cycles beyond the edge of stability."""

import numpy as np


def discrete_growth_rate(rate: np.ndarray | float, lr: float, beta: float = 0.0) -> np.ndarray:
    """Growth rate under steps of size lr, where that of gradient flow is `rate`, shape of `rate`.

    Linear and ReLU units at a saddle obey theta_{n+1} = theta_n + lr rate theta_n + beta (theta_n -
    theta_{n-1}) with momentum beta.  The rate is ln(z) / lr with the larger root z of z^2 - (1 +
    beta + lr rate) z + beta, which is ln(1 + lr rate) / lr without momentum.
    """
    middle = (1 + beta + lr * np.asarray(rate)) / 2
    return np.log(middle + np.sqrt(middle**2 - beta)) / lr


def slowdown(product: np.ndarray | float, beta: float = 0.0) -> np.ndarray:
    """Escape times over those of gradient flow, lr rate / ln(z) for the `product` lr rate.

    Without momentum lr rate / ln(1 + lr rate), at most 1 / ln 2 below the edge of stability; see
    `discrete_growth_rate`.
    """
    return product / discrete_growth_rate(product, 1.0, beta)


def two_cycle(multiple: float) -> np.ndarray:
    """Strengths p >= q between which a mode alternates at `multiple` times the edge, (2,).

    Balanced units of a mode of strength s = 1 obey u <- u (1 + m - m u^2) with m = lr s, the
    `multiple` of the edge of stability 1 / s.  Above
    m = 1 the fixed point u^2 = 1 gives way to a cycle with p + q = 1 + 1 / m and p q = 1 / m^2,
    which is stable up to m = sqrt(5) - 1; above m = 2 runs diverge.
    """
    middle = (1 + 1 / multiple) / 2
    half = np.sqrt(max(middle**2 - 1 / multiple**2, 0.0))
    return np.array([middle + half, middle - half])
