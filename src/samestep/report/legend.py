"""How a race was run, and what its table's columns and letters mean."""

from collections.abc import Iterable
from itertools import pairwise

from samestep.report.text import bytes_text, number_text, visible
from samestep.result import Result
from samestep.schedule import disturbed_blocks, disturbed_repeats, is_sequential, within
from samestep.stats import FEWEST_APART
from samestep.verdict import pair_states

MARKS = {
    "identical": ("=", "green"),
    "equivalent": ("~", "yellow"),
    "different": ("x", "red"),
    "unsupported": ("-", "dim"),
    "failed": ("!", "red"),
}
"""The sign of each verdict of a proof, and its style."""


def conditions(result: Result) -> str:
    """Machine, settings and time, in a line."""
    machine, settings = result.machine, result.settings
    parts = [
        f"{machine.cpu}, {machine.cores} cores, {bytes_text(machine.memory_bytes)}, {machine.os}",
        result.created,
    ]
    if settings.trials:
        parts[1:1] = [f"{settings.precision} on {settings.threads} cores, {_length(result)}"]
    return " · ".join(parts)


def _length(result: Result) -> str:
    settings = result.settings
    if not is_sequential(result):
        return "1 trial" if settings.trials == 1 else f"{settings.trials} trials"
    rounds = len({trial.block for trial in result.trials})
    limit = settings.budget_seconds
    budget = "" if limit is None else f", at most {number_text(limit / 60)} minutes"
    return f"{rounds} blocks, until settled to {number_text(100 * within(result))}%{budget}"


def legend(result: Result) -> Iterable[str]:
    """What the ranking's readers must know, line by line."""
    yield "#: one more than the number of those who are faster for certain."
    yield (
        "epoch: median of the trials' steady epochs [95% interval]; who shares a group letter "
        "cannot be told apart."
    )
    if is_sequential(result):
        yield from _settled(result)
    elif _most_trials(result) < FEWEST_APART:
        yield f"Fewer than {FEWEST_APART} trials tell nothing apart; ask for more with --trials."
    if result.settings.epochs is not None:
        yield (
            f"Each trial trained {result.settings.epochs} epochs, not all: accuracy, test loss and "
            "CPU seconds are of so many."
        )
    if result.speed is not None:
        matmul, memory = result.speed.matmul_flops / 1e9, result.speed.memory_bytes / 1e9
        yield (
            f"of matmul: the training's FLOPs a second, of the {number_text(matmul)} GFLOP/s that "
            f"a large product reaches here (a copy moves {number_text(memory)} GB/s)."
        )
    if any(trial.seconds.first_epoch is not None for trial in result.trials):
        yield (
            "warm-up: what the first epoch took beyond a steady one, to compile and to set up, as "
            "a share of the training."
        )
    yield from _disturbances(result)
    verdicts = {result.proof[row.framework].verdict for row in result.verdict}
    yield "proof: " + ", ".join(f"{MARKS[v][0]} {v}" for v in MARKS if v in verdicts)


def _most_trials(result: Result) -> int:
    """That anyone who is ranked has."""
    counted = result.counted_trials()
    return max(len(counted[row.framework]) for row in result.verdict)


def _disturbances(result: Result) -> Iterable[str]:
    disturbed = len(disturbed_blocks(result))
    if not disturbed:
        return
    what = "1 block was" if disturbed == 1 else f"{disturbed} blocks were"
    again = "run once more instead" if result.settings.repeats else "not run again"
    repeats = len(disturbed_repeats(result))
    too = f"; {repeats} of the repeats {'was' if repeats == 1 else 'were'} disturbed too"
    yield f"{what} disturbed from outside, and {again}{too if repeats else ''}."


def _settled(result: Result) -> Iterable[str]:
    """Neighbours that are as good as equal, and those that the race could not settle."""
    states = pair_states(result)
    order = [row.framework for row in result.verdict]
    neighbours = list(pairwise(order))
    share = number_text(100 * within(result))
    for state, words in (("close", f"closer than {share}%"), ("open", "not settled")):
        pairs = [pair for pair in neighbours if states.get(frozenset(pair)) == state]
        if pairs:
            names = ", ".join(" and ".join(map(visible, pair)) for pair in pairs)
            yield f"{words}: {names}."
    yield "Intervals are wider than after a fixed number of trials: they hold at every look."
