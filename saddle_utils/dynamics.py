"""Two engines, one trajectory: gradient flow, and gradient descent with a learning rate.

Why they are fast.  A plain loop through autograd spends its time on the way to the arithmetic.
Fields are in closed form here, a few array operations each, in moments of the data where these
suffice, so that the number of samples does not matter; loss and field share a forward pass.
A linear network moves in as many units as it has features, however wide it is (`Linear.reduce`).

`descend` takes the steps of gradient descent, all runs of an ensemble at once with the runs
fastest in memory (`networks.runs_last`).  `flow` is the limit of vanishing learning rate, by LSODA:
steps as long as the accuracy allows, implicit with the exact Jacobian over a plateau, whose length
then costs no more than its logarithm.  Ensembles of flows: `ensembles.flows`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from scipy.integrate import odeint, solve_ivp

from .networks import Network, runs_last
from .optimisers import Rule, gradient
from .trajectories import RunFailedError, Trajectory

MAX_EVALUATIONS = 100_000  # of the field in one run of `flow`; the panels of Figure 1 need 4,000
CHECK = 50  # steps between two looks at whether a descent diverges


def resolve_device(device: str) -> str:
    """ "cpu" or "cuda" for "cpu", "cuda" or "auto"; ValueError if asked for what is not there."""
    if device not in ("cpu", "cuda", "auto"):
        raise ValueError(f'unknown device {device!r}; known: "cpu", "cuda", "auto"')
    if device == "cpu":
        return device
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError('device "cuda" was asked for, but torch finds no GPU; use "cpu" or "auto"')
    return "cuda" if torch.cuda.is_available() else "cpu"


def descend(
    network: Network,
    theta0: np.ndarray,
    lr: float,
    steps: int,
    every: int = 1,
    batches: Iterable[Network] | None = None,
    device: str = "cpu",
    rule: Rule = gradient,
    reduce: bool = True,
) -> Trajectory:
    """Gradient descent theta <- theta - lr dL/dtheta, as the paper trains, or another rule.

    Parameters
    ----------
    network : the loss that is recorded, and descended unless there are `batches`
    theta0 : initial units (\\*ensemble, units, features); numpy, or torch to compute in torch
    lr : learning rate with respect to L = E|y - f|^2 / 2; a step is `lr` of gradient-flow time
    steps : number of steps
    every : record the first and every so many steps
    batches : the networks of the mini-batches, one for each step (for example `minibatches`)
    device : "cpu" (numpy), "cuda" or "auto" (torch on the GPU where there is one)
    rule : what a step does with the gradient, for example `optimisers.adam()`
    reduce : descend a linear network in as many units as features, exactly (`Linear.reduce`), where
        the rule is plain descent

    Raises
    ------
    ValueError : a parameter out of range, shapes that do not fit, no GPU where one is asked for
    RunFailedError : the learning rate is too large; says by which step (it looks every 50)
    """
    if not 0 < lr < np.inf:
        raise ValueError(f"the learning rate is {lr}; it must be positive and finite")
    if steps < 1 or every < 1:
        raise ValueError(f"steps ({steps}) and every ({every}) must be 1 or more")
    device = resolve_device(device)
    theta, basis = network.check(theta0), None
    if reduce and rule is gradient and isinstance(theta, np.ndarray):
        basis, theta = network.reduce(theta)
    if device == "cuda" or not isinstance(theta, np.ndarray):
        import torch

        device = device if device == "cuda" else str(theta.device)
        theta, network = torch.as_tensor(theta, device=device), network.to(device)
        batches = batches and (batch.to(device) for batch in batches)
    else:
        theta = runs_last(theta)
    stream = None if batches is None else iter(batches)
    recorded, state = [], None
    with np.errstate(over="ignore", invalid="ignore"):
        for step in range(steps + 1):
            now, last = step % every == 0, step == steps
            shared = network.forward(theta) if now or not (last or stream) else None
            if now:
                recorded.append((step, network.loss(theta, shared), theta))
            if last or step % CHECK == 0:
                _refuse_divergence(theta, step, lr)
            if not last:
                field = next(stream).field(theta) if stream else network.field(theta, shared)
                move, state = rule(field, state)
                theta = theta + lr * move
    index, losses, thetas = zip(*recorded, strict=True)
    return Trajectory(lr * np.array(index), _stack(losses), _stack(thetas), basis)


def minibatches(network: Network, size: int, rng: np.random.Generator) -> Iterator[Network]:
    """Endless mini-batches of `size` samples of a network that carries its data, by epochs.

    Every epoch is a fresh permutation; what does not fill a batch at its end is left out.
    """
    samples = network.samples
    if not 1 <= size <= samples:
        raise ValueError(f"a batch of {size} of {samples} samples; wanted 1 to {samples}")
    while True:
        order = rng.permutation(samples)
        for start in range(0, samples - size + 1, size):
            yield network.subset(order[start : start + size])


def flow(
    network: Network,
    theta0: np.ndarray,
    times: np.ndarray | float,
    rtol: float = 1e-8,
    reduce: bool = True,
) -> Trajectory:
    """Gradient flow dtheta/dt = -dL/dtheta (section 2), the object of the theory.

    LSODA turns implicit on a plateau and steps over it, so a plateau of length 1 / eps costs about
    the same at every initial scale eps.  Fields that jump (ReLU) make implicit steps useless and
    have plateaus of length ln(1 / eps) only: there an explicit RK45 serves.  The absolute
    tolerance is `rtol` times the root mean square of theta0: what grows out of a small start must
    be known relative to that start.

    Parameters
    ----------
    network : a network whose `field` and `jacobian` are known
    theta0 : initial units (\\*ensemble, units, features); the runs of an ensemble are integrated
        one by one: `ensembles.flows` is faster
    times : increasing times (T,) from 0, or an end time: then, for one run, the solver's own steps
    rtol : relative tolerance
    reduce : integrate a linear network in as many units as features, exactly (`Linear.reduce`);
        not where that is itself the claim (Theorem 3)

    Raises
    ------
    ValueError : times or shapes that do not fit
    RunFailedError : the integration failed or got stuck; says at which time
    """
    theta0 = np.asarray(network.check(theta0), dtype=float)
    own_steps = np.ndim(times) == 0
    grid = np.array([0.0, times]) if own_steps else np.asarray(times, dtype=float)
    if not (np.isfinite(grid).all() and grid[0] >= 0 and (np.diff(grid) > 0).all()):
        raise ValueError("times must be finite, increasing and not negative")
    if theta0.ndim > 2 and own_steps:
        raise ValueError("runs of an ensemble take steps of their own: use `ensembles.flows`")
    if theta0.ndim > 2:
        runs = [flow(network, start, grid, rtol, reduce) for start in theta0]
        losses, core = (np.stack([getattr(r, k) for r in runs], 1) for k in ("losses", "core"))
        basis = None if runs[0].basis is None else np.stack([run.basis for run in runs])
        return Trajectory(grid, losses, core, basis)
    tolerance = {"rtol": rtol, "atol": rtol * float(np.sqrt(np.mean(theta0**2)))}
    basis, theta0 = network.reduce(theta0) if reduce else (None, theta0)
    field, flat = _budgeted(network, theta0.shape), theta0.ravel()

    def jacobian(time: float, flat: np.ndarray) -> np.ndarray:
        return network.jacobian(flat.reshape(theta0.shape))

    if network.smooth and not own_steps:  # the same LSODA, without Python between its steps
        late = grid[0] > 0
        values, info = odeint(
            field, flat, np.append(0, grid) if late else grid, Dfun=jacobian, tfirst=True,
            full_output=True, mxstep=MAX_EVALUATIONS, **tolerance,
        )  # fmt: skip
        values, message = values[int(late) :], info["message"]
        good = message == "Integration successful."
    else:
        solver = {"method": "LSODA", "jac": jacobian} if network.smooth else {"method": "RK45"}
        at = None if own_steps else grid
        solution = solve_ivp(field, (0.0, grid[-1]), flat, t_eval=at, **solver, **tolerance)
        grid, values = solution.t, solution.y.T
        good, message = solution.success, solution.message
    theta = values.reshape(-1, *theta0.shape)
    if not good or not np.isfinite(theta).all():
        raise RunFailedError(f"gradient flow stopped before time {grid[-1]:.4g}: {message}")
    return Trajectory(grid, network.loss(runs_last(theta)), theta, basis)


def _budgeted(network: Network, shape: tuple[int, ...]) -> Callable:
    """The field on flat arrays, which gives up where an integration creeps."""
    left = itertools.count(MAX_EVALUATIONS, -1)

    def field(time: float, flat: np.ndarray) -> np.ndarray:
        if next(left) <= 0:
            raise RunFailedError(
                f"gradient flow is stuck at time {time:.6g} after {MAX_EVALUATIONS} evaluations: "
                "either a ReLU unit slides along a sample (u . x = 0, where the field jumps: use "
                "`ensembles.flows`), or the initial scale is so small (below 1e-16 of what is "
                "learned) that rounding drowns the units that wait"
            )
        return network.field(flat.reshape(shape)).ravel()

    return field


def _refuse_divergence(theta, step: int, lr: float) -> None:
    total = theta.sum((-2, -1))
    if bool((abs(total) < np.inf).all()):
        return
    members = (~(abs(total) < np.inf)).reshape(-1).nonzero()
    bad = [int(i) for i in np.ravel(members[0] if isinstance(members, tuple) else members)]
    which = "" if total.ndim == 0 else f" (run {bad[0]} of the ensemble, {len(bad)} in all)"
    raise RunFailedError(
        f"gradient descent diverged by step {step}{which}: the learning rate {lr:g} is too large. "
        f"Try {lr / 4:g}, or `flow`, which needs none"
    )


def _stack(values) -> np.ndarray:
    if isinstance(values[0], (float, np.ndarray)):
        return np.stack(values)
    import torch

    return torch.stack(values).cpu().numpy()
