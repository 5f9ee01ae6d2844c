"""How fast these cores are now: the same work on all of them at once.

A virtual machine's core may be one half of a real one, whose other half somebody else uses for a
while, or the machine itself does, when its host puts two of its cores on one: everything then takes
up to twice as long, and no count of stolen time tells. The work is SHA-3, which leaves a core so
little idle that two halves of one take 1.9 times as long; a loop of steps that wait for each other
takes no longer at all.
"""

import hashlib
import os
import statistics
import threading
import time

# Beside this file.
import own_process  # type: ignore[import-not-found]

DATA = bytes(1 << 20)
"""Long enough for Python to let other threads run beside it."""
PASSES = 5
"""Of some 2 ms each on a core of 2022; what disturbs one of them alone is no neighbour."""


def probe_seconds() -> float:
    """The median pass of the slowest core, in seconds, while every core works."""
    cores = own_process.usable_cores()
    seconds: dict[int, float] = {}
    ready = threading.Barrier(len(cores))

    def work(core: int) -> None:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {core})  # of this thread alone, which ends with the probe
        ready.wait()
        seconds[core] = statistics.median(_pass_seconds() for _ in range(PASSES))

    threads = [threading.Thread(target=work, args=(core,)) for core in cores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return max(seconds.values())


def _pass_seconds() -> float:
    start = time.perf_counter()
    hashlib.sha3_256(DATA).digest()
    return time.perf_counter() - start
