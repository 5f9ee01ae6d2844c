"""What this computer is. Its name in the network is nobody's business, and is left out."""

import os
import platform
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict


class Machine(BaseModel):
    """The computer that a result was measured on."""

    model_config = ConfigDict(extra="forbid")

    cpu: str
    cores: int
    usable_cores: int
    memory_bytes: int
    os: str
    kernel: str
    python: str
    load_average: list[float]
    """Over the last 1, 5 and 15 minutes, when the measuring began."""


IDENTITY = ("cpu", "usable_cores", "memory_bytes")
"""What makes two machines different ones."""

SYSTEM = ("os", "kernel")


def first_difference(one: Machine, other: Machine, names: Iterable[str]) -> str | None:
    """The first of the named facts that is not the same in both, as `name: one, other`."""
    for name in names:
        before, after = getattr(one, name), getattr(other, name)
        if before != after:
            return f"{name} was {before}, is {after}"
    return None


def describe_machine() -> Machine:
    """Look at this computer."""
    import psutil

    cores = os.cpu_count() or 1
    affinity = getattr(os, "sched_getaffinity", None)
    return Machine(
        cpu=_cpu_model(),
        cores=cores,
        usable_cores=len(affinity(0)) if affinity else cores,
        memory_bytes=psutil.virtual_memory().total,
        os=_os_name(),
        kernel=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        load_average=[round(load, 2) for load in psutil.getloadavg()],
    )


def processor_flags() -> set[str]:
    """The instruction sets of this processor, as Linux names them; empty elsewhere."""
    return set(_cpu_fact("flags").split())


def _cpu_model() -> str:
    return _cpu_fact("model name") or platform.processor() or platform.machine()


def _cpu_fact(name: str) -> str:
    """The first value of that name that Linux tells of its processors; empty if none."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == name and value.strip():
                return value.strip()
    except OSError:
        pass
    return ""


def _os_name() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return f"{platform.system()} {platform.release()}"
