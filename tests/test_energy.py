"""Counters as the kernel shows them, in a folder of our own: this machine may have none."""

from pathlib import Path

import pytest

from samestep import energy
from samestep.energy import EnergyMeter


@pytest.fixture
def zones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(energy, "ZONES", tmp_path)
    return tmp_path


def write_zone(zones: Path, name: str, microjoules: int, limit: int = 1_000_000_000) -> None:
    (zones / name).mkdir(exist_ok=True)
    (zones / name / "energy_uj").write_text(f"{microjoules}\n")
    (zones / name / "max_energy_range_uj").write_text(f"{limit}\n")


def test_packages_are_added_and_what_lies_in_them_is_not(zones: Path) -> None:
    for name in ("intel-rapl:0", "intel-rapl:1", "intel-rapl:0:0"):
        write_zone(zones, name, 5_000_000)
    meter = EnergyMeter()
    write_zone(zones, "intel-rapl:0", 7_500_000)
    write_zone(zones, "intel-rapl:1", 6_000_000)
    write_zone(zones, "intel-rapl:0:0", 9_000_000)
    assert meter.joules() == 3.5


def test_a_counter_that_began_again_is_followed(zones: Path) -> None:
    write_zone(zones, "intel-rapl:0", 9_000_000, limit=10_000_000)
    meter = EnergyMeter()
    write_zone(zones, "intel-rapl:0", 1_000_000, limit=10_000_000)
    assert meter.joules() == 2.0


def test_a_machine_that_counts_nothing_has_no_number(zones: Path) -> None:
    assert EnergyMeter().joules() is None


def test_a_counter_that_says_nonsense_is_none(zones: Path) -> None:
    write_zone(zones, "intel-rapl:0", 1)
    (zones / "intel-rapl:0" / "energy_uj").write_text("nonsense")
    assert EnergyMeter().joules() is None
