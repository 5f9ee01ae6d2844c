"""A race in a real MLflow store, read back by MLflow."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from samestep.cli import app
from samestep.errors import BadInput
from samestep.report.tracking import log_race
from samestep.result import Result

mlflow = pytest.importorskip("mlflow", reason="to get it: pip install 'samestep[mlflow]'")


def test_verdict_figures_and_curves_are_in_the_store(
    race: Result, saved: Callable[[Result], Path], tmp_path: Path
) -> None:
    store = tmp_path / "runs.db"
    done = CliRunner().invoke(app, ["report", str(saved(race)), "--mlflow", str(store)])
    assert done.exit_code == 0, done.output
    client = mlflow.MlflowClient(f"sqlite:///{store}")
    (experiment,) = [e for e in client.search_experiments() if e.name == race.title]
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert set(runs) == {race.created, "numpy", "torch", "wrong", "broken"}
    whole = runs[race.created]
    assert whole.data.tags["verdict"].startswith("numpy is the fastest")
    assert {file.path for file in client.list_artifacts(whole.info.run_id)} == {
        *("race.json", "report.html"),
    }
    torch = runs["torch"]
    assert torch.data.tags["mlflow.parentRunId"] == whole.info.run_id
    assert torch.data.tags["proof"] == "equivalent"
    assert torch.data.metrics["ratio"] == race.verdict[1].ratio.median
    history = client.get_metric_history(torch.info.run_id, "test_accuracy")
    assert [point.step for point in history] == [1, 2, 3]
    assert runs["wrong"].data.metrics == {}


def test_a_second_race_goes_to_the_same_experiment(race: Result, tmp_path: Path) -> None:
    store = str(tmp_path / "runs.db")
    ids = {log_race(race, store, "race.json") for _ in range(2)}
    client = mlflow.MlflowClient(f"sqlite:///{store}")
    assert {client.get_run(run).info.experiment_id for run in ids} == {
        client.get_experiment_by_name(race.title).experiment_id
    }
    assert len(ids) == 2


def test_a_store_that_is_none_is_refused_in_one_sentence(race: Result, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"--mlflow nonsense://x: cannot be logged to \("):
        log_race(race, "nonsense://x", "race.json")
