"""A race in an MLflow store: a run for it, and below it one for each framework."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from samestep.errors import BadInput
from samestep.report.command import repeating_command
from samestep.report.html import race_page
from samestep.report.measures import median_of
from samestep.report.progress import Stage, progress_of
from samestep.report.sentence import verdict_sentence
from samestep.result import Result, Trial

LONGEST = 5000
"""Characters that a tag of MLflow may have."""


def log_race(result: Result, uri: str, file_name: str) -> str:
    """Log verdict, figures, curves and page to the store at `uri`; return the race's run id.

    A place without a scheme is a file of SQLite. Raise BadInput without MLflow or such a store.
    """
    try:
        from mlflow.entities import RunTag
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient
    except ImportError:
        raise BadInput("--mlflow: needs MLflow; pip install 'samestep[mlflow]'") from None
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    try:
        client = MlflowClient(_store(uri))
        experiment = _experiment(client, result.title, uri)
        race = client.create_run(
            experiment, run_name=result.created, start_time=_milliseconds(result)
        )
        for key, value in _facts(result).items():
            client.log_param(race.info.run_id, key, value)
        tags = {"verdict": verdict_sentence(result), "command": repeating_command(result)}
        client.log_batch(race.info.run_id, tags=[RunTag(k, v[:LONGEST]) for k, v in tags.items()])
        client.log_text(race.info.run_id, race_page(result, file_name), "report.html")
        client.log_text(race.info.run_id, result.model_dump_json(indent=1), file_name)
        stages, counted = progress_of(result), result.counted_trials()
        for name in result.frameworks:
            own = [stage for stage in stages if stage.framework == name]
            figures = _figures(result, name, counted[name])
            _log_framework(client, experiment, race.info.run_id, result, name, figures, own)
        client.set_terminated(race.info.run_id)
    except MlflowException as error:
        reason = str(error).splitlines()[0]
        raise BadInput(f"--mlflow {uri}: cannot be logged to ({reason})") from None
    return str(race.info.run_id)


def _log_framework(
    client: Any,
    experiment: str,
    parent: str,
    result: Result,
    framework: str,
    figures: Mapping[str, float],
    stages: Sequence[Stage],
) -> None:
    from mlflow.entities import Metric, Param, RunTag

    run = client.create_run(
        experiment, run_name=framework, tags={"mlflow.parentRunId": parent}
    ).info.run_id
    now = _milliseconds(result)
    raced = result.frameworks[framework]
    params = {"language": raced.language, "runtime": raced.runtime, **raced.version}
    metrics = [Metric(key, value, now, 0) for key, value in figures.items()]
    for stage in stages:
        metrics.append(Metric("test_accuracy", stage.accuracy, now, stage.epoch))
        metrics.append(Metric("test_loss", stage.loss, now, stage.epoch))
    client.log_batch(
        run,
        metrics=metrics,
        params=[Param(key, value) for key, value in params.items()],
        tags=[RunTag("proof", result.proof[framework].verdict)],
    )
    if raced.source:
        client.log_text(run, raced.source, "train.jl" if raced.language == "julia" else "train.py")
    client.set_terminated(run)


def _figures(result: Result, framework: str, trials: Sequence[Trial]) -> dict[str, float]:
    figures: dict[str, float] = {}
    for row in result.verdict:
        if row.framework == framework:
            for name, spread in (("epoch_seconds", row.epoch_seconds), ("ratio", row.ratio)):
                figures[name] = spread.median
                if spread.low is not None and spread.high is not None:
                    figures |= {f"{name}_low": spread.low, f"{name}_high": spread.high}
    medians = {
        "peak_bytes": median_of(trials, lambda t: t.peak_bytes),
        "cpu_seconds": median_of(trials, lambda t: t.cpu_seconds),
        "first_epoch_seconds": median_of(trials, lambda t: t.seconds.first_epoch),
        "final_accuracy": median_of(
            trials, lambda t: t.evaluation.accuracy if t.evaluation else None
        ),
    }
    return figures | {name: value for name, value in medians.items() if value is not None}


def _facts(result: Result) -> dict[str, object]:
    settings, machine = result.settings, result.machine
    return {
        "digest": result.digest,
        "cpu": machine.cpu,
        "threads": settings.threads,
        "precision": settings.precision,
        "trials": settings.trials,
    }


def _experiment(client: Any, title: str, uri: str) -> str:
    known = client.get_experiment_by_name(title)
    if known is not None:
        return str(known.experiment_id)
    place = None if "://" in uri else Path(uri).resolve().with_suffix(".artifacts").as_uri()
    return str(client.create_experiment(title, artifact_location=place))


def _store(uri: str) -> str:
    return uri if "://" in uri else f"sqlite:///{Path(uri).resolve()}"


def _milliseconds(result: Result) -> int:
    return int(datetime.fromisoformat(result.created).timestamp() * 1e3)
