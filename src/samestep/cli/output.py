"""Where the commands print."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def console(stderr: bool = False) -> "Console":
    """No markup, no guessing: what is printed is what was said. Files get wide tables."""
    import os

    from rich.console import Console

    from samestep.report.table import WIDE

    stream = sys.stderr if stderr else sys.stdout
    wide = None if stream.isatty() or "COLUMNS" in os.environ else WIDE
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False, width=wide)


def path_text(path: Path) -> str:
    """A path that does no harm to a terminal."""
    from samestep.report.text import visible

    return visible(str(path))


def say_saved(path: Path | None) -> None:
    """Where a result is now, if it was to be saved."""
    if path is not None:
        console().print(f"Saved in {path_text(path)}", soft_wrap=True)
