"""What can go wrong by a user's hand, said in one sentence."""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path


class BadInput(Exception):
    """Input that cannot be used: the message says what is wrong, where, and what to do.

    The command line prints the message alone and exits with status 2.
    """


class RunFailed(Exception):
    """A program that samestep started did not do its work; exit status 3."""


def cache_not_written(folder: Path, what: str, reason: str | None) -> BadInput:
    """A place in the user's cache that is full or may not be written."""
    return BadInput(
        f"{folder}: {what} cannot be written there ({reason}); "
        "make room, or set XDG_CACHE_HOME to a folder that can be written"
    )


def not_read(where: str | Path, error: OSError) -> BadInput:
    """A file or folder of the user's that the system doesn't let us read."""
    if isinstance(error, PermissionError):
        advice = "give yourself the right to read it, or name another"
    elif isinstance(error, IsADirectoryError):
        advice = "a file is wanted there, not a folder"
    else:
        advice = "mend it, or name another"
    return BadInput(f"{where}: cannot be read ({error.strerror}); {advice}")


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint for a message about an unknown name, or nothing if no known one is near.

    >>> nearest("torhc", ["torch", "flax"])
    ' (did you mean "torch"?)'
    """
    matches = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f' (did you mean "{matches[0]}"?)' if matches else ""
