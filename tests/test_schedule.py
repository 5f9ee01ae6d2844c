"""What a race runs next follows from its result alone; simulated, without a worker."""

import math
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from samestep.proof_record import FrameworkProof
from samestep.result import RacedFramework, Result, Seconds, Trial, load_result
from samestep.schedule import (
    Place,
    disturbed_trials,
    most_blocks,
    places_due,
    steady_times,
)
from samestep.surroundings import Surroundings
from samestep.verdict import pair_states, verdict_of

SAVED = Path(__file__).parents[1] / "docs/results/iris-mlp.json"
BUSY = Surroundings(others=1.0, stolen=0.0, megahertz=None)

Run = Callable[[Place], Trial]


def empty(names: str, **settings: object) -> Result:
    base = load_result(SAVED)
    version = RacedFramework(title="", version={}, language="python", runtime="")
    return base.model_copy(
        update={
            "trials": [],
            "verdict": [],
            "frameworks": dict.fromkeys(names, version),
            "proof": {name: FrameworkProof(verdict="identical") for name in names},
            "settings": base.settings.model_copy(update={"trials": 3, "repeats": True, **settings}),
        }
    )


def runner(
    speeds: dict[str, float], noise: float = 0.0, wall: float = 1.0, busy: set[int] = frozenset()
) -> Run:
    generator = random.Random(0)

    def run(place: Place) -> Trial:
        speed = speeds[place.framework]
        return Trial(
            framework=place.framework,
            block=place.block,
            position=place.position,
            repeats=place.repeats,
            seconds=Seconds(steady_epoch=speed * math.exp(generator.gauss(0, noise))),
            cpu_seconds=1.0,
            wall_seconds=wall,
            outcome="done" if speed < 1e9 else "failed",
            surroundings=BUSY if place.block in busy and place.repeats is None else None,
        )

    return run


def play(result: Result, run: Run, most: int = 2000) -> list[Place]:
    """Run the race to its end; every trial asks anew, as a race that goes on does."""
    played = []
    while due := places_due(result, list(result.frameworks)):
        played.append(due[0])
        result.trials.append(run(due[0]))
        assert len(played) < most
    return played


@pytest.mark.parametrize("trials", [1, 4])
def test_a_fixed_race_has_everyone_once_a_block(trials: int) -> None:
    result = empty("abc", trials=trials)
    played = play(result, runner(dict.fromkeys("abc", 1.0)))
    assert [place.block for place in played] == [n for n in range(trials) for _ in "abc"]
    for block in range(trials):
        assert {p.framework for p in played if p.block == block} == set("abc")


def test_the_second_of_two_blocks_is_the_mirror_image_of_the_first() -> None:
    played = play(empty("abcdef", trials=6), runner(dict.fromkeys("abcdef", 1.0)))
    blocks = [[p.framework for p in played if p.block == number] for number in range(6)]
    for first, second in zip(blocks[::2], blocks[1::2], strict=True):
        assert second == first[::-1]
    assert len({tuple(block) for block in blocks}) > 2


def test_a_clear_race_ends_early_and_who_is_settled_runs_no_more() -> None:
    result = empty("abc", trials=50, within=0.02)
    played = play(result, runner({"a": 1.0, "b": 1.015, "c": 9.0}, noise=0.014))
    counts = {name: sum(p.framework == name for p in played) for name in "abc"}
    assert counts["c"] < counts["a"] == counts["b"] < 50
    assert [row.group for row in verdict_of(result)] == ["a", "b", "c"]


def test_equals_end_a_race_when_they_are_known_to_be_close() -> None:
    result = empty("ab", trials=50, within=0.05)
    play(result, runner({"a": 1.0, "b": 1.0}, noise=0.01))
    assert pair_states(result) == {frozenset("ab"): "close"}
    assert len(result.trials) < 40
    assert [row.group for row in verdict_of(result)] == ["a", "a"]


def test_a_budget_fixes_the_blocks_after_the_first_and_is_kept() -> None:
    result = empty("ab", trials=50, budget_seconds=21.0)
    play(result, runner({"a": 1.0, "b": 1.0}, noise=0.5))
    assert most_blocks(result) == 10
    assert len(result.trials) == 20
    slower = empty("ab", trials=50, budget_seconds=21.0)
    walls = iter([1.0, 1.0] + [4.0] * 99)
    noisy = runner({"a": 1.0, "b": 1.0}, noise=0.5)
    play(slower, lambda place: noisy(place).model_copy(update={"wall_seconds": next(walls)}))
    assert sum(trial.wall_seconds for trial in slower.trials) <= 21.0


def test_a_core_that_was_slow_at_the_end_of_a_trial_disturbs_its_block() -> None:
    result = empty("ab", trials=4)
    noisy = runner({"a": 1.0, "b": 1.0}, noise=0.1)

    def probed(place: Place) -> Trial:
        # Julia's loop is not Python's: a framework is compared with itself alone.
        seconds = {"a": 0.02, "b": 0.05}[place.framework]
        slow = place == Place("b", 1, place.position, None)
        idle = Surroundings(
            others=0.0, stolen=0.0, megahertz=None, probe_seconds=seconds * (1.6 if slow else 1.1)
        )
        return noisy(place).model_copy(update={"surroundings": idle})

    played = play(result, probed)
    assert [place.repeats for place in played] == [None] * 8 + [1, 1]
    assert [trial.framework for trial in disturbed_trials(result)] == ["b"]
    assert set(steady_times(result)["a"]) == {0, 2, 3, 4}


def test_a_first_block_is_found_to_be_disturbed_by_the_one_after_it() -> None:
    result = empty("ab", trials=4, within=0.001)
    noisy = runner({"a": 1.0, "b": 1.0}, noise=0.1)

    def probed(place: Place) -> Trial:
        slow = place == Place("b", 0, place.position, None)
        idle = Surroundings(
            others=0.0, stolen=0.0, megahertz=None, probe_seconds=0.016 if slow else 0.01
        )
        return noisy(place).model_copy(update={"surroundings": idle})

    played = play(result, probed)
    assert [(p.block, p.repeats) for p in played[::2]] == [
        *((0, None), (1, None), (2, 0), (3, None), (4, None)),
    ]
    assert set(steady_times(result)["a"]) == {1, 2, 3, 4}


def test_a_disturbed_block_of_an_open_race_is_run_again_at_once() -> None:
    result = empty("ab", trials=6, within=0.001)
    played = play(result, runner({"a": 1.0, "b": 1.0}, noise=0.1, busy={1}))
    assert [(p.block, p.repeats) for p in played[::2]] == [
        *((0, None), (1, None), (2, 1), (3, None), (4, None), (5, None), (6, None)),
    ]
    assert set(steady_times(result)["a"]) == {0, 2, 3, 4, 5, 6}


def test_a_machine_that_is_always_busy_still_ends() -> None:
    result = empty("ab", trials=6, within=0.001)
    play(result, runner({"a": 1.0, "b": 1.0}, noise=0.1, busy=set(range(99))))
    assert len(steady_times(result)["a"]) == 6


def test_a_framework_that_always_fails_costs_three_trials() -> None:
    result = empty("abc", trials=50, within=0.02)
    played = play(result, runner({"a": 1.0, "b": 1.3, "c": 1e9}, noise=0.05))
    assert sum(place.framework == "c" for place in played) == 3
    assert [row.framework for row in verdict_of(result)] == ["a", "b"]


def test_one_framework_alone_ends_after_its_first_look() -> None:
    result = empty("a", trials=50, within=0.02)
    assert len(play(result, runner({"a": 1.0}))) == 1
