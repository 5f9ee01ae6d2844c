"""Looking often and stopping early: the error rates hold, and clear races are short."""

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samestep.sequential import FIRST_LOOK, State, judge_pairs, plan_looks, still_open
from samestep.stats import ALPHA

Times = dict[str, dict[int, float]]


@given(st.integers(1, 500))
def test_the_looks_rise_to_the_last_block_and_spend_all(most: int) -> None:
    looks = plan_looks(most)
    ends = [look.blocks for look in looks]
    assert ends == sorted(set(ends)) and ends[-1] == most
    assert most < FIRST_LOOK or ends[0] == FIRST_LOOK
    assert sum(look.alpha for look in looks) == pytest.approx(ALPHA)
    assert all(look.alpha > 0 for look in looks)


def race(
    speeds: dict[str, float], noise: Callable[[], float], most: int, precision: float
) -> tuple[dict[frozenset[str], State], Times]:
    """Blocks until every neighbouring pair is settled, or there are `most`."""
    looks = plan_looks(most)
    times: Times = {name: {} for name in speeds}
    waiting = set(speeds)
    states: dict[frozenset[str], State] = {}
    for block in range(most):
        drift = noise()
        for name in waiting:
            times[name][block] = speeds[name] * math.exp(drift + noise())
        states = judge_pairs(times, looks, precision)
        waiting = still_open(times, states)
        if not waiting:
            break
    return states, times


@pytest.mark.parametrize("frameworks", ["ab", "abcdef"])
def test_equals_are_seldom_told_apart_however_often_one_looks(frameworks: str) -> None:
    generator = random.Random(0)
    alarms = 0
    for _ in range(200):
        states, _ = race(
            dict.fromkeys(frameworks, 1.0), lambda: generator.gauss(0, 0.05), 15, 0.001
        )
        alarms += "apart" in states.values()
    # 5% of 200 is 10; 20 is beyond three standard deviations above it.
    assert alarms < 20


def test_a_slower_one_is_found() -> None:
    generator = random.Random(1)
    found = 0
    for _ in range(100):
        states, _ = race({"a": 1.0, "b": 1.03}, lambda: generator.gauss(0, 0.015), 15, 0.01)
        found += states[frozenset("ab")] == "apart"
    assert found >= 80


def test_a_clear_race_is_short_and_equals_within_the_precision_end_it_too() -> None:
    generator = random.Random(2)
    noise = lambda: generator.gauss(0, 0.01)  # noqa: E731
    states, times = race({"a": 1.0, "b": 2.0, "c": 2.0}, noise, 40, 0.05)
    assert states == {
        frozenset("ab"): "apart",
        frozenset("ac"): "apart",
        frozenset("bc"): "close",
    }
    assert max(map(len, times.values())) < 12


def test_who_is_settled_runs_no_more() -> None:
    times = {"a": {0: 1.0}, "b": {0: 2.0}, "c": {0: 2.1}}
    pairs = {frozenset("ab"): "apart", frozenset("ac"): "open", frozenset("bc"): "open"}
    assert still_open(times, pairs) == {"b", "c"}  # type: ignore[arg-type]
    assert still_open({**times, "d": {}}, pairs) == {"b", "c", "d"}  # type: ignore[arg-type]


def test_what_a_look_has_found_stays() -> None:
    looks = plan_looks(15)
    exact = {"a": dict.fromkeys(range(FIRST_LOOK), 1.0), "b": dict.fromkeys(range(FIRST_LOOK), 1.5)}
    assert judge_pairs(exact, looks, 0.01)[frozenset("ab")] == "apart"
    noisy = {"a": exact["a"] | {4: 9.0, 5: 0.1}, "b": exact["b"] | {4: 0.1, 5: 9.0}}
    assert judge_pairs(noisy, looks, 0.01)[frozenset("ab")] == "apart"


def test_identical_times_are_close_never_apart() -> None:
    same = {"a": dict.fromkeys(range(FIRST_LOOK), 1.0), "b": dict.fromkeys(range(FIRST_LOOK), 1.0)}
    assert judge_pairs(same, plan_looks(9), 0.01)[frozenset("ab")] == "close"
