"""The interface that all families of networks share (Eq. 1)."""

import dataclasses
from typing import Any, ClassVar

import numpy as np

Array = Any  # a numpy array or a torch tensor
STEP = 1e-30  # of complex steps, whose derivatives have no rounding error however small it is


class Network:
    """A squared loss of a sum of units; the base of all families.

    A family supplies `loss`, `field` and `output`; the field must take complex weights.
    `n_v` and `n_u` count the features of v_i and u_i; the features of v_i are ordered (output,
    patch), with one patch unless the network is a convolution.  `degree` is the degree of
    homogeneity of phi in u, None where it has none, and `parity` the behaviour of phi under
    u -> -u (+1 even, -1 odd, 0 neither): both decide which units count as one (see
    `observables.clusters`).  `vanishes` says that phi is 0 at u = 0 where neither of them does.
    `smooth` says whether the field is continuous, which decides how `dynamics.flow` integrates it.
    `axes` holds the number of axes of each array of data; more axes in front are those of an
    ensemble with data of its own for each run.
    """

    n_v: int
    n_u: int
    patches: int = 1
    degree: float | None = None
    parity: int = 0
    smooth: bool = True
    vanishes: bool = False
    axes: ClassVar[dict[str, int]] = {}

    def split(self, theta: Array) -> tuple[Array, Array]:
        """Views V (\\*ensemble, units, n_v) and U (\\*ensemble, units, n_u) of theta."""
        return theta[..., : self.n_v], theta[..., self.n_v :]

    def forward(self, theta: Array) -> Any:
        """What `loss` and `field` at the same theta can share; None if nothing."""
        return None

    def loss(self, theta: Array, forward: Any = None) -> Array:
        """L = E|y - f|^2 / 2 (paper, section 2), shape (\\*ensemble,)."""
        raise NotImplementedError

    def field(self, theta: Array, forward: Any = None) -> Array:
        """Gradient field -dL/dtheta, shape of theta."""
        raise NotImplementedError

    def jacobian(self, theta: np.ndarray) -> np.ndarray:
        """Jacobian of the field, minus the Hessian, (\\*ensemble, weights, weights).

        By complex steps, exact to rounding: Im field(theta + i h e) / h for each weight e.
        """
        units, features = theta.shape[-2:]
        moves = 1j * STEP * np.eye(units * features)
        moves = moves.reshape(units, features, *(1,) * (theta.ndim - 2), units, features)
        along = np.concatenate([self.field(theta + of_unit).imag for of_unit in moves]) / STEP
        return np.moveaxis(along.reshape(len(along), *theta.shape[:-2], -1), 0, -1)

    def reduce(self, theta: Array) -> tuple[Array | None, Array]:
        """An orthonormal basis (units, n) and fewer units (n, features), theta = basis @ units.

        The fewer units have the same map and obey the same gradient flow, with the basis constant.
        Only linear networks have such a basis; (None, theta) for others.
        """
        return None, theta

    def output(self, theta: Array) -> Array:
        """What the loss depends on: predictions on the data, or the matrix M (see `Moments`)."""
        raise NotImplementedError

    def zero_loss(self) -> float:
        """The loss of the network without units, E|y|^2 / 2: the unit of loss in Figure 1."""
        raise NotImplementedError

    def draw(self, rng: np.random.Generator, width: int) -> np.ndarray:
        """One set of standard normal units (width, n_v + n_u), the first layer drawn first."""
        u = rng.standard_normal((width, self.n_u))
        v = rng.standard_normal((self.n_v // self.patches, width, self.patches))
        return np.concatenate([v.swapaxes(0, 1).reshape(width, -1), u], axis=1)

    def _by_patch(self, of_units: Array) -> Array:
        """An array (units, patches * samples) as (units * patches, samples)."""
        if self.patches == 1:
            return of_units
        return of_units.reshape(*of_units.shape[:-2], -1, of_units.shape[-1] // self.patches)

    @property
    def samples(self) -> int:
        """Number of samples the network carries; TypeError if it knows only their moments."""
        raise TypeError(
            f"{type(self).__name__} keeps moments, not samples: it has no mini-batches. Build the "
            'network from its data (for linear ones: `pointwise(x, y, "identity")`)'
        )

    def subset(self, index: np.ndarray) -> "Network":
        """The network on these samples alone."""
        raise NotImplementedError

    def runs(self, index: np.ndarray | int) -> "Network":
        """The network with the data of these runs, or itself if all runs have the same data."""
        own = {name: np.ndim(getattr(self, name)) > axes for name, axes in self.axes.items()}
        leading = {name: getattr(self, name)[index] for name in own if own[name]}
        return dataclasses.replace(self, **leading) if leading else self  # type: ignore[type-var]

    def to(self, device: str) -> "Network":
        """This network with its arrays as torch tensors on `device` ("cpu", "cuda")."""
        import torch

        own = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}  # type: ignore[arg-type]
        arrays = {
            k: torch.as_tensor(a, device=device) for k, a in own.items() if getattr(a, "ndim", 0)
        }
        return dataclasses.replace(self, **arrays)  # type: ignore[type-var]

    def check(self, theta: Array) -> Array:
        """Return theta, an array, or raise ValueError if it does not fit or is not finite."""
        theta = theta if hasattr(theta, "ndim") else np.asarray(theta, dtype=float)
        if theta.ndim < 2 or theta.shape[-1] != self.n_v + self.n_u or theta.shape[-2] == 0:
            raise ValueError(
                f"theta has shape {tuple(theta.shape)}; wanted (*ensemble, units, {self.n_v} + "
                f"{self.n_u}), at least one unit, the features of v before those of u"
            )
        if not bool((abs(theta) < float("inf")).all()):
            raise ValueError("theta holds values that are not finite")
        return theta


@dataclasses.dataclass(frozen=True)
class Sampled(Network):
    """A network on data x (patches, samples, n_u) and y (outputs, samples).

    The last that its `forward` returns is the residual (y - f) / samples.
    """

    x: Array
    y: Array
    axes: ClassVar[dict[str, int]] = {"x": 3, "y": 2}

    @property
    def samples(self) -> int:
        return self.y.shape[-1]

    def subset(self, index: np.ndarray) -> Any:
        return dataclasses.replace(self, x=self.x[:, index], y=self.y[:, index])

    def loss(self, theta: Array, forward: tuple | None = None) -> Array:
        r = (forward or self.forward(theta))[-1]
        return (r * r).sum((-2, -1)) * (self.samples / 2)

    def zero_loss(self) -> float:
        return float((self.y * self.y).sum() / (2 * self.samples))


def dots(a: Array, b: Array) -> Array:
    """a . b for each row, as a column (\\*ensemble, rows, 1)."""
    if isinstance(a, np.ndarray) and a.ndim == 2:
        return np.vecdot(a, b)[:, None]
    return (a * b).sum(-1)[..., None]


def concat(parts: list[Array]) -> Array:
    """Join numpy arrays or torch tensors along the features."""
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts, axis=-1)
    import torch

    return torch.cat(parts, dim=-1)


def real(data: Any, wanted: str) -> np.ndarray:
    """Numbers, of whatever kind and on whatever device, as an array of floats.

    ValueError, which begins with what is `wanted`, for what are no real numbers.
    """
    if hasattr(data, "detach"):  # a tensor
        data = data.detach().cpu()
    try:
        if np.iscomplexobj(data):
            raise ValueError("these are complex")
        return np.asarray(data, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{wanted}: {error}") from None
