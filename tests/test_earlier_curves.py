"""Curves of an earlier race: taken over where the same work gave them, and refused elsewhere."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from samestep import api, curves
from samestep.earlier_curves import take_over
from samestep.errors import BadInput
from samestep.report.curves import origin_sentence
from samestep.report.html import race_page
from samestep.report.markdown import markdown_report
from samestep.report.table import result_view
from samestep.result import CurveOrigin, Result, load_result, save_result

SHORT = ["training.epochs=3"]


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A race with two curves, of another machine."""
    path = tmp_path_factory.mktemp("earlier") / "earlier.json"
    options: dict[str, Any] = {"trials": 1, "repeats": False, "curve_seeds": 2}
    result = api.race("iris-mlp", ["numpy"], SHORT, **options)
    result.machine.cpu = "<b>Z80</b>"
    save_result(result, path)
    return path


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The curves that are trained from now on."""
    tasks: list[tuple[str, int]] = []
    train_one = curves.train_one

    def noting(task: curves.Task, *rest: Any) -> Any:
        tasks.append((task.framework.name, task.seed))
        return train_one(task, *rest)

    monkeypatch.setattr(curves, "train_one", noting)
    return tasks


def race_from(path: Path, seeds: int, names: tuple[str, ...] = ("numpy",)) -> Result:
    options: dict[str, Any] = {"trials": 1, "repeats": False, "curve_seeds": seeds}
    return api.race("iris-mlp", names, SHORT, curves_from=path, **options)


@pytest.mark.parametrize(("seeds", "missing"), [(1, []), (2, []), (3, [("numpy", 2)])])
def test_what_is_there_is_taken_and_what_is_missing_is_trained(
    earlier: Path, trained: list[tuple[str, int]], seeds: int, missing: list[tuple[str, int]]
) -> None:
    result = race_from(earlier, seeds)
    before = load_result(earlier)
    taken = min(seeds, 2)
    assert trained == missing
    assert result.curves[:taken] == before.curves[:taken]
    assert [curve.seed for curve in result.curves] == list(range(seeds))
    assert result.curves_from == CurveOrigin(created=before.created, cpu="<b>Z80</b>", count=taken)
    assert not result.unfinished
    assert len(result.trials) == 1


def test_a_framework_without_a_curve_there_takes_its_own(
    earlier: Path, trained: list[tuple[str, int]]
) -> None:
    pytest.importorskip("sklearn")
    result = race_from(earlier, 1, ("numpy", "sklearn"))
    assert trained == [("sklearn", 0)]
    assert {curve.framework for curve in result.curves} == {"numpy", "sklearn"}


@pytest.mark.parametrize("script", ["0" * 64, ""])
def test_a_framework_of_another_script_takes_its_own(
    earlier: Path, tmp_path: Path, trained: list[tuple[str, int]], script: str
) -> None:
    pytest.importorskip("sklearn")
    before = load_result(earlier)
    before.frameworks["sklearn"] = before.frameworks["numpy"].model_copy(update={"script": script})
    taken = [curve for curve in before.curves if curve.seed == 0]
    before.curves += [curve.model_copy(update={"framework": "sklearn"}) for curve in taken]
    changed = tmp_path / "changed.json"
    save_result(before, changed)
    result = race_from(changed, 1, ("numpy", "sklearn"))
    assert trained == [("sklearn", 0)]
    assert result.curves[:1] == taken
    assert result.curves_from is not None
    assert result.curves_from.count == 1


def test_every_report_says_whose_curves_they_are(earlier: Path) -> None:
    result = race_from(earlier, 2)
    console = Console(width=400, record=True)
    console.print(result_view(result))
    sentence = "2 of the 2 learning curves were taken earlier, in a race of "
    assert f"{sentence}{load_result(earlier).created} on <b>Z80</b>" in console.export_text()
    assert sentence in markdown_report(result)
    page = race_page(result, "race.json")
    assert sentence in page
    assert "<b>Z80</b>" not in page


def test_a_report_is_silent_where_nothing_was_taken_over(earlier: Path) -> None:
    result = race_from(earlier, 1)
    result.proof["numpy"] = result.proof["numpy"].model_copy(update={"verdict": "failed"})
    take_over(result, load_result(earlier))
    assert result.curves_from is not None
    assert origin_sentence(result) is None


CHANGES: dict[str, tuple[Callable[[Result], Any], str]] = {
    "other data": (lambda r: setattr(r, "digest", "0" * 64), "digest: its curves are of another"),
    "other version": (
        lambda r: r.frameworks["numpy"].version.update(numpy="0.1"),
        r"frameworks.numpy: numpy was 0.1, is .* now; leave out --curves-from",
    ),
    "other script": (
        lambda r: setattr(r.frameworks["numpy"], "script", "0" * 64),
        "frameworks.numpy: samestep writes another script now; leave out --curves-from",
    ),
    "script not named": (
        lambda r: setattr(r.frameworks["numpy"], "script", ""),
        "frameworks.numpy.script: does not say what took its curves",
    ),
    "no curve": (lambda r: r.curves.clear(), "curves: there is none of a framework"),
    "no curve done": (
        lambda r: [setattr(curve, "outcome", "failed") for curve in r.curves],
        "curves: there is none of a framework",
    ),
    "curves of a third race": (
        lambda r: setattr(r, "curves_from", CurveOrigin(created="", cpu="", count=1)),
        "curves_from: its curves are another race's",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_curves_of_other_work_are_refused_before_anything_is_run(
    earlier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    plant, sentence = CHANGES[change]
    result = load_result(earlier)
    plant(result)
    changed, saved = tmp_path / "changed.json", tmp_path / "race.json"
    save_result(result, changed)
    monkeypatch.setattr(api, "prove_all", lambda *_, **__: pytest.fail("something was proved"))
    with pytest.raises(BadInput, match=sentence) as refused:
        api.race("iris-mlp", ["numpy"], SHORT, curve_seeds=2, curves_from=changed, path=saved)
    assert str(refused.value).startswith(f"{changed}: ")
    assert not saved.exists()


def test_who_is_not_proved_here_has_no_curve(earlier: Path) -> None:
    before = load_result(earlier)
    result = before.model_copy(deep=True, update={"curves": []})
    result.proof["numpy"] = result.proof["numpy"].model_copy(update={"verdict": "different"})
    take_over(result, before)
    assert result.curves == []


def test_how_many_seeds_must_be_said(earlier: Path) -> None:
    with pytest.raises(BadInput, match="curves_from: needs curve_seeds"):
        race_from(earlier, 0)
