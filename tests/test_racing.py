"""What a race notes beside its trials; the workers are told what to say."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from samestep import racing
from samestep.catalogue import named_framework
from samestep.experiment import load_experiment
from samestep.launch import Outcome, Settings
from samestep.plan import make_plan
from samestep.proof_record import FrameworkProof
from samestep.report.table import result_view
from samestep.result import Result, load_result

AVX2 = {"avx", "avx2", "fma"}


def outcome_of(ready: dict[str, Any]) -> Outcome:
    """A trial of two epochs that went well, of a worker that says this when it is ready."""
    said = [
        {"event": "ready", "import_seconds": 1.0, **ready},
        {"event": "prepared", "seconds": 0.1},
        {"event": "built", "seconds": 0.1},
        {"event": "epoch", "n": 1, "start": 0, "end": 2_000_000, "loss": 1.0},
        {"event": "epoch", "n": 2, "start": 2_000_000, "end": 3_000_000, "loss": 0.5},
        {"event": "trained", "seconds": 0.003},
        {"event": "evaluated", "seconds": 0.1, "loss": 0.5, "accuracy": 0.9},
        {"event": "memory", "peak_bytes": 2**27},
        {"event": "done"},
    ]
    return Outcome("done", "done", "", said, 1.0, 1.0, 0)


@pytest.fixture
def race(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The saved result of two trials whose workers say this when they are ready."""

    def run(flags: set[str], **ready: object) -> Result:
        monkeypatch.setattr(racing, "processor_flags", lambda: flags)
        monkeypatch.setattr(racing, "run_worker", lambda *_, **__: outcome_of(ready))
        plan = make_plan(load_experiment("iris-mlp", ["training.epochs=2"]))
        proofs = {"numpy": FrameworkProof(verdict="identical")}
        settings = Settings(threads=1, precision="float32")
        path = tmp_path / "r.json"
        numpy = [named_framework("numpy")]
        result = racing.start_result(plan, numpy, proofs, settings, trials=2, seed=0)
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
