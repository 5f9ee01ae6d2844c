import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import sem, t

from samestep.stats import (
    change,
    difference,
    is_equivalent,
    pairs_apart,
    rank,
    ratio,
    told_apart,
    trimmed_interval,
    typical,
)

seconds = st.floats(min_value=1e-6, max_value=1e3)
times = st.dictionaries(
    st.sampled_from("abcdefgh"),
    st.dictionaries(st.integers(0, 6), seconds, max_size=7),
)


def ranked(times):
    return rank(times, pairs_apart(times))


@given(times)
def test_a_ranking_is_ordered_whole_and_holds_its_medians(times):
    standings = ranked(times)
    assert {s.framework for s in standings} == {name for name, blocks in times.items() if blocks}
    medians = [s.epoch_seconds.median for s in standings]
    assert medians == sorted(medians)
    for standing in standings:
        assert standing.minimum <= standing.epoch_seconds.median <= standing.maximum
        for interval in (standing.epoch_seconds, standing.ratio):
            if interval.low is not None and interval.high is not None:
                assert interval.low <= interval.median <= interval.high


@given(st.dictionaries(st.integers(0, 9), seconds, min_size=3), st.floats(0.1, 10))
def test_a_constant_factor_in_every_block_is_told_apart_however_the_machine_drifts(blocks, factor):
    slower = {block: value * factor for block, value in blocks.items()}
    found = ratio(slower, blocks)
    assert found.median == pytest.approx(factor)
    apart = pairs_apart({"a": blocks, "b": slower})
    assert bool(apart) == (not math.isclose(factor, 1.0, rel_tol=1e-9)) or abs(factor - 1) < 1e-6


@given(st.dictionaries(st.integers(0, 9), seconds))
def test_a_race_of_one_framework_against_itself_has_no_winner(blocks):
    assert pairs_apart({"a": blocks, "b": dict(blocks)}) == set()


@given(seconds, seconds)
def test_one_block_tells_nothing_apart(one, other):
    standings = ranked({"a": {0: one}, "b": {0: other}})
    assert [s.group for s in standings] == ["a", "a"]
    assert standings[1].epoch_seconds.low is None


def test_blocks_that_are_not_shared_do_not_pair():
    assert pairs_apart({"a": {0: 1.0, 1: 1.0}, "b": {2: 9.0, 3: 9.0}}) == set()


def test_false_alarms_are_rare_with_many_frameworks_that_are_the_same():
    generator = random.Random(0)
    alarms = 0
    for _ in range(300):
        race = {
            name: {block: math.exp(generator.gauss(0, 0.1)) for block in range(5)}
            for name in "abcdef"
        }
        alarms += bool(pairs_apart(race))
    # 5% of 300 is 15; 28 is beyond three standard deviations above it.
    assert alarms < 28


def test_the_t_interval_agrees_with_a_table():
    # t(0.975, 3 degrees) = 3.182 446; the logs of these have mean 0 and deviation 1.
    logs = [place * math.sqrt(0.6) for place in (-1.5, -0.5, 0.5, 1.5)]
    found = typical([math.exp(value) for value in logs])
    assert math.log(found.high) == pytest.approx(3.1824463 / 2, rel=1e-6)


def test_the_interval_of_a_median_is_by_order():
    five = typical([1.0, 2.0, 3.0, 4.0, 99.0])
    assert (five.low, five.high) == pytest.approx((1.0, 99.0))
    # 0.05 lies a tenth of the way from 2/64 to 14/64, so 5 * 0.1 / (1 + 4 * 0.1) of the way in.
    six = typical([math.exp(value) for value in (0, 1, 2, 3, 4, 5)])
    assert (math.log(six.low), math.log(six.high)) == pytest.approx((5 / 14, 5 - 5 / 14))


@pytest.mark.parametrize("count", [5, 6, 8, 10, 20])
def test_an_interval_holds_the_median_of_noise_with_long_tails(count):
    generator = random.Random(0)

    def one() -> float:
        return math.exp(0.01 * generator.gauss(0, 1) / max(0.05, generator.random()))

    intervals = [typical([one() for _ in range(count)]) for _ in range(2000)]
    hits = sum(found.low <= 1 <= found.high for found in intervals)
    # Three standard deviations of a share of 95% of 2,000 are 29.
    assert 0.93 * 2000 - 29 < hits < 0.97 * 2000 + 29


def test_nothing_to_rank():
    assert ranked({}) == []
    assert ranked({"a": {}}) == []


def test_welch_agrees_with_scipy():
    from scipy.stats import ttest_ind

    before, after = [1.0, 2.0, 4.0, 3.5], [2.5, 6.0, 5.5]
    expected = ttest_ind(after, before, equal_var=False).confidence_interval(0.95)
    found = difference(before, after)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    logs = [[math.log(value) for value in values] for values in (before, after)]
    ratios = change(before, after)
    of_logs = difference(*logs)
    assert math.log(ratios.low) == pytest.approx(of_logs.low)
    assert math.log(ratios.high) == pytest.approx(of_logs.high)


def test_values_that_never_vary_have_a_sharp_difference():
    assert difference([1.0, 1.0], [3.0, 3.0]).low == 2.0
    assert change([1.0], [3.0]).low is None


def test_equivalence_takes_an_interval_inside_the_margin():
    noise = [0.001, -0.001, 0.0005, -0.0005, 0.0]
    one = {seed: 0.9 + value for seed, value in enumerate(noise)}
    for shift, equal in ((0.0, True), (0.003, True), (0.0045, False), (0.02, False)):
        other = dict.fromkeys(one, 0.9 + shift)
        assert is_equivalent(one, other, 0.005) == is_equivalent(other, one, 0.005) == equal
    assert not is_equivalent({0: 0.9}, {0: 0.9}, 0.005)
    assert not is_equivalent(one, {9: 0.9}, 0.005)


def test_equivalence_is_seldom_claimed_at_the_margin_itself():
    generator = random.Random(0)
    claims = sum(
        is_equivalent(
            {seed: 0.005 + generator.gauss(0, 0.001) for seed in range(5)},
            dict.fromkeys(range(5), 0.0),
            0.005,
        )
        for _ in range(1000)
    )
    # 5% of 1,000 is 50; 71 is beyond three standard deviations above it.
    assert claims < 71


def test_a_slow_trial_in_ten_does_not_hide_a_difference() -> None:
    noise = [0.01, -0.01, 0.02, -0.02, 0.005, -0.005, 0.015, -0.015, 0.0, 0.7]
    low, high = trimmed_interval([value - math.log(0.9) for value in noise], 0.05)
    assert 0 < low < -math.log(0.9) < high < 0.2


def test_few_values_are_not_trimmed() -> None:
    values = [1.0, 1.1, 1.3, 1.0, 1.2, 1.1, 1.0]
    expected = t.interval(0.95, len(values) - 2, statistics.fmean(values), sem(values))
    assert trimmed_interval(values, 0.05) == pytest.approx(expected)


def test_two_values_tell_nothing() -> None:
    assert trimmed_interval([1.0, 1.0], 0.05) == (-math.inf, math.inf)
    assert pairs_apart({"a": {0: 1.0, 1: 1.0}, "b": {0: 2.0, 1: 2.0}}) == set()


@pytest.mark.parametrize("count", [4, 5])
def test_the_level_holds_for_a_few_values_without_tails(count: int) -> None:
    """Student's interval of four even values misses the truth in 7.2%, of five in 6.6%."""
    generator = random.Random(count)
    drawn = [[generator.uniform(-1, 1) for _ in range(count)] for _ in range(10_000)]
    missed = sum(not low < 0 < high for low, high in (trimmed_interval(v, 0.05) for v in drawn))
    assert missed <= 500


def test_noise_whose_tails_are_longer_than_the_bell_curves() -> None:
    generator = random.Random(0)
    missed = 0
    for _ in range(4000):
        values = [generator.gauss(0, 1 if generator.random() < 0.9 else 20) for _ in range(10)]
        low, high = trimmed_interval(values, 0.05)
        missed += not low < 0 < high
    assert missed <= 200


def test_the_trimmed_interval_is_yuens_with_a_degree_of_freedom_less() -> None:
    """By hand: of ten values two are left out at either end."""
    winsorized = [2, 2, 2, 3, 4, 5, 6, 7, 7, 7]
    error = statistics.stdev(winsorized) * math.sqrt(9 / (6 * 5))
    reach = float(t.ppf(0.975, 4)) * error
    found = trimmed_interval([0, 1, 2, 3, 4, 5, 6, 7, 8, 99], 0.05)
    assert found == pytest.approx((4.5 - reach, 4.5 + reach))


def test_pairs_that_are_told_apart_leave_their_part_to_the_others() -> None:
    """Holm's steps: 0.05 / 3 is too little for the second pair, and 0.05 / 2 is enough."""
    clear, middling, none = [1.0, 1.01, 1.02], [0.1, 0.12, 0.15], [-0.1, 0.0, 0.1]
    logs = {
        frozenset(pair): v
        for pair, v in zip(("ab", "ac", "bc"), (clear, middling, none), strict=True)
    }
    middle, error = statistics.fmean(middling), float(sem(middling))
    # Three values have one degree of freedom here.
    p_value = 2 * float(t.sf(middle / error, 1))
    alpha = 2.5 * p_value
    assert told_apart(logs, alpha, 3) == {frozenset("ab"), frozenset("ac")}
    assert told_apart({frozenset("ac"): middling, frozenset("bc"): none}, alpha, 3) == set()
