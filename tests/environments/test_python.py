import shlex
import sys
from importlib import metadata
from pathlib import Path

import pytest

from samestep.environments.python import PythonEnvironment


def test_what_can_be_imported_is_no_problem() -> None:
    assert PythonEnvironment(["numpy", "sklearn.datasets"], ["numpy"]).problem() is None
    assert PythonEnvironment([], []).problem() is None


def test_the_first_module_that_is_missing_is_named() -> None:
    place = PythonEnvironment(["numpy", "no_such.module", "no_such_other"], [])
    assert place.problem() == "no module 'no_such.module'"


def test_nothing_is_imported_to_find_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "explosive"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('nobody may import a framework')")
    monkeypatch.syspath_prepend(str(tmp_path))
    place = PythonEnvironment(["explosive.part"], [])
    assert place.problem() is None
    assert place.versions() == {"explosive.part": "not installed"}


def test_versions_are_keyed_by_module() -> None:
    assert PythonEnvironment(["numpy", "sklearn", "no_such_module"], []).versions() == {
        "numpy": metadata.version("numpy"),
        "sklearn": metadata.version("scikit-learn"),
        "no_such_module": "not installed",
    }


@pytest.mark.parametrize("requires", [["x>=1", "y[all]>=2,<3"], ["z>=1; os_name == 'posix'"]])
def test_how_to_get_it_can_be_pasted_into_a_shell(requires: list[str]) -> None:
    words = shlex.split(PythonEnvironment(["x"], requires).how_to_get())
    assert words == [sys.executable, "-m", "pip", "install", *requires]


def test_a_worker_runs_in_this_interpreter_with_reproducible_hashes() -> None:
    place = PythonEnvironment([], [])
    assert place.command() == [sys.executable]
    assert place.variables(2)["PYTHONHASHSEED"] == "0"


def test_a_fingerprint_changes_with_the_packages() -> None:
    places = [PythonEnvironment(modules, []) for modules in ([], ["numpy"], ["sklearn"])]
    assert len({place.fingerprint() for place in places}) == 3
    assert places[1].fingerprint() == PythonEnvironment(["numpy"], ["numpy>=2"]).fingerprint()


def write_distribution(folder: Path, name: str, size: int, *requires: str) -> None:
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (folder / f"{name}.py").write_bytes(b"#" * size)
    lines = [f"Name: {name}", "Version: 1.0", *(f"Requires-Dist: {text}" for text in requires)]
    (info / "METADATA").write_text("Metadata-Version: 2.1\n" + "\n".join(lines) + "\n")
    (info / "RECORD").write_text(f"{name}.py,,\n")


def test_what_is_required_counts_once_and_extras_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_distribution(tmp_path, "top", 1000, "left", "right>=1", "gone", 'more; extra == "all"')
    write_distribution(tmp_path, "left", 200, "base")
    write_distribution(tmp_path, "right", 30, "base", "top")
    write_distribution(tmp_path, "base", 4)
    write_distribution(tmp_path, "more", 50_000)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert PythonEnvironment(["top"], ["top>=1"]).install_bytes() == 1234


def test_what_is_not_installed_has_no_size() -> None:
    assert PythonEnvironment(["no_such"], ["no-such-distribution"]).install_bytes() is None
