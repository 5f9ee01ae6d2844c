"""Learning by epoch and by seconds, over the seeds: what the curves of a race add up to."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor
from statistics import fmean

from samestep.report.measures import median_of
from samestep.result import Result, Trial


@dataclass(frozen=True)
class Stage:
    """The models of one framework after one epoch: mean over the seeds, lowest and highest."""

    framework: str
    epoch: int
    seconds: float | None
    """From the start of the process, at the raced speed; None without a raced speed."""
    accuracy: float
    least_accuracy: float
    most_accuracy: float
    loss: float
    least_loss: float
    most_loss: float


def progress_of(result: Result) -> list[Stage]:
    """Every framework's finished curves, epoch by epoch."""
    stages: list[Stage] = []
    counted = result.counted_trials()
    for name, curves in result.finished_curves().items():
        pace = pace_of(counted.get(name, []))
        for epoch, points in enumerate(zip(*(c.points for c in curves), strict=False), start=1):
            accuracies = [point.test_accuracy for point in points]
            losses = [point.test_loss for point in points]
            stages.append(
                Stage(
                    framework=name,
                    epoch=epoch,
                    seconds=None if pace is None else pace[0] + (epoch - 1) * pace[1],
                    accuracy=fmean(accuracies),
                    least_accuracy=min(accuracies),
                    most_accuracy=max(accuracies),
                    loss=fmean(losses),
                    least_loss=min(losses),
                    most_loss=max(losses),
                )
            )
    return stages


def pace_of(trials: Sequence[Trial]) -> tuple[float, float] | None:
    """Median seconds from a process's start to its first epoch's end, and of a steady epoch."""
    warm = [trial for trial in trials if not trial.cold] or trials
    start = median_of(warm, lambda trial: trial.seconds.start)
    epoch = median_of(trials, lambda trial: trial.seconds.steady_epoch)
    return None if start is None or epoch is None else (start, epoch)


def common_accuracy(stages: Sequence[Stage]) -> float | None:
    """The highest accuracy, to a thousandth, that every framework's mean reaches."""
    best: dict[str, float] = {}
    for stage in stages:
        best[stage.framework] = max(best.get(stage.framework, 0.0), stage.accuracy)
    # The smallest step above rounding: 0.9 is 899.99... thousandths of a binary number.
    return floor(min(best.values()) * 1000 + 1e-9) / 1000 if best else None


def times_to(accuracy: float, stages: Sequence[Stage]) -> dict[str, float]:
    """Seconds until each framework's mean accuracy is first there."""
    times: dict[str, float] = {}
    for stage in stages:
        reached = stage.accuracy >= accuracy - 1e-12
        if reached and stage.seconds is not None and stage.framework not in times:
            times[stage.framework] = stage.seconds
    return times
