"""Gradient descent with a learning rate, as the paper trains: full batches or mini-batches."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from ..networks import Array, Network
from .descents import descend_run
from .fields import workspace
from .optimisers import Rule, gradient
from .problems import problems
from .trajectories import RunFailedError, Trajectory, in_threads

CHECK = 50  # steps after which divergence is looked for
HURRY = 0.02  # of the norm of the weights: by so much a step of `glance` may change them


def resolve_device(device: str) -> str:
    """ "cpu", "cuda" or "torch"; "auto" is one of the first two.  ValueError for a missing GPU."""
    if device not in ("cpu", "cuda", "auto", "torch"):
        raise ValueError(f'unknown device {device!r}; known: "cpu", "cuda", "auto", "torch"')
    if device in ("cpu", "torch"):
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
    """Gradient descent theta <- theta - lr dL/dtheta, as the paper trains: its `Trajectory`.

    Parameters
    ----------
    network : the loss that is recorded, and descended unless there are `batches`
    theta0 : initial units (\\*ensemble, units, features); numpy, or torch to compute in torch
    lr : learning rate with respect to L = E|y - f|^2 / 2; a step is `lr` of gradient-flow time
    steps : number of steps
    every : record the first and every so many steps
    batches : the networks of the mini-batches, one for each step (for example `minibatches`)
    device : "cpu" (compiled loops or numpy), "cuda" (torch on the GPU), "auto" (there, where there
        is one), or "torch" (on the CPU what "cuda" does on the GPU, to check it without one)
    rule : the rule that turns the gradient into a step, for example `adam()`
    reduce : with plain gradient descent, train a linear network in as many units as features,
        exactly (`Network.reduce`)

    Raises
    ------
    ValueError : a parameter out of range, shapes that do not fit, no GPU where one is asked for
    RunFailedError : the run diverged, for the learning rate is too large; says by which step, of
        which it looks at every fiftieth
    """
    if not 0 < lr < np.inf:
        raise ValueError(f"the learning rate is {lr}; it must be positive and finite")
    if steps < 1 or every < 1:
        raise ValueError(f"steps ({steps}) and every ({every}) must be 1 or more")
    device, lr = resolve_device(device), float(lr)
    theta, basis = network.check(theta0), None
    if reduce and rule is gradient and isinstance(theta, np.ndarray):
        basis, theta = network.reduce(theta)
    run = None
    if device == "cpu" and batches is None and isinstance(theta, np.ndarray):
        run = _compiled(network, np.asarray(theta, dtype=float), lr, steps, every, rule)
    if run is None:
        if device != "cpu" or not isinstance(theta, np.ndarray):
            import torch

            places = {"cuda": "cuda", "torch": "cpu"}
            device = places[device] if device in places else str(theta.device)
            theta, network = torch.as_tensor(theta, device=device), network.to(device)
            batches = batches and (batch.to(device) for batch in batches)
        run = _by_arrays(network, theta, lr, steps, every, batches and iter(batches), rule)
    return Trajectory(lr * every * np.arange(steps // every + 1), *run, basis)


def glance(
    network: Network, theta0: np.ndarray, step: float, most: int, left: float = 1e-3
) -> Trajectory:
    """One run of gradient flow, roughly, for explorers: at most so many steps of Euler's method.

    While the loss is near that of the start, and nothing curves much, a step may be longer than
    `step`: as long as it takes the weights to change by HURRY of their norm.  A seventh more steps
    follow where no more than `left` of the loss of no units is left, and then it ends.  All are
    recorded.  RunFailedError as of `descend`.
    """
    theta, time, found = network.check(theta0), 0.0, []
    with np.errstate(over="ignore", invalid="ignore"):
        while len(found) <= most:
            shared = network.forward(theta)
            loss, field = network.loss(theta, shared), network.field(theta, shared)
            found.append((time, loss, theta))
            if len(found) % CHECK == 0:
                _refuse_divergence(theta, len(found), step)
            if loss < left * network.zero_loss():
                most = min(most, 8 * len(found) // 7)
            waits = loss > 0.95 * found[0][1]
            hurry = HURRY * np.linalg.norm(theta) / max(np.linalg.norm(field), 1e-300)
            long = max(step, hurry) if waits else step
            theta, time = theta + long * field, time + long
    _refuse_divergence(theta, len(found), step)
    return Trajectory(*map(np.array, zip(*found, strict=True)))


def _compiled(
    network: Network, theta: np.ndarray, lr: float, steps: int, every: int, rule: Rule
) -> tuple[np.ndarray, np.ndarray] | None:
    """Losses and units of the runs by the compiled loop, on all cores; None where it has none."""
    if (kernel := getattr(rule, "kernel", None)) is None:
        return None
    shape, starts = theta.shape[:-2], theta.reshape(-1, *theta.shape[-2:])
    found = descend_all(network, starts, [lr] * len(starts), steps, every, *kernel)
    if found is None:
        return None
    stopped, losses, thetas = found
    bad = [i for i, step in enumerate(stopped) if step >= 0]
    if bad:
        _diverged(min(stopped[i] for i in bad), lr, bad, len(stopped) if shape else 0)
    return losses.reshape(-1, *shape), thetas.reshape(-1, *theta.shape)


def descend_all(
    network: Network, starts: np.ndarray, lr: Sequence[float], steps: int, every: int, rule: int,
    beta: float = 0.0, beta2: float = 0.0, eps: float = 0.0,
) -> tuple[list[int], np.ndarray, np.ndarray] | None:  # fmt: skip
    """Gradient descent with momentum or Adam (rule 0, 1), or Heun's method (2), on all cores.

    Of runs from units `starts` (runs, units, F), with learning rates `lr` (runs,): the step by
    which the loss of each was no number, or -1, and losses (T, runs) and units (T, runs, units, F)
    of every so many steps.  None for a network without a kernel.
    """
    data, (runs, units, f) = problems(network, starts), starts.shape
    if data is None:
        return None
    losses = np.empty((steps // every + 1, runs))
    thetas = np.empty((*losses.shape, units, f))

    def some(part: np.ndarray) -> list[int]:
        work, places, stopped = workspace(data[0], units), np.zeros((4, f, units)), []
        for i in part:
            places[0], places[1:] = starts[i].T, 0
            more = (lr[i], steps, every, rule, beta, beta2, eps)
            stopped.append(descend_run(data[i], work, places, losses, thetas, i, *more))
        return stopped

    return in_threads(some, runs), losses, thetas


def _by_arrays(
    network: Network, theta: Array, lr: float, steps: int, every: int, batches, rule: Rule
) -> tuple[np.ndarray, np.ndarray]:
    """Losses and units by a network's own `field`: numpy or torch, full batches or mini-batches."""
    losses, thetas, state = [], [], None
    with np.errstate(over="ignore", invalid="ignore"):
        for step in range(steps + 1):
            now, last = step % every == 0, step == steps
            shared = network.forward(theta) if now or not (last or batches) else None
            if now:
                losses.append(network.loss(theta, shared))
                thetas.append(theta)
            if last or step % CHECK == 0:
                _refuse_divergence(theta, step, lr)
            if not last:
                field = next(batches).field(theta) if batches else network.field(theta, shared)
                move, state = rule(field, state)
                theta = theta + lr * move
    return _stack(losses), _stack(thetas)


def minibatches(network: Network, size: int, rng: np.random.Generator) -> Iterator[Network]:
    """Endless networks on mini-batches of `size` samples, in a new random order in each epoch.

    Samples that do not fill a batch at the end of an epoch are left out.  ValueError for a size
    that is not between 1 and the number of samples, TypeError for a network that keeps moments.
    """
    samples = network.samples
    if not 1 <= size <= samples:
        raise ValueError(f"a batch of {size} of {samples} samples; wanted 1 to {samples}")
    while True:
        order = rng.permutation(samples)
        for start in range(0, samples - size + 1, size):
            yield network.subset(order[start : start + size])


def _refuse_divergence(theta: Array, step: int, lr: float) -> None:
    """RunFailedError, with the runs concerned, where units are not finite."""
    good = abs(theta.sum((-2, -1))) < np.inf
    if good.all():
        return
    bad = [run for run, fine in enumerate(good.reshape(-1).tolist()) if not fine]
    _diverged(step, lr, bad, good.ndim)


def _diverged(step: int, lr: float, bad: list[int], ensemble: int) -> None:
    """Raise the error that names the step, and the runs of an ensemble, that diverged."""
    which = f" (run {bad[0]} of the ensemble, {len(bad)} in all)" if ensemble else ""
    raise RunFailedError(
        f"gradient descent diverged by step {step}{which}: the learning rate {lr:g} is too large. "
        f"Try {lr / 4:g}, or `flow`, which needs none"
    )


def _stack(values: Sequence) -> np.ndarray:
    """Numbers, numpy arrays or torch tensors as one numpy array, along a first axis."""
    if isinstance(values[0], (float, np.ndarray)):
        return np.stack(values)
    import torch

    return torch.stack(values).cpu().numpy()
