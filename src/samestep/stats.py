"""From trials to a verdict: intervals, paired ratios, ties. No I/O, no clock, no chance.

Times are compared in logarithms, for a slower machine slows everyone by a factor, and
inside a block, for what disturbs one block disturbs all of its trials alike.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import combinations
from math import exp, inf, log, sqrt
from statistics import fmean, median, stdev, variance

from samestep.letters import compact_letters

ALPHA = 0.05
TRIMMED = 5
"""One value in so many is left out at either end."""
FEWEST_TRIMMED = 8
FEWEST_APART = 3
"""Of fewer blocks two frameworks are never told apart."""
EQUAL = 1e-12
"""Logarithms closer than this are the same number, but for rounding."""

Blocks = Mapping[int, float]
"""Block number -> seconds."""


@dataclass(frozen=True)
class Interval:
    """A middle with its confidence interval; no interval from a single trial."""

    median: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Standing:
    """One framework's place: its epoch time, its ratio to the fastest, its group of ties."""

    framework: str
    epoch_seconds: Interval
    minimum: float
    maximum: float
    ratio: Interval
    group: str


def rank(
    times: Mapping[str, Blocks], apart: AbstractSet[frozenset[str]], alpha: float = ALPHA
) -> list[Standing]:
    """Frameworks from the fastest to the slowest; who share a letter are not `apart`.

    >>> times = {"a": {0: 1.0, 1: 1.1}, "b": {0: 1.0, 1: 1.1}}
    >>> [standing.group for standing in rank(times, pairs_apart(times))]
    ['a', 'a']
    """
    present = {name: blocks for name, blocks in times.items() if blocks}
    order = sorted(present, key=lambda name: (median(present[name].values()), name))
    if not order:
        return []
    letters = compact_letters(order, apart)
    fastest = present[order[0]]
    return [
        Standing(
            framework=name,
            epoch_seconds=typical(list(present[name].values()), alpha),
            minimum=min(present[name].values()),
            maximum=max(present[name].values()),
            ratio=(
                Interval(1.0, 1.0, 1.0)
                if name == order[0]
                else ratio(present[name], fastest, alpha)
            ),
            group=letters[name],
        )
        for name in order
    ]


def typical(values: Sequence[float], alpha: float = ALPHA) -> Interval:
    """Median, with its interval, in logarithms (widened to hold the median)."""
    middle = median(values)
    if len(values) < 2:
        return Interval(middle, None, None)
    low, high = _median_interval([log(value) for value in values], alpha)
    return Interval(middle, min(exp(low), middle), max(exp(high), middle))


def mean_interval(values: Sequence[float]) -> tuple[float, float | None, float | None]:
    """Mean with its 95% t interval, which takes more than one value."""
    mean = fmean(values)
    if len(values) < 2:
        return mean, None, None
    low, high = _t_interval(values, ALPHA)
    return mean, low, high


def ratio(slower: Blocks, faster: Blocks, alpha: float = ALPHA) -> Interval:
    """Slower over faster, from the blocks that hold both; without one, from the medians."""
    logs = paired_logs(slower, faster)
    if not logs:
        return Interval(median(slower.values()) / median(faster.values()), None, None)
    middle = exp(median(logs))
    if len(logs) < 2:
        return Interval(middle, None, None)
    low, high = _median_interval(logs, alpha)
    return Interval(middle, min(exp(low), middle), max(exp(high), middle))


def is_equivalent(one: Blocks, other: Blocks, margin: float, alpha: float = ALPHA) -> bool:
    """Whether paired values differ by less than the margin, by two one-sided t tests.

    Source: Schuirmann 1987, J. Pharmacokinet. Biopharm. 15(6).
    """
    differences = [one[key] - other[key] for key in one.keys() & other.keys()]
    # Two tests of one side each: the interval that leaves alpha on either side.
    low, high = _t_interval(differences, 2 * alpha)
    return -margin < low and high < margin


def change(before: Sequence[float], after: Sequence[float], alpha: float = ALPHA) -> Interval:
    """After over before, of values that were not taken together.

    Welch's interval of the difference of the logarithms (Welch 1947, Biometrika 34).
    """
    middle = median(after) / median(before)
    if min(len(before), len(after)) < 2:
        return Interval(middle, None, None)
    low, high = _welch_interval([log(v) for v in before], [log(v) for v in after], alpha)
    return Interval(middle, min(exp(low), middle), max(exp(high), middle))


def difference(before: Sequence[float], after: Sequence[float], alpha: float = ALPHA) -> Interval:
    """After less before, the means, with Welch's interval."""
    middle = fmean(after) - fmean(before)
    if min(len(before), len(after)) < 2:
        return Interval(middle, None, None)
    return Interval(middle, *_welch_interval(before, after, alpha))


def pairs_apart(times: Mapping[str, Blocks]) -> set[frozenset[str]]:
    """Pairs whose paired interval, at 5% over all pairs (Holm), excludes a tie."""
    logs = log_ratios(times)
    return told_apart(logs, ALPHA, len(logs))


def log_ratios(times: Mapping[str, Blocks]) -> dict[frozenset[str], list[float]]:
    """Of every pair, the logarithms of one over the other, over the blocks that hold both."""
    return {
        frozenset((one, other)): paired_logs(times[one], times[other])
        for one, other in combinations(sorted(times), 2)
    }


def told_apart(
    logs: Mapping[frozenset[str], Sequence[float]], alpha: float, waiting: int
) -> set[frozenset[str]]:
    """The pairs whose interval leaves out a tie.

    Of `waiting` pairs each is judged at its part of alpha; every one that is found leaves its part
    to the others. Source: Holm 1979, Scand. J. Statist. 6(2).
    """
    found: set[frozenset[str]] = set()
    while True:
        level = alpha / max(1, waiting - len(found))
        more = {
            pair
            for pair, values in logs.items()
            if pair not in found and _leaves_out_tie(trimmed_interval(values, level))
        }
        if not more:
            return found
        found |= more


def _leaves_out_tie(interval: tuple[float, float]) -> bool:
    low, high = interval
    return low > EQUAL or high < -EQUAL


def paired_logs(one: Blocks, other: Blocks) -> list[float]:
    """Logarithms of one over the other, over the blocks that hold both."""
    return [log(one[block] / other[block]) for block in sorted(one.keys() & other.keys())]


def trimmed_interval(values: Sequence[float], alpha: float) -> tuple[float, float]:
    """Yuen's interval of the trimmed mean, or of the mean where there are few values; wider.

    A host that others share slows whole trials to half their speed, one in ten or more. Student's
    interval is then so wide that it finds next to nothing; this one leaves out the fifth at
    either end. It takes eight values or more for its level to hold.

    In a quiet hour noise has short tails instead, and a few values of it may lie closer together
    than they should: Student's interval misses the truth in 7.2% of four even values, and Yuen's in
    7.1% of ten (Perlo 1933, Biometrika 25, has the case of three). With one degree of freedom less
    it is 4.0% and 5.9%. Two values give no interval.

    Source: Yuen 1974, Biometrika 61(1); Tukey and McLaughlin 1963, Sankhya A 25(3).
    """
    from scipy.special import stdtrit

    cut = len(values) // TRIMMED if len(values) >= FEWEST_TRIMMED else 0
    order = sorted(values)
    kept = order[cut : len(order) - cut]
    count = len(kept)
    if count < FEWEST_APART:
        return -inf, inf
    winsorized = [kept[0]] * cut + kept + [kept[-1]] * cut
    scale = sqrt((len(values) - 1) / (count * (count - 1)))
    reach = float(stdtrit(count - 2, 1 - alpha / 2)) * stdev(winsorized) * scale
    return fmean(kept) - reach, fmean(kept) + reach


def _median_interval(values: Sequence[float], alpha: float) -> tuple[float, float]:
    """Of the median, by interpolated order statistics, or Student's where values are too few.

    It holds its 95% whatever the values' distribution, as on a host that others share; five
    values give no more than 93.75%.

    Source: Hettmansperger and Sheather 1986, Statistics & Probability Letters 4(2).
    """
    count = len(values)
    if 2 ** (1 - count) > 1.25 * alpha:
        return _t_interval(values, alpha)
    rank = 1
    while rank + 1 <= count // 2 and _outside(count, rank + 1) <= alpha:
        rank += 1
    # Between the interval of the values of this rank from either end, and the next one inside.
    outer, inner = _outside(count, rank), _outside(count, rank + 1)
    share = max(0.0, (alpha - outer) / (inner - outer))
    weight = (count - rank) * share / (rank + (count - 2 * rank) * share)
    order = sorted(values)
    low = (1 - weight) * order[rank - 1] + weight * order[rank]
    high = (1 - weight) * order[-rank] + weight * order[-rank - 1]
    return low, high


def _outside(count: int, rank: int) -> float:
    """How often the median lies outside of the values of this rank from either end."""
    from scipy.special import bdtr

    return 2 * float(bdtr(rank - 1, count, 0.5))


def _t_interval(values: Sequence[float], alpha: float) -> tuple[float, float]:
    """Student's t interval of the mean."""
    from scipy.special import stdtrit

    if len(values) < 2:
        return -inf, inf
    degrees = len(values) - 1
    reach = float(stdtrit(degrees, 1 - alpha / 2)) * stdev(values) / sqrt(len(values))
    return fmean(values) - reach, fmean(values) + reach


def _welch_interval(
    before: Sequence[float], after: Sequence[float], alpha: float
) -> tuple[float, float]:
    from scipy.special import stdtrit

    one, other = variance(before) / len(before), variance(after) / len(after)
    middle = fmean(after) - fmean(before)
    if one + other == 0:
        return middle, middle
    degrees = (one + other) ** 2 / (one**2 / (len(before) - 1) + other**2 / (len(after) - 1))
    reach = float(stdtrit(degrees, 1 - alpha / 2)) * sqrt(one + other)
    return middle - reach, middle + reach
