"""Gradient descent with a learning rate, as the paper trains: full batches or mini-batches."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ..networks import Network, runs_last
from .fields import problem
from .optimisers import Rule, gradient
from .runs import descend_run
from .trajectories import RunFailedError, Trajectory

LARGE = 200_000  # numbers of data times units, from which array code with BLAS is faster
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
    if device == "cpu" and batches is None and isinstance(theta, np.ndarray):
        run = _compiled(network, np.asarray(theta, dtype=float), lr, steps, every, rule)
        if run is not None:
            return Trajectory(lr * every * np.arange(steps // every + 1), *run, basis)
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


def _compiled(
    network: Network, theta: np.ndarray, lr: float, steps: int, every: int, rule: Rule
) -> tuple[np.ndarray, np.ndarray] | None:
    """Losses and units of the runs by the compiled loop, on all cores; None where it has no kernel,
    or where arrays are so large that BLAS is faster."""
    kernel, shape = getattr(rule, "kernel", None), theta.shape[:-2]
    starts = theta.reshape(-1, *theta.shape[-2:])
    own = [network.runs(np.array([i])) for i in range(len(starts))]
    known = [problem(net if net is network else net.squeezed()) for net in own]
    if kernel is None or None in known or known[0][2].size * theta.shape[-2] > LARGE:
        return None

    def run(task: tuple) -> tuple:
        data, start = task
        return descend_run(*data, np.ascontiguousarray(start.T), lr, steps, every, *kernel)

    tasks = [*zip(known, starts, strict=True)]
    if len(tasks) == 1:
        found = [run(tasks[0])]
    else:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            found = list(pool.map(run, tasks))
    stopped, losses, thetas = zip(*found, strict=True)
    bad = [i for i, step in enumerate(stopped) if step >= 0]
    if bad:
        _diverged(min(stopped[i] for i in bad), lr, bad, len(stopped) if shape else 0)
    losses = np.stack(losses, axis=1).reshape(-1, *shape)
    thetas = np.stack(thetas, axis=1).swapaxes(-1, -2)
    return losses, np.ascontiguousarray(thetas.reshape(len(losses), *theta.shape))


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


def _refuse_divergence(theta, step: int, lr: float) -> None:
    total = theta.sum((-2, -1))
    if bool((abs(total) < np.inf).all()):
        return
    members = (~(abs(total) < np.inf)).reshape(-1).nonzero()
    bad = [int(i) for i in np.ravel(members[0] if isinstance(members, tuple) else members)]
    _diverged(step, lr, bad, total.ndim)


def _diverged(step: int, lr: float, bad: list[int], ensemble: int) -> None:
    which = f" (run {bad[0]} of the ensemble, {len(bad)} in all)" if ensemble else ""
    raise RunFailedError(
        f"gradient descent diverged by step {step}{which}: the learning rate {lr:g} is too large. "
        f"Try {lr / 4:g}, or `flow`, which needs none"
    )


def _stack(values) -> np.ndarray:
    if isinstance(values[0], (float, np.ndarray)):
        return np.stack(values)
    import torch

    return torch.stack(values).cpu().numpy()
