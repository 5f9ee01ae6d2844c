"""An interrupted race goes on: nothing that ended is run again, nothing else is mixed in."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from samestep import api, curves, racing
from samestep.errors import BadInput
from samestep.result import Result, load_result, save_result


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A race of three blocks and two curves, to its end."""
    path = tmp_path_factory.mktemp("whole") / "race.json"
    options: dict[str, Any] = {"trials": 3, "threads": 1, "curve_seeds": 2, "path": path}
    options["repeats"] = False
    return api.race("iris-mlp", ["numpy"], ["training.epochs=3"], **options)


@pytest.fixture
def interrupted(whole: Result, tmp_path: Path) -> Callable[[int, int], Path]:
    """The file of that race, had it ended after so many trials and curves."""

    def cut(trials: int, taken: int) -> Path:
        update = {"trials": whole.trials[:trials], "curves": whole.curves[:taken]}
        path = tmp_path / "race.json"
        save_result(whole.model_copy(update={**update, "verdict": [], "unfinished": True}), path)
        return path

    return cut


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tasks of all workers that are started from now on."""
    tasks: list[str] = []
    run_worker = racing.run_worker

    def noting(framework: Any, task: Any, *rest: Any, **facts: Any) -> Any:
        tasks.append(task)
        return run_worker(framework, task, *rest, **facts)

    for module in (racing, curves):
        monkeypatch.setattr(module, "run_worker", noting)
    return tasks


@pytest.mark.parametrize(("trials", "taken"), [(0, 0), (1, 0), (3, 0), (3, 1), (3, 2)])
def test_only_what_is_missing_is_run(
    interrupted: Callable[[int, int], Path],
    started: list[str],
    whole: Result,
    trials: int,
    taken: int,
) -> None:
    path = interrupted(trials, taken)
    before = load_result(path)
    result = api.resume(path)
    assert (started.count("trial"), started.count("curve")) == (3 - trials, 2 - taken)
    assert result.trials[:trials] == before.trials
    assert result.curves[:taken] == before.curves
    assert [(t.block, t.framework) for t in result.trials] == [(n, "numpy") for n in range(3)]
    assert [curve.seed for curve in result.curves] == [curve.seed for curve in whole.curves]
    assert len(result.verdict) == 1 and not result.unfinished
    assert load_result(path) == result


CHANGES: dict[str, tuple[Callable[[Result], Any], str]] = {
    "data": (lambda r: setattr(r, "digest", "0" * 64), "digest: the experiment's data have"),
    "processor": (lambda r: setattr(r.machine, "cpu", "Z80"), "machine: cpu was Z80, is "),
    "version": (
        lambda r: r.frameworks["numpy"].version.update(numpy="0.1"),
        r"frameworks.numpy: numpy was 0.1, is .* now; start a new race",
    ),
    "script": (
        lambda r: setattr(r.frameworks["numpy"], "script", "0" * 64),
        "frameworks.numpy: samestep writes another script now",
    ),
    "proof": (
        lambda r: r.proof.update(
            numpy=r.proof["numpy"].model_copy(update={"verdict": "equivalent"})
        ),
        "proof.numpy: was equivalent, is identical now",
    ),
    "experiment": (
        lambda r: r.experiment["training"].update(epochs=0),
        "training.epochs",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_has_changed_is_refused_and_nothing_is_run(
    interrupted: Callable[[int, int], Path], started: list[str], change: str
) -> None:
    plant, sentence = CHANGES[change]
    path = interrupted(1, 0)
    result = load_result(path).model_copy(deep=True)
    plant(result)
    save_result(result, path)
    before = path.read_bytes()
    with pytest.raises(BadInput, match=sentence):
        api.resume(path)
    assert started == []
    assert path.read_bytes() == before


def test_a_framework_that_is_gone_is_refused(interrupted: Callable[[int, int], Path]) -> None:
    path = interrupted(1, 0)
    path.write_text(path.read_text().replace('"numpy": {', '"nunpy": {', 1))
    with pytest.raises(BadInput, match='did you mean "numpy"'):
        api.resume(path)
