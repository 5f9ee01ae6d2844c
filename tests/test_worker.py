"""The worker program, run as the coordinator runs it, over small scripts of our own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import samestep
from samestep.datasets import load_dataset
from samestep.experiment_file import load_experiment
from samestep.plan import Plan, make_plan

WORKER = Path(samestep.__file__).parent / "worker" / "worker.py"

SCRIPT = """
import time
import numpy as np

def prepare(x, y):
    return x, y

def build():
    return {}

def train(model, data, epochs, on_epoch):
    for epoch in range(1, epochs + 1):
        time.sleep(0.02)
        on_epoch(epoch, 1.0 / epoch)

def evaluate(model, x, y):
    return 0.5, 0.75
"""

SHIM = """
import numpy as np

def version():
    return {"tiny": "1"}

def configure(threads, precision, device):
    pass

def set_weights(model, arrays):
    model.update({name: array.astype(DTYPE) for name, array in arrays.items()})

def get_weights(model):
    return model

def sync(model):
    pass
"""


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(load_experiment("iris-mlp", ["training.epochs=4"]))


def run_trial(
    plan: Plan, folder: Path, script: str = SCRIPT, dtype: str = "np.float32"
) -> tuple[int, list[dict[str, object]]]:
    (folder / "script.py").write_text(script)
    (folder / "shim.py").write_text(SHIM.replace("DTYPE", dtype))
    job = {
        "plan": plan.folder,
        "script": folder / "script.py",
        "shim": folder / "shim.py",
        "events": folder / "events.jsonl",
        "threads": 1,
        "precision": "float32",
        "device": "cpu",
        "cpus": "",
        "parent": os.getpid(),
    }
    arguments = [f"{key}={value}" for key, value in job.items()]
    status = subprocess.run([sys.executable, WORKER, "trial", *arguments], timeout=60).returncode
    lines = (folder / "events.jsonl").read_text().splitlines()
    return status, [json.loads(line) for line in lines]


def test_a_trial_says_each_phase_in_turn(plan: Plan, tmp_path: Path) -> None:
    status, events = run_trial(plan, tmp_path)
    assert status == 0
    assert [event["event"] for event in events] == [
        "ready",
        "prepared",
        "built",
        *["epoch"] * 4,
        "trained",
        "probed",
        "evaluated",
        "memory",
        "threads",
        "evaluated_again",
        "done",
    ]
    evaluated = events[-5]
    assert (evaluated["loss"], evaluated["accuracy"]) == (0.5, 0.75)


def test_epochs_are_timed_without_the_hook_between_them(plan: Plan, tmp_path: Path) -> None:
    _, events = run_trial(plan, tmp_path)
    epochs = [event for event in events if event["event"] == "epoch"]
    seconds = [(epoch["end"] - epoch["start"]) / 1e9 for epoch in epochs]  # type: ignore[operator]
    assert all(0.02 <= s < 0.5 for s in seconds)
    for before, after in zip(epochs, epochs[1:], strict=False):
        assert after["start"] >= before["end"]  # type: ignore[operator]


def test_an_error_names_the_stage_it_happened_in(plan: Plan, tmp_path: Path) -> None:
    broken = SCRIPT.replace("return {}", "raise ValueError('no such layer')")
    status, events = run_trial(plan, tmp_path, script=broken)
    assert status == 1
    assert events[-1]["event"] == "error"
    assert events[-1]["stage"] == "build"
    assert events[-1]["message"] == "ValueError: no such layer"


def test_finished_epochs_survive_a_crash_in_training(plan: Plan, tmp_path: Path) -> None:
    broken = SCRIPT.replace("time.sleep(0.02)", "assert epoch < 3")
    _, events = run_trial(plan, tmp_path, script=broken)
    assert [event["n"] for event in events if event["event"] == "epoch"] == [1, 2]
    assert events[-1]["stage"] == "train"


def test_training_in_another_precision_is_refused(plan: Plan, tmp_path: Path) -> None:
    status, events = run_trial(plan, tmp_path, dtype="np.float16")
    assert status == 1
    assert events[-1]["message"] == (
        "TypeError: dense_1.kernel was trained in float16, not in float32"
    )


def test_a_worker_whose_coordinator_is_gone_does_nothing(plan: Plan, tmp_path: Path) -> None:
    completed = subprocess.run(
        [sys.executable, WORKER, "trial", "parent=1", f"events={tmp_path / 'events.jsonl'}"],
        timeout=60,
    )
    assert completed.returncode == 1
    assert not (tmp_path / "events.jsonl").exists()


def test_plan_arrays_come_back_as_they_were_written(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(WORKER.parent))
    from hosting import Plan as ReadPlan  # type: ignore[import-not-found]

    read = ReadPlan(str(plan.folder))
    # As it was loaded: the plan's own data are mapped from the very files.
    loaded = load_dataset(plan.experiment.data, plan.experiment.training.seed)
    np.testing.assert_array_equal(read.array("x_train"), loaded.x_train.astype("float32"))
    assert list(read.weights()) == list(plan.weights)
    for name, array in plan.weights.items():
        np.testing.assert_array_equal(read.weights()[name], array)
