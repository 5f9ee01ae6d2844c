"""Files out of the system's memory, so that the next start of a process is a cold one."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path


def empty_page_cache(files: Iterable[Path]) -> None:
    """Ask the system to forget what it holds of these files; it takes no rights to ask.

    A file that another process has mapped stays. Systems without posix_fadvise forget nothing:
    how much a process then reads says whether its start was cold.
    """
    if not hasattr(os, "posix_fadvise"):
        return
    for file in files:
        with contextlib.suppress(OSError):
            handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
            try:
                os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(handle)
