"""Two results of one experiment: what got slower, larger or less accurate, or is other work."""

from collections.abc import Callable
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
    return [_compare_one(old, new, name, tolerance, alpha) for name in names]


def _compare_one(old: Result, new: Result, name: str, tolerance: Tolerance, alpha: float) -> Change:
    epoch = _change(old, new, name, lambda trial: trial.seconds.steady_epoch, alpha)
    memory = _change(old, new, name, lambda trial: trial.peak_bytes, alpha)
    proofs = tuple(r.proof[name].verdict if name in r.proof else None for r in (old, new))
    proof = (proofs[0], proofs[1])
    accuracy = _accuracy_change(old, new, name, alpha)
    as_accurate = _as_accurate(old, new, name, tolerance.accuracy, alpha)
    regressions, improvements = [], []
    if proof[0] in PROVED and proof[1] is None:
        regressions.append("is gone")
    elif proof[0] in PROVED and proof[1] not in PROVED:
        regressions.append(f"is {proof[1]} now")
    elif proof[0] not in PROVED and proof[1] in PROVED:
        improvements.append(f"is {proof[1]} now")
    if proof[0] in PROVED and proof[1] in PROVED and _failures(new, name) > _failures(old, name):
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
    old: Result, new: Result, name: str, get: Callable[[Trial], float | None], alpha: float
) -> Interval | None:
    before, after = (
        [value for trial in _counted(result, name) if (value := get(trial))]
        for result in (old, new)
    )
    return change(before, after, alpha) if before and after else None


def _accuracy_change(old: Result, new: Result, name: str, alpha: float) -> Interval | None:
    """Over the seeds of the learning curves; trials are all of one seed, and tell no spread."""
    seeds = _accuracy_by_seed(old, name), _accuracy_by_seed(new, name)
    if all(seeds):
        before, after = (list(accuracies.values()) for accuracies in seeds)
        return difference(before, after, alpha)
    before, after = _trial_accuracies(old, name), _trial_accuracies(new, name)
    if before and after:
        return Interval(fmean(after) - fmean(before), None, None)
    return None


def _as_accurate(old: Result, new: Result, name: str, margin: float, alpha: float) -> bool | None:
    before, after = _accuracy_by_seed(old, name), _accuracy_by_seed(new, name)
    if len(before.keys() & after.keys()) < 2:
        return None
    return is_equivalent(before, after, margin, alpha)


def _accuracy_by_seed(result: Result, name: str) -> dict[int, float]:
    curves = result.finished_curves().get(name, [])
    return {curve.seed: curve.points[-1].test_accuracy for curve in curves}


def _trial_accuracies(result: Result, name: str) -> list[float]:
    return [trial.evaluation.accuracy for trial in _counted(result, name) if trial.evaluation]


def _counted(result: Result, name: str) -> list[Trial]:
    return result.counted_trials().get(name, [])


def _failures(result: Result, name: str) -> int:
    return sum(t.outcome != "done" for t in result.trials_by_framework().get(name, []))


def _above(interval: Interval | None, limit: float) -> bool:
    return interval is not None and interval.low is not None and interval.low > limit


def _below(interval: Interval | None, limit: float) -> bool:
    return interval is not None and interval.high is not None and interval.high < limit
