"""What an unfairness does to a ratio, and a real laboratory of two quick frameworks."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from samestep import api
from samestep.cli import app
from samestep.errors import BadInput
from samestep.experiment import Experiment
from samestep.experiment_file import load_experiment
from samestep.racing import Progress
from samestep.result import Epoch, Range, Result, Seconds, Trial, load_result
from samestep.series import unfinished_race
from samestep.unfairness import lab
from samestep.unfairness.lab import measure_unfairness, points_for, row_of
from samestep.unfairness.points import FEW_ROWS, POINTS, Point, with_few_rows, with_training
from samestep.unfairness.record import Laboratory, Ratios
from samestep.unfairness.study import study_points

OPTIONS = ["--set", "training.epochs=4", "--trials", "2", "--seeds", "2", "--no-repeats"]
LABORATORY = ["unfair", "iris-mlp", "-f", "numpy,sklearn", *OPTIONS]
BY_NAME = {point.name: point for point in (*POINTS, FEW_ROWS)}


def trial(name: str, block: int, steady: float) -> Trial:
    return Trial(
        framework=name,
        block=block,
        position=0,
        seconds=Seconds(steady_epoch=steady, first_epoch=10.0, evaluate=4.0, evaluate_again=1.0),
        epochs=[Epoch(seconds=10.0, loss=1.0), Epoch(seconds=steady, loss=1.0)],
        cpu_seconds=1.0,
        outcome="done",
    )


@pytest.fixture
def fair() -> Result:
    """The second framework takes twice the first's second; its best trial half of that."""
    result = api.run_proofs("iris-mlp", ["numpy"])
    result.trials = [trial("one", block, 1.0) for block in range(3)]
    result.trials += [trial("two", block, seconds) for block, seconds in enumerate((2, 2, 1))]
    return result


def ratios(fair: Result, name: str, unfair: Result | None = None) -> Ratios:
    return row_of(BY_NAME[name], fair, unfair or fair, ["one", "two"]).ratios["two"]


def test_the_clocks_and_choices_are_what_they_say(fair: Result) -> None:
    evaluation = ratios(fair, "evaluation inside the other's timer")
    assert evaluation.fair.median == 2
    assert (evaluation.for_first.median, evaluation.for_other.median) == (3, 1)
    first_epoch = ratios(fair, "first epoch inside the other's timer")
    assert first_epoch.for_first.median == 6
    best = ratios(fair, "the best trial against the median")
    assert (best.for_first.median, best.for_other.median) == (2, 1)


def test_a_changed_experiment_is_the_favoured_sides_alone(fair: Result) -> None:
    unfair = fair.model_copy(deep=True)
    for one in unfair.trials:
        one.seconds.steady_epoch = 0.5
    once = ratios(fair, "shuffled once", unfair)
    assert (once.for_first.median, once.for_other.median) == (4, 0.5)
    both = ratios(fair, "150 rows, for both", unfair)
    assert (both.for_first.median, both.for_other.median) == (1, 1)


def test_every_framework_is_compared_with_the_first(fair: Result) -> None:
    fair.trials += [trial("three", block, 4.0) for block in range(3)]
    row = row_of(BY_NAME["all of these at once"], fair, fair, ["one", "two", "three"])
    # One's best epoch is 1; with the first epoch and evaluation inside, two's and three's are
    # (10 + 2) / 2 + 2.5 and (10 + 4) / 2 + 2.5.
    assert {name: found.for_first.median for name, found in row.ratios.items()} == {
        "two": 8.5,
        "three": 9.5,
    }
    assert row.ratios["three"].for_other.median == pytest.approx(4 / 8)


def test_another_winner_must_be_certain() -> None:
    def made(low: float, high: float) -> Ratios:
        fair, unfair = Range(median=2, low=1.5, high=3), Range(median=0.9, low=low, high=high)
        return Ratios(fair=fair, for_first=fair, for_other=unfair)

    assert made(0.5, 0.95).changes_winner()
    assert not made(0.5, 1.05).changes_winner()


def test_few_rows_are_a_valid_experiment() -> None:
    few = with_few_rows(load_experiment("digits-mlp"))
    assert (few.data.rows, few.data.test_rows) == (150, 150)
    assert points_for(load_experiment("digits-mlp")) == POINTS


@pytest.mark.usefixtures("fashion_mnist")
def test_many_rows_are_tried_as_few() -> None:
    assert points_for(load_experiment("fashion-mlp"))[-1] == FEW_ROWS


@pytest.mark.parametrize("names", [[], ["numpy"], ["numpy", "numpy"]])
def test_it_takes_two(names: list[str]) -> None:
    with pytest.raises(BadInput, match="takes two frameworks or more"):
        measure_unfairness(load_experiment("iris-mlp"), names, POINTS)


def test_who_is_not_proved_is_found_out_before_anything_is_timed() -> None:
    def drop(experiment: Experiment) -> Experiment:
        return with_training(experiment, last_batch="drop", batch_size=16)

    experiment = load_experiment("iris-mlp", ["training.epochs=2"])
    point = Point("the last batch dropped", "scikit-learn cannot", change=drop)
    said = "sklearn cannot be raced: its proof of 'Iris, 4-10-3' says unsupported"
    with pytest.raises(BadInput, match=said):
        measure_unfairness(experiment, ["numpy", "sklearn"], [point])


def test_the_study_of_2019_ends_with_its_reviewers_run(monkeypatch: pytest.MonkeyPatch) -> None:
    *points, rerun = study_points(small=True)
    assert tuple(points) == POINTS
    assert rerun.change is not None and rerun.both and rerun.epochs == 2
    assert rerun.change(load_experiment("iris-mlp")) == load_experiment("fashion-cnn", small=True)
    asked: list[object] = []

    def measure(experiment: Experiment, frameworks: list[str], points: object, **_: object) -> None:
        asked.extend([experiment.title, frameworks, len(tuple(points))])  # type: ignore[call-overload]
        raise BadInput("enough")

    monkeypatch.setattr(lab, "measure_unfairness", measure)
    CliRunner().invoke(app, ["unfair", "study-2019", "--small"])
    assert asked == ["Iris, 4-10-3", ["keras-tensorflow", "knet", "flux"], len(POINTS) + 1]


def test_a_real_laboratory_is_saved_and_shown_and_goes_on_only_as_it_began(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    path = tmp_path / "unfair.json"
    done = CliRunner().invoke(app, [*LABORATORY, "--json", str(path)])
    assert done.exit_code == 0, done.output
    laboratory = Laboratory.model_validate_json(path.read_text())
    assert [row.name for row in laboratory.rows] == [point.name for point in POINTS]
    assert set(laboratory.races) == {point.name for point in POINTS if point.change}
    assert {one.framework for one in laboratory.accuracy} == {"numpy", "sklearn"}
    assert all(one.mean <= one.best <= 1 for one in laboratory.accuracy)
    shown = CliRunner().invoke(app, ["report", str(path)], env={"COLUMNS": "160"}).output
    for text in ("shuffled once", "the luckiest of 2 seeds", "TF reshuffles the data every epoch"):
        assert text in shown

    saved = path.read_text()
    turned = ["unfair", "iris-mlp", "-f", "sklearn,numpy", *OPTIONS, "--resume", str(path)]
    refused = CliRunner().invoke(app, turned).exception
    assert "frameworks: were numpy, sklearn" in str(refused)
    changes = {
        "fair.settings.trials: was 2, is 3 now": ["--trials", "3"],
        "races.fair: is of another experiment": ["--set", "training.epochs=5"],
        "leave out --json": ["--json", str(path)],
    }
    for said, change in changes.items():
        done = CliRunner().invoke(app, [*LABORATORY, "--resume", str(path), *change])
        assert isinstance(done.exception, BadInput), done.output
        assert said in str(done.exception)
    assert path.read_text() == saved


def interrupted_at_once(*_: object) -> None:
    raise KeyboardInterrupt


def test_an_interrupted_laboratory_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sklearn")
    path, raced = tmp_path / "unfair.json", list[str]()
    race = api.race

    def counting(experiment: Experiment, *arguments: object, **options: object) -> Result:
        raced.append(experiment.training.shuffle)
        if len(raced) == 3:
            # In the middle of a race: its first trial is saved, and then it is interrupted.
            def interrupt(progress: Progress) -> None:
                if progress.done == 1 and progress.trial is not None:
                    raise KeyboardInterrupt

            options["on_progress"] = interrupt
        return race(experiment, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(api, "race", counting)
    broken = CliRunner().invoke(app, [*LABORATORY, "--json", str(path)])
    assert broken.exit_code != 0
    assert f"the same command with --resume {path}" in broken.output
    assert raced == ["each_epoch", "once", "each_epoch"]
    before = Laboratory.model_validate_json(path.read_text())
    interrupted = load_result(unfinished_race(path))
    raced.clear()

    # What has ended is kept, even if the next try gets no further than the first point.
    monkeypatch.setattr(lab, "row_of", interrupted_at_once)
    again = CliRunner().invoke(app, [*LABORATORY, "--resume", str(path)])
    assert again.exit_code != 0
    assert Laboratory.model_validate_json(path.read_text()).races == before.races
    monkeypatch.setattr(lab, "row_of", row_of)

    done = CliRunner().invoke(app, [*LABORATORY, "--resume", str(path)])
    assert done.exit_code == 0, done.output
    assert raced == ["never", "never"]
    after = Laboratory.model_validate_json(path.read_text())
    assert after.fair == before.fair
    assert after.races["shuffled once"] == before.races["shuffled once"]
    went_on = after.races["batches of twice the size"]
    assert went_on.created == interrupted.created
    assert interrupted.trials[0] in went_on.trials
    assert [row.name for row in after.rows] == [point.name for point in POINTS]
    assert not unfinished_race(path).exists()
