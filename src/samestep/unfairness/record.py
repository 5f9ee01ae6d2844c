"""A saved laboratory: the fair race, the unfair ones, and what they say."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from samestep.result import Range, Record, Result, save_text

UNFAIR_SCHEMA = "samestep-unfair/3"


class Ratios(Record):
    """One framework's time over the first framework's, fair and unfair."""

    fair: Range
    for_first: Range
    """Where the first framework is favoured."""
    for_other: Range

    def changes_winner(self) -> bool:
        """Whether one of the unfair races names for certain another winner than the fair one."""
        return any(
            _winner(unfair) is not None and _winner(unfair) != _winner(self.fair)
            for unfair in (self.for_first, self.for_other)
        )


class Row(Record):
    """One unfairness, and what it does to each framework but the first."""

    name: str
    critique: str
    ratios: dict[str, Ratios]


class Accuracy(Record):
    """One framework's test accuracy over the seeds: an ordinary one, and a lucky one."""

    framework: str
    mean: float
    best: float
    seeds: int


class Laboratory(Record):
    """What each unfairness does to one fair experiment."""

    schema_: Literal["samestep-unfair/3"] = Field(default="samestep-unfair/3", alias="schema")
    title: str
    frameworks: list[str]
    """The first is the one that the others are compared with."""
    fair: Result
    races: dict[str, Result] = Field(default_factory=dict)
    """Races of a changed experiment, by the unfairness."""
    rows: list[Row] = Field(default_factory=list)
    accuracy: list[Accuracy] = Field(default_factory=list)


def save_laboratory(laboratory: Laboratory, path: Path) -> None:
    """Whole or not at all."""
    save_text(laboratory.model_dump_json(indent=1) + "\n", path)


def _winner(ratio: Range) -> str | None:
    """Which of the two is faster for certain, or None."""
    if ratio.low is None or ratio.high is None:
        return None
    return "first" if ratio.low > 1 else "other" if ratio.high < 1 else None
