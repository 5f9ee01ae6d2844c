"""A saved scaling: the races at every size, and what follows from them."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from samestep.proof_record import PROVED
from samestep.result import Record, Result, save_text
from samestep.scaling.fit import Samples
from samestep.schedule import steady_times
from samestep.stats import Blocks

SCALING_SCHEMA = "samestep-scaling/1"


class Point(Record):
    """The race at one size."""

    size: int
    steps: int
    """Of an epoch."""
    work: float
    """FLOPs of a step; of an epoch, where rows vary."""
    result: Result


class Scaling(Record):
    """Races of one experiment at growing sizes."""

    schema_: Literal["samestep-scaling/1"] = Field(default="samestep-scaling/1", alias="schema")
    vary: Literal["batch_size", "width", "rows"]
    points: list[Point] = Field(default_factory=list)

    def samples(self) -> dict[str, Samples]:
        """Seconds a step by framework and work; only those that were proved at every size.

        Where rows vary it is seconds an epoch, for then the work of a step does not.
        """
        names = [
            name
            for name in (self.points[0].result.proof if self.points else {})
            if all(p.result.proof[name].verdict in PROVED for p in self.points)
        ]
        found: dict[str, dict[float, Blocks]] = {name: {} for name in names}
        for point in self.points:
            steps = 1 if self.vary == "rows" else point.steps
            times = steady_times(point.result)
            for name in names:
                if times.get(name):
                    found[name][point.work] = {
                        block: seconds / steps for block, seconds in times[name].items()
                    }
        return {name: by_work for name, by_work in found.items() if len(by_work) > 1}


def save_scaling(scaling: Scaling, path: Path) -> None:
    """Whole or not at all."""
    save_text(scaling.model_dump_json(indent=1) + "\n", path)
