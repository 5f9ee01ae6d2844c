"""Installing, without a network: shell programs stand in for Julia, and pip reads one wheel."""

import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from samestep.catalogue import Framework, find_frameworks, load_folder, named_framework
from samestep.errors import BadInput, RunFailed
from samestep.installing import install

# What Pkg.add does, as far as the coordinator sees it.
ADD = """\
for word; do case $word in --project=*) folder=${word#*=};; esac; done
echo Resolving package versions...
printf '[deps]\\nFlux = "587475ba-b771-5e3f-ad9e-33799f191a9c"\\n' > "$folder/Project.toml"
printf '[[deps.Flux]]\\nversion = "0.16.5"\\n' > "$folder/Manifest.toml"
"""
FAIL = ADD + 'echo "ERROR: Unsatisfiable requirements" >&2\necho "  for package Flux"\nexit 1\n'

FakeJulia = Callable[..., Path]


@pytest.fixture(autouse=True)
def home(no_settings: Path) -> Path:
    """Nothing is set or installed."""
    return no_settings


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the user wants the project of flux."""
    folder = tmp_path / "projects" / "flux"
    monkeypatch.setenv("SAMESTEP_FLUX_PROJECT", str(folder))
    return folder


def set_julia(monkeypatch: pytest.MonkeyPatch, program: Path) -> None:
    monkeypatch.setenv("SAMESTEP_JULIA", str(program))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def cli(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "samestep", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


# Julia.


def test_a_julia_framework_is_installed_into_a_project_of_its_own(
    fake_julia: FakeJulia, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_julia(monkeypatch, fake_julia(commands=ADD))
    flux = named_framework("flux")
    folder = home / "data" / "samestep" / "julia" / "flux"
    assert flux.place.problem() == f"there is no Julia project in {folder}"
    assert install(flux) == f"flux: installed in {folder}"
    assert flux.place.problem() is None
    assert flux.place.versions() == {"Flux": "0.16.5", "julia": "1.10.8"}
    assert names(folder.parent) == ["flux"]


def test_what_is_there_already_is_left_alone(
    fake_julia: FakeJulia, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_julia(monkeypatch, fake_julia(commands=ADD))
    install(named_framework("flux"))
    set_julia(monkeypatch, fake_julia(commands="exit 1", name="broken"))
    assert install(named_framework("flux")) == "flux: is here already"
    assert install(named_framework("julia")) == "julia: is here already"


def test_an_empty_folder_and_a_project_without_the_package_are_filled(
    fake_julia: FakeJulia, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_julia(monkeypatch, fake_julia(commands=ADD))
    folder.mkdir(parents=True)
    install(named_framework("flux"))
    assert named_framework("flux").place.problem() is None
    (folder / "Manifest.toml").unlink()
    (folder / "notes.txt").write_text("mine")
    install(named_framework("flux"))
    assert named_framework("flux").place.problem() is None
    assert names(folder) == ["Manifest.toml", "Project.toml", "notes.txt"]


def test_pkg_is_asked_for_the_package_by_name_uuid_and_version_and_for_nothing_else(
    fake_julia: FakeJulia, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = f"printf '%s\\n' \"$JULIA_LOAD_PATH\" \"$@\" > '{tmp_path}/said'\n"
    set_julia(monkeypatch, fake_julia(commands=note + ADD))
    install(named_framework("flux"))
    path, *words = (tmp_path / "said").read_text().splitlines()
    assert path == "@:@stdlib"
    assert "--startup-file=no" in words
    assert words[-1] == (
        'using Pkg; Pkg.add([Pkg.PackageSpec(name = "Flux", '
        'uuid = "587475ba-b771-5e3f-ad9e-33799f191a9c", version = "0.16")]); Pkg.precompile()'
    )


def test_without_julia_nothing_can_be_installed(
    fake_julia: FakeJulia, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for program, reason in (
        (Path("/no/such/julia"), "there is no program '/no/such/julia'"),
        (fake_julia("1.5.3", commands=ADD), "Julia 1.5.3 is too old, 1.10 is needed"),
    ):
        set_julia(monkeypatch, program)
        with pytest.raises(BadInput) as caught:
            install(named_framework("flux"))
        assert str(caught.value).startswith(f"flux: {reason}; to get it: install Julia 1.10 or")
    assert not folder.parent.exists()


def test_a_framework_of_julia_alone_says_that_julia_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_julia(monkeypatch, Path("/no/such/julia"))
    with pytest.raises(BadInput, match="julia: there is no program '/no/such/julia'; to get it: "):
        install(named_framework("julia"))


def test_when_pkg_fails_its_last_lines_are_told_and_nothing_is_left_behind(
    fake_julia: FakeJulia, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chatter = "for line in 1 2 3 4 5 6 7 8 9; do echo line $line; echo; done\n"
    set_julia(monkeypatch, fake_julia(commands=chatter + FAIL))
    with pytest.raises(RunFailed) as caught:
        install(named_framework("flux"))
    message = str(caught.value)
    assert message.startswith("flux: could not be installed: line 5 / line 6 / ")
    assert message.endswith("/ ERROR: Unsatisfiable requirements / for package Flux")
    assert names(folder.parent) == []
    assert named_framework("flux").place.problem() == f"there is no Julia project in {folder}"


def test_an_installer_that_dies_without_a_word(
    fake_julia: FakeJulia, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_julia(monkeypatch, fake_julia(commands="exit 7"))
    with pytest.raises(RunFailed, match="could not be installed: the installer ended with status"):
        install(named_framework("flux"))
    assert names(folder.parent) == []


def test_a_failure_leaves_the_users_own_project_where_it_is(
    fake_julia: FakeJulia, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.mkdir(parents=True)
    (folder / "Project.toml").write_text("[deps]\n")
    set_julia(monkeypatch, fake_julia(commands="echo no network; exit 1"))
    with pytest.raises(RunFailed, match="no network"):
        install(named_framework("flux"))
    assert names(folder) == ["Project.toml"]
    assert names(folder.parent) == ["flux"]


def test_a_folder_that_holds_something_else_is_not_taken(
    fake_julia: FakeJulia, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.mkdir(parents=True)
    (folder / "thesis.tex").write_text("mine")
    set_julia(monkeypatch, fake_julia(commands=ADD))
    with pytest.raises(BadInput, match=str(folder)):
        install(named_framework("flux"))
    assert names(folder) == ["thesis.tex"]
    assert names(folder.parent) == ["flux"]


def test_a_place_that_cannot_be_written(
    fake_julia: FakeJulia, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    set_julia(monkeypatch, fake_julia(commands=ADD))
    monkeypatch.setenv("SAMESTEP_FLUX_PROJECT", str(tmp_path / "file" / "flux"))
    with pytest.raises(BadInput, match="file/flux: cannot be written"):
        install(named_framework("flux"))


# The command.


def test_the_command_shows_the_installers_output_and_says_where(
    fake_julia: FakeJulia, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_julia(monkeypatch, fake_julia(commands=ADD))
    done = cli("install", "flux")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"Resolving package versions...\nflux: installed in {folder}\n"
    assert cli("install", "flux", "numpy").stdout == (
        "flux: is here already\nnumpy: is here already\n"
    )


def test_the_command_ends_with_status_3_when_pkg_fails(
    fake_julia: FakeJulia, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_julia(monkeypatch, fake_julia(commands=FAIL))
    done = cli("install", "flux")
    assert done.returncode == 3
    assert done.stderr.startswith("samestep: flux: could not be installed: ")
    assert done.stderr.endswith("ERROR: Unsatisfiable requirements / for package Flux\n")
    assert done.stderr.count("\n") == 1
    assert names(folder.parent) == []


def test_the_command_refuses_what_it_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    set_julia(monkeypatch, Path("/no/such/julia"))
    for name, part in (("fluks", 'did you mean "flux"'), ("flux", "install Julia 1.10 or later")):
        done = cli("install", name)
        assert done.returncode == 2
        assert part in done.stderr
        assert done.stderr.count("\n") == 1


# Python.


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Framework]:
    """A Python framework that requires what it is told, from no index, into a folder of its own."""
    target = tmp_path / "target"
    target.mkdir()
    for name, value in (("NO_INDEX", "1"), ("TARGET", str(target)), ("NO_DEPS", "1")):
        monkeypatch.setenv(f"PIP_{name}", value)
    monkeypatch.syspath_prepend(str(target))

    def write(requirement: str) -> Framework:
        folder = tmp_path / "tiny"
        folder.mkdir()
        (folder / "framework.toml").write_text(
            'language = "python"\nshim = "shim.py"\n[frameworks.tiny]\ntitle = "Tiny"\n'
            f'modules = ["samestep_tiny"]\nrequires = ["{requirement}"]\n'
        )
        for name in ("shim.py", "script.py.j2"):
            (folder / name).write_text("")
        return load_folder(folder)[0]

    return write


def write_wheel(folder: Path) -> Path:
    wheel = folder / "samestep_tiny-1.0-py3-none-any.whl"
    info = "samestep_tiny-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("samestep_tiny.py", "")
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: samestep-tiny\nVersion: 1.0\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return wheel


def test_a_python_framework_is_installed_by_pip(
    tiny: Callable[[str], Framework], tmp_path: Path
) -> None:
    framework = tiny(str(write_wheel(tmp_path)))
    assert framework.place.problem() == "no module 'samestep_tiny'"
    assert install(framework) == f"tiny: installed for {sys.executable}"
    assert framework.place.problem() is None
    assert install(framework) == "tiny: is here already"


def test_when_pip_fails_its_last_lines_are_told(tiny: Callable[[str], Framework]) -> None:
    with pytest.raises(RunFailed, match="No matching distribution found for samestep-none"):
        install(tiny("samestep-none>=1"))


def test_a_python_framework_that_is_here_starts_no_installer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("pip was started"))
    assert install(find_frameworks()["numpy"]) == "numpy: is here already"
