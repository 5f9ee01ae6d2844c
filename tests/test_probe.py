"""The probe works on every core of the process at once, and tells of the slowest."""

import os
import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest

import samestep

WORKER = Path(samestep.__file__).parent / "worker"
CORES = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(WORKER))
    monkeypatch.delitem(sys.modules, "probe", raising=False)
    import probe  # type: ignore[import-not-found]

    module: ModuleType = probe
    return module


@pytest.mark.skipif(not CORES, reason="needs cores that threads can be pinned to")
def test_a_hiccup_in_two_passes_of_five_is_not_told(
    probe: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    hiccups = [0.002, 0.009, 0.002, 0.030, 0.002]
    left = {core: list(hiccups) for core in CORES}
    monkeypatch.setattr(probe, "_pass_seconds", lambda: left[min(os.sched_getaffinity(0))].pop())
    assert len(hiccups) == probe.PASSES
    assert probe.probe_seconds() == 0.002


def test_a_pass_is_work_that_takes_time(probe: ModuleType) -> None:
    assert probe.probe_seconds() > 0


def test_nothing_is_left_of_it(probe: ModuleType) -> None:
    threads = threading.active_count()
    probe.probe_seconds()
    assert threading.active_count() == threads
    if CORES:
        assert os.sched_getaffinity(0) == CORES


@pytest.mark.skipif(len(CORES) < 2, reason="needs two cores whose threads can be pinned")
def test_one_slow_core_is_enough(probe: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = max(CORES)
    monkeypatch.setattr(
        probe, "_pass_seconds", lambda: 0.004 if os.sched_getaffinity(0) == {slow} else 0.002
    )
    assert probe.probe_seconds() == 0.004


@pytest.mark.skipif(len(CORES) < 2, reason="needs two cores whose threads can be pinned")
def test_all_cores_work_at_the_same_time(
    probe: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = threading.Barrier(len(CORES), timeout=10)

    def meet() -> float:
        together.wait()
        return 0.002

    monkeypatch.setattr(probe, "_pass_seconds", meet)
    assert probe.probe_seconds() == 0.002
