"""The ranking of a race, from its finished trials."""

from collections.abc import Mapping

from samestep.proof_record import PROVED
from samestep.result import Range, Result, Row
from samestep.schedule import is_sequential, most_blocks, steady_times, within
from samestep.sequential import Look, State, judge_pairs, plan_looks
from samestep.stats import ALPHA, Blocks, Interval, pairs_apart, rank


def verdict_of(result: Result) -> list[Row]:
    """The frameworks from the fastest to the slowest; who share a letter cannot be told apart.

    A race that looked at its blocks as they came has intervals of the level of the last look,
    which hold however often it looked.
    """
    times = steady_times(result)
    if is_sequential(result):
        apart = {pair for pair, state in pair_states(result).items() if state == "apart"}
        standings = rank(times, apart, _level(times, plan_looks(most_blocks(result))))
    else:
        standings = rank(times, pairs_apart(times), ALPHA)
    return [
        Row(
            framework=standing.framework,
            epoch_seconds=_range(standing.epoch_seconds),
            minimum=standing.minimum,
            maximum=standing.maximum,
            ratio=_range(standing.ratio),
            group=standing.group,
        )
        for standing in standings
    ]


def pair_states(result: Result) -> dict[frozenset[str], State]:
    """What a race that looked as it went has found of every pair."""
    times = steady_times(result)
    raced = {n: times.get(n, {}) for n, proof in result.proof.items() if proof.verdict in PROVED}
    return judge_pairs(raced, plan_looks(most_blocks(result)), within(result))


def _level(times: Mapping[str, Blocks], looks: list[Look]) -> float:
    """What the last look may have spent; all before the first."""
    most = max((len(blocks) for blocks in times.values()), default=0)
    passed = [look.alpha for look in looks if look.blocks <= most]
    return passed[-1] if passed else looks[0].alpha


def _range(interval: Interval) -> Range:
    return Range(median=interval.median, low=interval.low, high=interval.high)
