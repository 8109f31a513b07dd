"""ReLU networks jump where a unit passes a sample: patterns, crossings, and units that slide.

Between two crossings of u_i . x_s = 0 the pattern of active samples is constant and the field is
smooth.  At a crossing the field jumps.  Where it points back from either side, the unit stays on
the kink and slides along it (Filippov): the sample counts with a factor lambda between 0 and 1
such that u_i . x_s stays 0, which projects du_i on what is orthogonal to x_s.  The unit leaves when
lambda reaches 0 or 1.  A unit whose u_i passes through zero passes all samples at once.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..networks import Pointwise

OVERSHOOT = 4.0  # how far past a crossing a step may end, |u . x| in units of rtol |theta_i| |x|
EXIT = 1e-6  # how far past 0 or 1 the factor of a sliding unit may end


@dataclass(frozen=True)
class Pattern:
    """A ReLU network whose pattern of active samples is held fixed, so that its field is smooth.

    on (runs, units, patches * samples): 1 where the sample counts for the unit; held (3, n): run,
    unit and sample of what slides; dual (n, n_u): du . dual is the part of du along x_s to cancel.
    """

    network: Pointwise
    on: np.ndarray
    held: np.ndarray
    dual: np.ndarray

    def field(self, theta: np.ndarray) -> np.ndarray:
        """Gradient field of this pattern, du projected for the units that slide."""
        field = self.network.field(theta, on=self.on)
        if self.held.size:
            du = field[..., self.network.n_v :]
            force = self._force(du)[:, None] * self._samples
            np.subtract.at(du, tuple(self.held[:2]), force)
        return field

    def factors(self, theta: np.ndarray) -> np.ndarray:
        """lambda of what slides, (n,): between 0 and 1 as long as it does."""
        shared = self.network.forward(theta, self.on)
        force = self._force(self.network.field(theta, shared, self.on)[..., self.network.n_v :])
        pull = self.network.pulls(shared)[tuple(self.held)]
        return -force / np.where(pull == 0, np.finfo(float).tiny, pull)

    def runs(self, left: np.ndarray) -> Pattern:
        """The pattern of the runs for which `left` (runs,) is true."""
        kept = left[self.held[0]]
        held = self.held[:, kept]
        held[0] = (np.cumsum(left) - 1)[held[0]]
        return Pattern(self.network.runs(left), self.on[left], held, self.dual[kept])

    def holding(self, on: np.ndarray, held: np.ndarray) -> Pattern:
        """The same network with another pattern."""
        x = _samples(self.network, held)
        dual = x / np.maximum(np.vecdot(x, x), np.finfo(float).tiny)[:, None]
        several = Counter(zip(*held[:2].tolist(), strict=True))
        for run, unit in (pair for pair, count in several.items() if count > 1):
            mine = (held[0] == run) & (held[1] == unit)
            dual[mine] = np.linalg.pinv(x[mine]).T
        return Pattern(self.network, on, held, dual)

    def _force(self, du: np.ndarray) -> np.ndarray:
        return np.vecdot(self.dual, du[tuple(self.held[:2])])

    @cached_property
    def _samples(self) -> np.ndarray:
        return _samples(self.network, self.held)


@dataclass(frozen=True)
class Steps:
    """One attempted step a run: units and field at both ends (runs, units, f), and size (runs,)."""

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
    """The pattern of units (runs, units, features), none of which slides yet."""
    on = (network.kinks(theta) > 0) * 1.0
    return Pattern(network, on, np.zeros((3, 0), dtype=int), np.zeros((0, network.n_u)))


def pass_kinks(
    old: Pattern, steps: Steps, good: np.ndarray, rtol: float
) -> tuple[np.ndarray, Pattern]:
    """What the steps that are `good` ran into: the part of each to keep, and the pattern after.

    The part (runs,) is 1 for a step that may stand, and else ends it at its first crossing or exit.
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
    """Part of each step up to its first crossing, by the cubic of u . x over the step, (runs,)."""
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
