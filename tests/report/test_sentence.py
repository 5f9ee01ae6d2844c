"""The verdict in a sentence: who wins, who ties, who is missing."""

from reported import race_of

from samestep.report.sentence import verdict_sentence
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
