"""Measure a fair race, and every unfair one."""

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Unpack

from samestep import api
from samestep.errors import BadInput
from samestep.experiment import Experiment
from samestep.launch import TIMEOUT
from samestep.plan import make_plan
from samestep.proof_record import PROVED
from samestep.racing import Hooks
from samestep.result import Range, Result, check_writable, load_document
from samestep.series import Asked, Series, is_in_first_race
from samestep.stats import change
from samestep.unfairness.points import FEW_ROWS, POINTS, TOY_ROWS, Point, steady, told
from samestep.unfairness.record import (
    UNFAIR_SCHEMA,
    Accuracy,
    Laboratory,
    Ratios,
    Row,
    save_laboratory,
)

FAIR = "fair"
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
    repeats: bool = True,
    path: Path | None = None,
    resume: bool = False,
    on_point: Callable[[str], None] | None = None,
    **hooks: Unpack[Hooks],
) -> Laboratory:
    """The fair ratio of each framework's time to the first's, and every unfair one.

    The laboratory is saved at `path` after every race, and a race after every trial beside it;
    with `resume`, what is saved there is not run again.
    """
    frameworks = list(dict.fromkeys(frameworks))
    if len(frameworks) < 2:
        raise BadInput("unfair: takes two frameworks or more, such as -f keras-tensorflow,flux")
    if path is not None:
        check_writable(path)

    changed = {point.name: point.change(experiment) for point in points if point.change}
    experiments = {FAIR: experiment, **changed}
    finished = _finished_races(path) if path is not None and resume else None
    asked = Asked(trials, threads, timeout, repeats=repeats)
    races = Series(experiments, frameworks, asked, path, finished)
    # Find out before anything is timed that one of the races cannot be.
    for name in experiments.keys() - races.done.keys():
        _check_proved(experiments[name], frameworks, hooks.get("on_proof"))

    def race(name: str, epochs: int | None = None) -> Result:
        if on_point is not None and name not in races.done:
            on_point(name)
        curve_seeds = seeds if name == FAIR else 0
        result = races.of(name, epochs=epochs, curve_seeds=curve_seeds, **hooks)
        _check_ranked(result, frameworks)
        return result

    fair = race(FAIR)
    laboratory = Laboratory(
        title=experiment.title,
        frameworks=frameworks,
        fair=fair,
        # Those of points that are not yet reached, too: interrupted again, it has lost none.
        races={name: result for name, result in races.done.items() if name != FAIR},
        accuracy=_accuracy(fair),
    )

    def save(raced: str, result: Result) -> None:
        if path is not None:
            save_laboratory(laboratory, path)
            races.keep(raced, result)

    save(FAIR, fair)
    for point in points:
        raced, unfair = FAIR, fair
        if point.name in changed:
            raced, unfair = point.name, race(point.name, point.epochs)
            laboratory.races[raced] = unfair
        laboratory.rows.append(row_of(point, fair, unfair, frameworks))
        save(raced, unfair)
    return laboratory


def _finished_races(path: Path) -> dict[str, Result]:
    if is_in_first_race(path):
        return {}
    laboratory = load_document(path, {UNFAIR_SCHEMA: Laboratory})
    return {FAIR: laboratory.fair, **laboratory.races}


def points_for(experiment: Experiment) -> Sequence[Point]:
    """All points, and few rows for both where the experiment has many."""
    many = make_plan(experiment).rows > 10 * TOY_ROWS
    return (*POINTS, FEW_ROWS) if many else POINTS


def row_of(point: Point, fair: Result, unfair: Result, frameworks: Sequence[str]) -> Row:
    """What an unfairness makes of each ratio, to the first framework's favour and the other's."""
    first, *others = frameworks
    fair_trials, unfair_trials = fair.counted_trials(), unfair.counted_trials()
    plain = {name: told(fair_trials[name], steady) for name in frameworks}
    favoured = {name: point.choose(told(unfair_trials[name], point.clock)) for name in frameworks}
    slighted_in = unfair_trials if point.both else fair_trials
    slighted = {name: told(slighted_in[name], point.other_clock) for name in frameworks}
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
