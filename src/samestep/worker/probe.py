"""How fast this core is now: a loop that is the same every time.

A virtual machine's core may be one half of a real one, whose other half somebody else uses for a
while: everything then takes up to twice as long, and no count of stolen time tells.
"""

import time

PASSES = 300_000
"""Some 20 ms on a core of 2020."""


def probe_seconds() -> float:
    """The seconds of the loop."""
    start = time.perf_counter()
    total = 0
    for number in range(PASSES):
        total ^= number
    return time.perf_counter() - start
