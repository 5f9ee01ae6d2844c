"""Reports as files, by the command line: all that was asked for, or nothing."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from samestep.cli import app
from samestep.errors import BadInput
from samestep.proof_record import FrameworkProof
from samestep.report.files import Wanted, write_reports
from samestep.result import Result
from samestep.scaling.record import Point, Scaling

Save = Callable[[Result], Path]


@pytest.fixture
def scaling(race: Result) -> Scaling:
    """Two frameworks of which one starts slower and grows faster."""
    race.proof = {name: FrameworkProof(verdict="identical") for name in ("numpy", "torch")}
    points = []
    for size in (8, 64, 512):
        result = race.model_copy(deep=True)
        for trial in result.trials:
            cost = 1e-3 + size * 1e-6 if trial.framework == "torch" else size * 1e-5
            trial.seconds.steady_epoch = cost * (1 + trial.block / 1000)
        points.append(Point(size=size, steps=1, work=size * 1e4, result=result))
    return Scaling(vary="batch_size", points=points)


def test_everything_is_written_by_one_command(race: Result, saved: Save, tmp_path: Path) -> None:
    arguments = ["report", str(saved(race))]
    places = {name: tmp_path / "out" / f"r.{name}" for name in ("html", "markdown", "notebook")}
    for name, path in places.items():
        arguments += [f"--{name}", str(path)]
    done = CliRunner().invoke(app, [*arguments, "--png", str(tmp_path / "charts")])
    assert done.exit_code == 0, done.output
    for path in places.values():
        assert path.stat().st_size > 1000
        assert str(path) in done.output.replace("\n", "")
    assert (tmp_path / "charts" / "ratios.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "charts" / "memory.svg").read_text().startswith("<svg")


def test_nothing_is_written_if_something_cannot_be(
    race: Result, saved: Save, tmp_path: Path
) -> None:
    page = tmp_path / "r.html"
    with pytest.raises(BadInput, match=r"cannot be written .*give another path with --png"):
        write_reports(race, saved(race), Wanted(html=page, pictures=Path("/proc/nowhere")))
    assert not page.exists()


def test_a_scaling_has_a_page_and_a_picture(scaling: Scaling, tmp_path: Path) -> None:
    wanted = Wanted(html=tmp_path / "s.html", pictures=tmp_path / "charts")
    write_reports(scaling, tmp_path / "s.json", wanted)
    text = (tmp_path / "s.html").read_text()
    assert re.search(r"numpy is faster below batch_size 11\d", text), re.findall(r"<li>[^<]*", text)
    assert {path.name for path in (tmp_path / "charts").iterdir()} == {"scaling.png", "scaling.svg"}


def test_a_scaling_is_not_for_a_tracker(scaling: Scaling, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="--markdown: a scaling has none"):
        write_reports(scaling, tmp_path / "s.json", Wanted(markdown=tmp_path / "s.md"))


def test_a_notebook_shows_table_trials_and_charts(
    race: Result, saved: Save, tmp_path: Path
) -> None:
    pytest.importorskip("pandas", reason="Result.frame needs pandas")
    write_reports(race, saved(race), Wanted(notebook=tmp_path / "r.ipynb"))
    notebook = json.loads((tmp_path / "r.ipynb").read_text())
    names: dict[str, object] = {}
    shown = []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            *before, last = "".join(cell["source"]).splitlines()
            exec("\n".join(before), names)
            shown.append(eval(last, names))
    table, frame, *charts = shown
    assert table == race
    assert len(frame) == len(race.trials)
    assert {"framework", "steady_epoch_seconds", "test_accuracy"} <= set(frame.columns)
    assert len(charts) == 10
