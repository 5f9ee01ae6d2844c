"""What a cheat is: an unfairness that is planted in real scripts to see that it is caught."""

from dataclasses import dataclass
from typing import Literal

Catcher = Literal[
    "forward", "loss", "gradient", "step", "trajectory", "dropout", "audit", "cause", "threads"
]
"""The rung, check or rule that must find it; a `cause` is named and proved instead."""

Edit = tuple[str, str]
"""A text of the honest script, and what stands there instead."""

Base = Literal["dense", "convolution", "norms"]
"""Which of the experiments beside this file it is planted in."""


@dataclass(frozen=True)
class Planting:
    """A cheat in one framework's script."""

    framework: str
    edits: tuple[Edit, ...]
    caught_by: Catcher


@dataclass(frozen=True)
class Cheat:
    """One unfairness, planted in frameworks of at least two families."""

    name: str
    what: str
    plantings: tuple[Planting, ...]
    base: Base = "dense"
    overrides: tuple[str, ...] = ()


def planted(framework: str, caught_by: Catcher, *edits: Edit) -> Planting:
    """A planting, in the order in which one says it."""
    return Planting(framework, edits, caught_by)
