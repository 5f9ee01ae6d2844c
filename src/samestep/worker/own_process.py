"""What a worker is to the system: its cores, its thread pools, its memory, its end.

The standard library alone, and threadpoolctl where the framework's environment has it.
"""

import ctypes
import os
import resource
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

XLA_THREADS = "tf_XLAEigen"
"""How XLA names the threads of its pool."""


def pin(cpus: str) -> None:
    """Stay on these processors, numbers between commas; on all of them if there are none."""
    if cpus and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(cpu) for cpu in cpus.split(",")})


def usable_cores() -> list[int]:
    """The processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def cores() -> int:
    """On how many processors this process may run."""
    return len(usable_cores())


def pools() -> dict[str, int]:
    """The thread pools that can be asked or counted from outside the framework, by name."""
    found = {str(pool["internal_api"]): int(pool["num_threads"]) for pool in _native_pools()}
    xla = Counter(_thread_names())[XLA_THREADS]
    return found | ({"xla": xla} if xla else {})


def blas_kernel() -> str:
    """The kernels that OpenBLAS chose for this processor, such as Haswell; empty without one."""
    kernels = (
        str(pool.get("architecture", ""))
        for pool in _native_pools()
        if pool["internal_api"] == "openblas"
    )
    return next(kernels, "")


def _native_pools() -> list[dict[str, Any]]:
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return []
    return list(threadpool_info())


def _thread_names() -> list[str]:
    """The names of this process's threads, where Linux tells them."""
    names = []
    for file in Path("/proc/self/task").glob("*/comm"):
        try:
            names.append(file.read_text().strip())
        except OSError:
            continue
    return names


def peak_bytes() -> int:
    """The most memory that this process ever held, and those of its children that still run.

    Linux keeps ru_maxrss over exec, so a large parent would show there; VmHWM is our own.
    """
    if sys.platform == "linux":
        return sum(_high_water(process) for process in _tree(os.getpid()))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _tree(process: int) -> list[int]:
    """A process, its children, and theirs."""
    found = [process]
    for parent in found:
        for file in Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                found += [int(child) for child in file.read_text().split()]
            except OSError:
                continue
    return found


def _high_water(process: int) -> int:
    try:
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def die_with_parent(parent: int) -> None:
    """End this process when the coordinator ends, in whatever way it does."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    else:
        threading.Thread(target=_watch_parent, args=(parent,), daemon=True).start()
    if os.getppid() != parent:
        os._exit(1)


def _watch_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
