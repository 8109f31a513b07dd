"""The peers train the package's networks; the benchmark counts, judges and prints rightly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from saddle_utils import networks
from saddle_utils.bench import gpu, measure, page, peers, tasks, waits
from saddle_utils.bench.page import ENSEMBLES, duration, targets, times
from saddle_utils.bench.tasks import Task
from saddle_utils.datasets import panel
from saddle_utils.dynamics import descend
from saddle_utils.networks import initial_units
from saddle_utils.notebook import Explorer, Slider


def some_task(name: str, **more) -> Task:
    """A short task: a panel's data, or more outputs and patches than panels have, or diagonal."""
    rng = np.random.default_rng(5)
    if name == "diagonal":
        return replace(tasks.diagonal(8), steps=20)
    if name in ("attention", "quadratic"):
        p = panel({"attention": "fig1f", "quadratic": "fig1g"}[name])
        x, y = p.x[:60], p.y[:60]
    else:
        x, y = rng.standard_normal((7, 3, 2)), rng.standard_normal((7, 4))
    net = networks.build(name, x, y)
    return Task(name, net, x, y, initial_units(net, 5, 0.3, 1), 0.02, 20, **more)


FAMILIES = ["linear", "relu", "quadratic", "attention", "diagonal"]


@pytest.mark.parametrize("engine", ["plain", "jax", "numba", "torch.compile"])
@pytest.mark.parametrize("name", FAMILIES)
def test_every_peer_takes_the_steps_of_descend(name, engine):
    if engine in ("jax", "torch.compile"):  # which takes 20 s to compile
        pytest.importorskip("jax", reason="not installed: .[bench]")
    if (engine, name) == ("numba", "diagonal") or (engine == "torch.compile" and name != "relu"):
        pytest.skip("no such row, or slow to compile")
    task = some_task(name)
    try:
        ((when, losses),) = measure.ENGINES[engine](task)(task.steps)
    except torch._dynamo.exc.BackendCompilerFailed as error:  # as in a path with a space
        pytest.skip(f"torch.compile cannot compile here: {str(error).splitlines()[0]}")
    run = descend(task.network, task.theta, task.step, task.steps)
    np.testing.assert_allclose(losses, run.losses[:-1], rtol=1e-11)
    np.testing.assert_allclose(when, run.times[:-1])


def test_attention_with_whole_matrices_is_the_same_model():
    task = some_task("attention", every_token=True)
    ((_, losses),) = peers.plain(task)(5)
    run = descend(task.network, task.theta, task.step, 5)
    np.testing.assert_allclose(losses, run.losses[:5], rtol=1e-11)


@pytest.mark.parametrize("solver", ["Kvaerno5", "Dopri8"])
def test_diffrax_follows_the_flow(solver):
    pytest.importorskip("diffrax", reason="not installed: .[bench]")
    rows = measure.measure(some_task("quadratic", engines=("descend", solver, "flow")))
    for row in rows[1:]:
        assert 0 < row["error"] <= measure.GOAL and not row["why"] and row["seconds"] > 0


def test_a_row_is_measured_whole(monkeypatch):
    """An ensemble: whole runs multiplied, and errors against a flow that is interpolated."""
    monkeypatch.setitem(tasks.MOST, "plain", 50)
    task = replace(tasks.of_panel("fig1b", "B", range(3)), engines=("plain", "descend", "flow"))
    task = replace(task, steps=600)
    plain, descended, flowed = measure.measure(task)
    assert descended["gap"] < 1e-12 and flowed["error"] <= measure.GOAL
    assert 1e-4 < descended["error"] < 0.1
    assert plain["part"] and not descended["part"] and not flowed["part"]
    one = measure.timed(lambda: peers.plain(task)(50))[1]
    assert plain["seconds"] == pytest.approx(3 * 12 * one, rel=0.8)


def test_losses_are_compared_at_the_same_steps():
    """Also where descent keeps one record in two, and a peer takes fewer steps."""
    task = next(task for task in tasks.listed() if task.name.startswith("1B"))
    losses = np.linspace(1, 0, 9)
    half = (task.step * np.arange(0, 9, 2), losses[::2])
    peer = (task.step * np.arange(5), losses[:5] + 1e-3)
    assert measure.gap(task, {"descend": [half], "jax": [peer]}) == pytest.approx(1e-3)


def test_steps_are_timed_for_about_as_long_whatever_their_size():
    by_hand = {("samples", 10**6): 3, ("digits", "relu"): 2}
    assert tasks.samples(10**6).count("plain") == by_hand["samples", 10**6]
    digits = tasks.digits_sized("relu")
    assert digits.count("descend") == digits.count("jax") == by_hand["digits", "relu"]
    assert tasks.samples(10**6).count("descend") == 2000  # in moments
    assert some_task("attention", every_token=True).count("jax") == 20


def test_the_error_of_a_curve_is_in_time_or_in_loss(monkeypatch):
    def logistic(middle, level=0.0):
        when = np.linspace(0, 100, 20_001)
        return when, level + (1 - level) / (1 + np.exp(np.minimum(2 * (when - middle), 700)))

    monkeypatch.setattr(measure, "_exact_curve", lambda task, member: logistic(50))
    task = some_task("linear", curve=True)
    assert measure.error(task, 0, *logistic(51)) == pytest.approx(0.01, rel=0.1)
    assert measure.error(task, 0, *logistic(50, 0.003)) == pytest.approx(0.003, rel=0.1)
    assert measure.error(task, 0, *logistic(50)) < 1e-9


def test_a_flow_that_is_not_within_the_goal_does_not_count(monkeypatch):
    task = some_task("linear")
    wrong = [(task.step * np.arange(5), np.linspace(1, 0.5, 5))]
    assert "error" in measure.within_the_goal(task, lambda rtol: wrong)["why"]

    def stuck(rtol):
        raise RuntimeError("stuck")

    assert measure.within_the_goal(task, stuck)["why"] == "stuck"
    monkeypatch.setattr(measure, "LONG", 0.0)
    slow = measure.within_the_goal(task, lambda rtol: (sum(range(10**6)), wrong)[1])
    assert slow["rtol"] == measure.TOLERANCES[0] and slow["why"] == "above 0 s"
    rows = [row | {"why": "error 1e-3"} if row["engine"] == "flow" else row for row in result("a")]
    assert page.seconds_of(pd.DataFrame(rows)).flow["a"] == np.inf


def result(name, group="", flow=1e-3, plain=1.0, jax=0.02, why=""):
    """The rows of a task, of numbers chosen by hand."""
    common = {"task": name, "group": group, "steps": 2000, "part": False, "compiling": 0.0,
              "error": np.nan, "why": ""}  # fmt: skip
    engines = {
        "plain": {"seconds": plain},
        "jax": {"seconds": jax, "compiling": 0.2},
        "descend": {"seconds": 0.01, "error": 4e-2, "gap": 1e-15},
        "flow": {"seconds": flow, "error": 3e-7, "why": why},
    }
    return [{**common, "engine": engine, **own} for engine, own in engines.items()]


def a_run(**panel_outcome):
    rows = result("1B Linear", "panel", **panel_outcome)
    for group in ("quadratic", "attention", "samples"):
        rows += [row for k in range(2) for row in result(f"{group} {k}", group)]
    return pd.DataFrame(rows + [row for name in ENSEMBLES for row in result(name)])


REDRAWS = {"study.explorer": np.array([0.05, 0.06, 0.2])}
IMPORTS = {"the engines": 0.3, "a notebook": 0.4}


@pytest.mark.parametrize(
    ("worse", "missed"),
    [
        ({}, []),
        ({"flow": 0.015}, ["100 times as fast"]),
        ({"flow": 0.03}, ["100 times as fast", "every peer"]),
        ({"jax": 0.005}, ["no slower than jax"]),
        ({"why": "error 1e-3"}, ["within its goal", "100 times as fast", "every peer"]),
    ],
)
def test_targets_are_judged_by_the_numbers(worse, missed):
    lines = targets(a_run(**worse), REDRAWS, IMPORTS)
    failed = [line for line in lines if line.startswith("**missed**")]
    assert len(failed) == len(missed) and all(any(m in line for line in failed) for m in missed)


def test_slow_explorers_imports_and_growth_are_missed():
    found = a_run()
    found.loc[(found.task == "quadratic 1") & (found.engine == "flow"), "seconds"] *= 4
    lines = targets(found, {"a.explorer": np.array([0.3, 0.3])}, {"the engines": 1.2})
    failed = [line for line in lines if line.startswith("**missed**")]
    assert len(failed) == 4 and "a.explorer 300 ms" in failed[1] and "1.2 s" in failed[3]


def test_a_target_names_what_is_nearest_to_missing_it_or_misses_it():
    def judged(**bounds):
        return page._judged("aim", {"a": 0.5, "b": 2.0, "c": 3.0}, times, **bounds)

    assert judged(least=0.5) == "met: aim (a 0.5)" and judged(most=3) == "met: aim (c 3)"
    assert judged(most=1.9) == "**missed**: aim (b 2, c 3)"
    assert page._judged("aim", {"a": np.nan}, times, most=1).startswith("**missed**")


def test_the_table_compares_with_the_best_peer_and_marks_what_was_multiplied():
    found = pd.DataFrame(result("a task"))
    head, _, line = page.table(found).splitlines()
    columns, cells = ([c.strip() for c in text.split("|")[1:-1]] for text in (head, line))
    row = dict(zip(columns, cells, strict=True))
    assert list(row) == ["task", "steps", *page.ENGINES, "best peer / descend", "best peer / flow"]
    assert row["steps"] == "2,000" and row["numba"] == ""
    assert row["plain"] == "1 s" and row["jax"] == "20 ms + 200 ms" and row["flow"] == "1 ms (3e-7)"
    assert row["best peer / descend"] == "**2** (jax)" and row["best peer / flow"] == "**20** (jax)"
    found.loc[0, "part"] = True
    assert "| ~ 1 s |" in page.table(found)
    found.loc[3, "why"] = "error 1e-3"
    assert page.table(found).endswith("| **2** (jax) |  |")


def test_the_page_holds_all_and_names_no_path():
    found = a_run()
    text = page.page(found, REDRAWS, IMPORTS, "a line of the GPU")
    assert all(f"- {line}" in text for line in targets(found, REDRAWS, IMPORTS))
    assert "| study.explorer | 60 ms | 190 ms | 3 |" in text and "a line of the GPU" in text
    assert "/home" not in text and str(Path.cwd()) not in text and "{" not in text
    assert len(page.draw(found).axes[0].get_yticklabels()) == found.task.nunique()


def test_what_is_not_installed_is_left_out_with_a_word(monkeypatch):
    absent = measure.missing() | {"jax": "jax"}  # others may indeed be
    monkeypatch.setattr(measure, "missing", lambda: absent)
    monkeypatch.setattr(page, "missing", lambda: absent)
    rows = measure.measure(some_task("linear", engines=("plain", "jax", "descend", "flow")))
    assert [row["engine"] for row in rows] == ["plain", "descend", "flow"]
    found = a_run()
    text = page.page(found[found.engine != "jax"], REDRAWS, IMPORTS, "")
    assert "jax does not import" in text and "no slower than jax" not in text


def test_an_explorer_is_redrawn_at_its_ends_and_anywhere():
    seen = []

    def simulate(a, b):
        seen.append((a, b))
        if a == 9:
            raise ValueError("not there")

    def draw(_):
        import matplotlib.pyplot as plt

        return plt.figure(figsize=(1, 1))

    knobs = {"a": Slider(2, 1, 9), "b": Slider(1e-2, -3, 0, 0.5, log=True)}
    spent = waits.redraws(Explorer(simulate, draw, "alt", **knobs), places=20)
    assert len(spent) == 25 and (spent >= 0).all()
    assert {(1, 1e-2), (9, 1e-2), (2, 1e-3), (2, 1.0)} <= set(seen)
    assert all(type(a) is int and 1 <= a <= 9 and 1e-3 <= b <= 1 for a, b in seen)


def test_imports_are_timed(monkeypatch):
    monkeypatch.setattr(waits, "PARTS", {"a sum": "sum(range(10**7))"})
    assert 0.05 < waits.imports()["a sum"] < 60


def test_numbers_read_well():
    seconds = (3e-6, 9.996e-4, 9.96e-3, 0.25, 61, 5400, 3e5)
    read = [duration(s) for s in seconds]
    assert read == ["3 µs", "1 ms", "10 ms", "250 ms", "1 min", "1.5 h", "3.5 d"]
    ratios = [times(r) for r in (0.6, 9.97, 19.9, 1234, 2.4e6)]
    assert ratios == ["0.6", "10", "20", "1,200", "2.4e6"]


@pytest.mark.parametrize("phi", ["linear", "relu"])
def test_operations_and_traffic_of_a_step_are_those_counted_by_hand(phi):
    """In moments W = V U, (Syz - W Szz) and its two products with U and V; in layers the map, its
    gradient and the way back, 2 S a b each, of which the first layer needs no way back."""
    rng = np.random.default_rng(0)
    x, y, units = rng.standard_normal((30, 6)), rng.standard_normal((30, 4)), 9
    net = networks.build(phi, x, y)
    theta = initial_units(net, units, 0.1, 0)
    flops, traffic = gpu.work(Task("", net, x, y, theta, 0.1, 1))
    if phi == "linear":
        assert flops == 2 * 4 * 6 * (3 * units + 6)
        assert traffic == 2 * 8 * (units * 10 + 6 * 6)
    else:
        assert flops == 2 * 30 * units * (2 * 6 + 3 * 4)
        assert traffic == 2 * 8 * (units * 10 + 30 * 6)


def test_the_gpu_table_can_be_made_without_a_card():
    task = some_task("relu")
    assert gpu.steps_per_second(task, "torch") > 0
    assert len({task.name for task in tasks.for_gpu()}) == 9


def test_more_samples_are_the_same_task():
    few, many = tasks.samples(100), tasks.samples(1000)
    assert len(many.x) == 10 * len(few.x)
    np.testing.assert_allclose(many.network.szz, few.network.szz, rtol=1e-13)
