"""Scripts as notebooks: the same program, cell by cell."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from samestep import api
from samestep.cli import app
from samestep.report.notebook import script_notebook


def sources(text: str) -> list[str]:
    return ["".join(cell["source"]) for cell in json.loads(text)["cells"]]


def test_a_notebook_runs_from_the_top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["code", "iris-mlp", "numpy", "--set", "training.epochs=3"]
    done = CliRunner().invoke(app, [*arguments, "--notebook", "-o", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("data.npz", "requirements.txt", "train.ipynb"),
    ]
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for cell in sources((tmp_path / "train.ipynb").read_text()):
        exec(cell, names)
    assert 0 < names["accuracy"] <= 1


@pytest.mark.parametrize("name", ["torch", "keras-tensorflow", "flux", "knet", "julia"])
def test_no_line_of_a_script_is_lost(name: str) -> None:
    script = api.code("iris-mlp", name)
    cells = sources(script_notebook(script, "python" if "def " in script else "julia"))
    left = {line.strip() for cell in cells for line in cell.splitlines()}
    lost = {line.strip() for line in script.splitlines() if line.strip()} - left
    assert all(
        line.startswith(("if ", "end", "from pathlib")) or "data.npz" in line for line in lost
    ), lost
    assert len(cells) > 4


def test_a_notebook_without_a_folder_is_refused() -> None:
    done = CliRunner().invoke(app, ["code", "iris-mlp", "numpy", "--notebook"])
    assert done.exit_code != 0
    assert "name one with -o" in str(done.exception)
