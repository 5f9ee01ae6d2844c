"""The command that repeats a race: run again, it would make the same experiment."""

import shlex

import pytest
from reported import race_of

from samestep import api
from samestep.experiment_file import shipped_experiments
from samestep.report.command import OWN_FILE, repeating_command
from samestep.result import Result


def raced(result: Result) -> list[str]:
    return shlex.split(repeating_command(result))


@pytest.mark.parametrize("name", shipped_experiments())
@pytest.mark.parametrize("overrides", [[], ["training.optimizer.name=sgd", "training.epochs=7"]])
def test_overrides_are_found_again(name: str, overrides: list[str]) -> None:
    wanted = api.load(name, overrides)
    result = race_of(["numpy"], 1)
    result.experiment = wanted.model_dump(mode="json")
    words = raced(result)
    found = [words[place + 1] for place, word in enumerate(words) if word == "--set"]
    assert words[:3] == ["samestep", "race", name]
    assert api.load(words[2], found) == wanted


def test_a_file_of_ones_own_is_the_readers_to_name() -> None:
    result = race_of(["numpy"], 1)
    result.experiment = {"title": "'; rm -rf / #"}
    assert raced(result)[2] == OWN_FILE


def test_settings_are_options() -> None:
    result = race_of(["numpy", "torch"], 3)
    result.settings.within, result.settings.budget_seconds = 0.02, 90.0
    result.settings.curve_seeds, result.settings.epochs = 5, 3
    text = repeating_command(result)
    for option in ("-f numpy,torch", "--precision 2%", "--budget 90s", "--epochs 3"):
        assert option in text
    assert "--curves --curve-seeds 5" in text
    assert "--no-repeats" not in text
    result.settings.repeats = False
    assert "--no-repeats" in repeating_command(result)
