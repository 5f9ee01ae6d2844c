"""An interrupted laboratory: which of its races need not be run again."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from samestep.catalogue import Framework, choose_frameworks
from samestep.errors import BadInput
from samestep.experiment import Experiment
from samestep.plan import make_plan
from samestep.result import Result, load_document, load_result
from samestep.resuming import AGAIN, check_same_machine, check_same_race
from samestep.unfairness.record import UNFAIR_SCHEMA, Laboratory

FAIR = "fair"


def unfinished_race(path: Path) -> Path:
    """Where the race that runs now is saved, trial by trial."""
    return path.with_name(f"{path.name}.race")


def finished_races(
    path: Path,
    experiments: Mapping[str, Experiment],
    frameworks: Sequence[str],
    settings: Mapping[str, int],
) -> dict[str, Result]:
    """The races by name, `fair` among them, that ended before the interruption.

    `experiments` are those that belong to the names, `settings` those of the fair race. Raise
    BadInput if the laboratory is of another machine, other frameworks, data, settings or scripts.
    """
    if not path.exists() and unfinished_race(path).exists():
        return {}
    laboratory = load_document(path, {UNFAIR_SCHEMA: Laboratory})
    if laboratory.frameworks != list(frameworks):
        before = ", ".join(laboratory.frameworks)
        raise BadInput(f"{path}: frameworks: were {before}; {AGAIN}")
    for key, now in settings.items():
        earlier = getattr(laboratory.fair.settings, key)
        if earlier != now:
            raise BadInput(f"{path}: fair.settings.{key}: was {earlier}, is {now} now; {AGAIN}")
    races = {FAIR: laboratory.fair, **laboratory.races}
    chosen = choose_frameworks(list(frameworks))
    for name, result in races.items():
        _check_same(name, result, experiments.get(name), chosen, path)
    return races


def is_unfinished_race_of(experiment: Experiment, path: Path) -> bool:
    """Whether the race that was interrupted is one of this experiment."""
    race = unfinished_race(path)
    return race.exists() and load_result(race).digest == make_plan(experiment).digest


def _check_same(
    name: str,
    result: Result,
    experiment: Experiment | None,
    frameworks: Sequence[Framework],
    path: Path,
) -> None:
    check_same_machine(result, path)
    if experiment is None:
        raise BadInput(f"{path}: races.{name}: is no unfairness of this experiment; {AGAIN}")
    plan = make_plan(experiment)
    if plan.digest != result.digest:
        raise BadInput(f"{path}: races.{name}: is of another experiment or of other data; {AGAIN}")
    check_same_race(result, plan, frameworks, path)
