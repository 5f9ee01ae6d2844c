"""The races of a laboratory: each is run, or taken from where an interrupted one left it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

from samestep import api
from samestep.catalogue import Framework, choose_frameworks
from samestep.errors import BadInput
from samestep.experiment import Experiment
from samestep.launch import choose_settings
from samestep.plan import make_plan
from samestep.racing import Hooks
from samestep.result import RaceSettings, Result, load_document, load_result
from samestep.resuming import AGAIN, check_same_machine, check_same_race
from samestep.unfairness.record import UNFAIR_SCHEMA, Laboratory

FAIR = "fair"


@dataclass(frozen=True)
class Asked:
    """How every race of a laboratory is run; learning curves are the fair one's alone."""

    trials: int
    threads: int | None
    timeout: float
    seeds: int


class Races:
    """The races by name: the fair one, and that of each unfairness which changes the experiment.

    One that runs is saved trial by trial beside `path`. With `resume`, what ended before an
    interruption is not run again; BadInput is raised if it is of another machine, other
    frameworks, data, settings or scripts.
    """

    def __init__(
        self,
        experiments: Mapping[str, Experiment],
        frameworks: Sequence[str],
        asked: Asked,
        path: Path | None,
        *,
        resume: bool,
    ) -> None:
        self._experiments = experiments
        self._frameworks = frameworks
        self._asked = asked
        self._unfinished = None if path is None else unfinished_race(path)
        self._resume = resume
        self.done: dict[str, Result] = {}
        if path is not None and resume:
            self.done = self._finished(path)

    def of(self, name: str, epochs: int | None = None, **hooks: Unpack[Hooks]) -> Result:
        """That race, with so many timed epochs."""
        if name in self.done:
            return self.done[name]
        if self._unfinished is not None and self._was_interrupted(name):
            return api.resume(self._unfinished, timeout=self._asked.timeout, **hooks)
        return api.race(
            self._experiments[name],
            self._frameworks,
            trials=self._asked.trials,
            threads=self._asked.threads,
            timeout=self._asked.timeout,
            epochs=epochs,
            curve_seeds=self._asked.seeds if name == FAIR else 0,
            path=self._unfinished,
            **hooks,
        )

    def keep(self, name: str, result: Result) -> None:
        """That race is saved in its laboratory: the file in which it ran can go."""
        if name not in self.done and self._unfinished is not None:
            self._unfinished.unlink(missing_ok=True)
        self.done[name] = result

    def _was_interrupted(self, name: str) -> bool:
        if not self._resume or self._unfinished is None or not self._unfinished.exists():
            return False
        return load_result(self._unfinished).digest == make_plan(self._experiments[name]).digest

    def _finished(self, path: Path) -> dict[str, Result]:
        if not path.exists() and unfinished_race(path).exists():
            return {}
        laboratory = load_document(path, {UNFAIR_SCHEMA: Laboratory})
        if laboratory.frameworks != list(self._frameworks):
            before = ", ".join(laboratory.frameworks)
            raise BadInput(f"{path}: frameworks: were {before}; {AGAIN}")
        self._check_settings(laboratory.fair.settings, path)
        races = {FAIR: laboratory.fair, **laboratory.races}
        chosen = choose_frameworks(list(self._frameworks))
        for name, result in races.items():
            _check_same(name, result, self._experiments.get(name), chosen, path)
        return races

    def _check_settings(self, before: RaceSettings, path: Path) -> None:
        threads = choose_settings(before.precision, self._asked.threads).threads
        settings = {
            "trials": self._asked.trials,
            "threads": threads,
            "curve_seeds": self._asked.seeds,
        }
        for key, now in settings.items():
            earlier = getattr(before, key)
            if earlier != now:
                raise BadInput(f"{path}: fair.settings.{key}: was {earlier}, is {now} now; {AGAIN}")


def unfinished_race(path: Path) -> Path:
    """Where the race that runs now is saved, trial by trial."""
    return path.with_name(f"{path.name}.race")


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
