"""The race: blocks of trials, each a fresh process, saved as they come."""

import hashlib
import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypedDict

from samestep.blas import kernel_warning
from samestep.catalogue import Framework
from samestep.codegen import language_of, render_script
from samestep.launch import Event, Outcome, Settings, run_worker
from samestep.machine import describe_machine, processor_flags
from samestep.page_cache import empty_page_cache
from samestep.plan import Plan
from samestep.proof_record import PROVED, FrameworkProof
from samestep.result import (
    Curve,
    Epoch,
    Evaluation,
    RacedFramework,
    RaceSettings,
    Result,
    Seconds,
    Trial,
    TrialOutcome,
    save_result,
)
from samestep.schedule import Place, places_due
from samestep.steadiness import steady_epoch
from samestep.surroundings import Watch
from samestep.threads import thread_warnings
from samestep.verdict import verdict_of

PHASES = ("prepared", "built", "trained")
"""What a worker says as it goes, after `ready`."""


@dataclass(frozen=True)
class Progress:
    """What the race does now: a trial that starts (`trial` is None) or has just ended."""

    framework: str
    block: int
    done: int
    total: int
    trial: Trial | None


class Hooks(TypedDict, total=False):
    """What is called while a race runs."""

    on_proof: Callable[[str, str], None]
    """With a framework that is "proving", then with its verdict; from several threads."""
    on_progress: Callable[[Progress], None]
    on_curve: Callable[[Curve, int, int], None]
    """With a curve, the number of those that are done, and of all."""


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
    epochs = result.settings.epochs or plan.experiment.training.epochs
    with tempfile.TemporaryDirectory(prefix="samestep-race-") as folder:
        scripts = {name: write_raced(by_name[name], plan, Path(folder)) for name in by_name}
        for name, script in scripts.items():
            source = script.read_bytes()
            result.frameworks[name].script = hashlib.sha256(source).hexdigest()
            result.frameworks[name].source = source.decode()
        result.unfinished = True
        save_at(result, path)
        tell = on_progress or (lambda progress: None)
        try:
            while due := places_due(result, list(by_name)):
                place, total = due[0], len(result.trials) + len(due)
                name = place.framework
                tell(Progress(name, place.block, len(result.trials), total, None))
                trial, outcome = _run_trial(
                    place, by_name[name], plan, scripts[name], settings, epochs
                )
                result.trials.append(trial)
                _note_worker(result.frameworks[name], outcome, settings)
                save_at(result, path)
                tell(Progress(name, place.block, len(result.trials), total, trial))
            result.unfinished = result.settings.curve_seeds > 0
        finally:
            result.verdict = verdict_of(result)
            save_at(result, path)


def _run_trial(
    place: Place,
    framework: Framework,
    plan: Plan,
    script: Path,
    settings: Settings,
    epochs: int,
) -> tuple[Trial, Outcome]:
    """One trial, watched; those of the first block start from storage."""
    cold = place.block == 0
    if cold:
        empty_page_cache(framework.place.files())
    watch = Watch()
    outcome = run_worker(framework, "trial", plan, script, settings, epochs=epochs)
    trial = read_trial(outcome, epochs, place)
    probe_seconds = _value(outcome.find("probed"), "seconds")
    trial.surroundings = watch.end(outcome.cpu_seconds, probe_seconds)
    trial.wall_seconds = outcome.wall_seconds
    trial.cold, trial.read_bytes = cold and outcome.read_bytes > 0, outcome.read_bytes
    return trial, outcome


def start_result(
    plan: Plan,
    frameworks: Sequence[Framework],
    proofs: dict[str, FrameworkProof],
    settings: Settings,
    *,
    trials: int,
    seed: int,
    within: float | None = None,
    budget_seconds: float | None = None,
    repeats: bool = True,
    epochs: int | None = None,
    curve_seeds: int = 0,
) -> Result:
    """A result without a trial."""
    return Result(
        title=plan.experiment.title,
        experiment=plan.experiment.model_dump(mode="json"),
        digest=plan.digest,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=describe_machine(),
        flops_per_epoch=float(plan.flops_per_row * plan.rows_per_epoch),
        rows_per_epoch=plan.rows_per_epoch,
        settings=RaceSettings(
            threads=settings.threads,
            device=settings.device,
            precision=settings.precision,
            seed=seed,
            trials=trials,
            within=within,
            budget_seconds=budget_seconds,
            repeats=repeats,
            epochs=epochs,
            curve_seeds=curve_seeds,
        ),
        frameworks={
            framework.name: RacedFramework(
                title=framework.title,
                version=framework.place.versions(),
                language=framework.language,
                runtime="",
                install_bytes=framework.place.install_bytes(),
            )
            for framework in frameworks
        },
        proof=proofs,
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
    unsaid = [name for name in PHASES if outcome.find(name) is None]
    if unsaid:
        return "failed", f"the worker never said that it had {unsaid[0]}; its events are not whole"
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
        steady_epoch=steady_epoch(times),
        train=_value(outcome.find("trained"), "seconds"),
        compile=(outcome.find("trained") or {}).get("compile_seconds"),
        evaluate=_value(outcome.find("evaluated"), "seconds"),
        evaluate_again=_value(outcome.find("evaluated_again"), "seconds"),
        row=_value(outcome.find("evaluated_again"), "row_seconds"),
        start=_start_seconds(outcome),
    )


def _start_seconds(outcome: Outcome) -> float | None:
    """A worker's clock is the coordinator's: both count from when the machine was started."""
    first = next((event for event in outcome.events if event["event"] == "epoch"), None)
    return None if first is None else first["end"] / 1e9 - outcome.started


def _evaluation(event: Event | None) -> Evaluation | None:
    if event is None:
        return None
    return Evaluation(loss=event["loss"], accuracy=event["accuracy"])


def _value(event: Event | None, key: str) -> Any:
    return None if event is None else event[key]


def _note_worker(framework: RacedFramework, outcome: Outcome, settings: Settings) -> None:
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
    threads = outcome.find("threads") or {}
    cores, pools = threads.get("cores"), threads.get("pools")
    if isinstance(cores, int) and isinstance(pools, dict):
        framework.cores = cores
        framework.pools = {str(name): size for name, size in pools.items() if isinstance(size, int)}
        framework.warnings += thread_warnings(cores, framework.pools, settings.threads)


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
