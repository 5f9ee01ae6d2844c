"""Measure a fair race of two frameworks, and every unfair one."""

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean

from samestep import api
from samestep.errors import BadInput
from samestep.experiment import Experiment
from samestep.launch import TIMEOUT
from samestep.plan import make_plan
from samestep.proof_record import PROVED
from samestep.racing import Progress
from samestep.result import Curve, Range, Result, check_writable
from samestep.stats import change
from samestep.unfairness.points import POINTS, TOY_ROWS, Point, steady, told
from samestep.unfairness.record import Accuracy, Laboratory, Row, save_laboratory

SEEDS = 10
"""Trainings of each framework, among which one is lucky."""


def measure_unfairness(
    experiment: Experiment,
    frameworks: Sequence[str],
    *,
    trials: int = 5,
    threads: int | None = None,
    seeds: int = SEEDS,
    timeout: float = TIMEOUT,
    path: Path | None = None,
    on_point: Callable[[str], None] | None = None,
    on_proof: Callable[[str, str], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    on_curve: Callable[[Curve, int, int], None] | None = None,
) -> Laboratory:
    """The fair ratio of the second framework's time to the first's, and every unfair one."""
    if len(frameworks) != 2:
        raise BadInput("unfair: takes two frameworks, such as -f keras-tensorflow,flux")
    if path is not None:
        check_writable(path)
    tell = on_point or (lambda name: None)

    def race(changed: Experiment, curve_seeds: int = 0) -> Result:
        result = api.race(
            changed,
            frameworks,
            trials=trials,
            threads=threads,
            timeout=timeout,
            curve_seeds=curve_seeds,
            on_proof=on_proof,
            on_progress=on_progress,
            on_curve=on_curve,
        )
        _check_ranked(result, frameworks)
        return result

    # A fair race of one is none: find out before anything is timed.
    for name, proof in api.prove(experiment, frameworks).items():
        if proof.verdict not in PROVED:
            raise BadInput(f"unfair: {name} cannot be raced: its proof says {proof.verdict}")

    tell("fair")
    fair = race(experiment, seeds)
    laboratory = Laboratory(
        title=experiment.title, frameworks=list(frameworks), fair=fair, accuracy=_accuracy(fair)
    )
    large = fair_rows(experiment) > 10 * TOY_ROWS
    small = [point for point in POINTS if point.both and not large]
    laboratory.left_out = [f"{point.name}: the experiment itself has few" for point in small]
    for point in POINTS:
        if point in small:
            continue
        unfair = fair
        if point.change is not None:
            tell(point.name)
            unfair = race(point.change(experiment))
            laboratory.races[point.name] = unfair
        laboratory.rows.append(row_of(point, fair, unfair, frameworks))
        if path is not None:
            save_laboratory(laboratory, path)
    return laboratory


def fair_rows(experiment: Experiment) -> int:
    """Of the training."""
    return make_plan(experiment).rows


def row_of(point: Point, fair: Result, unfair: Result, frameworks: Sequence[str]) -> Row:
    """What an unfairness makes of the ratio, to the first framework's favour and the second's."""
    first, second = frameworks
    favoured = {
        name: point.choose(told(unfair.trials_of(name), point.clock)) for name in frameworks
    }
    others = unfair if point.both else fair
    other = {name: told(others.trials_of(name), point.other_clock) for name in frameworks}
    return Row(
        name=point.name,
        critique=point.critique,
        fair=_ratio(told(fair.trials_of(first), steady), told(fair.trials_of(second), steady)),
        for_first=_ratio(favoured[first], other[second]),
        for_second=_ratio(other[first], favoured[second]),
    )


def _ratio(first: list[float], second: list[float]) -> Range:
    found = change(first, second)
    return Range(median=found.median, low=found.low, high=found.high)


def _accuracy(fair: Result) -> list[Accuracy]:
    found = []
    for name in fair.frameworks:
        ends = [c.points[-1].test_accuracy for c in fair.curves if c.framework == name and c.points]
        if ends:
            found.append(
                Accuracy(framework=name, mean=fmean(ends), best=max(ends), seeds=len(ends))
            )
    return found


def _check_ranked(result: Result, frameworks: Sequence[str]) -> None:
    ranked = {row.framework for row in result.verdict}
    for name in frameworks:
        if name not in ranked:
            raise BadInput(f"unfair: {name} is not ranked ({result.proof[name].verdict})")
