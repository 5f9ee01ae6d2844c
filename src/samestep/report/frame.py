"""A race as a table of trials, for pandas."""

from typing import Any

from samestep.result import Result
from samestep.schedule import disturbed_trials


def trial_rows(result: Result) -> list[dict[str, Any]]:
    """A row for each trial: where it stood, what it took (seconds, bytes), how it ended."""
    disturbed = {(trial.framework, trial.block) for trial in disturbed_trials(result)}
    return [
        {
            "framework": trial.framework,
            "block": trial.block,
            "position": trial.position,
            "outcome": trial.outcome,
            **{f"{name}_seconds": s for name, s in trial.seconds.model_dump(by_alias=True).items()},
            "epochs": len(trial.epochs),
            "test_loss": None if trial.evaluation is None else trial.evaluation.loss,
            "test_accuracy": None if trial.evaluation is None else trial.evaluation.accuracy,
            "peak_bytes": trial.peak_bytes,
            "cpu_seconds": trial.cpu_seconds,
            "wall_seconds": trial.wall_seconds,
            "disturbed": None
            if trial.surroundings is None
            else (trial.framework, trial.block) in disturbed,
            "message": trial.message,
        }
        for trial in result.trials
    ]
