"""What an unfairness does to a ratio, and a real laboratory of two quick frameworks."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from samestep import api
from samestep.cli import app
from samestep.errors import BadInput
from samestep.experiment import load_experiment
from samestep.result import Epoch, Range, Result, Seconds, Trial
from samestep.unfairness.lab import measure_unfairness, row_of
from samestep.unfairness.points import POINTS, with_few_rows
from samestep.unfairness.record import Laboratory, Row

BY_NAME = {point.name: point for point in POINTS}


def trial(name: str, block: int, steady: float) -> Trial:
    return Trial(
        framework=name,
        block=block,
        position=0,
        seconds=Seconds(steady_epoch=steady, first_epoch=10.0, evaluate=1.0),
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


def row(fair: Result, name: str, unfair: Result | None = None) -> Row:
    return row_of(BY_NAME[name], fair, unfair or fair, ["one", "two"])


def test_the_clocks_and_choices_are_what_they_say(fair: Result) -> None:
    evaluation = row(fair, "evaluation inside the other's timer")
    assert evaluation.fair.median == 2
    assert (evaluation.for_first.median, evaluation.for_second.median) == (3, 1)
    first_epoch = row(fair, "first epoch inside the other's timer")
    assert first_epoch.for_first.median == 6
    best = row(fair, "the best trial against the median")
    assert (best.for_first.median, best.for_second.median) == (2, 1)


def test_a_changed_experiment_is_the_favoured_sides_alone(fair: Result) -> None:
    unfair = fair.model_copy(deep=True)
    for one in unfair.trials:
        one.seconds.steady_epoch = 0.5
    once = row(fair, "shuffled once", unfair)
    assert (once.for_first.median, once.for_second.median) == (4, 0.5)
    both = row(fair, "150 rows for both", unfair)
    assert (both.for_first.median, both.for_second.median) == (1, 1)


def test_another_winner_must_be_certain() -> None:
    def made(low: float, high: float) -> Row:
        fair, unfair = Range(median=2, low=1.5, high=3), Range(median=0.9, low=low, high=high)
        return Row(name="x", critique="y", fair=fair, for_first=fair, for_second=unfair)

    assert made(0.5, 0.95).changes_winner()
    assert not made(0.5, 1.05).changes_winner()


def test_few_rows_are_a_valid_experiment() -> None:
    few = with_few_rows(load_experiment("digits-mlp"))
    assert (few.data.rows, few.data.test_rows) == (150, 150)


@pytest.mark.parametrize("names", [[], ["numpy"], ["numpy", "torch", "flax"]])
def test_it_takes_two(names: list[str]) -> None:
    with pytest.raises(BadInput, match="takes two frameworks"):
        measure_unfairness(load_experiment("iris-mlp"), names)


def test_a_real_laboratory_is_saved_and_shown(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    path = tmp_path / "unfair.json"
    arguments = ["unfair", "iris-mlp", "-f", "numpy,sklearn", "--set", "training.epochs=4"]
    done = CliRunner().invoke(
        app, [*arguments, "--trials", "2", "--seeds", "2", "--json", str(path)]
    )
    assert done.exit_code == 0, done.output
    laboratory = Laboratory.model_validate_json(path.read_text())
    assert [one.name for one in laboratory.rows] == [p.name for p in POINTS if not p.both]
    assert set(laboratory.races) == {p.name for p in POINTS if p.change and not p.both}
    assert {one.framework for one in laboratory.accuracy} == {"numpy", "sklearn"}
    assert all(one.mean <= one.best <= 1 for one in laboratory.accuracy)
    again = CliRunner().invoke(app, ["report", str(path)], env={"COLUMNS": "160"})
    assert "shuffled once" in again.output and "the luckiest of 2 seeds" in again.output
    assert "150 rows for both: the experiment itself has few" in again.output
