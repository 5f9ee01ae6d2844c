"""Race an experiment at growing sizes."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Unpack

from samestep import api
from samestep.experiment import Experiment
from samestep.launch import TIMEOUT
from samestep.racing import Hooks
from samestep.result import check_writable
from samestep.scaling.record import Point, Scaling, save_scaling
from samestep.scaling.sizes import Vary, choose_sizes


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
    path: Path | None = None,
    on_size: Callable[[int], None] | None = None,
    **hooks: Unpack[Hooks],
) -> Scaling:
    """A race of so many trials at every size, proved there; saved at `path` size by size."""
    if path is not None:
        check_writable(path)
    scaling = Scaling(vary=vary)
    for sized in choose_sizes(experiment, vary, sizes):
        if on_size is not None:
            on_size(sized.size)
        result = api.race(
            sized.plan.experiment,
            frameworks,
            trials=trials,
            threads=threads,
            seed=seed,
            timeout=timeout,
            **hooks,
        )
        point = Point(size=sized.size, steps=sized.plan.steps, work=sized.work, result=result)
        scaling.points.append(point)
        if path is not None:
            save_scaling(scaling, path)
    return scaling
