"""Which trials a race still needs: pure, from its result, so that a race can go on anywhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from samestep.result import Result, Trial
from samestep.sequential import judge_pairs, plan_looks, still_open
from samestep.stats import Blocks
from samestep.surroundings import MOST_SLOWED

HOPELESS = 3
"""A framework that has lost its first so many trials is not tried again without an end."""

DEFAULT_WITHIN = 0.02


@dataclass(frozen=True)
class Place:
    """Where a trial stands in its race."""

    framework: str
    block: int
    position: int
    repeats: int | None = None
    """The block that is run once more because it was disturbed."""


def places_due(result: Result, names: Sequence[str]) -> list[Place]:
    """The trials that are due now, in their order; none are when the race is at its end.

    With a fixed number of trials, those of every block and then of every disturbed one again;
    else the rest of the block that runs, or the next block if anything is open.
    """
    if is_sequential(result):
        return _sequential_places(result, names)
    settings = result.settings
    blocks = [p for number in range(settings.trials) for p in _block(result, names, number)]
    due = _not_ended(result, blocks)
    if due or not settings.repeats:
        return due
    again = [
        place
        for number, block in enumerate(disturbed_blocks(result), start=settings.trials)
        for place in _block(result, names, number, repeats=block)
    ]
    return _not_ended(result, again)


def is_sequential(result: Result) -> bool:
    """Whether the race ends when it is settled or its budget is spent."""
    return result.settings.within is not None or result.settings.budget_seconds is not None


def disturbed_blocks(result: Result) -> list[int]:
    """Blocks that had a disturbed trial, but for those that are repeats already."""
    return sorted({trial.block for trial in disturbed_trials(result) if trial.repeats is None})


def disturbed_repeats(result: Result) -> list[int]:
    """Blocks that were run once more for a disturbed one, and were disturbed as well."""
    return sorted({trial.block for trial in disturbed_trials(result) if trial.repeats is not None})


def disturbed_trials(result: Result) -> list[Trial]:
    """Trials beside busy neighbours, or whose core was slow just before or after training."""
    probes: dict[str, list[float]] = {}
    for trial in result.trials:
        if (seconds := _probe(trial)) is not None:
            probes.setdefault(trial.framework, []).append(seconds)
    limits = {name: MOST_SLOWED * min(seconds) for name, seconds in probes.items()}
    return [
        trial
        for trial in result.trials
        if (trial.surroundings is not None and trial.surroundings.busy)
        or (_probe(trial) or 0.0) > limits.get(trial.framework, 0.0)
    ]


def _probe(trial: Trial) -> float | None:
    return None if trial.surroundings is None else trial.surroundings.probe_seconds


def steady_times(result: Result, before: int | None = None) -> dict[str, Blocks]:
    """Seconds of a steady epoch by framework and block, of all blocks or of those before one."""
    times = {
        name: {
            trial.block: trial.seconds.steady_epoch
            for trial in trials
            if trial.seconds.steady_epoch
        }
        for name, trials in result.counted_trials(before).items()
    }
    return {name: blocks for name, blocks in times.items() if blocks}


def most_blocks(result: Result) -> int:
    """At most so many blocks: as asked, or as the budget holds of the first."""
    settings = result.settings
    first = [trial.wall_seconds for trial in result.trials if trial.block == 0]
    if settings.budget_seconds is None or not sum(first):
        return settings.trials
    return max(1, min(settings.trials, int(settings.budget_seconds / sum(first))))


def within(result: Result) -> float:
    """The difference that nobody needs to know, as a share."""
    asked = result.settings.within
    return DEFAULT_WITHIN if asked is None else asked


def _sequential_places(result: Result, names: Sequence[str]) -> list[Place]:
    if not result.trials:
        return _block(result, names, 0)
    last = max(trial.block for trial in result.trials)
    last_trials = [trial for trial in result.trials if trial.block == last]
    repeats = last_trials[0].repeats
    running = _participants(result, names, last) if repeats is None else _ran_in(result, repeats)
    due = _not_ended(result, _block(result, running, last, repeats))
    if due:
        return due
    # A faster probe may tell only later that the first block was disturbed.
    again = set(disturbed_blocks(result)) - {trial.repeats for trial in result.trials}
    if result.settings.repeats and again:
        first = min(again)
        return _block(result, _ran_in(result, first), last + 1, repeats=first)
    if _is_spent(result, last_trials):
        return []
    return _block(result, _participants(result, names, last + 1), last + 1)


def _participants(result: Result, names: Sequence[str], block: int) -> list[str]:
    """Whom the blocks before this one have not settled."""
    steady = steady_times(result, block)
    times = {name: steady.get(name, {}) for name in names}
    looks = plan_looks(most_blocks(result))
    waiting = still_open(times, judge_pairs(times, looks, within(result)))
    lost = [t.framework for t in result.trials if t.block < block and t.outcome != "done"]
    hopeless = {name for name in names if not times[name] and lost.count(name) >= HOPELESS}
    return [name for name in names if name in waiting - hopeless]


def _ran_in(result: Result, block: int) -> list[str]:
    return [trial.framework for trial in result.trials if trial.block == block]


def _is_spent(result: Result, last_trials: Sequence[Trial]) -> bool:
    counted = {trial.block for trial in result.trials if trial.repeats is None}
    if len(counted) >= most_blocks(result):
        return True
    budget = result.settings.budget_seconds
    spent = sum(trial.wall_seconds for trial in result.trials)
    return budget is not None and spent + sum(t.wall_seconds for t in last_trials) > budget


def _block(
    result: Result, names: Sequence[str], number: int, repeats: int | None = None
) -> list[Place]:
    """Random order in one block and its mirror image in the next, which cancels a drift."""
    pair, mirrored = divmod(number, 2)
    generator = Random(f"{result.settings.seed}/{pair}")
    everyone = generator.sample(sorted(result.frameworks), len(result.frameworks))
    order = [name for name in (everyone[::-1] if mirrored else everyone) if name in names]
    return [Place(name, number, position, repeats) for position, name in enumerate(order)]


def _not_ended(result: Result, places: Sequence[Place]) -> list[Place]:
    ended = {(trial.block, trial.framework) for trial in result.trials}
    return [place for place in places if (place.block, place.framework) not in ended]
