"""What a race says of trials that keep no one speed, or not as many cores busy as others."""

from collections.abc import Sequence
from statistics import median

from samestep.result import Trial
from samestep.steadiness import Steadiness, judge_steadiness

UNEVEN = ("slows down", "speeds up", "changes level")

BUSIER = 1.25
"""How many times as many cores a trial may keep busy as another.

In this project's saved races on quiet machines only TensorFlow's differed by more than 1.16, while
its scripts waited for tf.data's tuning thread.
"""


def unsteady_sentence(trials: Sequence[Trial]) -> str | None:
    """How many trials were uneven, and by how much, if at least half of them were."""
    judged = [judge_steadiness([epoch.seconds for epoch in t.epochs[1:]]) for t in trials]
    uneven = [found for found in judged if found.state in UNEVEN]
    if not uneven or 2 * len(uneven) < len(trials):
        return None
    kinds = [_kind_text(state, uneven) for state in UNEVEN if _of(state, uneven)]
    return f"of {len(trials)} trials {', '.join(kinds)} (quarters of the epochs after the first)"


def cores_sentence(trials: Sequence[Trial]) -> str | None:
    """How many cores the idlest and the busiest trial kept busy, if that differs.

    The same work in the same processor time and twice the wall time is no slower arithmetic: its
    threads shared a core, or waited. A cold start waits for storage, and tells nothing of that.
    """
    warm = [trial for trial in trials if trial.wall_seconds > 0 and not trial.cold]
    busy = [trial.cpu_seconds / trial.wall_seconds for trial in warm]
    if not busy or max(busy) <= BUSIER * min(busy):
        return None
    return (
        f"of {len(warm)} warm trials the idlest kept {min(busy):.2f} cores busy, the busiest "
        f"{max(busy):.2f} (CPU seconds over the process's time)"
    )


def _kind_text(state: str, uneven: Sequence[Steadiness]) -> str:
    changes = [abs(found.change) for found in _of(state, uneven)]
    verb = state if len(changes) == 1 else state.replace("s ", " ", 1)
    return f"{len(changes)} {verb} by {median(changes):.0%}"


def _of(state: str, uneven: Sequence[Steadiness]) -> list[Steadiness]:
    return [found for found in uneven if found.state == state]
