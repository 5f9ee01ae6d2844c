"""Race an experiment at growing sizes."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Unpack

from samestep.errors import BadInput
from samestep.experiment import Experiment
from samestep.launch import TIMEOUT
from samestep.racing import Hooks
from samestep.result import Result, check_writable, load_document
from samestep.resuming import AGAIN
from samestep.scaling.record import SCALING_SCHEMA, Point, Scaling, save_scaling
from samestep.scaling.sizes import Sized, Vary, choose_sizes
from samestep.series import Asked, Series, is_in_first_race


def measure_scaling(
    experiment: Experiment,
    vary: Vary,
    frameworks: Sequence[str] | None = None,
    *,
    sizes: Sequence[int] | None = None,
    trials: int = 3,
    threads: int | None = None,
    seed: int = 0,
    timeout: float = TIMEOUT,
    repeats: bool = True,
    path: Path | None = None,
    resume: bool = False,
    on_size: Callable[[int], None] | None = None,
    **hooks: Unpack[Hooks],
) -> Scaling:
    """A race of so many trials at every size, proved there.

    The scaling is saved at `path` after every size, and a race after every trial beside it; with
    `resume`, what is saved there is not run again.
    """
    chosen = {_name(sized.size): sized for sized in choose_sizes(experiment, vary, sizes)}
    if path is not None:
        check_writable(path)
    races = Series(
        {name: sized.plan.experiment for name, sized in chosen.items()},
        frameworks,
        Asked(trials, threads, timeout, seed, repeats),
        path,
        _finished_races(path, vary) if path is not None and resume else None,
    )
    for name, sized in chosen.items():
        if name in races.done:
            continue
        if on_size is not None:
            on_size(sized.size)
        result = races.of(name, **hooks)
        if path is not None:
            save_scaling(_scaling(chosen, {**races.done, name: result}), path)
        races.keep(name, result)
    return _scaling(chosen, races.done)


def _scaling(sizes: Mapping[str, Sized], results: Mapping[str, Result]) -> Scaling:
    """Of the sizes that have a result, smallest first."""
    vary = next(iter(sizes.values())).vary
    points = [
        Point(size=sized.size, steps=sized.plan.steps, work=sized.work, result=results[name])
        for name, sized in sizes.items()
        if name in results
    ]
    return Scaling(vary=vary, points=points)


def _name(size: int) -> str:
    return f"size {size}"


def _finished_races(path: Path, vary: Vary) -> dict[str, Result]:
    if is_in_first_race(path):
        return {}
    scaling = load_document(path, {SCALING_SCHEMA: Scaling})
    if scaling.vary != vary:
        raise BadInput(f"{path}: vary: was {scaling.vary}, is {vary} now; {AGAIN}")
    return {_name(point.size): point.result for point in scaling.points}
