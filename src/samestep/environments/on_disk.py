"""The size of what is installed."""

from collections.abc import Iterable
from pathlib import Path


def bytes_of(files: Iterable[Path]) -> int:
    """Of all these files together; one that cannot be seen takes none."""
    return sum(map(_size, files))


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
