"""What the coordinator sees of a Julia: small shell programs stand in for it."""

import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from samestep.environments.julia import JuliaEnvironment, JuliaPackage, julia_version

FLUX = JuliaPackage(name="Flux", uuid="587475ba-b771-5e3f-ad9e-33799f191a9c", version="0.16")
PLACE = JuliaEnvironment("flux", "flux", [FLUX], "1.10")
CLASSIC = JuliaEnvironment("flux-classic", "flux-classic", [FLUX], "1.5")
ALONE = JuliaEnvironment("julia", None, [], "1.5")

PROJECT = f'[deps]\nFlux = "{FLUX.uuid}"\n'
FORMAT_1 = f"""\
# This file is machine-generated - editing it directly is not advised

[[Base64]]
uuid = "2a0f44e3-6c83-55bd-87e4-b1978d98bd5f"

[[Flux]]
deps = ["Base64"]
git-tree-sha1 = "287705d01ab510afe075b0165a159b9e5a4bf082"
uuid = "{FLUX.uuid}"
version = "VERSION"
"""
FORMAT_2 = f"""\
# This file is machine-generated - editing it directly is not advised

julia_version = "1.10.8"
manifest_format = "2.0"
project_hash = "da39a3ee5e6b4b0d3255bfef95601890afd80709"

[[deps.Base64]]
uuid = "2a0f44e3-6c83-55bd-87e4-b1978d98bd5f"

[[deps.Flux]]
deps = ["Base64"]
git-tree-sha1 = "287705d01ab510afe075b0165a159b9e5a4bf082"
uuid = "{FLUX.uuid}"
version = "VERSION"
"""

FakeJulia = Callable[..., Path]


@pytest.fixture(autouse=True)
def nothing_set(no_settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings, and no Julia on the path."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    julia_version.cache_clear()


@pytest.fixture
def set_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def write(text: str) -> None:
        file = tmp_path / "config.toml"
        file.write_text(text, encoding="utf-8")
        monkeypatch.setenv("SAMESTEP_CONFIG", str(file))

    return write


def write_project(folder: Path, manifest: str = FORMAT_2, file: str = "Manifest.toml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Project.toml").write_text(PROJECT)
    (folder / file).write_text(manifest.replace("VERSION", "0.16.5"))
    return folder


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = write_project(tmp_path / "project")
    monkeypatch.setenv("SAMESTEP_FLUX_PROJECT", str(folder))
    return folder


# What is missing, and how to get it.


def test_no_julia() -> None:
    assert PLACE.problem() == "there is no program 'julia'"
    assert PLACE.how_to_get() == (
        "install Julia 1.10 or later, by juliaup for instance, and set SAMESTEP_JULIA or "
        "SAMESTEP_FLUX_JULIA to it if it is not the 'julia' on the path"
    )
    assert ALONE.how_to_get().endswith(
        "set SAMESTEP_JULIA to it if it is not the 'julia' on the path"
    )
    assert "SAMESTEP_FLUX_CLASSIC_JULIA" in CLASSIC.how_to_get()
    assert PLACE.versions() == {}
    assert PLACE.install_bytes() is None
    assert list(PLACE.files()) == []


def test_a_program_that_is_set_and_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMESTEP_JULIA", "/no/such/julia --flag")
    assert PLACE.problem() == "there is no program '/no/such/julia'"


def test_a_program_that_may_not_be_run(
    fake_julia: FakeJulia, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = fake_julia()
    program.chmod(stat.S_IRUSR | stat.S_IWUSR)
    monkeypatch.setenv("SAMESTEP_JULIA", str(program))
    assert ALONE.problem() == f"there is no program '{program}'"


@pytest.mark.parametrize("says", ["", "echo nothing of the kind", "echo julia version unknown"])
def test_a_program_that_does_not_say_which_julia_it_is(
    says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "mute"
    program.write_text(f"#!/bin/sh\n{says}\n")
    program.chmod(0o755)
    monkeypatch.setenv("SAMESTEP_JULIA", str(program))
    assert PLACE.problem() == f"{program} does not say which Julia it is"
    assert "julia" not in PLACE.versions()


@pytest.mark.parametrize(
    ("version", "needed", "too_old"),
    [
        ("1.5.3", "1.10", True),
        ("1.9.4", "1.10", True),
        ("1.10.0", "1.10", False),
        ("1.12.0-rc1", "1.10", False),
        ("2.0.0", "1.10", False),
        ("1.4.2", "1.5", True),
    ],
)
def test_a_julia_that_is_too_old(
    version: str,
    needed: str,
    too_old: bool,
    fake_julia: FakeJulia,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SAMESTEP_JULIA", str(fake_julia(version)))
    place = JuliaEnvironment("julia", None, [], needed)
    reason = f"Julia {version} is too old, {needed} is needed"
    assert place.problem() == (reason if too_old else None)
    assert place.versions() == {"julia": version}


def test_no_project(
    fake_julia: FakeJulia, no_settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAMESTEP_JULIA", str(fake_julia()))
    folder = no_settings / "data" / "samestep" / "julia" / "flux"
    assert PLACE.problem() == f"there is no Julia project in {folder}"
    assert PLACE.how_to_get() == "samestep install flux"
    assert ALONE.problem() is None


def test_a_project_without_the_package(
    fake_julia: FakeJulia, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAMESTEP_JULIA", str(fake_julia()))
    assert PLACE.problem() is None
    reason = f"the Julia project in {project} has no package Flux"
    for manifest in ("", FORMAT_2.replace("Flux", "Lux"), "not TOML ="):
        (project / "Manifest.toml").write_text(manifest)
        assert PLACE.problem() == reason
    (project / "Manifest.toml").unlink()
    assert PLACE.problem() == reason


# Versions.


@pytest.mark.parametrize("manifest", [FORMAT_1, FORMAT_2])
@pytest.mark.parametrize("file", ["Manifest.toml", "JuliaManifest.toml", "Manifest-v1.10.toml"])
def test_versions_are_those_of_the_manifest(
    manifest: str, file: str, fake_julia: FakeJulia, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAMESTEP_JULIA", str(fake_julia("1.10.8")))
    folder = write_project(tmp_path / "project", manifest, file)
    monkeypatch.setenv("SAMESTEP_FLUX_PROJECT", str(folder))
    assert PLACE.versions() == {"Flux": "0.16.5", "julia": "1.10.8"}
    assert PLACE.problem() is None


def test_a_package_without_a_version_is_there_all_the_same(
    project: Path, fake_julia: FakeJulia, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAMESTEP_JULIA", str(fake_julia()))
    (project / "Manifest.toml").write_text(FORMAT_2.replace('version = "VERSION"\n', ""))
    assert PLACE.problem() is None
    assert PLACE.versions()["Flux"] == "unknown"


@pytest.mark.parametrize(("julia", "flux"), [("1.11.3", "0.16.11"), ("1.10.8", "0.16.5")])
def test_a_julia_reads_the_manifest_of_its_own_version_first(
    julia: str, flux: str, project: Path, fake_julia: FakeJulia, monkeypatch: pytest.MonkeyPatch
) -> None:
    # https://pkgdocs.julialang.org/v1/toml-files/ says so of Julia 1.10.8 and later.
    monkeypatch.setenv("SAMESTEP_JULIA", str(fake_julia(julia)))
    (project / "Manifest-v1.11.toml").write_text(FORMAT_2.replace("VERSION", "0.16.11"))
    assert PLACE.versions() == {"Flux": flux, "julia": julia}


def test_a_manifest_of_another_julia_counts_for_nothing(
    project: Path, fake_julia: FakeJulia, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAMESTEP_JULIA", str(fake_julia("1.12.1")))
    (project / "Manifest.toml").rename(project / "Manifest-v1.11.toml")
    assert PLACE.problem() == f"the Julia project in {project} has no package Flux"


# Which Julia, and which project.


def test_the_nearer_setting_wins(
    fake_julia: FakeJulia, set_config: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    own, for_all, config_own, config_all, on_path = (
        str(fake_julia(name=name)) for name in ("own", "all", "config-own", "config-all", "julia")
    )
    monkeypatch.setenv("PATH", os.path.dirname(on_path), prepend=":")
    assert PLACE.program() == ["julia"]
    set_config(f'julia = "{config_all}"')
    assert PLACE.program() == [config_all]
    set_config(f'julia = "{config_all}"\n[projects.flux]\njulia = "{config_own}"')
    assert PLACE.program() == [config_own]
    assert CLASSIC.program() == ALONE.program() == [config_all]
    monkeypatch.setenv("SAMESTEP_JULIA", for_all)
    assert PLACE.program() == CLASSIC.program() == ALONE.program() == [for_all]
    monkeypatch.setenv("SAMESTEP_FLUX_JULIA", own)
    assert PLACE.program() == [own]
    assert CLASSIC.program() == ALONE.program() == [for_all]
    assert PLACE.program_problem() is None


def test_a_variable_that_is_empty_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SAMESTEP_FLUX_JULIA", "SAMESTEP_JULIA", "SAMESTEP_FLUX_PROJECT"):
        monkeypatch.setenv(name, "")
    assert PLACE.program() == ["julia"]
    assert PLACE.folder() is not None and PLACE.folder().name == "flux"


def test_a_program_may_carry_options(
    fake_julia: FakeJulia, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = fake_julia(commands='echo "julia version 1.5.3"')
    monkeypatch.setenv("SAMESTEP_JULIA", f"{program} +1.10 --depwarn='no'")
    assert ALONE.program() == [str(program), "+1.10", "--depwarn=no"]
    assert ALONE.command()[:3] == [str(program), "+1.10", "--depwarn=no"]
    assert ALONE.versions() == {"julia": "1.10.8"}


def test_a_path_with_spaces_is_one_word(
    fake_julia: FakeJulia, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = fake_julia(name="my programs/julia 1.10")
    monkeypatch.setenv("SAMESTEP_JULIA", str(program))
    assert ALONE.program() == [str(program)]
    assert ALONE.problem() is None


def test_the_project_is_the_users_or_the_one_that_install_fills(
    no_settings: Path,
    tmp_path: Path,
    set_config: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    projects = no_settings / "data" / "samestep" / "julia"
    assert PLACE.folder() == projects / "flux"
    set_config('[projects.flux]\nfolder = "~/mine"')
    assert PLACE.folder() == tmp_path / "mine"
    monkeypatch.setenv("SAMESTEP_FLUX_PROJECT", "/named")
    assert PLACE.folder() == Path("/named")
    assert CLASSIC.folder() == projects / "flux-classic"
    monkeypatch.setenv("SAMESTEP_FLUX_CLASSIC_PROJECT", "/classic")
    assert CLASSIC.folder() == Path("/classic")
    assert ALONE.folder() is None


def test_relative_places_hold_in_the_workers_own_folder(
    fake_julia: FakeJulia, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_julia(
        commands='for w; do case $w in --project=*) cd "${w#--project=}" && echo *;; esac; done'
    )
    write_project(tmp_path / "project")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SAMESTEP_JULIA", "./fake-julia")
    monkeypatch.setenv("SAMESTEP_FLUX_PROJECT", "project")
    assert PLACE.problem() is None
    # launch starts every worker in a folder of its own.
    shown = subprocess.run(
        PLACE.command(), cwd=elsewhere, capture_output=True, text=True, check=True
    )
    assert shown.stdout.split() == ["Manifest.toml", "Project.toml"]


# What a worker is started with.


def test_a_worker_gets_the_project_and_no_startup_file(project: Path) -> None:
    assert PLACE.command()[0] == "julia"
    assert {"--startup-file=no", f"--project={project}"} <= set(PLACE.command())
    assert not any("--project" in word for word in ALONE.command())


@pytest.mark.parametrize(("place", "path"), [(PLACE, "@:@stdlib"), (ALONE, "@stdlib")])
def test_the_users_default_environment_is_kept_out(
    place: JuliaEnvironment, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JULIA_LOAD_PATH", "@:@v#.#:@stdlib")
    assert place.variables(3) == {"JULIA_NUM_THREADS": "3", "JULIA_LOAD_PATH": path}


@pytest.mark.julia
def test_a_real_julia_finds_nothing_in_the_users_default_environment(
    julia: list[str], tmp_path: Path
) -> None:
    # In a fresh depot the default environment holds a package; a real Julia finds it there,
    # unless it is started as a worker is.
    mine = tmp_path / "Mine"
    (mine / "src").mkdir(parents=True)
    (mine / "src" / "Mine.jl").write_text("module Mine end")
    uuid = "12345678-1234-5678-1234-567812345678"
    (mine / "Project.toml").write_text(f'name = "Mine"\nuuid = "{uuid}"\n')
    depot = tmp_path / "depot"
    find = f"""
        pushfirst!(DEPOT_PATH, "{depot}")
        folder = joinpath("{depot}", "environments", "v$(VERSION.major).$(VERSION.minor)")
        mkpath(folder)
        write(joinpath(folder, "Project.toml"), "[deps]\\nMine = \\"{uuid}\\"\\n")
        manifest = "[[Mine]]\\npath = \\"{mine}\\"\\nuuid = \\"{uuid}\\"\\n"
        write(joinpath(folder, "Manifest.toml"), manifest)
        println(Base.find_package("Mine") !== nothing)
    """
    for variables, found in (({}, "true"), (ALONE.variables(1), "false")):
        environment = {
            name: value for name, value in os.environ.items() if name != "JULIA_LOAD_PATH"
        }
        shown = subprocess.run(
            [*julia, "-e", find], env=environment | variables, capture_output=True, text=True
        )
        assert shown.stdout.strip() == found, shown.stderr


def test_a_fingerprint_changes_with_whatever_is_installed(
    fake_julia: FakeJulia, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAMESTEP_JULIA", str(fake_julia("1.10.8")))
    first = PLACE.fingerprint()
    assert PLACE.fingerprint() == first
    found = {first}
    manifest = project / "Manifest.toml"
    # Even a dependency that the framework does not name counts.
    manifest.write_text(manifest.read_text() + '\n[[deps.NNlib]]\nversion = "0.9.1"\n')
    found.add(PLACE.fingerprint())
    manifest.write_text(manifest.read_text().replace("0.9.1", "0.9.2"))
    found.add(PLACE.fingerprint())
    manifest.unlink()
    found.add(PLACE.fingerprint())
    monkeypatch.setenv("SAMESTEP_JULIA", str(fake_julia("1.11.3", name="newer")))
    found.add(PLACE.fingerprint())
    monkeypatch.setenv("SAMESTEP_FLUX_PROJECT", str(write_project(tmp_path / "other")))
    found.add(PLACE.fingerprint())
    assert len(found) == 6


@pytest.mark.parametrize(
    ("installed", "will_do"),
    [("0.12.1", False), ("0.13.9", False), ("0.14.2", True), ("0.16.9", True), ("unknown", True)],
)
def test_a_package_of_another_version_will_not_do(installed: str, will_do: bool) -> None:
    package = FLUX.model_copy(update={"version": "0.16", "also": ["0.14", "0.15"]})
    assert package.accepts(installed) is will_do
    assert FLUX.model_copy(update={"version": "1.4", "also": []}).accepts("1.9.0")


def test_a_julia_that_crashes_on_exceptions_is_not_used(
    fake_julia: FakeJulia, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashing = fake_julia("1.10.8", commands="kill -SEGV $$")
    monkeypatch.setenv("SAMESTEP_JULIA", str(crashing))
    assert PLACE.problem() == "Julia 1.10.8 crashes on an exception, so nothing can run in it"
    assert PLACE.how_to_get().startswith("install Julia 1.10 or later")
