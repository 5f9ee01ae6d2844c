"""What a race says of trials that keep no one speed."""

from collections.abc import Sequence
from statistics import median

from samestep.result import Trial
from samestep.steadiness import Steadiness, judge_steadiness

UNEVEN = ("slows down", "speeds up", "changes level")


def unsteady_sentence(trials: Sequence[Trial]) -> str | None:
    """How many trials were uneven, and by how much, if at least half of them were."""
    judged = [judge_steadiness([epoch.seconds for epoch in t.epochs[1:]]) for t in trials]
    uneven = [found for found in judged if found.state in UNEVEN]
    if not uneven or 2 * len(uneven) < len(trials):
        return None
    kinds = [_kind_text(state, uneven) for state in UNEVEN if _of(state, uneven)]
    return f"of {len(trials)} trials {', '.join(kinds)} (quarters of the epochs after the first)"


def _kind_text(state: str, uneven: Sequence[Steadiness]) -> str:
    changes = [abs(found.change) for found in _of(state, uneven)]
    verb = state if len(changes) == 1 else state.replace("s ", " ", 1)
    return f"{len(changes)} {verb} by {median(changes):.0%}"


def _of(state: str, uneven: Sequence[Steadiness]) -> list[Steadiness]:
    return [found for found in uneven if found.state == state]
