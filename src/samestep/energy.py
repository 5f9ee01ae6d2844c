"""The energy that the processors used, where the machine counts it (Intel's and AMD's RAPL).

Source: the Linux kernel's power capping framework, Documentation/power/powercap/powercap.rst.
"""

from pathlib import Path

ZONES = Path("/sys/class/powercap")


class EnergyMeter:
    """Counts from when it is made."""

    def __init__(self) -> None:
        self._start = _read_zones()

    def joules(self) -> float | None:
        """What all processor packages used since; None where no counter can be read."""
        now = _read_zones()
        if not self._start or now.keys() != self._start.keys():
            return None
        used = 0
        for zone, (energy, limit) in now.items():
            before = self._start[zone][0]
            # A counter begins again at 0 when it is full.
            used += energy - before if energy >= before else energy - before + limit
        return used / 1e6


def _read_zones() -> dict[str, tuple[int, int]]:
    """The microjoules of each package and where its counter ends; most kernels tell root alone."""
    zones = {}
    for folder in sorted(ZONES.glob("intel-rapl:*")):
        # What lies below a package (`intel-rapl:0:0`, its cores) is in the package's count.
        if folder.name.count(":") != 1:
            continue
        try:
            zones[folder.name] = (
                int((folder / "energy_uj").read_text()),
                int((folder / "max_energy_range_uj").read_text()),
            )
        except (OSError, ValueError):
            continue
    return zones
