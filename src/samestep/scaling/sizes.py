"""One experiment at growing sizes: its batches, its layers or its data."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from samestep.errors import BadInput
from samestep.experiment import Experiment
from samestep.experiment_check import validate_experiment
from samestep.layers import Conv2d, Dense, LayerKind
from samestep.plan import Plan, make_plan

Vary = Literal["batch_size", "width", "rows"]
VARIED: dict[str, Vary] = {"batch_size": "batch_size", "width": "width", "rows": "rows"}

COUNT = 5
LARGEST_FACTOR = 16


@dataclass(frozen=True)
class Sized:
    """The experiment at one size, and the work of one step there."""

    vary: Vary
    size: int
    """The batch size, the factor of the widths, or the number of training rows."""
    plan: Plan

    @property
    def work(self) -> float:
        """FLOPs of one step, forward and backward; of an epoch where rows vary."""
        an_epoch = float(self.plan.flops_per_row * self.plan.rows_per_epoch)
        return an_epoch if self.vary == "rows" else an_epoch / self.plan.steps


def choose_sizes(experiment: Experiment, vary: Vary, sizes: Sequence[int] | None) -> list[Sized]:
    """The experiment at every size, smallest first; raise BadInput for one that cannot be."""
    plan = make_plan(experiment)
    chosen = sorted(set(sizes)) if sizes is not None else _default_sizes(plan, vary)
    if len(chosen) < 2:
        raise BadInput("--sizes: give two sizes or more; a line takes two points")
    for size in chosen:
        _check(size, plan, vary)
    return [Sized(vary, size, make_plan(_at_size(experiment, vary, size))) for size in chosen]


def _default_sizes(plan: Plan, vary: Vary) -> list[int]:
    if vary == "width":
        return [1, 2, 4, 8, LARGEST_FACTOR]
    rows = plan.rows
    if vary == "batch_size":
        return _geometric(min(plan.experiment.training.batch_size, rows), rows)
    return _geometric(max(1, rows // LARGEST_FACTOR), rows)


def _geometric(first: int, last: int) -> list[int]:
    ratio = last / first
    return sorted({round(first * ratio ** (n / (COUNT - 1))) for n in range(COUNT)})


def _check(size: int, plan: Plan, vary: Vary) -> None:
    if size < 1:
        raise BadInput(f"--sizes {size}: must be 1 or more")
    if vary != "width" and size > plan.rows:
        raise BadInput(f"--sizes {size}: is more than the {plan.rows} training rows")


def _at_size(experiment: Experiment, vary: Vary, size: int) -> Experiment:
    document = experiment.model_dump(mode="json")
    if vary == "batch_size":
        document["training"]["batch_size"] = size
    elif vary == "rows":
        document["data"]["rows"] = size
    else:
        for layer, kind in list(zip(document["model"], experiment.model, strict=True))[:-1]:
            _widen(layer, kind, size)
    # Checked like a file: what a size makes impossible is refused in the same words.
    return validate_experiment(document, f"--vary {vary}, size {size}", folder=Path())


def _widen(layer: dict[str, object], kind: LayerKind, factor: int) -> None:
    match kind:
        case Dense(units=units):
            layer["units"] = units * factor
        case Conv2d(filters=filters):
            layer["filters"] = filters * factor
        case _:
            return
