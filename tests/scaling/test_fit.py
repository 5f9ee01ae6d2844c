"""Overhead and rate are found again, and where two lines cross, within their intervals."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samestep.scaling.fit import Line, Samples, find_crossing, fit, fit_line
from samestep.stats import Blocks

WORK = [1e3, 1e4, 1e5, 1e6, 1e7]
SMALL_OVERHEAD, LARGE_RATE = Line(1e-5, 1e-9), Line(1e-3, 1e-10)


def timed(line: Line, noise: float, seed: int, trials: int = 5) -> dict[float, Blocks]:
    generator = random.Random(seed)
    return {
        work: {
            block: line.seconds(work) * math.exp(generator.gauss(0, noise))
            for block in range(trials)
        }
        for work in WORK
    }


def slowed(samples: Samples, seed: int) -> dict[float, Blocks]:
    """By up to twice, each block by its own factor."""
    generator = random.Random(seed)
    factors = [math.exp(generator.uniform(0, 0.7)) for _ in range(5 * len(WORK))]
    return {
        work: {block: seconds * factors[5 * n + block] for block, seconds in blocks.items()}
        for n, (work, blocks) in enumerate(samples.items())
    }


@given(st.floats(1e-7, 1e-2), st.floats(1e-12, 1e-7))
def test_exact_times_give_the_line_itself(overhead: float, per_flop: float) -> None:
    line = Line(overhead, per_flop)
    found = fit_line(WORK, [line.seconds(work) for work in WORK])
    for work in WORK:
        assert found.seconds(work) == pytest.approx(line.seconds(work), rel=1e-6)


@given(st.lists(st.floats(1e-6, 1e2), min_size=5, max_size=5))
def test_no_part_of_a_line_is_negative(seconds: list[float]) -> None:
    line = fit_line(WORK, seconds)
    assert line.overhead >= 0 and line.per_flop >= 0


def test_noisy_times_give_intervals_that_hold_the_truth() -> None:
    inside = 0
    for seed in range(20):
        found = fit(timed(SMALL_OVERHEAD, 0.05, seed))
        assert found.overhead.low <= found.overhead.value <= found.overhead.high
        assert found.rate.low <= found.rate.value <= found.rate.high
        assert found.misfit < 0.2
        inside += found.overhead.low <= SMALL_OVERHEAD.overhead <= found.overhead.high
    assert inside >= 14


def test_a_curve_that_is_no_line_says_so() -> None:
    assert fit({work: {0: math.sqrt(work)} for work in WORK}).misfit > 0.5


def test_a_crossing_is_found_with_who_is_faster_below_it() -> None:
    truth = (LARGE_RATE.overhead - SMALL_OVERHEAD.overhead) / (
        SMALL_OVERHEAD.per_flop - LARGE_RATE.per_flop
    )
    found = find_crossing(("a", "b"), (timed(SMALL_OVERHEAD, 0.03, 0), timed(LARGE_RATE, 0.03, 1)))
    assert found is not None
    assert (found.below, found.above) == ("a", "b")
    assert found.work.value == pytest.approx(truth, rel=0.3)
    assert found.work.low < found.work.value < found.work.high < 1e7


def test_what_slows_both_of_a_block_moves_no_crossing() -> None:
    quiet = timed(SMALL_OVERHEAD, 0, 0), timed(LARGE_RATE, 0, 1)
    noisy = slowed(quiet[0], 2), slowed(quiet[1], 2)
    one, other = find_crossing(("a", "b"), quiet), find_crossing(("a", "b"), noisy)
    assert one is not None and other is not None
    assert other.work.value == pytest.approx(one.work.value)
    assert other.work.high == pytest.approx(other.work.low)


def test_sizes_without_a_common_block_are_left_out() -> None:
    one, other = timed(SMALL_OVERHEAD, 0, 0), timed(LARGE_RATE, 0, 1)
    one[1e5], other[1e5] = {0: 1.0}, {1: 1.0}
    found = find_crossing(("a", "b"), (one, other))
    assert found is not None and 1e4 < found.work.value < 1e7


def test_lines_that_do_not_cross_have_no_crossing() -> None:
    slow = Line(1e-3, 1e-8)
    assert find_crossing(("a", "b"), (timed(SMALL_OVERHEAD, 0, 0), timed(slow, 0, 0))) is None
    assert find_crossing(("a", "b"), ({1e3: {0: 1.0}}, {1e3: {0: 2.0}})) is None


def test_equals_that_cross_by_noise_have_no_interval() -> None:
    for seed in range(10):
        pair = timed(SMALL_OVERHEAD, 0.1, seed), timed(SMALL_OVERHEAD, 0.1, seed + 100)
        found = find_crossing(("a", "b"), pair)
        assert found is None or found.work.high == float("inf")
