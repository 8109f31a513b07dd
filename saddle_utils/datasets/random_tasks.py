"""Random tasks, drawn from a seed, on which the theory is tested."""

from collections.abc import Callable
from functools import partial

import numpy as np

from .. import networks
from ..networks import Network, stacked


def prediction_tasks(seed: int, count: int) -> dict[str, Network]:
    """`count` random tasks of each of the seven `KINDS`, stacked (`networks.stacked`).

    Linear ones have three modes and whitened inputs, each strength .1 to .6 of the one before; or
    two modes and correlated inputs (`covariance_tasks`); or two patches of three inputs.  Quadratic
    targets are random forms of three inputs, attention regresses on tokens in the plane.  ReLU
    tasks have a teacher of two units of norm 1 and .8.  All but the whitened ones have 30 to 200
    samples, and the quadratic and ReLU ones have labels with noise of standard deviation .1.
    """
    rng, tasks = np.random.default_rng([seed, 14]), {}
    for kind, (_, make) in KINDS.items():
        drawn = [make(rng) for _ in range(count)] if make else covariance_tasks(seed, count)
        tasks[kind] = stacked(drawn)
    return tasks


def other_tasks(seed: int, count: int) -> dict[str, Network]:
    """`count` random tasks of each of the kinds of `OTHERS`, stacked (`networks.stacked`).

    Linear tasks of 6 inputs with condition numbers 30 to 7e5, 4 outputs and noise; deep linear
    networks of three layers on correlated inputs; attention with merged key and query, or with
    heads of rank 2 on tokens in three dimensions; ReLU tasks of two teacher units with 6 inputs, or
    with 4 inputs and 3 outputs; and tasks of two teacher units of three inputs for other
    activations, labels of unit variance with noise .1.
    """
    rng = np.random.default_rng([seed, 15])
    makers = {kind: make for kind, (_, make) in OTHERS.items()}
    return {kind: stacked([make(rng) for _ in range(count)]) for kind, make in makers.items()}


def random_tasks(seed: int, draw: int = 0) -> dict[str, Network]:
    """A network of each kind on random data, drawn from seed and draw, which one unit cannot fit.

    The pointwise tasks have a teacher of two units and noise, so that one unit has a minimum: on
    pure noise its best weights are often at infinity (tanh) or on a kink (ReLU).
    """
    rng = np.random.default_rng([seed, draw])
    x, patches = rng.standard_normal((60, 3)), rng.standard_normal((60, 2, 2))
    y3, y = rng.standard_normal((60, 3)), rng.standard_normal((60, 1))
    prompts, w = rng.standard_normal((60, 6, 2)), rng.standard_normal((60, 2))

    def taught(inputs: np.ndarray, noise: np.ndarray, phi: str) -> Network:
        net = networks.pointwise(inputs, noise, phi)
        teacher = np.array([[1.0], [0.7]]) * rng.standard_normal((2, net.n_v + net.n_u))
        return networks.pointwise(inputs, net.output(teacher).T + 0.1 * noise, phi)

    return {
        "linear": networks.linear(x @ rng.standard_normal((3, 3)), y3),
        "linear conv": networks.linear(patches, y),
        "ReLU": taught(x, y3, "relu"),
        "ReLU conv": taught(patches, y, "relu"),
        "quadratic": networks.quadratic(x, y),
        "attention": networks.attention(prompts, np.einsum("snd,sd->sn", prompts, w)),
        "tanh": taught(x, y, "tanh"),
    }


def covariance_tasks(seed: int, count: int, weakest: float = 0.05) -> list[networks.Linear]:
    """Random linear tasks of two modes with correlated inputs, drawn from `seed`.

    A task is drawn again if its second mode explains less than `weakest` times what the first does,
    for rounding errors drown units that are dormant for so long.
    """
    rng, tasks = np.random.default_rng(seed), []
    while len(tasks) < count:
        x = rng.standard_normal((200, 2)) @ (np.eye(2) + 0.5 * rng.standard_normal((2, 2)))
        y = x @ rng.standard_normal((2, 2))
        explained = np.linalg.eigvalsh(y.T @ y)  # all of y is explained: Syy = Syz Szz^-1 Syz'
        if explained[0] > weakest * explained[1]:
            tasks.append(networks.linear(x, y))
    return tasks


def _whitened_task(rng: np.random.Generator) -> networks.Linear:
    strengths = np.cumprod([1, *rng.uniform(0.1, 0.6, 2)])
    q, r = np.linalg.qr(rng.standard_normal((2, 3, 3)))[0]
    return networks.Linear(q * strengths @ r.T, np.eye(3), float((strengths**2).sum()))


def _convolution_task(rng: np.random.Generator) -> networks.Linear:
    x = rng.standard_normal((50, 2, 3))
    return networks.linear(x, x.reshape(50, -1) @ rng.standard_normal(6))


def _quadratic_task(rng: np.random.Generator) -> networks.Quadratic:
    x, form = rng.standard_normal((50, 3)), rng.standard_normal((3, 3))
    y = np.einsum("sa,ab,sb->s", x, form, x)
    return networks.quadratic(x, y / y.std() + 0.1 * rng.standard_normal(50))


def _attention_task(
    rng: np.random.Generator, build: Callable = networks.attention, d: int = 2
) -> Network:
    prompts, w = rng.standard_normal((200, 9, d)), rng.standard_normal((200, d))
    prompts *= np.sqrt(rng.uniform(0.3, 1.0, d))
    return build(prompts, np.einsum("snd,sd->sn", prompts, w))


def _ray_task(rng: np.random.Generator, patches: int = 1) -> networks.Pointwise:
    x, heads = rng.standard_normal((30, patches, 2)), rng.standard_normal((2, patches))
    heads *= np.array([[1.0], [0.8]]) / np.linalg.norm(heads, axis=1, keepdims=True)
    angles = rng.uniform(0, 2 * np.pi, 2)
    teacher = np.column_stack([heads, np.cos(angles), np.sin(angles)])
    noise = 0.1 * rng.standard_normal((30, 1))
    return networks.pointwise(x, networks.pointwise(x, noise).output(teacher).T + noise)


def correlated_task(rng: np.random.Generator) -> networks.Linear:
    """A linear task of 6 correlated inputs and 4 outputs, a random teacher, and noise of .3.

    The standard deviations of the inputs fall geometrically, over a factor of 5 to 800.
    """
    axes = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    mix = axes * np.logspace(0, -rng.uniform(0.7, 2.9), 6)
    x = rng.standard_normal((100, 6)) @ mix.T
    y = x @ rng.standard_normal((6, 4)) + 0.3 * rng.standard_normal((100, 4))
    return networks.linear(x, y)


def _deep_task(rng: np.random.Generator) -> Network:
    x = rng.standard_normal((80, 4)) @ (np.eye(4) + 0.3 * rng.standard_normal((4, 4)))
    q, r = np.linalg.qr(rng.standard_normal((2, 4, 4)))[0]
    strengths = np.cumprod([1.5, *rng.uniform(0.3, 0.6, 2)])
    return networks.deep_linear((4, 8, 8, 3), x, x @ (q[:, :3] * strengths) @ r[:3, :3])


def _teacher_task(
    rng: np.random.Generator, inputs: int, outputs: int = 1, phi: str = "relu"
) -> networks.Pointwise:
    x, u = rng.standard_normal((60, inputs)), rng.standard_normal((2, inputs))
    v = rng.standard_normal((2, outputs))
    v *= np.array([[1.0], [0.8]]) / np.linalg.norm(v, axis=1, keepdims=True)
    u *= 1 / np.linalg.norm(u, axis=1, keepdims=True)
    net = networks.pointwise(x, np.zeros((60, outputs)), phi)
    y = net.output(np.concatenate([v, u], axis=1)).T
    return networks.pointwise(x, y / y.std() + 0.1 * rng.standard_normal(y.shape), phi)


KINDS = {  # of `prediction_tasks`: number of drops, and what draws one
    "linear, whitened": (3, _whitened_task),
    "linear": (2, None),
    "linear conv": (2, _convolution_task),
    "quadratic": (3, _quadratic_task),
    "attention": (2, _attention_task),
    "ReLU": (2, _ray_task),
    "ReLU conv": (2, partial(_ray_task, patches=2)),
}
OTHERS = {  # the same of `other_tasks`
    "linear, 6 correlated": (3, correlated_task),
    "deep linear": (3, _deep_task),
    "merged heads": (1, partial(_attention_task, build=networks.merged_attention)),
    "ReLU, 6 inputs": (2, partial(_teacher_task, inputs=6)),
    "ReLU, 3 outputs": (2, partial(_teacher_task, inputs=4, outputs=3)),
    "tanh": (1, partial(_teacher_task, inputs=3, phi="tanh")),
    "sine": (1, partial(_teacher_task, inputs=3, phi="sine")),
    "gelu": (1, partial(_teacher_task, inputs=3, phi="gelu")),
    "softplus": (1, partial(_teacher_task, inputs=3, phi="softplus")),
    "x_tanh": (2, partial(_teacher_task, inputs=3, phi="x_tanh")),
    "cubic": (2, partial(_teacher_task, inputs=3, phi="cubic")),
    "rank-2 heads": (3, partial(_attention_task, build=partial(networks.attention, rank=2), d=3)),
}
DROPS, OTHER_DROPS = ({kind: task[0] for kind, task in kinds.items()} for kinds in (KINDS, OTHERS))
