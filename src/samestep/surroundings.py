"""What else the machine did while a trial ran; no trial is fair beside a busy neighbour."""

import os
import time
from pathlib import Path
from typing import Any

import psutil
from pydantic import BaseModel, ConfigDict

from samestep.energy import EnergyMeter

MOST_OTHERS = 0.25
"""Cores that other processes may keep busy before a trial counts as disturbed."""

MOST_STOLEN = 0.05
"""Share of its time that a virtual machine may have to wait for the real one."""

MOST_SLOWED = 1.25
"""How many times the fastest probe of a framework's trials another one's may take."""

FREQUENCIES = "devices/system/cpu/cpu*/cpufreq/scaling_cur_freq"


class Surroundings(BaseModel):
    """The machine during one trial, apart from the trial itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    others: float
    """Cores that other processes kept busy, on average."""
    stolen: float
    """Share of all cores' time that a virtual machine's host gave to somebody else."""
    megahertz: float | None
    """Mean over the cores when the trial ended; None where the kernel does not tell."""

    probe_seconds: float | None = None
    """Of a loop that is the same every time, on the trial's core: before its training or after,
    whichever took longer."""

    joules: float | None = None
    """What the processors used, with whatever else ran; None where the machine does not count."""

    @property
    def busy(self) -> bool:
        """Whether somebody else had too much of the machine."""
        return self.others > MOST_OTHERS or self.stolen > MOST_STOLEN


class Watch:
    """Counts from when it is made until `end`."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._times = psutil.cpu_times()
        self._energy = EnergyMeter()

    def end(self, own_seconds: float, probe_seconds: float | None = None) -> Surroundings:
        """What happened since, apart from the trial's own `own_seconds` of processor time."""
        wall = max(time.monotonic() - self._start, 1e-3)
        before, after = self._times, psutil.cpu_times()
        stolen = (_field(after, "steal") - _field(before, "steal")) / (wall * _cores())
        busy = _busy(after) - _busy(before)
        return Surroundings(
            others=round(max(0.0, busy - own_seconds) / wall, 3),
            stolen=round(min(1.0, max(0.0, stolen)), 4),
            megahertz=_megahertz(),
            probe_seconds=probe_seconds,
            joules=self._energy.joules(),
        )


def _busy(times: Any) -> float:
    # A guest's time is in user's already, and stolen time is nobody's work here.
    return float(sum(_field(times, name) for name in ("user", "nice", "system", "irq", "softirq")))


def _field(times: Any, name: str) -> float:
    return float(getattr(times, name, 0.0))


def _cores() -> int:
    return os.cpu_count() or 1


def _megahertz() -> float | None:
    frequencies = []
    for file in Path("/sys").glob(FREQUENCIES):
        try:
            frequencies.append(int(file.read_text()) / 1e3)
        except (OSError, ValueError):
            continue
    return round(sum(frequencies) / len(frequencies), 1) if frequencies else None
