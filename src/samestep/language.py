"""What scripts in any programming language have in common."""

from collections.abc import Callable
from dataclasses import dataclass

STAGES = ("prepare", "build", "train", "evaluate")
"""The functions of every script, in the order in which they run and are shown."""


@dataclass(frozen=True)
class Language:
    """What is known of scripts in one programming language.

    `literal` writes a value of a known type, never code; `stages` gives the source text of each
    stage, its function after the helpers that it is first to use; `statistics` counts by stage
    the lines of code and the distinct API names.
    """

    suffix: str
    lexer: str
    literal: Callable[[object], str]
    stages: Callable[[str], dict[str, str]]
    statistics: Callable[[str], dict[str, tuple[int, int]]]
