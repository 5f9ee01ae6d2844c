"""A real scaling that is interrupted: it goes on where it was, and only as it began."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from samestep import api
from samestep.cli import app
from samestep.errors import BadInput
from samestep.experiment import Experiment
from samestep.racing import Progress
from samestep.result import Result, load_result
from samestep.scaling.record import Scaling
from samestep.series import unfinished_race

EXPERIMENT = ["iris-mlp", "-f", "numpy", "--set", "training.epochs=3"]
SCALING = ["scaling", *EXPERIMENT, "--trials", "2", "--no-repeats"]
SIZES, TWO = ["--sizes", "5,35,105"], ["--sizes", "35,105"]


@pytest.fixture
def raced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The batch sizes of races that begin; the second is interrupted after its first trial."""
    begun: list[int] = []
    race = api.race

    def noting(experiment: Experiment, *arguments: Any, **options: Any) -> Result:
        begun.append(experiment.training.batch_size)
        if len(begun) == 2:
            options["on_progress"] = interrupt_after_a_trial
        return race(experiment, *arguments, **options)

    monkeypatch.setattr(api, "race", noting)
    return begun


def interrupt_after_a_trial(progress: Progress) -> None:
    if progress.trial is not None:
        raise KeyboardInterrupt


def saved(path: Path) -> Scaling:
    return Scaling.model_validate_json(path.read_text())


def test_an_interrupted_scaling_goes_on_where_it_was(tmp_path: Path, raced: list[int]) -> None:
    pytest.importorskip("sklearn")
    path = tmp_path / "scaling.json"
    broken = CliRunner().invoke(app, [*SCALING, *SIZES, "--json", str(path)])
    assert broken.exit_code != 0
    # Those that the live display counted: the first race's.
    assert "finished trials are saved; to go on: the same command with --resume" in broken.output
    before, interrupted = saved(path), load_result(unfinished_race(path))
    assert [point.size for point in before.points] == [5]
    assert len(interrupted.trials) == 1

    refusals = {
        "size 5: frameworks: were numpy": ["-f", "sklearn"],
        "size 5.settings.trials: was 2, is 3 now": ["--trials", "3"],
        "size 5.settings.seed: was 0, is 1 now": ["--seed", "1"],
        "size 5.settings.repeats: was False, is True now": ["--repeats"],
        "races.size 5: is of another experiment": ["--set", "training.epochs=4"],
        "races.size 5: is not asked for now": ["--sizes", "35,105"],
        "vary: was batch_size, is rows now": ["--vary", "rows"],
        "leave out --json": ["--json", str(path)],
    }
    for said, change in refusals.items():
        done = CliRunner().invoke(app, [*SCALING, *SIZES, "--resume", str(path), *change])
        assert isinstance(done.exception, BadInput), done.output
        assert said in str(done.exception)
    assert saved(path) == before

    done = CliRunner().invoke(app, [*SCALING, *SIZES, "--resume", str(path)])
    assert done.exit_code == 0, done.output
    assert raced == [5, 35, 105]
    after = saved(path)
    assert [point.size for point in after.points] == [5, 35, 105]
    assert after.points[0] == before.points[0]
    assert after.points[1].result.created == interrupted.created
    assert interrupted.trials[0] in after.points[1].result.trials
    assert not unfinished_race(path).exists()


def test_one_that_lost_its_first_race_half_way_goes_on_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, race = tmp_path / "scaling.json", api.race

    def interrupted(*arguments: Any, **options: Any) -> Result:
        return race(*arguments, **options | {"on_progress": interrupt_after_a_trial})

    monkeypatch.setattr(api, "race", interrupted)
    assert CliRunner().invoke(app, [*SCALING, *TWO, "--json", str(path)]).exit_code != 0
    assert not path.exists()
    monkeypatch.setattr(api, "race", race)
    other = CliRunner().invoke(app, [*SCALING, "--sizes", "7,105", "--resume", str(path)])
    assert "is of another experiment" in str(other.exception)
    done = CliRunner().invoke(app, [*SCALING, *TWO, "--resume", str(path)])
    assert done.exit_code == 0, done.output
    assert [len(point.result.trials) for point in saved(path).points] == [2, 2]


def test_there_must_be_something_to_go_on_with(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, [*SCALING, *SIZES, "--resume", str(tmp_path / "none.json")])
    assert isinstance(done.exception, BadInput)
    assert "there is no such file" in str(done.exception)
