"""How fast this machine multiplies matrices and moves memory, on the cores of a trial.

`speed.py CPUS PRECISION`, started with the thread pools of a trial; prints JSON.
"""

import json
import sys
import time
from collections.abc import Callable

# Beside this file, which is run as a program.
from own_process import pin  # type: ignore[import-not-found]

MATRIX = 1024
COPIED_BYTES = 2**27
"""More than any cache holds."""
SECONDS = 0.4
FEWEST = 5


def best_seconds(work: Callable[[], object]) -> float:
    """The fastest of several runs: what the machine can do, not what it did on average."""
    work()
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < FEWEST or time.perf_counter() - began < SECONDS:
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def main(cpus: str, precision: str) -> None:
    """Measure and print FLOPs a second and bytes a second."""
    pin(cpus)
    # NumPy sizes its pool when it is imported, and by the cores that it finds then.
    import numpy as np

    generator = np.random.default_rng(0)
    a, b = (generator.random((MATRIX, MATRIX)).astype(precision) for _ in range(2))
    out = np.empty_like(a)
    source = np.ones(COPIED_BYTES // 8)
    target = np.empty_like(source)
    matmul = 2 * MATRIX**3 / best_seconds(lambda: np.matmul(a, b, out=out))
    # Every byte is read once and written once.
    memory = 2 * COPIED_BYTES / best_seconds(lambda: np.copyto(target, source))
    print(json.dumps({"matmul_flops": matmul, "memory_bytes": memory}))


if __name__ == "__main__":
    main(*sys.argv[1:])
