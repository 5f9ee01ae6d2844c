"""The race: blocks of trials, each a fresh process, saved as they come."""

import hashlib
import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from samestep.blas import kernel_warning
from samestep.catalogue import Framework
from samestep.codegen import language_of, render_script
from samestep.launch import Event, Outcome, Settings, run_worker
from samestep.machine import describe_machine, processor_flags
from samestep.plan import Plan
from samestep.proof_record import FrameworkProof
from samestep.result import (
    Epoch,
    Evaluation,
    RacedFramework,
    RaceSettings,
    Range,
    Result,
    Row,
    Seconds,
    Trial,
    TrialOutcome,
    save_result,
)
from samestep.stats import Interval, rank
from samestep.surroundings import Watch

PROVED = ("identical", "equivalent")


@dataclass(frozen=True)
class Progress:
    """What the race does now: a trial that starts (`trial` is None) or has just ended."""

    framework: str
    block: int
    done: int
    total: int
    trial: Trial | None


def run_race(
    plan: Plan,
    frameworks: Sequence[Framework],
    result: Result,
    settings: Settings,
    *,
    path: Path | None,
    on_progress: Callable[[Progress], None] | None = None,
) -> None:
    """Run what the result lacks of its trials; every finished one is in the file at `path`.

    Raced is what was proved. On KeyboardInterrupt the result stays saved as unfinished, and
    the interrupt goes on.
    """
    by_name = {f.name: f for f in frameworks if result.proof[f.name].verdict in PROVED}
    with tempfile.TemporaryDirectory(prefix="samestep-race-") as folder:
        scripts = {name: write_raced(by_name[name], plan, Path(folder)) for name in by_name}
        for name, script in scripts.items():
            result.frameworks[name].script = hashlib.sha256(script.read_bytes()).hexdigest()
        result.unfinished = True
        save_at(result, path)
        tell = on_progress or (lambda progress: None)
        try:
            while due := places_due(result, list(by_name)):
                place, total = due[0], len(result.trials) + len(due)
                name = place.framework
                tell(Progress(name, place.block, len(result.trials), total, None))
                watch = Watch()
                outcome = run_worker(by_name[name], "trial", plan, scripts[name], settings)
                trial = read_trial(outcome, plan.experiment.training.epochs, place)
                trial.surroundings = watch.end(outcome.cpu_seconds)
                result.trials.append(trial)
                _note_versions(result.frameworks[name], outcome)
                save_at(result, path)
                tell(Progress(name, place.block, len(result.trials), total, trial))
            result.unfinished = result.settings.curve_seeds > 0
        finally:
            result.verdict = verdict_of(result)
            save_at(result, path)


def start_result(
    plan: Plan,
    frameworks: Sequence[Framework],
    proofs: dict[str, FrameworkProof],
    settings: Settings,
    *,
    trials: int,
    seed: int,
    repeats: bool = True,
    curve_seeds: int = 0,
) -> Result:
    """A result without a trial."""
    return Result(
        title=plan.experiment.title,
        experiment=plan.experiment.model_dump(mode="json"),
        digest=plan.digest,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=describe_machine(),
        settings=RaceSettings(
            threads=settings.threads,
            device=settings.device,
            precision=settings.precision,
            seed=seed,
            trials=trials,
            repeats=repeats,
            curve_seeds=curve_seeds,
        ),
        frameworks={
            framework.name: RacedFramework(
                title=framework.title,
                version=framework.place.versions(),
                language=framework.language,
                runtime="",
            )
            for framework in frameworks
        },
        proof=proofs,
    )


@dataclass(frozen=True)
class Place:
    """Where a trial stands in its race."""

    framework: str
    block: int
    position: int
    repeats: int | None = None
    """The block that is run once more because it was disturbed."""


def places_due(result: Result, names: Sequence[str]) -> list[Place]:
    """The trials that are still to be run: of every block, then of every disturbed one again."""
    blocks = draw_schedule(names, result.settings.trials, result.settings.seed)
    ended = {(trial.block, trial.framework) for trial in result.trials}
    due = [place for place in blocks if (place.block, place.framework) not in ended]
    if due or not result.settings.repeats:
        return due
    again = [
        Place(name, result.settings.trials + number, position, block)
        for number, block in enumerate(disturbed_blocks(result))
        for position, name in enumerate(
            Random(f"{result.settings.seed}/{block}").sample(list(names), len(names))
        )
    ]
    return [place for place in again if (place.block, place.framework) not in ended]


def draw_schedule(names: Sequence[str], blocks: int, seed: int) -> list[Place]:
    """Every framework once a block, in random order."""
    generator = Random(seed)
    return [
        Place(name, block, position)
        for block in range(blocks)
        for position, name in enumerate(generator.sample(list(names), len(names)))
    ]


def disturbed_blocks(result: Result) -> list[int]:
    """Blocks that had a trial with busy neighbours, but for those that are repeats already."""
    return sorted(
        {
            trial.block
            for trial in result.trials
            if trial.repeats is None and trial.surroundings and trial.surroundings.disturbed
        }
    )


def read_trial(outcome: Outcome, epochs: int, place: Place) -> Trial:
    """What a worker's events say; events that do not add up make a failed trial."""
    where: dict[str, Any] = asdict(place)
    try:
        trial = Trial(
            **where,
            seconds=_seconds(outcome),
            epochs=[
                Epoch(seconds=(event["end"] - event["start"]) / 1e9, loss=event["loss"])
                for event in outcome.events
                if event["event"] == "epoch"
            ],
            evaluation=_evaluation(outcome.find("evaluated")),
            peak_bytes=_value(outcome.find("memory"), "peak_bytes"),
            cpu_seconds=outcome.cpu_seconds,
            outcome="done",
        )
    except (KeyError, TypeError, ValueError) as error:
        message = f"the worker's events do not make sense ({str(error).splitlines()[0]})"
        return Trial(**where, cpu_seconds=outcome.cpu_seconds, outcome="failed", message=message)
    trial.outcome, trial.message = _judge(outcome, trial, epochs)
    return trial


def verdict_of(result: Result) -> list[Row]:
    """The ranking of all frameworks that were proved, from their finished trials.

    A disturbed block counts for nothing once it is repeated: who is chosen by what else the
    machine did is not chosen by the times.
    """
    times: dict[str, dict[int, float]] = {}
    replaced = {(trial.repeats, trial.framework) for trial in result.trials}
    for trial in result.trials:
        if (trial.block, trial.framework) in replaced:
            continue
        steady = trial.seconds.steady_epoch
        if trial.outcome == "done" and steady is not None and steady > 0:
            times.setdefault(trial.framework, {})[trial.block] = steady
    return [
        Row(
            framework=standing.framework,
            epoch_seconds=_range(standing.epoch_seconds),
            minimum=standing.minimum,
            maximum=standing.maximum,
            ratio=_range(standing.ratio),
            group=standing.group,
        )
        for standing in rank(times)
    ]


def _range(interval: Interval) -> Range:
    return Range(median=interval.median, low=interval.low, high=interval.high)


def judge_end(outcome: Outcome) -> tuple[TrialOutcome, str] | None:
    """Why a worker did not come to its end, or None if it did."""
    if outcome.status == "timeout":
        return "timeout", outcome.message
    if outcome.status != "done":
        return "failed", f"{outcome.stage}: {outcome.message}"
    return None


def _judge(outcome: Outcome, trial: Trial, epochs: int) -> tuple[TrialOutcome, str | None]:
    ended_early = judge_end(outcome)
    if ended_early is not None:
        return ended_early
    if len(trial.epochs) != epochs:
        return "failed", f"{len(trial.epochs)} epochs were trained, {epochs} were asked for"
    if trial.evaluation is None:
        return "failed", "the trained model was not evaluated"
    if any(epoch.seconds <= 0 for epoch in trial.epochs):
        return "failed", "an epoch ended before it began"
    for number, epoch in enumerate(trial.epochs, start=1):
        if not math.isfinite(epoch.loss):
            return "diverged", f"the loss of epoch {number} is {epoch.loss}"
    if not math.isfinite(trial.evaluation.loss):
        return "diverged", f"the test loss is {trial.evaluation.loss}"
    return "done", None


def _seconds(outcome: Outcome) -> Seconds:
    times = [
        (event["end"] - event["start"]) / 1e9
        for event in outcome.events
        if event["event"] == "epoch"
    ]
    return Seconds(
        **{"import": _value(outcome.find("ready"), "import_seconds")},
        prepare=_value(outcome.find("prepared"), "seconds"),
        build=_value(outcome.find("built"), "seconds"),
        first_epoch=times[0] if times else None,
        steady_epoch=median(times[1:]) if len(times) > 1 else None,
        train=_value(outcome.find("trained"), "seconds"),
        compile=(outcome.find("trained") or {}).get("compile_seconds"),
        evaluate=_value(outcome.find("evaluated"), "seconds"),
    )


def _evaluation(event: Event | None) -> Evaluation | None:
    if event is None:
        return None
    return Evaluation(loss=event["loss"], accuracy=event["accuracy"])


def _value(event: Event | None, key: str) -> Any:
    return None if event is None else event[key]


def _note_versions(framework: RacedFramework, outcome: Outcome) -> None:
    """What was imported counts for more than what is installed."""
    ready = outcome.find("ready")
    if ready is None:
        return
    versions = ready.get("versions")
    if isinstance(versions, dict):
        framework.version = {str(key): str(value) for key, value in versions.items()}
    framework.runtime = str(ready.get("runtime", ""))
    framework.blas_kernel = str(ready.get("blas_kernel", ""))
    warning = kernel_warning(framework.blas_kernel, processor_flags())
    framework.warnings = [] if warning is None else [warning]


def write_raced(framework: Framework, plan: Plan, folder: Path) -> Path:
    """Write the framework's script into a folder of its name below this one."""
    script = folder / framework.name / f"train{language_of(framework).suffix}"
    script.parent.mkdir(parents=True)
    script.write_text(render_script(framework, plan.experiment, plan), encoding="utf-8")
    return script


def save_at(result: Result, path: Path | None) -> None:
    """Save the result if there is a place for it."""
    if path is not None:
        save_result(result, path)
