"""The peers train the package's networks; the benchmark counts, judges and prints rightly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from saddle_utils import networks
from saddle_utils.bench import gpu, measure, page, peers, tasks, waits
from saddle_utils.bench.measure import Outcome, Result
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
        when, losses = measure.ENGINES[engine](task)[0](task.steps)
    except torch._dynamo.exc.BackendCompilerFailed as error:  # as in a path with a space
        pytest.skip(f"torch.compile cannot compile here: {str(error).splitlines()[0]}")
    run = descend(task.network, task.theta, task.step, task.steps)
    np.testing.assert_allclose(losses[:, 0], run.losses[:-1], rtol=1e-11)
    np.testing.assert_allclose(when, run.times[:-1])


def test_attention_with_whole_matrices_is_the_same_model():
    task = some_task("attention", every_token=True)
    losses = peers.plain(task)[0](5)[1][:, 0]
    run = descend(task.network, task.theta, task.step, 5)
    np.testing.assert_allclose(losses, run.losses[:5], rtol=1e-11)


@pytest.mark.parametrize("solver", ["Kvaerno5", "Dopri8"])
def test_diffrax_follows_the_flow(solver):
    pytest.importorskip("diffrax", reason="not installed: .[bench]")
    result = measure.measure(some_task("quadratic", engines=("descend", solver, "flow")))
    for engine in (solver, "flow"):
        found = result.by[engine]
        assert 0 < found.error <= measure.GOAL and not found.why and found.seconds > 0


def test_a_row_is_measured_whole():
    """An ensemble: whole runs multiplied, and errors against a flow that is interpolated."""
    task = replace(tasks.of_panel("fig1b", "B", range(3)), engines=("plain", "descend", "flow"))
    task = replace(task, steps=600, timed={"plain": 50})
    result = measure.measure(task)
    assert result.agreement < 1e-12 and result.by["flow"].error <= measure.GOAL
    assert 1e-4 < result.by["descend"].error < 0.1
    assert task.part("plain") and not task.part("descend") and not task.part("flow")
    one = measure.timed(lambda: measure.ENGINES["plain"](task)[0](50))[1]
    assert result.by["plain"].seconds == pytest.approx(3 * 12 * one, rel=0.8)


def test_the_error_of_a_curve_is_in_time_or_in_loss(monkeypatch):
    def logistic(middle, level=0.0):
        when = np.linspace(0, 100, 20_001)
        return when, level + (1 - level) / (1 + np.exp(np.minimum(2 * (when - middle), 700)))

    monkeypatch.setattr(measure, "_exact_curve", lambda task, member: logistic(50))
    task = some_task("linear", curve=True)
    assert measure.error(task, 0, *logistic(51)) == pytest.approx(0.01, rel=0.1)
    assert measure.error(task, 0, *logistic(50, 0.003)) == pytest.approx(0.003, rel=0.1)
    assert measure.error(task, 0, *logistic(50)) < 1e-9


def test_a_flow_that_is_not_within_the_goal_does_not_count():
    task = some_task("linear", engines=("plain", "descend", "flow"))
    outcome = Outcome()
    wrong = (task.step * np.arange(5), np.linspace(1, 0.5, 5)[:, None])
    assert not measure._to_the_goal(task, [1e-3, 1e-4], lambda rtol: wrong, outcome)
    result = Result(task, {"flow": replace(outcome, seconds=1e-9), "plain": Outcome(1.0)})
    assert result.seconds("flow") == np.inf and "error" in outcome.why

    def stuck(rtol):
        raise RuntimeError("stuck")

    assert not measure._to_the_goal(task, [1e-3], stuck, outcome) and outcome.why == "stuck"
    slow = lambda rtol: (sum(range(10**6)), wrong)[1]  # noqa: E731
    assert not measure._to_the_goal(task, [1e-3, 1e-4], slow, outcome, 0.0)
    assert outcome.rtol == 1e-4 and outcome.why == "above 0 s"


def result(name, group="", flow=1e-3, plain=1.0, jax=0.02, why=""):
    task = replace(some_task("linear"), name=name, group=group, steps=2000)
    by = {"plain": Outcome(plain), "jax": Outcome(jax, 0.2), "descend": Outcome(0.01, error=4e-2)}
    return Result(task, by | {"flow": Outcome(flow, error=3e-7, why=why)}, 1e-15)


def a_run(**panel_outcome):
    results = [result("1B Linear", "panel", **panel_outcome)]
    for group in ("quadratic", "attention", "samples"):
        results += [result(f"{group} {k}", group) for k in range(2)]
    return [*results, *[result(name) for name in ENSEMBLES]]


REDRAWS = {"study.explorer": np.array([0.05, 0.06, 0.2])}
IMPORTS = {"the engines": 0.3, "torch alone": 2.0}


@pytest.mark.parametrize(
    ("worse", "missed"),
    [
        ({}, []),
        ({"flow": 0.015}, ["flow 100 times"]),
        ({"flow": 0.03}, ["flow 100 times", "every peer"]),
        ({"jax": 0.005}, ["no slower than jax"]),
        ({"why": "error 1e-3"}, ["within its goal", "flow 100 times", "every peer"]),
    ],
)
def test_targets_are_judged_by_the_numbers(worse, missed):
    lines = targets(a_run(**worse), REDRAWS, IMPORTS)
    failed = [line for line in lines if line.startswith("**missed**")]
    assert len(failed) == len(missed) and all(any(m in line for line in failed) for m in missed)


def test_slow_explorers_imports_and_growth_are_missed():
    results = a_run()
    results[2].by["flow"].seconds *= 4
    lines = targets(results, {"a.explorer": np.array([0.3, 0.3])}, {"the engines": 1.2})
    failed = [line for line in lines if line.startswith("**missed**")]
    assert len(failed) == 4 and "a.explorer 300 ms" in failed[1] and "1.2 s" in failed[3]


def test_the_table_compares_with_the_best_peer_and_marks_what_was_multiplied():
    found = result("a task")
    (line,) = page.table([found])[2:]
    cells = [cell.strip() for cell in line.split("|")[1:-1]]
    row = dict(zip(page.COLUMNS, cells, strict=True))
    assert row["plain"] == "1 s" and row["jax"] == "20 ms + 200 ms" and row["flow"] == "1 ms (3e-7)"
    assert row["best peer / descend"] == "**2** (jax)" and row["best peer / flow"] == "**20** (jax)"
    found.task = replace(found.task, timed={"plain": 100})
    assert "| ~ 1 s |" in page.table([found])[2]
    found.by["flow"].why = "error 1e-3"
    assert page.table([found])[2].endswith("| **2** (jax) |  |")


def test_the_page_holds_all_and_names_no_path():
    results = a_run()
    text = page.page(results, REDRAWS, IMPORTS, ["a line of the GPU"])
    assert all(f"- {line}" in text for line in targets(results, REDRAWS, IMPORTS))
    assert "| study.explorer | 60 ms | 190 ms | 3 |" in text and "a line of the GPU" in text
    assert "/home" not in text and str(Path.cwd()) not in text
    assert len(page.draw(results).axes[0].get_yticklabels()) == len(results)
    assert len(page.columns(results)["task"]) == len(results)


def test_what_is_not_installed_is_left_out_with_a_word(monkeypatch):
    monkeypatch.setattr(measure, "missing", lambda: {"jax": "jax"})
    monkeypatch.setattr(page, "missing", lambda: {"jax": "jax"})
    found = measure.measure(some_task("linear", engines=("plain", "jax", "descend", "flow")))
    assert set(found.by) == {"plain", "descend", "flow"}
    results = a_run()
    del results[0].by["jax"]
    text = page.page(results, REDRAWS, IMPORTS, [])
    assert "jax is not installed" in text and "no slower than jax" not in text


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
    assert len(dict(waits.found())) >= 13


def test_imports_are_timed(monkeypatch):
    monkeypatch.setattr(waits, "PARTS", {"a sum": "sum(range(10**7))"})
    assert 0.05 < waits.imports()["a sum"] < 60


def test_numbers_read_well():
    seconds = (3e-6, 9.96e-3, 0.25, 61, 5400, 3e5)
    read = [duration(s) for s in seconds]
    assert read == ["3 µs", "10 ms", "250 ms", "1 min", "1.5 h", "3.5 d"]
    ratios = [times(r) for r in (0.6, 9.97, 19.9, 1234, 2.4e6)]
    assert ratios == ["0.6", "10", "20", "1,200", "2.4e6"]


@pytest.mark.parametrize("phi", ["linear", "relu"])
def test_operations_of_a_step_are_those_torch_counts(phi):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((30, 6)), rng.standard_normal((30, 4))
    net = networks.build(phi, x, y)
    theta = initial_units(net, 9, 0.1, 0)
    with FlopCounterMode(display=False) as counter:
        net.to("cpu").field(torch.as_tensor(theta))
    assert gpu.work(Task("", net, x, y, theta, 0.1, 1))[0] == counter.get_total_flops()


def test_the_gpu_table_can_be_made_without_a_card():
    task = some_task("relu")
    assert gpu.steps_per_second(task, "torch") > 0
    assert len({task.name for task in tasks.for_gpu()}) == 9


def test_more_samples_are_the_same_task():
    few, many = tasks.samples(100), tasks.samples(1000)
    assert len(many.x) == 10 * len(few.x)
    np.testing.assert_allclose(many.network.szz, few.network.szz, rtol=1e-13)
