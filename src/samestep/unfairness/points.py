"""The points of the critique: what one side was given and the other was not.

Each changes the work, the clock or the choice of trials of one side alone; a fair race and a
race of the changed experiment tell what that does to the ratio of the two.
"""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean

from samestep.experiment import Experiment
from samestep.result import Trial

Clock = Callable[[Trial], float | None]
"""The seconds of a trial that somebody calls its time for an epoch."""

Choose = Callable[[list[float]], list[float]]
"""Which of a framework's times are told."""

TOY_ROWS = 150
"""As many as Iris has."""


def steady(trial: Trial) -> float | None:
    """The steady epoch: the fair clock."""
    return trial.seconds.steady_epoch


def with_evaluation(trial: Trial) -> float | None:
    """An epoch with an evaluation on the test rows inside the timed part, compiled before."""
    evaluate, epoch = trial.seconds.evaluate_again, trial.seconds.steady_epoch
    return None if evaluate is None or epoch is None else epoch + evaluate


def with_first_epoch(trial: Trial) -> float | None:
    """The mean of all epochs, with what is compiled in the first."""
    return fmean(epoch.seconds for epoch in trial.epochs) if trial.epochs else None


def with_everything(trial: Trial) -> float | None:
    """The mean of all epochs, with an evaluation after each, the first with what it compiles."""
    epoch, seconds = with_first_epoch(trial), trial.seconds
    if epoch is None or seconds.evaluate is None or seconds.evaluate_again is None:
        return None
    first, others = seconds.evaluate, len(trial.epochs) - 1
    return epoch + (first + others * seconds.evaluate_again) / len(trial.epochs)


def everyone(times: list[float]) -> list[float]:
    """All trials."""
    return times


def the_best(times: list[float]) -> list[float]:
    """The best trial alone, as often as there are trials."""
    return [min(times)] * len(times)


@dataclass(frozen=True)
class Point:
    """One unfairness: what it does to the favoured side's work, clock or choice of trials."""

    name: str
    critique: str
    change: Callable[[Experiment], Experiment] | None = None
    """What the favoured side trains instead."""
    both: bool = False
    """Whether the other side trains that too."""
    clock: Clock = steady
    """Of the favoured side."""
    other_clock: Clock = steady
    choose: Choose = everyone
    """Of the favoured side's times."""
    epochs: int | None = None
    """So many of them are timed, where not all are."""


def with_training(experiment: Experiment, **changes: object) -> Experiment:
    """The experiment with some keys of its training changed."""
    return experiment.model_copy(
        update={"training": experiment.training.model_copy(update=changes)}
    )


def with_few_rows(experiment: Experiment) -> Experiment:
    """As few rows as Iris has."""
    data = experiment.data.model_copy(update={"rows": TOY_ROWS, "test_rows": TOY_ROWS})
    return experiment.model_copy(update={"data": data})


POINTS = (
    Point(
        "shuffled once",
        "TF reshuffles the data every epoch, the Julia code split and shuffled once",
        change=lambda experiment: with_training(experiment, shuffle="once"),
    ),
    Point(
        "batches of twice the size",
        "the batch sizes differ, and so does the number of steps an epoch",
        change=lambda experiment: with_training(
            experiment, batch_size=2 * experiment.training.batch_size
        ),
    ),
    Point(
        "no shuffle inside the timer",
        "batches were made outside the timed part on one side and inside it on the other",
        change=lambda experiment: with_training(experiment, shuffle="never"),
    ),
    Point(
        "evaluation inside the other's timer",
        "one side evaluates the model inside the timed part",
        other_clock=with_evaluation,
    ),
    Point(
        "first epoch inside the other's timer",
        "one side is timed with what it compiles, the other warm",
        other_clock=with_first_epoch,
    ),
    Point(
        "the best trial against the median",
        "the best of several runs is compared with an ordinary one",
        choose=the_best,
    ),
    Point(
        "all of these at once",
        "the comparison is unfair in every place where it matters",
        change=lambda experiment: with_training(
            experiment, shuffle="never", batch_size=2 * experiment.training.batch_size
        ),
        other_clock=with_everything,
        choose=the_best,
    ),
)
"""What is measured as a ratio of times; the lucky split is one of accuracies."""

TOO_SMALL = "150 rows of 4 numbers measure call overhead, not training speed"
FEW_ROWS = Point(f"{TOY_ROWS} rows, for both", TOO_SMALL, change=with_few_rows, both=True)


def told(trials: list[Trial], clock: Clock) -> list[float]:
    """The times of the trials, by that clock."""
    times = [clock(trial) for trial in trials]
    return [time for time in times if time is not None]
