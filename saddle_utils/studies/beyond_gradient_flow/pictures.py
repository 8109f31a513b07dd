"""The figures of notebook 15 with their names, alt texts, and the numbers behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ...dynamics import Trajectory
from ...notebook import Picture
from ...theory.finite_steps import slowdown
from .draw import gallery_figure, learning_rate_figure, noise_figure, rules_figure
from .steps import Curves


def survival_picture(panels: Sequence[Curves], limit: Trajectory) -> Picture:
    """Losses of one task trained in eight ways (`train_gallery`)."""
    fig = gallery_figure(panels, limit)
    alt = (
        "Loss over steps of one task trained in eight ways. Small and large learning rates, "
        "single samples, noisy labels and momentum all show the two stairs, at the dashed "
        "levels; beyond the edge of stability the last one oscillates; Adam has no stairs, "
        "unless its epsilon is 1."
    )
    return Picture(
        fig,
        "survival",
        alt,
        {"time": limit.times, "loss": limit.losses},
        {
            "runs": {
                "training": np.repeat([p.title for p in panels], [len(p.losses) for p in panels]),
                "loss": np.concatenate([p.losses[:, 0] for p in panels]),
            }
        },
    )


def learning_rate_picture(
    descent: Mapping[str, tuple[np.ndarray, np.ndarray]],
    heavy_ball: tuple[np.ndarray, np.ndarray],
    multiples: np.ndarray,
    ends: Sequence[np.ndarray],
) -> Picture:
    """Waits over those of gradient flow, over the product of learning rate and rate."""
    fig = learning_rate_figure(descent, heavy_ball, multiples, ends)
    alt = (
        "Waits over those of gradient flow against learning rate times rate: all drops of "
        "linear and ReLU runs lie on one dashed curve up to 1.44, quadratic ones at 1; with "
        "momentum on another, from .1 on; beyond the edge the loss alternates between two "
        "dashed branches, then bifurcates."
    )
    return Picture(
        fig, "learning_rate", alt, {"lr_times_rate": descent["linear"][0],
        "ratio": descent["linear"][1]}, {"momentum": {"lr_times_rate": heavy_ball[0],
        "ratio": heavy_ball[1]}, "beyond": {"multiple": multiples, "low": ends[0].min(1),
        "high": ends[0].max(1)}},
    )  # fmt: skip


def noise_picture(
    sizes: Sequence[int],
    batches: Mapping[str, tuple[np.ndarray, np.ndarray]],
    noises: Sequence[float],
    levels: tuple[np.ndarray, np.ndarray],
    fitted: Mapping[str, Mapping[str, np.ndarray]],
    third: Mapping[int, tuple[np.ndarray, np.ndarray, float]],
) -> Picture:
    """What mini-batches and label noise do to waits, levels, and recruited ranks."""
    fig = noise_figure(sizes, batches, noises, levels, fitted, third)
    alt = (
        "Four panels. Durations fall with the batch size, from some 12% above gradient flow, "
        "on the dashed predictions; levels rise with fresh noise as those of narrow networks "
        "do; noise drawn once adds two late stairs; the third singular value grows with 16 "
        "inputs and decays with 4."
    )
    return Picture(
        fig,
        "noise",
        alt,
        {"batch": sizes, "first_wait": batches[0.08][0][:, 0], "predicted": batches[0.08][1][:, 0]},
        {
            "levels": {"noise": noises, "plateau": levels[0][:, 0], "end": levels[0][:, 1]},
            "fitted": {
                "time": fitted["noisy labels"]["times"],
                "learned": fitted["noisy labels"]["learned"],
            },
            "third": {
                "time": third[16][0],
                "inputs_16": third[16][1][:, 0],
                "inputs_4": third[4][1][:, 0],
            },
        },
    )


def adam_picture(
    first: np.ndarray, linear_rules: np.ndarray, pace: np.ndarray, quadratic_rules: np.ndarray,
    scales: np.ndarray,
) -> Picture:  # fmt: skip
    """Steps to the middle of the loss over the initial scale, for each update rule."""
    clock = {
        "gradient descent": slowdown(0.1 * first) / 0.1,
        "Adam": np.nan,
        "momentum": slowdown(0.01 * first, 0.9) / 0.01,
    }
    fig = rules_figure(
        {
            "linear": {k: (run, (run.flow * clock[k]).mean(1)) for k, run in linear_rules.items()},
            "quadratic": {
                k: (run, run.flow.mean(1) * pace[k]) for k, run in quadratic_rules.items()
            },
        }
    )
    alt = (
        "Steps until half is learned over the initial scale. Linear: gradient descent and "
        "momentum rise, Adam stays at some 80 steps. Quadratic: the first two rise as one "
        "over the scale, Adam from 1e-8 on. Open circles, mostly Adam's, are runs that learn "
        "with several units at once."
    )
    return Picture(
        fig,
        "adam",
        alt,
        {"scale": scales, **{k: run.steps.mean(1) for k, run in linear_rules.items()}},
    )
