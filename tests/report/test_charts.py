"""The charts: what is drawn is what was measured, and no more than a mark each."""

import pytest
from reported import race_of

from samestep.errors import BadInput
from samestep.report.charts import PICTURES, chart, fitted_charts
from samestep.result import Result


def rows(result: Result, name: str) -> list[dict]:
    drawn = chart(result, name).to_dict()
    return drawn["data"]["values"] if "data" in drawn else drawn["layer"][0]["data"]["values"]


def test_a_race_with_curves_has_every_chart(race: Result) -> None:
    assert list(fitted_charts(race)) == list(PICTURES)


def test_the_ratios_are_the_verdicts(race: Result) -> None:
    drawn = {row["framework"]: row["times"] for row in rows(race, "ratios")}
    assert drawn == {row.framework: row.ratio.median for row in race.verdict}


def test_the_phases_add_up_to_a_trial(race: Result) -> None:
    seconds = [row["seconds"] for row in rows(race, "phases") if row["framework"] == "numpy"]
    steady = race.verdict[0].epoch_seconds.median
    assert sum(seconds) == pytest.approx(1.0 + 0.1 + 0.1 + 0.5 + 2 * steady)


def test_a_curve_by_seconds_starts_when_the_process_does(race: Result) -> None:
    numpy = [row for row in rows(race, "accuracy-by-seconds") if row["framework"] == "numpy"]
    steady = race.verdict[0].epoch_seconds.median
    assert [row["seconds"] for row in numpy] == pytest.approx([1.7, 1.7 + steady, 1.7 + 2 * steady])


def test_the_common_accuracy_is_one_that_all_reach(race: Result) -> None:
    drawn = chart(race, "time-to-accuracy").to_dict()
    # The best mean of the worse of the two: 0.92 - 0.1 / 3 + 0.0005.
    assert "0.887" in drawn["encoding"]["x"]["title"]
    assert {row["framework"] for row in drawn["data"]["values"]} == {"numpy", "torch"}


def test_what_was_not_measured_is_not_drawn(race: Result) -> None:
    race.curves = []
    assert "accuracy-by-epoch" not in fitted_charts(race)
    with pytest.raises(BadInput, match="nothing to draw"):
        race.chart("accuracy-by-epoch")
    with pytest.raises(BadInput, match="is none of ratios, "):
        race.chart("pie")


def test_many_trials_are_no_more_marks_than_few() -> None:
    few, many = (fitted_charts(race_of(["a", "b"], trials)) for trials in (3, 300))
    for name in few:
        assert len(str(many[name].to_dict())) < len(str(few[name].to_dict())) * 1.1, name


def test_one_that_was_not_ranked_is_in_the_proof_alone(race: Result) -> None:
    assert "wrong" in {row["framework"] for row in rows(race, "proof")}
    assert "wrong" not in {row["framework"] for row in rows(race, "memory")}
