"""The plain models are the package's networks; the benchmark counts, judges and prints rightly."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from saddle_utils import networks
from saddle_utils.bench import accuracy, engines, gpu, imports, plain, rows, table
from saddle_utils.bench.engines import Result
from saddle_utils.bench.scaling import Sweep
from saddle_utils.bench.targets import duration, targets, times
from saddle_utils.datasets import PANELS, panel
from saddle_utils.dynamics import Trajectory, descend
from saddle_utils.networks import initial_units


def some_task(name):
    """A network, its data and a step: a panel, or more outputs and patches than panels have."""
    if name in PANELS:
        p = panel(name)
        return p.network, p.x[:60], p.y[:60], p.step
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((7, 3, 2)), rng.standard_normal((7, 4))
    return networks.build(name, x, y), x, y, 0.05


@pytest.mark.parametrize("every_token", [True, False])
@pytest.mark.parametrize("name", [*PANELS, "linear", "relu", "tanh"])
def test_a_plain_step_is_a_step_of_descend(name, every_token):
    """Losses of three steps, and all weights after them; "linear" to "tanh" are convolutions."""
    net, x, y, step = some_task(name)
    if name in ("fig1f", "fig1g"):  # fewer prompts than the panel has
        net = networks.build({"fig1f": "attention", "fig1g": "quadratic"}[name], x, y)
    theta = initial_units(net, 5, 0.3, 1)
    inputs, goals = plain.data(net, x, y)
    model = plain.model(net, theta, every_token)
    losses = plain.train(model, inputs, goals, step * goals.shape[1] / 2, 3)
    run = descend(net, theta, step, 3)
    np.testing.assert_allclose(np.array(losses) * goals.shape[1] / 2, run.losses[:3], rtol=1e-12)
    after = plain.model(net, run.theta[-1], every_token).state_dict()
    for key, weights in model.state_dict().items():
        torch.testing.assert_close(weights, after[key], rtol=1e-12, atol=1e-14)


def test_activations_without_a_module_are_refused():
    net = networks.pointwise(np.eye(2), np.ones(2), "cubic")
    with pytest.raises(ValueError, match="no plain model with activation 'cubic'"):
        plain.model(net, initial_units(net, 2, 0.1))


@pytest.mark.parametrize("seeds", [None, range(9)])
def test_a_row_is_measured_whole(seeds):
    """All three engines on a short task: the same steps, and the flow as accurate as it should."""
    solver = "flow" if seeds is None else "flows"
    row = replace(rows.of_panel("fig1b", "B", seeds, width=5, solver=solver), steps=600)
    result = engines.measure(row)
    assert result.agreement < 1e-12 and result.timed == {"plain": 600, "descend": 600}
    assert result.accurate and result.errors["flow"][0] <= 1e-6
    exact = accuracy.flow_runs(row, row.theta, 1e-11)[0]
    ours = descend(row.network, row.single, row.step, 600)
    gap = np.abs(np.interp(ours.times, exact.times, exact.losses) - ours.losses).max()
    assert result.errors["descend"][0] == pytest.approx(gap / ours.losses[0], rel=0.1)


def logistic(middle, level=0.0, rate=2.0):
    times = np.linspace(0, 100, 20_001)
    losses = level + (1 - level) / (1 + np.exp(np.minimum(rate * (times - middle), 700)))
    return Trajectory(times, losses, np.empty(0))


def test_errors_of_a_curve_are_distances_in_time_or_loss():
    """A late drop is an error of its delay, a wrong level of its height; at equal times both."""
    exact, late, high = logistic(50), logistic(51), logistic(50, 0.03)
    at_equal_times, curve = accuracy._errors(late, exact.losses, exact)
    assert at_equal_times == pytest.approx(np.tanh(0.5), rel=1e-3)
    steepest = 0.5 * 100  # in fractions of both ranges; a square meets it a little sooner
    assert curve == pytest.approx(0.01 / (1 + 1 / steepest), rel=1e-3)
    assert accuracy._errors(high, exact.losses, exact) == pytest.approx((0.03, 0.03), rel=0.1)
    # a drop, steep, that is early by 2e-4 of the time, to a floor that rounding has lowered
    exact, early = logistic(50, 0.1, 1e4), logistic(49.98, 0.1 - 1e-15, 1e4)
    at_equal_times, curve = accuracy._errors(early, exact.losses, exact)
    assert at_equal_times > 0.8 and curve == pytest.approx(2e-4, rel=0.05)


class Clock:
    """A clock that calls push forward, to test what counts time without any."""

    now = 0.0

    def takes(self, seconds):
        def call(n=1):
            self.now += seconds * n
            return n

        return call


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(engines, "process_time", lambda: clock.now)
    return clock


def test_as_many_steps_are_timed_as_fit(clock):
    assert engines.fitting(clock.takes(0.0024), 10**6, 1.0) == 400
    assert engines.fitting(clock.takes(0.0024), 300, 1.0) == 300
    assert engines.fitting(clock.takes(7.0), 300, 1.0) == 1


def test_engines_take_turns(clock):
    """The slower, the fewer turns; in each turn every engine that is still in it, in one order."""
    order = []

    def engine(name, cost):
        call = clock.takes(cost)
        return lambda: order.append(name) or call()

    costs = {"slow": 2.0, "middling": 0.5, "fast": 0.01}
    seconds, last = engines.in_turns({name: engine(name, costs[name]) for name in costs})
    assert seconds == pytest.approx(costs) and last == dict.fromkeys(costs, 1)
    assert order == ["slow", *["middling", "fast"] * 3, "fast", "fast"]


def test_what_was_not_run_is_multiplied():
    """A tenth of the steps; plain runs of an ensemble one by one, of which one was timed."""
    row = rows.of_panel("fig1b", "", range(3), width=2)
    assert engines.multiplied(1.5, row, "plain", 200) == pytest.approx(45)
    assert engines.multiplied(1.5, row, "descend", 200) == pytest.approx(15)


def test_a_row_is_judged_by_the_error_it_names():
    strict = result("a", "", 1, 1)
    strict = replace(strict, errors={"flow": (1e-3, 1e-7)})
    loose = replace(strict, row=replace(strict.row, at_equal_times=False))
    assert loose.accurate and not strict.accurate


def result(name, group, plain_s, flow_s, runs=None, timed=2000, error=1e-7):
    row = rows.of_panel("fig1b", name, runs and range(runs), width=2, group=group)
    return Result(
        row,
        {"plain": plain_s, "descend": plain_s / 4, "flow": flow_s},
        {"plain": timed, "descend": 2000},
        {"flow": (error, error)},
        1e-8,
        1e-15,
    )


IMPORTS = {"the engines": 0.3, "torch alone": 2.0}


def targets_of(results, sweep):
    return targets(results, sweep, IMPORTS)


def a_run(flow=0.01, error=1e-7):
    results = [result("1B Linear", "panel", 0.3, flow, error=error)]
    for name in ("quadratic", "attention"):
        results += [result(f"{name} {k}", name, 10.0**k, 1e-2 + 1e-3 * k) for k in range(4)]
    for name in ("linear (1B)", "quadratic (1G)"):
        group = f"{name} ensemble"
        results += [result(f"{name}, 64", group, 20, 0.05, 64)]
        results += [result(f"{name}, 1024", group, 320, 0.3, 1024)]
    flat = {"descend": np.array([1.0, 1.1]), "flow": np.array([1.0, 1.0])}
    return results, Sweep(np.array([100.0, 1e6]), flat, {})


def test_targets_are_judged_by_the_numbers():
    reached = targets_of(*a_run())
    assert not any(line.startswith("**not") for line in reached if "10^4" not in line)
    assert sum("10^4" in line and line.startswith("**not") for line in reached) == 2  # 100 / .012
    slow, wrong = targets_of(*a_run(flow=0.02)), targets_of(*a_run(error=1e-5))
    panels = "each panel of Figure 1"
    for lines, missed in ((slow, [panels]), (wrong, [panels, "as accurate as its goal"])):
        new = set(lines) - set(reached)
        assert all(line.startswith("**not reached**") for line in new)
        assert sorted(key for key in missed if any(key in line for line in new)) == sorted(missed)
    results, sweep = a_run()
    sweep.seconds["flow"][1] = 1.3
    line = targets_of(results, sweep)[-2]
    assert line.startswith("**not") and "flow 30%" in line


def test_imports_are_timed_and_judged():
    slow = targets(*a_run(), {"the engines": 0.3, "all": 1.2})[-1]
    assert slow.startswith("**not reached**") and slow.endswith("(the engines 300 ms, all 1.2 s)")
    spent = imports.times()
    assert all(0.05 < seconds < 60 for seconds in spent.values())


def test_the_table_marks_what_was_multiplied_or_not_run():
    whole, part, many = table.table(
        [
            result("a", "", 0.3, 0.01),
            result("b", "", 7200, 0.01, timed=30),
            result("c", "", 90, 0.01, runs=3),
        ]
    )[2:]
    assert (
        whole == "| a | 2,000 | 300 ms | 75 ms | 10 ms | 4 | **30** | not run | 1e-7, 1e-7 | 1e-8 |"
    )
    assert "| ~ 2 h (30) | 30 min | 10 ms | 4 | **720,000** |" in part
    assert "| ~ 1.5 min | 22 s |" in many


def test_the_page_names_no_path_and_says_all_targets():
    results, sweep = a_run()
    page = table.page(results, sweep, IMPORTS, gpu.section(results))
    assert all(f"- {line}" in page for line in targets(results, sweep, IMPORTS))
    picture = re.search(r"!\[.*\]\((.*)\)", page)[1]
    assert (Path(__file__).parents[2] / "figures" / picture).exists()
    assert "/home" not in page and "/work" not in page and "float64" in page
    assert torch.cuda.is_available() or "There is no GPU on this machine." in page


def test_numbers_read_well():
    seconds = (3e-6, 9.96e-3, 0.25, 61, 5400, 3e5)
    assert [duration(s) for s in seconds] == ["3 µs", "10 ms", "250 ms", "1 min", "1.5 h", "3.5 d"]
    assert [times(r) for r in (0.6, 9.97, 19.9, 1234, 2.4e6)] == [
        "0.6",
        "10",
        "20",
        "1,200",
        "2.4e6",
    ]


@pytest.mark.parametrize("phi", ["linear", "relu"])
def test_operations_of_a_step_are_those_torch_counts(phi):
    rng = np.random.default_rng(0)
    net = networks.build(phi, rng.standard_normal((30, 6)), rng.standard_normal((30, 4)))
    theta = initial_units(net, 9, 0.1, 0)
    row = rows.Row("", net, None, None, theta, 0.1, 1)
    with FlopCounterMode(display=False) as counter:
        net.to("cpu").field(torch.as_tensor(theta))
    assert gpu.work(row)[0] == counter.get_total_flops()


def test_more_samples_are_the_same_task():
    few, many = rows.samples(100), rows.samples(1000)
    assert len(many.x) == 10 * len(few.x)
    np.testing.assert_allclose(many.network.szz, few.network.szz, rtol=1e-13)
