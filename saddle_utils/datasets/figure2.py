"""The training sets of Figure 2: three features whose strengths decrease as a power law."""

from dataclasses import replace

import numpy as np

from .. import networks
from ..networks import Network


def whitened(singular_values: list[float]) -> networks.Linear:
    """Linear network with whitened inputs, Sxx = I, and the target diag(singular_values)."""
    target = np.diag(np.asarray(singular_values, dtype=float))
    return networks.Linear(target, np.eye(len(target)), float((target**2).sum()))


def power_law(kappa: float) -> np.ndarray:
    """Strengths s_n (3,) proportional to n^-kappa, n = 1, 2, 3, of sum 1 (Figure 2)."""
    if not 0 <= kappa < np.inf:
        raise ValueError(f"kappa is {kappa}; wanted 0 or more")
    strengths = np.arange(1, 4) ** -float(kappa)
    return strengths / strengths.sum()


def figure2_network(name: str, kappa: float = 1.0) -> Network:
    """The network of this name on three features of strengths s = `power_law(kappa)`.

    In all of them s_n are the singular values of E[y phi], seen as a matrix between v and u (for
    units of degree 2, of the quadratic form), which drives units near zero.  Inputs are white.
    ValueError for another name, or a negative kappa.

    "linear"     white inputs and the target diag(s)
    "attention"  tokens N(0, diag(sqrt s)), 31 to a prompt, z the mean of y_n x_n: E[y z x_q'] =
                 diag(s), in infinitely many prompts
    "quadratic"  y = sum_n s_n (x_n^2 - 1) / 2 of white Gaussian x, and phi = (u . x)^2 - |u|^2
    "relu"       three orthogonal inputs, the n-th with a label on the n-th output
    "conv"       a linear convolution: the n-th of three orthogonal kernels in either of two patches
                 has a label on the n-th output
    """
    s, eye = power_law(kappa), np.eye(3)
    if name == "linear":
        return whitened(s)
    if name == "attention":
        context, net = 31, networks.attention_population(np.diag(np.sqrt(s)), 31)
        return replace(net, syz=net.syz / context, szz=net.szz / context**2)
    if name == "quadratic":
        pairs = np.einsum("ac,bd->abcd", eye, eye) + np.einsum("ad,bc->abcd", eye, eye)
        return networks.Quadratic(np.diag(s).reshape(1, 9), pairs.reshape(9, 9), (s @ s) / 2)
    if name == "relu":
        return networks.pointwise(np.sqrt(3) * eye, np.sqrt(3) * np.diag(s))
    if name == "conv":
        x = np.sqrt(6) * np.einsum("pq,na->pnqa", np.eye(2), eye).reshape(6, 2, 3)
        return networks.linear(x, np.sqrt(3) * np.tile(np.diag(s), (2, 1)))
    raise ValueError(f"unknown network {name!r}; known: linear, attention, quadratic, relu, conv")
