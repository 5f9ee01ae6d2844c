"""Learning curves: what workers say of them, and real ones of the frameworks without a wait."""

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from shipped import EVERY_FRAMEWORK, installed

from samestep import api
from samestep.curves import Task, plan_with_seed, read_curve, train_one
from samestep.experiment_file import load_experiment
from samestep.launch import Outcome, Settings, run_worker
from samestep.plan import make_plan
from samestep.racing import read_trial
from samestep.report.table import result_view
from samestep.result import Curve, Point, Result, load_result
from samestep.schedule import Place


def outcome_of(*events: dict[str, Any], status: Any = "done") -> Outcome:
    return Outcome(status, "train", "what went wrong", list(events), 1.0, 1.0, 0.0, 0)


def point(epoch: int, loss: float = 0.5) -> dict[str, Any]:
    return {"event": "point", "n": epoch, "loss": loss, "test_loss": 0.6, "test_accuracy": 0.8}


def test_a_curve_has_a_point_an_epoch() -> None:
    curve = read_curve(outcome_of(point(1, 0.7), point(2)), 2, "numpy", 3)
    assert (curve.framework, curve.seed, curve.outcome) == ("numpy", 3, "done")
    assert curve.points[0] == Point(loss=0.7, test_loss=0.6, test_accuracy=0.8)


@pytest.mark.parametrize(
    ("outcome", "state", "sentence"),
    [
        (outcome_of(point(1)), "failed", "1 epochs were evaluated, 2 were asked for"),
        (outcome_of(point(1), status="failed"), "failed", "train: what went wrong"),
        (outcome_of(point(1), status="timeout"), "timeout", "what went wrong"),
        (outcome_of(point(1), point(2, float("nan"))), "diverged", "after epoch 2"),
        (outcome_of({"event": "point", "loss": 1.0}), "failed", "do not make sense"),
    ],
)
def test_what_is_no_whole_curve_says_why(outcome: Outcome, state: str, sentence: str) -> None:
    curve = read_curve(outcome, 2, "numpy", 0)
    assert curve.outcome == state
    assert curve.message is not None and sentence in curve.message


def test_another_seed_is_another_plan_of_the_same_experiment() -> None:
    plan = make_plan(load_experiment("iris-mlp", ["training.seed=4294967295"]))
    assert plan_with_seed(plan, 0) is plan
    other = plan_with_seed(plan, 1)
    assert other.experiment.training.seed == 0
    assert other.digest != plan.digest


# torch-compile has torch's loop, and compiles for a minute here.
@pytest.mark.parametrize("name", [f for f in EVERY_FRAMEWORK if f.values[0] != "torch-compile"])
def test_a_curve_ends_where_an_undisturbed_training_ends(name: str, tmp_path: Path) -> None:
    """Evaluation in the middle changes nothing: the loss of every epoch is the trial's own."""
    framework = installed(name)
    plan = make_plan(load_experiment("iris-mlp", ["training.epochs=6", "training.shuffle=never"]))
    curve = train_one(Task(framework, plan), tmp_path, Settings(1, "float32"))
    assert curve.outcome == "done", curve.message
    losses = [p.test_loss for p in curve.points]
    # A stale model would be evaluated to the same numbers after every epoch.
    assert len(set(losses)) == len(losses)
    assert losses == sorted(losses, reverse=True)
    script = next(tmp_path.rglob("train.*"))
    outcome = run_worker(framework, "trial", plan, script, Settings(1, "float32"))
    trial = read_trial(outcome, 6, Place(name, 0, 0))
    assert [p.loss for p in curve.points] == pytest.approx(
        [epoch.loss for epoch in trial.epochs], rel=1e-4
    )
    evaluation = trial.evaluation
    assert evaluation is not None
    assert curve.points[-1].test_loss == pytest.approx(evaluation.loss, rel=1e-4)


def test_a_race_with_curves_saves_and_shows_them(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    told: list[tuple[str, int, int]] = []
    path = tmp_path / "race.json"
    api.race(
        "iris-mlp",
        ["numpy", "sklearn"],
        ["training.epochs=3"],
        trials=1,
        curve_seeds=2,
        path=path,
        on_curve=lambda curve, done, total: told.append((curve.framework, done, total)),
    )
    result = load_result(path)
    assert not result.unfinished
    assert [(c.framework, c.seed) for c in result.curves] == [
        *(("numpy", 0), ("sklearn", 0), ("numpy", 1), ("sklearn", 1)),
    ]
    assert all(len(c.points) == 3 for c in result.curves)
    assert sorted(done for _, done, _ in told) == [1, 2, 3, 4]
    assert {total for *_, total in told} == {4}
    assert "after the last epoch" in shown(result)


def test_trials_may_take_fewer_epochs_than_the_curves_and_the_table_says_so() -> None:
    chosen = {"trials": 1, "epochs": 2, "curve_seeds": 1, "repeats": False}
    result = api.race("iris-mlp", ["numpy"], ["training.epochs=4"], **chosen)
    assert [len(trial.epochs) for trial in result.trials] == [2]
    assert result.trials[0].outcome == "done", result.trials[0].message
    assert [len(curve.points) for curve in result.curves] == [4]
    assert "Each trial trained 2 epochs, not all" in shown(result)


def test_a_training_that_failed_is_shown(tmp_path: Path) -> None:
    result = api.run_proofs("iris-mlp", ["numpy"])
    result.curves = [Curve(framework="numpy", seed=7, outcome="failed", message="[red]no")]
    assert "numpy, seed 7: failed: [red]no" in shown(result)


def shown(result: Result) -> str:
    console = Console(width=160, markup=False)
    with console.capture() as capture:
        console.print(result_view(result, 160))
    return capture.get()
