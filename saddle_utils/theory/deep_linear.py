r"""Deep linear networks W_L ... W_1 with whitened inputs (Jacot et al., arXiv 2106.15933).

Entries are N(0, w^-gamma) for width w.  For gamma < 1 the start is near a global minimum and far
from saddles, for gamma > 1 the other way round.  Targets are diagonal here, diag(s_1 ... s_n):
Gaussian weights have no preferred direction, so this is no restriction.
"""

from collections.abc import Sequence
from itertools import zip_longest

import numpy as np
from scipy.integrate import quad, solve_ivp
from scipy.optimize import brentq

from ..networks import DeepLinear

CLOSE = 3e-4  # relative change at which a nearest point is found; its distance is as well known
STEP = 0.8  # of the way to the nearest point of the linearised constraint: whole steps overshoot


def whitened(sizes: Sequence[int], strengths: Sequence[float]) -> DeepLinear:
    """The network of layers `sizes` whose target has these singular values, on the diagonal.

    ValueError for more singular values than inputs or outputs.
    """
    if len(strengths) > min(sizes[0], sizes[-1]):
        raise ValueError(f"{len(strengths)} singular values for a map of {sizes[0]} to {sizes[-1]}")
    target = np.zeros((sizes[-1], sizes[0]))
    np.fill_diagonal(target[: len(strengths), : len(strengths)], strengths)
    linear = ("identity",) * (len(sizes) - 2)
    return DeepLinear(tuple(sizes), linear, (), target, np.eye(sizes[0]), float((target**2).sum()))


def optimal_escape_rate(strength: float, depth: int) -> float:
    """s* = s_1 L^(-(L - 2) / 2): |theta| grows as d|theta|/dt = s* |theta|^(L - 1) at best.

    That is the escape from the origin with all layers of rank one, aligned and of equal norm.
    """
    return strength * depth ** (-(depth - 2) / 2)


def optimal_escape_time(norm: np.ndarray, strength: float, depth: int) -> np.ndarray:
    """Time of the optimal escape from |theta| = `norm` to infinity, or to 1 for two layers.

    In the shape of `norm`: norm^(2-L) / ((L - 2) s*), or ln(1 / norm) / s (arXiv 2106.15933).
    """
    rate = optimal_escape_rate(strength, depth)
    if depth == 2:
        return np.log(1 / norm) / rate
    return norm ** (2.0 - depth) / ((depth - 2) * rate)


def mode_time(start: float, strength: float, depth: int, share: float = 0.5) -> float:
    """Time at which a mode of a balanced start has learned a share of its strength.

    `start` is its singular value p in every layer, which obeys dp/dt = p^(L-1) (s - p^L).
    """
    end = (share * strength) ** (1 / depth)
    if depth == 2:  # the logistic curve
        return float(
            np.log(share / (1 - share) * (strength - start**2) / start**2) / (2 * strength)
        )
    # with z = p^(2 - L) the integrand is bounded: dt = -dz / ((L - 2)(s - p^L))
    power = depth / (2 - depth)
    found = quad(lambda z: 1 / (strength - z**power), end ** (2 - depth), start ** (2 - depth))
    return float(found[0] / (depth - 2))


def balanced_start(
    sizes: Sequence[int], values: np.ndarray, rng: np.random.Generator, aligned: bool = True
) -> list[np.ndarray]:
    """Matrices W_l = U_l diag(values) U_(l-1)' with random orthonormal U_l, one for each layer.

    W_(l+1)' W_(l+1) = W_l W_l'.  `aligned` starts have their outer U on the axes of the target.
    """
    rank = len(values)
    bases = [np.linalg.qr(rng.standard_normal((size, rank)))[0] for size in sizes]
    if aligned:
        bases[0], bases[-1] = np.eye(sizes[0])[:, :rank], np.eye(sizes[-1])[:, :rank]
    return [bases[k + 1] * values @ bases[k].T for k in range(len(sizes) - 1)]


def balanced_losses(
    start: np.ndarray, target: np.ndarray, depth: int, times: np.ndarray
) -> np.ndarray:
    """Losses (T,) of a balanced network, from the equation of its map alone (Arora et al., 2018).

    dW/dt = sum_l (W W')^((L-l)/L) G (W' W)^((l-1)/L), G = target - W.
    """

    powers = 2 / depth * np.arange(depth)[:, None, None]

    def field(_: float, flat: np.ndarray) -> np.ndarray:
        u, s, v = np.linalg.svd(flat.reshape(start.shape), full_matrices=True)
        left, right = np.zeros(len(u)), np.zeros(len(v))
        left[: len(s)] = right[: len(s)] = s
        inner = u.T @ (target - flat.reshape(start.shape)) @ v.T
        weights = (left[:, None] ** powers * right ** powers[::-1]).sum(0)
        return (u @ (weights * inner) @ v).ravel()

    found = solve_ivp(field, (0, times[-1]), start.ravel(), "LSODA", times, rtol=1e-9, atol=1e-13)
    return ((found.y.T.reshape(-1, *start.shape) - target) ** 2).sum((1, 2)) / 2


State = tuple[list[np.ndarray], list[np.ndarray], np.ndarray]  # P_l, Q_l, K: W_l + P_l' K Q_l'


def minimum_distance(
    start: Sequence[np.ndarray], target: np.ndarray, near: State | None = None, steps: int = 150
) -> tuple[float, State | None]:
    """Distance of weights to the nearest point found with W_L ... W_1 = target, and that point.

    At a nearest point W_l moves by P_l' K Q_l', with P_l and Q_l the products of the layers behind
    and before it, and one matrix K of Lagrange multipliers.  This is solved by steps most of the
    way to the nearest point of the linearised constraint, from the solution `near` of a similar
    start if given.  It is a local minimum of the distance, so an upper bound; nan if not found, as
    from small weights without a solution nearby.
    """
    state, size = near, target.size
    for _ in range(steps):
        behind, before, value = products(start, state)
        gap, along = target - value, np.zeros_like(target)
        if not np.abs(gap).max() < 1e6 * np.abs(target).max():
            return float("nan"), near  # it diverges: start from a nearer solution
        pairs = list(zip(behind, before, strict=True))
        gram = sum(np.kron(p @ p.T, q.T @ q) for p, q in pairs)
        if state is not None:
            parts = zip(pairs, *state[:2], strict=True)
            along = sum(p @ a.T @ state[2] @ (b.T @ q) for (p, q), a, b in parts)
        ridge = 1e-13 * np.trace(gram) * np.eye(size)
        core = np.linalg.solve(gram + ridge, (gap + along).ravel()).reshape(target.shape)
        if state is None:
            state = behind, before, core
            continue
        change = np.abs(core - state[2]).max() / np.abs(core).max()
        if change < CLOSE and np.abs(gap).max() < CLOSE * np.abs(target).max():
            break
        moved = ([(1 - STEP) * a + STEP * b for a, b in zip(*two, strict=True)]
                 for two in ((state[0], behind), (state[1], before)))  # fmt: skip
        state = (*moved, (1 - STEP) * state[2] + STEP * core)
    else:
        return float("nan"), state
    moves = zip(*state[:2], strict=True)
    square = sum(((state[2].T @ (p @ p.T) @ state[2]) * (q.T @ q)).sum() for p, q in moves)
    return float(np.sqrt(square)), state


def products(
    start: Sequence[np.ndarray], state: State | None = None
) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:
    """P_l = W_L ... W_(l+1) and Q_l = W_(l-1) ... W_1 of each layer, and the map.

    Of weights (\\*ensemble, out, in), or of one draw that has moved to a `state`.
    """
    last = len(start) - 1
    behind, before = [np.eye(start[-1].shape[-2])], [np.eye(start[0].shape[-1])]
    for k in range(last, 0, -1):
        row = behind[0]
        move = 0 if state is None else row @ state[0][k].T @ state[2] @ state[1][k].T
        behind.insert(0, row @ start[k] + move)
    for k in range(last + 1):
        column = before[-1]
        move = 0 if state is None else state[0][k].T @ (state[2] @ (state[1][k].T @ column))
        before.append(start[k] @ column + move)
    return behind, before[:-1], before[-1]


def saddle_distances(
    start: Sequence[np.ndarray], strengths: Sequence[float], near: Sequence[State | None] = ()
) -> tuple[list[float], list[State | None]]:
    """Distances to the saddles that have learned the first 0, 1, ... modes, and the points found.

    Where W_L' q_k = 0 and W_1 r_k = 0 for the modes that are missing, and the map is that of the
    others, all gradients vanish.  To clear the missing ones costs their rows of W_L and columns of
    W_1; what is left is a `minimum_distance`, from `near` if given.  Upper bounds.
    """
    found, states = [], []
    for kept, state in zip_longest(range(len(strengths)), near):
        square = (start[-1][kept:] ** 2).sum() + (start[0][:, kept:] ** 2).sum()
        if kept:
            reduced = [start[0][:, :kept], *start[1:-1], start[-1][:kept]]
            rest, state = minimum_distance(reduced, np.diag(strengths[:kept]), state)
            square += rest**2
        found.append(float(np.sqrt(square)))
        states.append(state)
    return found, states


def least_move(norms: Sequence[float], strength: float) -> float:
    """Lower bound of the distance to any minimum: the operator norms must multiply to s_1.

    The least |d| with prod (n_l + d_l) >= s_1, for operator norms n_l of the layers.
    """
    norms = np.asarray(norms, dtype=float)
    if norms.prod() >= strength:
        return 0.0

    def moved(multiplier: float) -> np.ndarray:  # stationary: d_l (n_l + d_l) is the same for all
        return (np.sqrt(norms**2 + 4 * multiplier) - norms) / 2

    root = brentq(lambda m: (norms + moved(m)).prod() - strength, 0, (1 + strength) ** 2)
    return float(np.linalg.norm(moved(root)))


def saddle_bound(width: int, gamma: float, inputs: int, outputs: int) -> float:
    """Root of w^(1 - gamma) (inputs + outputs), the mean square of the first and last layer.

    With both layers zero, three layers or more are at a saddle (two at the origin).
    """
    return float(np.sqrt(width ** (1 - gamma) * (inputs + outputs)))
