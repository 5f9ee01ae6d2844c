"""Races that are saved together, as a laboratory's are: run, or taken from an earlier try."""

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
from samestep.result import Result, load_result
from samestep.resuming import AGAIN, check_same_machine, check_same_race


@dataclass(frozen=True)
class Asked:
    """What all races of a series have in common."""

    trials: int
    threads: int | None
    timeout: float
    seed: int = 0
    repeats: bool = True


class Series:
    """Races by name.

    One that runs is saved trial by trial beside `path`, where a series that is interrupted leaves
    it. One that goes on there is given `finished`, the races that ended before; what has ended is
    not run again, and BadInput is raised for what is of another machine, other frameworks, data,
    settings or scripts.
    """

    def __init__(
        self,
        experiments: Mapping[str, Experiment],
        frameworks: Sequence[str] | None,
        asked: Asked,
        path: Path | None,
        finished: Mapping[str, Result] | None = None,
    ) -> None:
        self._experiments = experiments
        self._frameworks = choose_frameworks(None if frameworks is None else list(frameworks))
        self._asked = asked
        self._path = path
        self._unfinished = None if path is None else unfinished_race(path)
        self._interrupted: tuple[str, Result] | None = None
        self.done: dict[str, Result] = {}
        if path is not None and finished is not None:
            for name, result in finished.items():
                self._check(result, name, path)
            self.done = dict(finished)
            self._interrupted = self._find_interrupted(unfinished_race(path))

    def of(
        self,
        name: str,
        *,
        epochs: int | None = None,
        curve_seeds: int = 0,
        **hooks: Unpack[Hooks],
    ) -> Result:
        """That race, with so many timed epochs, and learning curves of so many seeds."""
        details = {"epochs": epochs, "curve_seeds": curve_seeds}
        if name in self.done:
            _check_settings(self.done[name], details, f"{self._path}: {name}")
            return self.done[name]
        if self._unfinished is not None and self._interrupted and self._interrupted[0] == name:
            _check_settings(self._interrupted[1], details, f"{self._unfinished}: {name}")
            return api.resume(self._unfinished, timeout=self._asked.timeout, **hooks)
        return api.race(
            self._experiments[name],
            [framework.name for framework in self._frameworks],
            trials=self._asked.trials,
            threads=self._asked.threads,
            seed=self._asked.seed,
            timeout=self._asked.timeout,
            repeats=self._asked.repeats,
            epochs=epochs,
            curve_seeds=curve_seeds,
            path=self._unfinished,
            **hooks,
        )

    def keep(self, name: str, result: Result) -> None:
        """That race is saved in its series: the file in which it ran can go."""
        if name not in self.done and self._unfinished is not None:
            self._unfinished.unlink(missing_ok=True)
        self.done[name] = result

    def _find_interrupted(self, place: Path) -> tuple[str, Result] | None:
        """The race whose trials are saved at `place`, by name."""
        if not place.exists():
            return None
        result = load_result(place)
        for name, experiment in self._experiments.items():
            if make_plan(experiment).digest == result.digest:
                self._check(result, name, place)
                return name, result
        raise BadInput(f"{place}: digest: is of another experiment or of other data; {AGAIN}")

    def _check(self, result: Result, name: str, path: Path) -> None:
        check_same_machine(result, path)
        _check_frameworks(result, self._frameworks, f"{path}: {name}")
        threads = choose_settings(result.settings.precision, self._asked.threads).threads
        settings = {
            "trials": self._asked.trials,
            "threads": threads,
            "seed": self._asked.seed,
            "repeats": self._asked.repeats,
        }
        _check_settings(result, settings, f"{path}: {name}")
        if name not in self._experiments:
            raise BadInput(f"{path}: races.{name}: is not asked for now; {AGAIN}")
        plan = make_plan(self._experiments[name])
        if plan.digest != result.digest:
            what = "is of another experiment or of other data"
            raise BadInput(f"{path}: races.{name}: {what}; {AGAIN}")
        check_same_race(result, plan, self._frameworks, path)


def unfinished_race(path: Path) -> Path:
    """Where the race that runs now is saved, trial by trial."""
    return path.with_name(f"{path.name}.race")


def is_in_first_race(path: Path) -> bool:
    """Whether a series was interrupted before any of its races had ended."""
    return not path.exists() and unfinished_race(path).exists()


def _check_frameworks(result: Result, frameworks: Sequence[Framework], where: str) -> None:
    if list(result.frameworks) != [framework.name for framework in frameworks]:
        before = ", ".join(result.frameworks)
        raise BadInput(f"{where}: frameworks: were {before}; {AGAIN}")


def _check_settings(result: Result, now: Mapping[str, int | None], where: str) -> None:
    for key, value in now.items():
        earlier = getattr(result.settings, key)
        if earlier != value:
            raise BadInput(f"{where}.settings.{key}: was {earlier}, is {value} now; {AGAIN}")
