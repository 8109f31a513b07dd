"""Gradient flow of ReLU networks, whose field jumps where a unit passes a sample.

Between two crossings of u_i . x_s = 0 the pattern of active samples is constant and the field is
smooth.  At a crossing the field jumps.  Where it points back from either side, the unit stays on
the kink and slides along it (Filippov): the sample counts with a factor lambda between 0 and 1
such that u_i . x_s stays 0, which projects du_i on what is orthogonal to x_s.  The unit leaves when
lambda reaches 0 or 1.  A unit whose u_i passes through zero passes all samples at once.  The same
holds for other activations that are linear on either side of 0 (`Activation.slopes`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..networks import ACTIVATIONS, Pointwise, product

OVERSHOOT = 4.0  # how far past a crossing a step may end, |u . x| in units of rtol |theta_i| |x|
EXIT = 1e-6  # how far past 0 or 1 the factor of a sliding unit may end


@dataclass(frozen=True)
class Pattern:
    """A network with its pattern of active samples held fixed, so that its field is smooth.

    `on` (runs, units, patches * samples) is 1 where the unit is active on the sample, else 0;
    `held` (3, n) lists run, unit and sample where a unit slides along a sample; du . `dual`
    (n, n_u) is the part of du along that sample, which is cancelled.
    """

    network: Pointwise
    on: np.ndarray
    held: np.ndarray
    dual: np.ndarray

    @cached_property
    def slope(self) -> np.ndarray:
        """The derivative of the activation for each unit and sample, of the shape of `on`."""
        below, above = ACTIVATIONS[self.network.phi].slopes
        return below + (above - below) * self.on

    def field(self, theta: np.ndarray) -> np.ndarray:
        """Gradient field of this pattern, shape of theta, du projected for units that slide."""
        field = self.network.field(theta, on=self.slope)
        if self.held.size:
            du = field[..., self.network.n_v :]
            force = self._force(du)[:, None] * self._samples
            np.subtract.at(du, tuple(self.held[:2]), force)
        return field

    def factors(self, theta: np.ndarray) -> np.ndarray:
        """lambda (n,) of each sample that a unit slides along, between 0 and 1 while it does."""
        shared = self.network.forward(theta, self.slope)
        force = self._force(self.network.field(theta, shared, self.slope)[..., self.network.n_v :])
        below, above = ACTIVATIONS[self.network.phi].slopes
        pull = product(shared[0], (above - below) * shared[-1]).reshape(self.on.shape)
        pull = pull[tuple(self.held)]
        return -force / np.where(pull == 0, np.finfo(float).tiny, pull)

    def runs(self, left: np.ndarray) -> Pattern:
        """The pattern of the runs for which `left` (runs,) is true."""
        kept = left[self.held[0]]
        held = self.held[:, kept]
        held[0] = (np.cumsum(left) - 1)[held[0]]
        return Pattern(self.network.runs(left), self.on[left], held, self.dual[kept])

    def holding(self, on: np.ndarray, held: np.ndarray) -> Pattern:
        """The same network with another pattern, `on` and `held`."""
        x = _samples(self.network, held)
        dual = x / np.maximum(np.vecdot(x, x), np.finfo(float).tiny)[:, None]
        several = Counter(zip(*held[:2].tolist(), strict=True))
        for run, unit in (pair for pair, count in several.items() if count > 1):
            mine = (held[0] == run) & (held[1] == unit)
            dual[mine] = np.linalg.pinv(x[mine]).T
        return Pattern(self.network, on, held, dual)

    def _force(self, du: np.ndarray) -> np.ndarray:
        """The part of du along the samples that are slid along, (n,)."""
        return np.vecdot(self.dual, du[tuple(self.held[:2])])

    @cached_property
    def _samples(self) -> np.ndarray:
        return _samples(self.network, self.held)


@dataclass(frozen=True)
class Steps:
    """An attempted step of each run: units and field at both ends, and its size (runs,)."""

    theta: np.ndarray
    field: np.ndarray
    new: np.ndarray
    new_field: np.ndarray
    size: np.ndarray


def _samples(network: Pointwise, held: np.ndarray) -> np.ndarray:
    """The samples (n, n_u) that the units slide along."""
    x = network.flat_x
    return x[held[0], held[2]] if x.ndim == 3 else x[held[2]]


def pattern(network: Pointwise, theta: np.ndarray) -> Pattern:
    """The pattern of units (runs, units, features), none of which slides yet.

    ValueError if the activation is not linear on either side of 0.
    """
    if network.degree != 1:
        raise ValueError("the field jumps, between pieces that are not linear: use `descend`")
    on = (network.kinks(theta) > 0) * 1.0
    return Pattern(network, on, np.zeros((3, 0), dtype=int), np.zeros((0, network.n_u)))


def pass_kinks(
    old: Pattern, steps: Steps, good: np.ndarray, rtol: float
) -> tuple[np.ndarray, Pattern]:
    """The part (runs,) of each step to keep, and the pattern after those that are kept whole.

    The part is 1 for a step that is not `good`, or may stand; less than 1 where a step must be
    repeated so that it ends at its first crossing, or where a unit ceases to slide.
    """
    crossed = good[:, None, None] & ((old.network.kinks(steps.new) > 0) != (old.on > 0))
    crossed[tuple(old.held)] = False
    part, leaves = np.ones(len(crossed)), np.zeros(0, dtype=bool)
    if crossed.any():
        part = _until_crossing(old.network, crossed, steps, rtol)
    if old.held.size:
        after = old.factors(steps.new)
        leaves = good[old.held[0]] & ((after < 0) | (after > 1))
    if leaves.any():
        before = old.factors(steps.theta)
        border = np.where(after > 1, 1.0, 0.0)
        late = leaves & (np.abs(after - border) > EXIT) & (np.abs(before - 0.5) < 0.5)
        root = (border - before) / np.where(after == before, 1, after - before)
        np.minimum.at(part, old.held[0][late], np.clip(root[late], 0.05, 0.9))
        leaves &= part[old.held[0]] == 1
    crossed &= (part == 1)[:, None, None]
    if not (crossed.any() or leaves.any()):
        return part, old
    on, held = np.where(crossed, 1 - old.on, old.on), old.held
    if leaves.any():
        on[tuple(held[:, leaves])] = after[leaves] > 1
        held = held[:, ~leaves]
    size = np.linalg.norm(steps.new[..., old.network.n_v :], axis=-1)
    passes = crossed.any(-1) & (size <= OVERSHOOT * rtol * np.linalg.norm(steps.new, axis=-1))
    if passes.any():  # what slid on this side of zero need not slide on the other
        on = np.where(passes[..., None], old.network.kinks(steps.new) > 0, on)
        held = held[:, ~passes[tuple(held[:2])]]
    fresh = old.holding(on, held)
    speed = fresh.network.kinks(fresh.field(steps.new))
    back = crossed & (speed * (2 * on - 1) < 0) & ~passes[..., None]
    if back.any():
        held = np.concatenate([held, np.stack(np.nonzero(back))], axis=1)
        fresh = old.holding(np.where(back, 0.0, on), held)
    return part, fresh


def _until_crossing(
    network: Pointwise, crossed: np.ndarray, steps: Steps, rtol: float
) -> np.ndarray:
    """Part (runs,) of each step up to its first crossing, by a cubic for u . x over the step."""
    at = np.nonzero(crossed)
    h = steps.size[:, None, None]
    ends = (steps.theta, steps.new, h * steps.field, h * steps.new_field)
    a0, a1, d0, d1 = (network.kinks(theta)[at] for theta in ends)
    unit = steps.new[at[:2]]
    reach = OVERSHOOT * rtol * np.linalg.norm(unit, axis=1)
    c2, c3 = 3 * (a1 - a0) - 2 * d0 - d1, 2 * (a0 - a1) + d0 + d1
    root = np.clip(a0 / np.where(a0 == a1, 1, a0 - a1), 0, 1)
    for _ in range(6):  # Newton
        slope = d0 + root * (2 * c2 + 3 * root * c3)
        value = a0 + root * (d0 + root * (c2 + root * c3))
        root = np.clip(root - value / np.where(slope == 0, np.inf, slope), 0, 1)
    size = np.linalg.norm(network.flat_x, axis=-1)
    far = np.abs(a1) > reach * (size[at[::2]] if size.ndim == 2 else size[at[2]])
    part = np.ones(len(crossed))
    np.minimum.at(part, at[0][far], np.clip(root[far] + rtol, 0, 0.9))
    return part
