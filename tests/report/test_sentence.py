"""The verdict in a sentence: who wins, who ties, who is missing."""

import io

from reported import race_of
from rich.console import Console

from samestep.report.html import race_page
from samestep.report.markdown import markdown_report
from samestep.report.method import method
from samestep.report.sentence import unfinished_sentence, verdict_sentence
from samestep.report.table import result_view
from samestep.result import Result


def test_a_winner_and_the_next() -> None:
    race = race_of(["numpy", "torch", "flax"], 4)
    assert verdict_sentence(race).startswith("numpy is the fastest; torch, the next, takes 1.20 (")


def test_those_that_cannot_be_told_apart_are_named_together() -> None:
    race = race_of(["numpy", "torch", "flax"], 4)
    race.verdict[0].group, race.verdict[1].group, race.verdict[2].group = "a", "ab", "b"
    assert verdict_sentence(race).startswith(
        "numpy and torch cannot be told apart from the fastest; flax, the next, takes 1.44"
    )


def test_one_alone_and_none_at_all() -> None:
    race = race_of(["numpy"], 2)
    assert verdict_sentence(race) == "numpy is the fastest; nobody else was ranked."
    race.verdict = []
    assert verdict_sentence(race).startswith("No framework has a place")


def test_who_is_not_ranked_is_named(race: Result) -> None:
    assert verdict_sentence(race).endswith("Not ranked: wrong and broken.")


def test_every_report_says_how_far_an_unfinished_race_has_come() -> None:
    race = race_of(["numpy", "torch"], 3)
    assert unfinished_sentence(race) is None
    race.unfinished, race.settings.curve_seeds = True, 5
    race.trials[-1].repeats = 0
    said = (
        "Unfinished: 5 of 6 trials are in this result, 1 more in repeated blocks and "
        "0 of 10 learning curves."
    )
    assert unfinished_sentence(race) == said
    console = Console(file=io.StringIO(), width=200)
    console.print(result_view(race))
    for report in (console.file.getvalue(), markdown_report(race), race_page(race, "race.json")):
        assert said in report
    assert method(race)[-1].endswith("There are to be 3 trials of each.")
