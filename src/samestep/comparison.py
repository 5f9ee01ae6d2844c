"""Two results of one experiment: what got slower, larger or less accurate, or is other work."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from samestep.machine import IDENTITY, first_difference
from samestep.proof_record import PROVED, ProofVerdict
from samestep.result import Result, Trial
from samestep.stats import ALPHA, Interval, change, difference, is_equivalent


@dataclass(frozen=True)
class Tolerance:
    """How much worse something may be: shares of time and memory, a difference of accuracy."""

    ratio: float = 0.05
    accuracy: float = 0.005


@dataclass(frozen=True)
class Change:
    """One framework, new against old; None where one of the results does not tell."""

    framework: str
    proof: tuple[ProofVerdict | None, ProofVerdict | None]
    """None in a result without the framework."""
    epoch: Interval | None
    memory: Interval | None
    accuracy: Interval | None
    as_accurate: bool | None
    """Whether the same seeds end within the tolerance of each other, for certain (TOST); None
    without learning curves of two seeds or more."""
    regressions: list[str]
    """What got worse by more than the tolerance, for certain."""
    improvements: list[str]


@dataclass(frozen=True)
class _Side:
    """One framework in one of the two results."""

    proof: ProofVerdict | None
    trials: Sequence[Trial]
    """Those that count."""
    failures: int
    accuracies: dict[int, float]
    """At the end of its learning curves, by seed."""


def obstacle(old: Result, new: Result) -> str | None:
    """Why these two results cannot be compared, in a few words, or None."""
    if old.digest != new.digest:
        return "they are of different experiments, data or seeds"
    changed = first_difference(old.machine, new.machine, IDENTITY)
    if changed is not None:
        return f"they were measured on different machines: {changed}"
    for name in ("threads", "device", "precision", "epochs"):
        before, after = getattr(old.settings, name), getattr(new.settings, name)
        if before != after:
            return f"their settings differ: {name} was {before}, is {after}"
    return None


def compare(old: Result, new: Result, tolerance: Tolerance) -> list[Change]:
    """Every framework of the old result, then those that only the new one has.

    What is called a regression is beyond its tolerance with the whole interval, at 5% over all
    frameworks (Bonferroni).
    """
    names = list(dict.fromkeys([*old.frameworks, *new.frameworks]))
    alpha = ALPHA / max(1, len(names))
    olds, news = _sides(old, names), _sides(new, names)
    return [_compare_one(name, olds[name], news[name], tolerance, alpha) for name in names]


def _sides(result: Result, names: Sequence[str]) -> dict[str, _Side]:
    trials, counted = result.trials_by_framework(), result.counted_trials()
    curves = result.finished_curves()
    return {
        name: _Side(
            proof=result.proof[name].verdict if name in result.proof else None,
            trials=counted.get(name, []),
            failures=sum(trial.outcome != "done" for trial in trials.get(name, [])),
            accuracies={
                curve.seed: curve.points[-1].test_accuracy for curve in curves.get(name, [])
            },
        )
        for name in names
    }


def _compare_one(name: str, old: _Side, new: _Side, tolerance: Tolerance, alpha: float) -> Change:
    epoch = _change(old, new, lambda trial: trial.seconds.steady_epoch, alpha)
    memory = _change(old, new, lambda trial: trial.peak_bytes, alpha)
    proof = (old.proof, new.proof)
    accuracy = _accuracy_change(old, new, alpha)
    as_accurate = _as_accurate(old, new, tolerance.accuracy, alpha)
    regressions, improvements = [], []
    if proof[0] in PROVED and proof[1] is None:
        regressions.append("is gone")
    elif proof[0] in PROVED and proof[1] not in PROVED:
        regressions.append(f"is {proof[1]} now")
    elif proof[0] not in PROVED and proof[1] in PROVED:
        improvements.append(f"is {proof[1]} now")
    if proof[0] in PROVED and proof[1] in PROVED and new.failures > old.failures:
        regressions.append("loses trials")
    for what, interval in (("time", epoch), ("memory", memory)):
        if _above(interval, 1 + tolerance.ratio):
            regressions.append(f"more {what}")
        elif _below(interval, 1 / (1 + tolerance.ratio)):
            improvements.append(f"less {what}")
    if _below(accuracy, -tolerance.accuracy):
        regressions.append("less accurate")
    elif _above(accuracy, tolerance.accuracy):
        improvements.append("more accurate")
    return Change(name, proof, epoch, memory, accuracy, as_accurate, regressions, improvements)


def _change(
    old: _Side, new: _Side, get: Callable[[Trial], float | None], alpha: float
) -> Interval | None:
    before, after = (
        [value for trial in side.trials if (value := get(trial))] for side in (old, new)
    )
    return change(before, after, alpha) if before and after else None


def _accuracy_change(old: _Side, new: _Side, alpha: float) -> Interval | None:
    """Over the seeds of the learning curves; trials are all of one seed, and tell no spread."""
    if old.accuracies and new.accuracies:
        before, after = (list(side.accuracies.values()) for side in (old, new))
        return difference(before, after, alpha)
    before, after = _trial_accuracies(old), _trial_accuracies(new)
    if before and after:
        return Interval(fmean(after) - fmean(before), None, None)
    return None


def _as_accurate(old: _Side, new: _Side, margin: float, alpha: float) -> bool | None:
    if len(old.accuracies.keys() & new.accuracies.keys()) < 2:
        return None
    return is_equivalent(old.accuracies, new.accuracies, margin, alpha)


def _trial_accuracies(side: _Side) -> list[float]:
    return [trial.evaluation.accuracy for trial in side.trials if trial.evaluation]


def _above(interval: Interval | None, limit: float) -> bool:
    return interval is not None and interval.low is not None and interval.low > limit


def _below(interval: Interval | None, limit: float) -> bool:
    return interval is not None and interval.high is not None and interval.high < limit
