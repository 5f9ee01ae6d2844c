"""Where frameworks run: the program that hosts them, their packages, and what is missing.

The coordinator looks and never imports: a framework is imported by its own worker alone.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol


class Environment(Protocol):
    """What the coordinator must know of the place where a framework's worker runs."""

    def problem(self) -> str | None:
        """Why the framework can't run here, in a phrase; None if it can."""

    def how_to_get(self) -> str:
        """What to do to get what is missing: a command, as a rule."""

    def versions(self) -> dict[str, str]:
        """Installed versions, by package."""

    def command(self) -> list[str]:
        """The program that runs a worker, with its options."""

    def variables(self, threads: int) -> dict[str, str]:
        """Environment variables that this kind of worker needs."""

    def fingerprint(self) -> str:
        """A text that changes whenever what is installed changes."""

    def files(self) -> Iterator[Path]:
        """What a start reads: its packages and all that they need."""

    def install_bytes(self) -> int | None:
        """Its packages and all that they need, on disk; None where that cannot be told."""
