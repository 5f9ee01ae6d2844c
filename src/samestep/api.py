"""The verbs as functions: `samestep.race("iris-mlp", frameworks=["torch"])` gives a Result."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Unpack

from samestep.catalogue import Framework, choose_frameworks, named_framework
from samestep.codegen import Unsupported, render_script
from samestep.curves import run_curves
from samestep.earlier_curves import load_earlier_curves, take_over
from samestep.errors import BadInput
from samestep.experiment import CosineRate, Experiment, Training
from samestep.experiment_file import load_experiment
from samestep.launch import TIMEOUT, Settings, choose_settings
from samestep.locking import sole_writer
from samestep.plan import Plan, make_plan
from samestep.proof import prove_all
from samestep.proof_record import FrameworkProof
from samestep.racing import Hooks, run_race, start_result
from samestep.result import Result, check_writable, load_result, save_result
from samestep.resuming import check_same_machine, check_same_proofs, check_same_race, plan_again
from samestep.speed import measure_speed

__all__ = ["Result", "code", "load", "load_result", "prove", "race", "resume", "run_proofs"]

TRIALS = 5
MOST_TRIALS = 50
"""Of every framework, in a race that ends by itself."""


def load(name: str | Path, overrides: Sequence[str] = (), *, small: bool = False) -> Experiment:
    """The experiment of that name or path, with `KEY=VALUE` overrides, or its quick try."""
    return load_experiment(str(name), overrides, small=small)


def code(
    experiment: str | Path | Experiment,
    framework: str,
    overrides: Sequence[str] = (),
    *,
    small: bool = False,
) -> str:
    """The experiment as a program in that framework; raise BadInput if it cannot be written."""
    plan = make_plan(_experiment(experiment, overrides, small))
    try:
        return render_script(named_framework(framework), plan.experiment, plan)
    except Unsupported as reason:
        raise BadInput(f"{framework}: {reason}") from None


def prove(
    experiment: str | Path | Experiment,
    frameworks: Sequence[str] | None = None,
    overrides: Sequence[str] = (),
    *,
    small: bool = False,
) -> Mapping[str, FrameworkProof]:
    """Prove the named frameworks, or all that are installed."""
    return run_proofs(experiment, frameworks, overrides, small=small).proof


def run_proofs(
    experiment: str | Path | Experiment,
    frameworks: Sequence[str] | None = None,
    overrides: Sequence[str] = (),
    *,
    small: bool = False,
    path: Path | None = None,
    on_proof: Callable[[str, str], None] | None = None,
) -> Result:
    """As `prove`, as a Result without trials, saved at `path`."""
    if path is not None:
        check_writable(path)
    chosen = choose_frameworks(_names(frameworks))
    plan = make_plan(_experiment(experiment, overrides, small))
    settings = choose_settings(plan.experiment.training.precision)
    proofs = prove_all(plan, chosen, on_progress=on_proof)
    result = start_result(plan, chosen, proofs, settings, trials=0, seed=0)
    result.unfinished = False
    if path is not None:
        save_result(result, path)
    return result


def race(
    experiment: str | Path | Experiment,
    frameworks: Sequence[str] | None = None,
    overrides: Sequence[str] = (),
    *,
    small: bool = False,
    trials: int | None = None,
    within: float | None = None,
    budget: float | None = None,
    threads: int | None = None,
    seed: int = 0,
    timeout: float = TIMEOUT,
    repeats: bool = True,
    epochs: int | None = None,
    curve_seeds: int = 0,
    curves_from: str | Path | None = None,
    path: str | Path | None = None,
    **hooks: Unpack[Hooks],
) -> Result:
    """Prove, then race what is proved; the result is saved at `path` after every trial.

    There are 5 `trials` of every framework; or, with `within` (a share) or `budget` (seconds), as
    many as it takes to tell all neighbours apart or to know that they are closer, at most 50.
    A block that was disturbed from outside is run once more, if `repeats`. With `epochs`, a trial
    trains no more than so many of the experiment's. With `curve_seeds`, learning curves come
    after the race, in whole trainings of their own; `curves_from` names an earlier result whose
    curves are taken over, where it has the same experiment, scripts and versions.
    """
    sequential = within is not None or budget is not None
    if trials is None:
        trials = MOST_TRIALS if sequential else TRIALS
    if trials < 1:
        raise BadInput(f"--trials {trials}: must be 1 or more")
    if curve_seeds < 0:
        raise BadInput(f"--curve-seeds {curve_seeds}: must be 1 or more")
    if curves_from is not None and curve_seeds == 0:
        raise BadInput("curves_from: needs curve_seeds, the number of seeds to take")
    chosen = choose_frameworks(_names(frameworks))
    loaded = _experiment(experiment, overrides, small)
    if epochs is not None:
        _check_timed_epochs(epochs, loaded.training)
    plan = make_plan(loaded)
    settings = choose_settings(plan.experiment.training.precision, threads, timeout)
    place = None if path is None else Path(path)
    if place is not None:
        check_writable(place)
    earlier = None
    if curves_from is not None:
        earlier = load_earlier_curves(Path(curves_from), plan, chosen)
    proofs = prove_all(plan, chosen, on_progress=hooks.get("on_proof"))
    result = start_result(
        *(plan, chosen, proofs, settings),
        trials=trials,
        seed=seed,
        within=within,
        budget_seconds=budget,
        repeats=repeats,
        epochs=epochs,
        curve_seeds=curve_seeds,
    )
    if earlier is not None:
        take_over(result, earlier)
    result.speed = measure_speed(settings)
    _run(plan, chosen, result, settings, place, hooks)
    return result


def resume(
    path: str | Path,
    *,
    timeout: float = TIMEOUT,
    **hooks: Unpack[Hooks],
) -> Result:
    """Go on with an interrupted race, in its file; what has ended there is not run again."""
    place = Path(path)
    result = load_result(place)
    check_writable(place)
    # A file from another machine is refused before anything that it names is read.
    check_same_machine(result, place)
    chosen = choose_frameworks(list(result.frameworks))
    plan = plan_again(result, place)
    check_same_race(result, plan, chosen, place)
    settings = choose_settings(result.settings.precision, result.settings.threads, timeout)
    check_same_proofs(result, prove_all(plan, chosen, on_progress=hooks.get("on_proof")), place)
    _run(plan, chosen, result, settings, place, hooks)
    return result


def _run(
    plan: Plan,
    frameworks: Sequence[Framework],
    result: Result,
    settings: Settings,
    path: Path | None,
    hooks: Hooks,
) -> None:
    """Whatever the result lacks: its trials, then its learning curves."""
    with sole_writer(path):
        progress, curve = hooks.get("on_progress"), hooks.get("on_curve")
        run_race(plan, frameworks, result, settings, path=path, on_progress=progress)
        if result.settings.curve_seeds:
            run_curves(plan, frameworks, result, settings, path=path, on_curve=curve)


def _experiment(
    experiment: str | Path | Experiment, overrides: Sequence[str], small: bool
) -> Experiment:
    if not isinstance(experiment, Experiment):
        return load(experiment, overrides, small=small)
    if overrides or small:
        raise BadInput("overrides: change a file's keys; this experiment is loaded already")
    return experiment


def _check_timed_epochs(epochs: int, training: Training) -> None:
    """Raise BadInput if the first `epochs` of a training cannot stand for all of them."""
    if not 2 <= epochs <= training.epochs:
        raise BadInput(
            f"--epochs {epochs}: the experiment trains {training.epochs} epochs; "
            f"give a number from 2 to {training.epochs}"
        )
    if isinstance(training.learning_rate_schedule, CosineRate) and epochs < training.epochs:
        raise BadInput(
            f"--epochs {epochs}: a cosine schedule ends with the training, so fewer epochs are "
            "another training; use --set training.epochs"
        )


def _names(frameworks: Sequence[str] | None) -> list[str] | None:
    if frameworks is None:
        return None
    names = [frameworks] if isinstance(frameworks, str) else list(frameworks)
    if not names:
        raise BadInput("frameworks: the list is empty; name one, or leave it out to take all")
    return names
