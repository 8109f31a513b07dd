"""What a careful user would write instead of our engines, each from the data alone.

A peer takes a task, gets ready (compiles, if it does), and returns a call.  The call takes a number
of steps, or of gradient flow a tolerance, and returns the curves of what it trained: of each run
the times (T,) and losses (T,).
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..networks import Attention, Autograd, Pointwise, Quadratic
from . import loops
from .tasks import Task

Curve = tuple[np.ndarray, np.ndarray]
Ready = Callable[[Any], list[Curve]]
MAX_STEPS = 4096  # of diffrax, in one run


def loss(task: Task, theta: Any, data: tuple) -> Any:
    """E|y - f|^2 / 2 of one run, f written out for each family, on arrays of torch or jax."""
    net, (*x, y) = task.network, data
    v, u = net.split(theta)
    if isinstance(net, Attention):
        key, query = u[:, : net.n_u // 2], u[:, net.n_u // 2 :]
        if task.every_token:  # (samples, heads, N, N) whole, as in a transformer
            matrices = (x[0] @ query.T).mT[..., :, None] * (x[0] @ key.T).mT[..., None, :]
            f = (matrices @ (x[1] @ v.T).mT[..., None]).sum(1)[:, -1]
        else:
            f = ((x[0] @ key.T) * (x[1] @ query.T)) @ v
    elif isinstance(net, Quadratic):
        f = (x[0] @ u.T) ** 2 @ v
    elif isinstance(net, Autograd):  # the diagonal linear network
        f = x[0] @ (v * u)
    else:
        a = x[0].reshape(len(y), net.patches, -1) @ u.T  # (samples, patches, units)
        a = a.clip(0) if isinstance(net, Pointwise) else a
        readout = v.reshape(len(u), -1, net.patches).swapaxes(0, 2)  # (patches, outputs, units)
        f = sum(a[:, p] @ readout[p].T for p in range(net.patches))
    return ((y - f) ** 2).sum() / (2 * len(y))


def plain(task: Task) -> Ready:
    """torch.optim.SGD and backward() in a loop over the steps; of an ensemble the first run."""
    import torch

    def call(steps: int) -> list[Curve]:
        theta = torch.tensor(task.starts[0], requires_grad=True)
        optimiser, data, losses = torch.optim.SGD([theta], lr=task.step), _tensors(task), []
        for _ in range(steps):
            optimiser.zero_grad()
            value = loss(task, theta, data)
            value.backward()
            optimiser.step()
            losses.append(value.item())
        return _every_step(task, losses)

    return call


def torch_compile(task: Task) -> Ready:
    """The whole step, gradient and update, by torch.compile; the loop around it in Python."""
    import torch

    data = _tensors(task)

    @torch.compile(fullgraph=True)
    def step(theta: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        slope, value = torch.func.grad_and_value(partial(loss, task))(theta, data)
        return theta - task.step * slope, value

    def call(steps: int) -> list[Curve]:
        theta, losses = torch.tensor(task.starts[0]), []
        for _ in range(steps):
            theta, value = step(theta)
            losses.append(value)
        return _every_step(task, torch.stack(losses).numpy())

    call(2)  # compiles
    return call


def jax(task: Task) -> Ready:
    """jax.lax.scan over the steps, jitted; all runs of an ensemble by jax.vmap."""
    import jax

    def run(theta: Any, data: tuple) -> Any:
        slope = jax.vmap(jax.value_and_grad(partial(loss, task)), (0, None))

        def step(theta: Any, _: None) -> tuple:
            losses, slopes = slope(theta, data)
            return theta - task.step * slopes, losses

        return jax.lax.scan(step, theta, length=task.count("jax"))[1]

    kernel, placed = _compiled(run, task.starts, task.data())
    return lambda steps: _every_step(task, kernel(*placed))


def diffrax(solver: str, task: Task) -> Ready:
    """Gradient flow by a solver of diffrax: "Kvaerno5", which is implicit, or explicit "Dopri8"."""
    import diffrax
    import jax

    slope, scale = jax.grad(partial(loss, task)), np.sqrt(np.mean(task.theta**2))
    save = diffrax.SaveAt(steps=True, t0=True, fn=lambda t, theta, data: loss(task, theta, data))

    def run(theta: Any, data: tuple, rtol: Any) -> tuple:
        found = diffrax.diffeqsolve(
            diffrax.ODETerm(lambda t, theta, data: -slope(theta, data)),
            getattr(diffrax, solver)(), 0.0, task.end, None, theta, data, saveat=save,
            stepsize_controller=diffrax.PIDController(rtol, rtol * scale), max_steps=MAX_STEPS,
            throw=False,
        )  # fmt: skip
        return found.ts, found.ys, found.result == diffrax.RESULTS.successful

    kernel, placed = _compiled(run, task.theta, task.data(), np.float64(1e-3))

    def call(rtol: float) -> list[Curve]:
        times, losses, good = map(np.asarray, kernel(*placed[:2], np.float64(rtol)))
        if not good:
            raise RuntimeError(f"not in {MAX_STEPS} steps")
        return [(times[np.isfinite(times)], losses[np.isfinite(times)])]

    return call


def numba(task: Task) -> Ready:
    """A hand-written loop over samples and units, compiled by numba; runs one after the other."""
    net, (*x, y) = task.network, task.data()

    def one(theta: np.ndarray, steps: int) -> np.ndarray:
        v, u = (part.copy() for part in net.split(theta))
        if isinstance(net, Quadratic):
            d = net.n_u // 2
            keys = (u[:, :d].copy(), u[:, d:].copy()) if isinstance(net, Attention) else (u, u)
            return loops.products(x[0], x[-1], y[:, 0], v[:, 0], *keys, task.step, steps)
        patches, readout = x[0].reshape(len(y), net.patches, -1), (len(v), -1, net.patches)
        low = 0.0 if isinstance(net, Pointwise) else 1.0
        return loops.pointwise(patches, y, v.reshape(readout), u, low, task.step, steps)

    def call(steps: int) -> list[Curve]:
        return _every_step(task, np.stack([one(theta, steps) for theta in task.starts], axis=1))

    call(1)  # compiles
    return call


def _tensors(task: Task) -> tuple:
    import torch

    return tuple(map(torch.tensor, task.data()))


def _compiled(function: Callable, *arguments: Any) -> tuple:
    """A function jitted by jax for these arguments, and the arguments where it wants them."""
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax.jit(function).lower(*arguments).compile(), jax.device_put(arguments)


def _every_step(task: Task, losses: Any) -> list[Curve]:
    """The curve of each run, of the losses (steps, runs) or (steps,) before every step."""
    losses = np.asarray(losses).reshape(len(losses), -1)
    times = task.step * np.arange(len(losses))
    return [(times, run) for run in losses.T]
