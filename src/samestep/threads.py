"""Whether a worker has the threads that were asked for; with others it races unfairly."""

from collections.abc import Mapping


def thread_warnings(cores: int, pools: Mapping[str, int], threads: int) -> list[str]:
    """A sentence for everything that a worker counted and that is not what was asked for.

    `cores` is how many processors the worker may run on, `pools` how many threads each of its
    pools has, by name.

    >>> thread_warnings(2, {"openblas": 8}, 2)
    ['its openblas pool has 8 threads, and 2 were asked for']
    """
    warnings = []
    if cores != threads:
        warnings.append(f"it may run on {cores} cores, and {threads} were asked for")
    warnings += [
        f"its {name} pool has {size} threads, and {threads} were asked for"
        for name, size in pools.items()
        if size != threads
    ]
    return warnings
