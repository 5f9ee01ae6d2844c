"""Measure a fair race, and every unfair one."""

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Unpack

from samestep import api
from samestep.errors import BadInput
from samestep.experiment import Experiment
from samestep.launch import TIMEOUT, choose_settings
from samestep.plan import make_plan
from samestep.proof_record import PROVED
from samestep.racing import Hooks
from samestep.result import Range, Result, check_writable
from samestep.stats import change
from samestep.unfairness.points import FEW_ROWS, POINTS, TOY_ROWS, Point, steady, told
from samestep.unfairness.record import Accuracy, Laboratory, Ratios, Row, save_laboratory
from samestep.unfairness.resuming import (
    FAIR,
    finished_races,
    is_unfinished_race_of,
    unfinished_race,
)

SEEDS = 10
"""Trainings of each framework, among which one is lucky."""


def measure_unfairness(
    experiment: Experiment,
    frameworks: Sequence[str],
    points: Sequence[Point],
    *,
    trials: int = 5,
    threads: int | None = None,
    seeds: int = SEEDS,
    timeout: float = TIMEOUT,
    path: Path | None = None,
    resume: bool = False,
    on_point: Callable[[str], None] | None = None,
    **hooks: Unpack[Hooks],
) -> Laboratory:
    """The fair ratio of each framework's time to the first's, and every unfair one.

    The laboratory is saved at `path` after every race, and a race after every trial beside it;
    with `resume`, what is saved there is not run again.
    """
    if len(frameworks) < 2:
        raise BadInput("unfair: takes two frameworks or more, such as -f keras-tensorflow,flux")
    if path is not None:
        check_writable(path)
    tell = on_point or (lambda name: None)

    changed = {point.name: point.change(experiment) for point in points if point.change}
    experiments = {FAIR: experiment, **changed}
    done: dict[str, Result] = {}
    if resume and path is not None:
        cores = choose_settings(experiment.training.precision, threads).threads
        asked = {"trials": trials, "threads": cores, "curve_seeds": seeds}
        done = finished_races(path, experiments, frameworks, asked)

    def race(name: str, epochs: int | None = None, curve_seeds: int = 0) -> Result:
        if name in done:
            return done[name]
        tell(name)
        place = None if path is None else unfinished_race(path)
        if resume and path is not None and is_unfinished_race_of(experiments[name], path):
            result = api.resume(unfinished_race(path), timeout=timeout, **hooks)
        else:
            result = api.race(
                experiments[name],
                frameworks,
                trials=trials,
                threads=threads,
                timeout=timeout,
                epochs=epochs,
                curve_seeds=curve_seeds,
                path=place,
                **hooks,
            )
        _check_ranked(result, frameworks)
        return result

    def save(name: str) -> None:
        if path is None:
            return
        save_laboratory(laboratory, path)
        if name in experiments.keys() - done.keys():
            unfinished_race(path).unlink(missing_ok=True)

    # Find out before anything is timed that one of the races cannot be.
    for name in experiments.keys() - done.keys():
        _check_proved(experiments[name], frameworks, hooks.get("on_proof"))

    fair = race(FAIR, curve_seeds=seeds)
    laboratory = Laboratory(
        title=experiment.title, frameworks=list(frameworks), fair=fair, accuracy=_accuracy(fair)
    )
    save(FAIR)
    for point in points:
        unfair = fair
        if point.name in changed:
            unfair = laboratory.races[point.name] = race(point.name, point.epochs)
        laboratory.rows.append(row_of(point, fair, unfair, frameworks))
        save(point.name)
    return laboratory


def points_for(experiment: Experiment) -> Sequence[Point]:
    """All points, and few rows for both where the experiment has many."""
    many = make_plan(experiment).rows > 10 * TOY_ROWS
    return (*POINTS, FEW_ROWS) if many else POINTS


def row_of(point: Point, fair: Result, unfair: Result, frameworks: Sequence[str]) -> Row:
    """What an unfairness makes of each ratio, to the first framework's favour and the other's."""
    first, *others = frameworks
    plain = {name: told(fair.counted_trials(name), steady) for name in frameworks}
    favoured = {
        name: point.choose(told(unfair.counted_trials(name), point.clock)) for name in frameworks
    }
    slighted_in = unfair if point.both else fair
    slighted = {
        name: told(slighted_in.counted_trials(name), point.other_clock) for name in frameworks
    }
    ratios = {
        other: Ratios(
            fair=_ratio(plain[first], plain[other]),
            for_first=_ratio(favoured[first], slighted[other]),
            for_other=_ratio(slighted[first], favoured[other]),
        )
        for other in others
    }
    return Row(name=point.name, critique=point.critique, ratios=ratios)


def _ratio(first: list[float], second: list[float]) -> Range:
    found = change(first, second)
    return Range(median=found.median, low=found.low, high=found.high)


def _accuracy(fair: Result) -> list[Accuracy]:
    ends = {
        name: [curve.points[-1].test_accuracy for curve in curves]
        for name, curves in fair.finished_curves().items()
    }
    return [
        Accuracy(framework=name, mean=fmean(found), best=max(found), seeds=len(found))
        for name, found in ends.items()
    ]


def _check_proved(
    experiment: Experiment, frameworks: Sequence[str], on_proof: Callable[[str, str], None] | None
) -> None:
    proofs = api.run_proofs(experiment, frameworks, on_proof=on_proof).proof
    for name, proof in proofs.items():
        if proof.verdict not in PROVED:
            raise BadInput(
                f"unfair: {name} cannot be raced: its proof of {experiment.title!r} says "
                f"{proof.verdict}"
            )


def _check_ranked(result: Result, frameworks: Sequence[str]) -> None:
    ranked = {row.framework for row in result.verdict}
    for name in frameworks:
        if name not in ranked:
            raise BadInput(f"unfair: {name} is not ranked ({result.proof[name].verdict})")
