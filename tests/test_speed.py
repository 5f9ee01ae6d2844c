"""What the machine reaches at best is measured, once a race."""

import pytest

from samestep import speed
from samestep.launch import choose_settings
from samestep.speed import measure_speed


def test_the_machine_is_faster_than_a_slow_one_and_slower_than_any() -> None:
    measured = measure_speed(choose_settings("float32", threads=1))
    assert measured is not None
    # A single core of any machine since 2005; nothing that could be bought in 2026.
    assert 1e8 < measured.matmul_flops < 1e14
    assert 1e8 < measured.memory_bytes < 1e13


def test_what_cannot_be_measured_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "MEASURE", speed.MEASURE.with_name("nowhere.py"))
    assert measure_speed(choose_settings("float32", threads=1)) is None
