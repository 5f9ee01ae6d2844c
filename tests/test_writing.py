import tempfile
from pathlib import Path

import pytest
from shipped import SHIPPED

from samestep.errors import BadInput
from samestep.experiment_file import load_experiment
from samestep.plan import Plan, make_plan
from samestep.writing import write_folder


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(load_experiment("iris-mlp"))


@pytest.mark.parametrize("name", ["numpy", "julia"])
def test_a_full_disk_leaves_no_file(name: str, plan: Plan, small_disk: Path) -> None:
    with pytest.raises(BadInput, match=r"cannot be written \(No space left on device\)"):
        write_folder(SHIPPED[name], plan, small_disk)
    assert list(small_disk.iterdir()) == []


@pytest.mark.parametrize("name", ["numpy", "julia"])
def test_no_room_for_the_draft(
    name: str, plan: Plan, small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(small_disk))
    sentence = r"disk: a draft of .* there \(No space left on device\); make room, or set TMPDIR"
    with pytest.raises(BadInput, match=sentence):
        write_folder(SHIPPED[name], plan, tmp_path / "mine")
    assert list(small_disk.iterdir()) == []
    assert not (tmp_path / "mine").exists()


def test_what_is_there_and_the_same_stays(plan: Plan, tmp_path: Path) -> None:
    first = write_folder(SHIPPED["numpy"], plan, tmp_path)
    times = [path.stat().st_mtime_ns for path in first]
    assert write_folder(SHIPPED["numpy"], plan, tmp_path) == first
    assert [path.stat().st_mtime_ns for path in first] == times
