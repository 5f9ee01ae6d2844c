"""One race at a time writes to one file."""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from platformdirs import user_cache_path

from samestep.errors import BadInput


@contextlib.contextmanager
def sole_writer(path: Path | None) -> Iterator[None]:
    """Hold the result at `path` for this process; raise BadInput if another one does.

    The system lets go of the lock when the process ends, in whatever way it does. It lies in the
    user's cache, because the result's folder may go away in the race.
    """
    if path is None or os.name != "posix":
        yield
        return
    import fcntl

    name = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:32]
    lock = user_cache_path("samestep") / "locks" / name
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        held = open(lock, "wb")  # noqa: SIM115
    except OSError:
        # Without a cache there is no lock, and still a race.
        yield
        return
    with held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BadInput(
                f"{path}: another race writes to it now; give another file with --json"
            ) from None
        yield
