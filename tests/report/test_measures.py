"""What else was measured of each framework, and the tables that hold it."""

import io

import pytest
from reported import race_of
from rich.console import Console

from samestep.report.measures import ranking_of
from samestep.report.table import result_view
from samestep.result import Result


@pytest.fixture
def small() -> Result:
    """Of two frameworks, in each of whose trials a first epoch takes 0.5 s of 2 s."""
    race = race_of(["numpy", "torch"], 3)
    for trial in race.trials:
        trial.seconds.train, trial.seconds.steady_epoch = 2.0, 0.1
    race.verdict[0].epoch_seconds.median = 0.1
    race.rows_per_epoch = 105
    return race


def test_a_rate_is_of_rows_that_are_trained(small: Result) -> None:
    assert ranking_of(small)[0].measures["rows/s"] == "1,050"
    small.rows_per_epoch = None
    assert "rows/s" not in ranking_of(small)[0].measures


@pytest.mark.parametrize(
    ("first", "share"), [(0.5, "20"), (0.05, "0")], ids=["slow first epoch", "fast first epoch"]
)
def test_a_warm_up_is_what_the_first_epoch_takes_beyond_a_steady_one(
    small: Result, first: float, share: str
) -> None:
    for trial in small.trials:
        trial.seconds.first_epoch = first
    assert ranking_of(small)[0].measures["warm-up, %"] == share


@pytest.mark.parametrize("width", [60, 80, 160, 400])
def test_every_measure_is_in_a_table_that_fits(small: Result, width: int) -> None:
    console = Console(width=width, file=io.StringIO())
    console.print(result_view(small, width))
    lines = console.file.getvalue().splitlines()
    measures = ranking_of(small)[0].measures
    places = [number for number, line in enumerate(lines) if "framework  " in line]
    headers = " ".join(lines[number] for number in places)
    assert all(header in headers for header in measures)
    assert (len(places) == 1) == (width == 400)
