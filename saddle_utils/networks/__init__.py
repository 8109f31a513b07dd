r"""Networks of the paper (Eq. 1): a sum of units, f(x) = sum_i phi(x; u_i) v_i.

Three families have loss and gradient field in closed form, and Hessians exact to rounding:

==================  =============================  ==============================
family              unit                           what it needs of the data
==================  =============================  ==============================
`Linear`            v_i (u_i . x)                  second moments
`Quadratic`         v_i (u_i' Z u_i)               moments of Z, up to fourth order
`Pointwise`         v_i sigma(u_i . x), patches    the data
==================  =============================  ==============================

`Attention` is a `Quadratic` network, and `Softmax` is attention with a softmax; `Deep` and
`DeepLinear` networks have more layers, skips among them, and `Transformer` has a linear layer
behind attention; `Autograd` differentiates any model that has no closed form, through the same
interface.

A set of units is one array `theta` of shape (\*ensemble, units, features); the features of a unit
are those of v_i followed by those of u_i.  All functions take and return leading ensemble axes
(seeds, values of a sweep), and serve numpy arrays and torch tensors alike.
The loss is L = E|y - f|^2 / 2, so that gradient flow has unit rate.
"""

from collections.abc import Callable, Sequence
from dataclasses import fields, replace

import numpy as np

from .autograd import Autograd
from .base import Array, Network, concat, dots, real
from .deep import Completion, Deep, DeepLinear
from .layers import Layered, pack
from .moments import Linear
from .pointwise import ACTIVATIONS, Activation, Pointwise, activation
from .quadratic import Attention, Quadratic, ranked
from .softmax import Softmax
from .transformer import Transformer


def _data(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x (samples, patches, n_u), in one patch if it has two axes, and y (samples, outputs).

    ValueError where they do not fit, or are not finite real numbers.
    """
    x, y = _numbers(x, "x"), _numbers(y, "y")
    y = y[:, None] if y.ndim == 1 else y
    if x.ndim not in (2, 3) or y.ndim != 2 or len(x) != len(y) or 0 in x.shape + y.shape:
        hint = {
            1: "; a single feature is x[:, None]",
            4: "; images are cut into patches first, (samples, patches, pixels), for example by "
            "torch.nn.functional.unfold, or flattened",
        }
        raise ValueError(
            f"x has shape {x.shape} and y {y.shape}; wanted x with 2 or 3 axes, samples first and "
            "features last, and y (samples,) or (samples, outputs), of as many samples"
            + hint.get(x.ndim, "")
        )
    return (x if x.ndim == 3 else x[:, None]), y


def _numbers(data: np.ndarray, name: str) -> np.ndarray:
    """The data as an array of floats; ValueError where they are not finite real numbers."""
    data = real(data, f"{name} must hold numbers, classes one-hot or as +-1")
    if not np.isfinite(data).all():
        raise ValueError(f"{name} holds values that are not finite (nan or inf)")
    return data


def _samples_last(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x (patches, samples, n_u) and y (outputs, samples) of what `_data` returns."""
    return np.ascontiguousarray(x.swapaxes(0, 1)), np.ascontiguousarray(y.T)


def _moments(z: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """E[y z'], E[z z'] and E|y|^2 of features z (samples, ...), which are flattened."""
    z = z.reshape(len(z), -1)
    return y.T @ z / len(z), z.T @ z / len(z), float((y * y).sum() / len(y))


def linear(x: np.ndarray, y: np.ndarray) -> Linear:
    """Linear network on x (samples, n_u), or linear convolution on x (samples, patches, n_u)."""
    x, y = _data(x, y)
    return Linear(*_moments(x, y), x.shape[1])


def pointwise(x: np.ndarray, y: np.ndarray, phi: str = "relu") -> Pointwise:
    """Network with the activation `phi`, on x (samples, n_u) or (samples, patches, n_u)."""
    return Pointwise(*_samples_last(*_data(x, y)), phi)


def deep(
    sizes: Sequence[int], x: np.ndarray, y: np.ndarray, phi: str | Sequence[str] = "relu",
    skips: Sequence[tuple[int, int]] = (),
) -> Deep:  # fmt: skip
    """Deep network of layers `sizes` (inputs, hidden ..., outputs), see `networks.layers`.

    `phi` is the activation of all hidden layers or of each, `skips` the pairs (a, b) of layers of
    which h_a is added to h_b.  With x (samples, patches, n_u) the first layer is a convolution.
    """
    return Deep(*_layers(sizes, x, y, phi, skips), *_samples_last(*_data(x, y)))


def deep_linear(
    sizes: Sequence[int], x: np.ndarray, y: np.ndarray, skips: Sequence[tuple[int, int]] = ()
) -> DeepLinear:
    """Deep linear network by the moments of its data; parameters as of `deep`."""
    return DeepLinear(*_layers(sizes, x, y, "identity", skips), *_moments(*_data(x, y)))


def _layers(sizes: Sequence[int], x: np.ndarray, y: np.ndarray, phi, skips: Sequence) -> tuple:
    """`sizes`, `phis` and `skips` of `Layered`; ValueError where the sizes do not fit the data."""
    x, y = _data(x, y)
    if len(sizes) < 2 or (sizes[0], sizes[-1]) != (x.shape[-1], y.shape[1]):
        raise ValueError(
            f"layers of sizes {list(sizes)} on {x.shape[-1]} inputs and {y.shape[1]} outputs: "
            "wanted the inputs first and the outputs last"
        )
    phis = (phi,) * (len(sizes) - 2) if isinstance(phi, str) else tuple(phi)
    return tuple(sizes), phis, tuple(map(tuple, skips))


def quadratic(x: np.ndarray, y: np.ndarray) -> Quadratic:
    """Quadratic network on x (samples, n_u), with Z = x x', or on matrices Z (samples, n, n)."""
    z, labels = _data(x, y)
    if np.ndim(x) == 2:
        z = z.mT * z
    elif z.shape[1] != z.shape[2]:
        raise ValueError(f"the matrices Z have shape {z.shape[1:]}; they must be square")
    return Quadratic(*_moments((z + z.mT) / 2, labels))


def attention(x: np.ndarray, y: np.ndarray, rank: int = 1) -> Quadratic:
    """Linear self-attention on prompts x (samples, tokens, d) with labels y (samples, tokens).

    Each head has `rank` keys and queries (`ranked`).

    The last token is the query: its label is what the network is to predict, and it enters the
    attention sum with label 0.  The sum is z = sum_n y_n x_n, not divided by the tokens.
    """
    zx, _, label = _prompts(x, y)
    return ranked(Attention(*_moments(zx, label)), rank)


def transformer(x: np.ndarray, y: np.ndarray) -> Transformer:
    """One-layer linear transformer on prompts x and labels y as of `attention`."""
    zx, query, label = _prompts(x, y)
    return Transformer(*_moments(np.concatenate([zx, query], axis=1), label))


def _prompts(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """z x_q' (samples, d^2), x_q (samples, d) and the label to predict (samples, 1) of prompts."""
    if np.ndim(x) != 3 or np.shape(x)[:2] != np.shape(y) or np.shape(x)[1] < 2:
        raise ValueError(
            f"prompts {np.shape(x)} and labels {np.shape(y)}: wanted prompts (samples, tokens, d) "
            "of two tokens or more, and one label for each token"
        )
    x, y = _data(x, y)
    z = (y[:, :-1, None] * x[:, :-1]).sum(1)
    return (z[:, :, None] * x[:, -1, None, :]).reshape(len(z), -1), x[:, -1], y[:, -1:]


def merged_attention(x: np.ndarray, y: np.ndarray) -> Linear:
    """Linear self-attention with merged key and query, f = sum_i v_i z' A_i x_q, data as above.

    It is a two-layer linear network, u_i = A_i, in the cubic feature z x_q' (arXiv 2501.16265).
    """
    merged = attention(x, y)
    return Linear(merged.syz, merged.szz, merged.syy)


def attention_population(covariance: np.ndarray, context: int) -> Attention:
    """Linear self-attention with the moments of infinitely many prompts (section 5.2).

    Tokens are N(0, covariance), labels w . x with w ~ N(0, I), `context` tokens carry a label, and
    z = sum_n y_n x_n as in `attention`: with N = context, E[z z'] = N(N+1) C^2 + N tr(C) C.
    """
    c = np.asarray(covariance, dtype=float)
    d, n = len(c), context
    if c.shape != (d, d) or n < 1 or np.linalg.eigvalsh(c).min() <= 0:
        raise ValueError("wanted a positive definite covariance (d, d) and a context of 1 or more")
    zz = n * (n + 1) * c @ c + n * np.trace(c) * c
    return Attention((n * c @ c).reshape(1, -1), np.kron(zz, c), float(np.trace(c)))


ARCHITECTURES: dict[str, Callable[[np.ndarray, np.ndarray], Network]] = {
    "linear": linear,
    "quadratic": quadratic,
    "attention": attention,
    **{phi: lambda x, y, phi=phi: pointwise(x, y, phi) for phi in ACTIVATIONS},
}


def build(architecture: str, x: np.ndarray, y: np.ndarray) -> Network:
    """The network of this name on these data, without units yet (see `initial_units`).

    Parameters
    ----------
    architecture
        "linear", "quadratic", "attention", or an activation: "relu", "leaky_relu", "identity",
        "tanh", "sine", "sigmoid", "softplus", "gelu", "swish", "x_tanh", "square" or "cubic"; deep
        networks are `networks.deep`, and any other model is `Autograd`
    x
        inputs (samples, features); (samples, patches, features) makes a convolution of a linear
        network or an activation; matrices Z (samples, n, n) for "quadratic"; prompts (samples,
        tokens, features) for "attention"
    y
        labels (samples,) or (samples, outputs); (samples, tokens) for "attention", the last of
        which is to be predicted

    Both may be arrays, lists, data frames or tensors; they are read as float64, and neither centred
    nor scaled.  There are no biases: a column of ones among the features of x serves as one.

    Raises
    ------
    ValueError : an unknown name, shapes that do not fit, or data that are not finite numbers
    """
    if architecture not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise ValueError(
            f"unknown architecture {architecture!r}; known: {known}; for a model of your own see "
            "`Autograd`"
        )
    return ARCHITECTURES[architecture](x, y)


def initial_units(
    network: Network, width: int, scale: float, seed: int | Sequence[int] = 0
) -> np.ndarray:
    """Random units N(0, scale^2), shape (units, features), or (seeds, units, features).

    `scale` is the standard deviation of the first layer's weights; the read-out has the same,
    unless the network's `draw` says otherwise.  A deep network is one row of weights: width 1.
    `seed` is a number, or a list of them for an ensemble.  ValueError for a width or a scale out
    of range, no seed, or a model whose units have no features.
    """
    if network.n_v + network.n_u < 1:
        raise ValueError("units without features: give `Autograd` the numbers n_v and n_u of them")
    if width != int(width) or width < 1:
        raise ValueError(f"width is {width}; a network needs a whole number of units, 1 or more")
    if not 0 < scale < np.inf:
        why = " (units at 0 are at a fixed point: nothing would ever be learned)" * (scale == 0)
        raise ValueError(f"the initial scale is {scale}; it must be positive and finite{why}")
    seeds = [seed] if np.ndim(seed) == 0 else list(seed)
    if not seeds:
        raise ValueError("no seeds: wanted a number, or a list of them for an ensemble")
    theta = np.stack([network.draw(np.random.default_rng(s), int(width)) for s in seeds]) * scale
    return theta[0] if np.ndim(seed) == 0 else theta


def stacked(nets: Sequence[Network]) -> Network:
    """One network with a data set for each run, for `flows` and `predict`, from a list of networks.

    ValueError unless they differ in their data alone, of one shape.
    """
    if not all(net.axes for net in nets):
        raise ValueError("`Autograd` holds the data of one run: train such networks one by one")
    kinds = {(type(net), *(getattr(net, name) for name in _settings(net))) for net in nets}
    shapes = {tuple(np.shape(getattr(net, name)) for name in net.axes) for net in nets}
    if len(kinds) != 1 or len(shapes) != 1:
        raise ValueError(
            "wanted a list of networks of one kind, on data of one shape; these "
            f"are of {len(kinds)} kinds and {len(shapes)} shapes"
        )
    arrays = {name: np.stack([getattr(net, name) for net in nets]) for name in nets[0].axes}
    return replace(nets[0], **arrays)  # type: ignore[type-var]


def _settings(network: Network) -> list[str]:
    """What a network has besides data: its activation, rank, patches, layers."""
    return [field.name for field in fields(network) if field.name not in network.axes]  # type: ignore[arg-type]
