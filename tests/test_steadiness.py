"""Even noise is steady; a trend, a step and a bump are told, with their size."""

import math
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samestep.report.notes import notes_of
from samestep.report.steadiness import cores_sentence, unsteady_sentence
from samestep.result import Epoch, Trial, load_result
from samestep.steadiness import FEWEST, judge_steadiness

SAVED = load_result(Path(__file__).parents[1] / "docs/results/fashion-cnn.json")


def noisy(shape: list[float], seed: int = 0, noise: float = 0.02) -> list[float]:
    generator = random.Random(seed)
    return [level * math.exp(generator.gauss(0, noise)) for level in shape]


def test_false_alarms_are_rare() -> None:
    alarms = sum(
        judge_steadiness(noisy([1.0] * 40, seed, noise=0.3)).state != "steady"
        for seed in range(2000)
    )
    # 0.1% of 2,000 is 2; 8 is beyond four standard deviations above it.
    assert alarms <= 8


SHAPES = {
    "slows down": ([1 + 0.2 * n / 40 for n in range(40)], 0.15),
    "speeds up": ([1.0] * 10 + [0.8] * 30, -0.2),
    "changes level": ([1.0] * 10 + [1.3] * 10 + [1.0] * 20, 0.3),
    "steady": ([1.0] * 40, 0.0),
}


@pytest.mark.parametrize("state", SHAPES)
def test_a_change_is_told_with_its_size(state: str) -> None:
    shape, change = SHAPES[state]
    found = judge_steadiness(noisy(shape))
    assert found.state == state
    assert found.change == pytest.approx(change, abs=0.03)


def test_a_trifle_is_not_worth_a_word() -> None:
    assert judge_steadiness([1 + 0.03 * n / 200 for n in range(200)]).state == "steady"


@given(st.lists(st.floats(1e-6, 1e3), max_size=FEWEST - 1))
def test_few_epochs_tell_nothing(seconds: list[float]) -> None:
    assert judge_steadiness(seconds).state == "too short"


@given(st.lists(st.floats(1e-6, 1e3), min_size=FEWEST, max_size=60), st.floats(1e-3, 1e3))
def test_the_unit_of_time_does_not_matter(seconds: list[float], unit: float) -> None:
    found, scaled = (judge_steadiness([s * factor for s in seconds]) for factor in (1.0, unit))
    assert found.change == pytest.approx(scaled.change, rel=1e-6, abs=1e-6)


def trial(shape: list[float]) -> Trial:
    epochs = [Epoch(seconds=seconds, loss=1.0) for seconds in [9.0, *noisy(shape)]]
    return Trial(framework="a", block=0, position=0, epochs=epochs, cpu_seconds=1.0, outcome="done")


def test_a_race_says_so_if_half_of_the_trials_are_uneven() -> None:
    fast, even = trial(SHAPES["speeds up"][0]), trial([1.0] * 40)
    assert unsteady_sentence([fast, even, even]) is None
    assert unsteady_sentence([fast, fast, even]) == (
        "of 3 trials 2 speed up by 20% (quarters of the epochs after the first)"
    )
    assert unsteady_sentence([fast, trial(SHAPES["slows down"][0])]) == (
        "of 2 trials 1 slows down by 14%, 1 speeds up by 20% "
        "(quarters of the epochs after the first)"
    )
    assert unsteady_sentence([]) is None


def test_a_race_says_so_if_trials_kept_unequal_numbers_of_cores_busy() -> None:
    alone, both, nearly = (
        trial([1.0]).model_copy(update={"cpu_seconds": 94.0, "wall_seconds": wall})
        for wall in (94.0, 56.0, 60.0)
    )
    cold = alone.model_copy(update={"cold": True})
    assert cores_sentence([both, alone, nearly, cold]) == (
        "of 3 warm trials the idlest kept 1.00 cores busy, the busiest 1.68 "
        "(CPU seconds over the process's time)"
    )
    assert cores_sentence([both, nearly]) is None
    assert cores_sentence([both, cold]) is None
    assert cores_sentence([]) is None


def test_no_framework_left_a_core_idle_in_the_saved_race_of_fashion_cnn() -> None:
    assert SAVED.trials
    assert [note for note in notes_of(SAVED) if note.kind == "unsteady"] == []
