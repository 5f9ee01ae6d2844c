"""The worked example of CONTRIBUTING.md does what it says."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from samestep.catalogue import named_framework
from samestep.experiment_file import load_experiment
from samestep.plan import make_plan
from samestep.proof import prove

ROOT = Path(__file__).parent.parent


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the first block of commands leaves behind."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    commands = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)[0]
    shutil.copytree(ROOT / "src/samestep/frameworks", tmp_path / "src/samestep/frameworks")
    subprocess.run(["bash", "-euc", commands], cwd=tmp_path, check=True)
    monkeypatch.setenv("SAMESTEP_PATH", str(tmp_path / "my-frameworks"))
    return tmp_path / "my-frameworks" / "numpy-slices"


def test_the_worked_example_is_proved(example: Path) -> None:
    proof = prove(make_plan(load_experiment("iris-mlp")), named_framework("numpy-slices"))
    assert proof.verdict == "identical", proof.message
    assert proof.audit is not None
    assert proof.audit.passed


def test_the_fault_planted_in_the_worked_example_is_found(example: Path) -> None:
    template = example / "script.py.j2"
    source = template.read_text(encoding="utf-8")
    assert source.count("y_new[rows]") == 1
    template.write_text(source.replace("y_new[rows]", "y[rows]"), encoding="utf-8")
    proof = prove(make_plan(load_experiment("iris-mlp")), named_framework("numpy-slices"))
    assert proof.verdict == "different"
    assert [rung.name for rung in proof.rungs if not rung.passed] == ["trajectory"]
    assert proof.audit is not None
    assert any("label" in problem for problem in proof.audit.problems)
