"""What a race notes beside its trials; the workers are told what to say."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from samestep import racing
from samestep.catalogue import named_framework
from samestep.experiment_file import load_experiment
from samestep.launch import Outcome, Settings
from samestep.plan import make_plan
from samestep.proof_record import FrameworkProof
from samestep.report.table import result_view
from samestep.result import Result, load_result
from samestep.surroundings import MOST_OTHERS, Surroundings, Watch
from samestep.verdict import verdict_of

AVX2 = {"avx", "avx2", "fma"}


def outcome_of(ready: dict[str, Any], threads: dict[str, Any] | None = None) -> Outcome:
    """A trial of two epochs that went well, of a worker that says this of itself."""
    said = [
        {"event": "ready", "import_seconds": 1.0, **ready},
        {"event": "prepared", "seconds": 0.1},
        {"event": "built", "seconds": 0.1},
        {"event": "epoch", "n": 1, "start": 0, "end": 2_000_000, "loss": 1.0},
        {"event": "epoch", "n": 2, "start": 2_000_000, "end": 3_000_000, "loss": 0.5},
        {"event": "trained", "seconds": 0.003},
        {"event": "evaluated", "seconds": 0.1, "loss": 0.5, "accuracy": 0.9},
        {"event": "memory", "peak_bytes": 2**27},
        {"event": "threads", **(threads or {"cores": 1, "pools": {}})},
        {"event": "evaluated_again", "seconds": 0.05, "row_seconds": 0.001},
        {"event": "done"},
    ]
    return Outcome("done", "done", "", said, 1.0, 1.0, 0.0, 0)


@pytest.fixture
def race(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The saved result of two trials whose workers say this when they are ready."""

    def run(flags: set[str], threads: dict[str, Any] | None = None, **ready: object) -> Result:
        monkeypatch.setattr(racing, "processor_flags", lambda: flags)
        monkeypatch.setattr(racing, "run_worker", lambda *_, **__: outcome_of(ready, threads))
        plan = make_plan(load_experiment("iris-mlp", ["training.epochs=2"]))
        proofs = {"numpy": FrameworkProof(verdict="identical")}
        settings = Settings(threads=1, precision="float32")
        path = tmp_path / "r.json"
        numpy = [named_framework("numpy")]
        result = racing.start_result(plan, numpy, proofs, settings, trials=2, seed=0, repeats=False)
        racing.run_race(plan, numpy, result, settings, path=path)
        return load_result(path)

    return run


def shown(result: Result) -> str:
    console = Console(width=200, markup=False)
    with console.capture() as capture:
        console.print(result_view(result, 200))
    return capture.get()


def test_what_a_worker_imported_is_noted(race: Callable[..., Result]) -> None:
    result = race(AVX2, versions={"numpy": "9.9"}, runtime="Python 3.99", blas_kernel="Zen")
    (noted,) = result.frameworks.values()
    assert (noted.version, noted.runtime) == ({"numpy": "9.9"}, "Python 3.99")
    assert (noted.blas_kernel, noted.warnings) == ("Zen", [])
    assert [trial.outcome for trial in result.trials] == ["done", "done"]
    assert "unfair" not in shown(result)


def test_a_slow_blas_makes_a_race_unfair_and_the_table_says_so(
    race: Callable[..., Result],
) -> None:
    result = race(AVX2, versions={}, runtime="Julia 1.5.3", blas_kernel="Prescott")
    (noted,) = result.frameworks.values()
    assert len(noted.warnings) == 1
    assert "uses the slower Prescott kernels" in noted.warnings[0]
    text = " ".join(shown(result).split())
    assert "numpy unfair its OpenBLAS does not know this processor" in text
    assert "OPENBLAS_CORETYPE=Haswell" in text


def test_an_old_processor_or_another_blas_is_no_reason_to_warn(
    race: Callable[..., Result],
) -> None:
    assert race({"sse4_2"}, versions={}, blas_kernel="Prescott").frameworks["numpy"].warnings == []
    assert race(AVX2, versions={}).frameworks["numpy"].warnings == []


def test_threads_that_nobody_asked_for_make_a_race_unfair_and_the_table_says_so(
    race: Callable[..., Result],
) -> None:
    result = race(AVX2, threads={"cores": 1, "pools": {"xla": 8, "openblas": 1}}, versions={})
    (noted,) = result.frameworks.values()
    assert (noted.cores, noted.pools) == (1, {"xla": 8, "openblas": 1})
    text = " ".join(shown(result).split())
    assert "numpy unfair its xla pool has 8 threads, and 1 were asked for" in text
    assert "openblas" not in text


@pytest.mark.parametrize("said", [{"cores": "two"}, {"cores": 1, "pools": [2]}, {"pools": None}])
def test_threads_that_make_no_sense_are_not_noted(
    race: Callable[..., Result], said: dict[str, Any]
) -> None:
    (noted,) = race(AVX2, threads=said, versions={}).frameworks.values()
    assert (noted.cores, noted.pools, noted.warnings) == (None, {}, [])


def test_the_first_block_starts_from_storage_and_has_a_column_of_its_own(
    race: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    emptied: list[int] = []
    monkeypatch.setattr(racing, "empty_page_cache", lambda files: emptied.append(len(list(files))))
    result = race(AVX2, versions={})
    assert len(emptied) == 1 and emptied[0] > 100
    # Nothing was read from storage, so no start was cold.
    assert [trial.cold for trial in result.trials] == [False, False]
    assert "cold start, s" not in shown(result)
    result.trials[0].cold = True
    assert "cold start, s" in shown(result)


def test_the_time_of_one_row_and_of_the_start_are_in_the_table(
    race: Callable[..., Result],
) -> None:
    result = race(AVX2, versions={})
    assert {trial.seconds.row for trial in result.trials} == {0.001}
    assert {trial.seconds.evaluate_again for trial in result.trials} == {0.05}
    assert {trial.seconds.start for trial in result.trials} == {0.002}
    assert "one row, ms" in shown(result)
    assert "energy, J" not in shown(result) or result.trials[0].surroundings.joules is not None


QUIET = Surroundings(others=0.0, stolen=0.0, megahertz=None)
BUSY = Surroundings(others=1.0, stolen=0.0, megahertz=None)


@pytest.fixture
def race_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """A race of three blocks of two frameworks, whose trials meet these surroundings in turn."""

    def run(*met: Surroundings, repeats: bool = True, interrupt_after: int = 99) -> Result:
        left = list(met)
        monkeypatch.setattr(racing.Watch, "end", lambda *_: left.pop(0) if left else QUIET)
        started: list[None] = []

        def worker(*_: Any, **__: Any) -> Outcome:
            started.append(None)
            if len(started) > interrupt_after:
                raise KeyboardInterrupt
            return outcome_of({"versions": {}})

        monkeypatch.setattr(racing, "run_worker", worker)
        plan = make_plan(load_experiment("iris-mlp", ["training.epochs=2"]))
        frameworks = [named_framework("numpy"), named_framework("torch")]
        proofs = {f.name: FrameworkProof(verdict="identical") for f in frameworks}
        settings = Settings(threads=1, precision="float32")
        path = tmp_path / "r.json"
        result = racing.start_result(
            plan, frameworks, proofs, settings, trials=3, seed=0, repeats=repeats
        )
        try:
            racing.run_race(plan, frameworks, result, settings, path=path)
        except KeyboardInterrupt:
            started.clear()
            result = load_result(path)
            assert result.unfinished
            interrupt_after = 99
            racing.run_race(plan, frameworks, result, settings, path=path)
        return load_result(path)

    return run


def places(result: Result) -> list[tuple[int, int | None]]:
    return [(trial.block, trial.repeats) for trial in result.trials]


WHOLE = [(0, None), (0, None), (1, None), (1, None), (2, None), (2, None)]


def test_a_quiet_race_repeats_nothing(race_beside: Callable[..., Result]) -> None:
    assert places(race_beside()) == WHOLE


def test_a_disturbed_block_is_run_once_more_and_kept(race_beside: Callable[..., Result]) -> None:
    result = race_beside(QUIET, QUIET, QUIET, BUSY, QUIET, QUIET, BUSY, BUSY)
    assert places(result) == [*WHOLE, (3, 1), (3, 1)]
    assert not result.unfinished
    assert [t.surroundings for t in result.trials][3] == BUSY
    assert "1 block was disturbed" in shown(result)
    for trial in result.trials:
        if trial.block == 1:
            trial.seconds.steady_epoch = 1e9
    assert max(row.maximum for row in verdict_of(result)) == pytest.approx(1e-3)


def test_a_repeat_that_is_disturbed_too_is_told(race_beside: Callable[..., Result]) -> None:
    quiet_repeat = race_beside(BUSY, *[QUIET] * 7)
    assert "1 block was disturbed from outside, and run once more instead." in shown(quiet_repeat)
    busy_repeat = race_beside(BUSY, *[QUIET] * 5, BUSY, QUIET)
    assert "instead; 1 of the repeats was disturbed too." in shown(busy_repeat)


def test_a_repeat_is_a_choice(race_beside: Callable[..., Result]) -> None:
    assert places(race_beside(BUSY, repeats=False)) == WHOLE


@pytest.mark.parametrize("trials", range(8))
def test_an_interrupted_race_repeats_the_same(
    race_beside: Callable[..., Result], trials: int
) -> None:
    met = (QUIET, QUIET, QUIET, BUSY)
    whole, parts = race_beside(*met), race_beside(*met, interrupt_after=trials)
    assert [(t.framework, *p) for t, p in zip(parts.trials, places(parts), strict=True)] == [
        (t.framework, *p) for t, p in zip(whole.trials, places(whole), strict=True)
    ]


def test_a_busy_neighbour_is_seen() -> None:
    neighbour = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        watch = Watch()
        time.sleep(1.0)
        met = watch.end(0.0)
    finally:
        neighbour.kill()
        neighbour.wait()
    # The machine may be busy besides; its own work is not another's.
    assert met.others > MOST_OTHERS and met.busy
    watch = Watch()
    assert watch.end(own_seconds=1e6).others == 0.0
