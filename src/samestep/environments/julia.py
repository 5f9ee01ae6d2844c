"""Julia frameworks run in a Julia of the user's choice, each with a project of its own."""

import os
import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from platformdirs import user_data_path
from pydantic import BaseModel, ConfigDict

from samestep.config import load_config
from samestep.environments.on_disk import bytes_of
from samestep.errors import BadInput

PROGRAM = "SAMESTEP_JULIA"
VERSION_SECONDS = 30.0
PLACES = Path(__file__).with_name("packages.jl")

Version = tuple[int, ...]


class JuliaPackage(BaseModel):
    """A package that a framework needs: its registered name and UUID, and its version.

    `version` is what `install` adds, and means what it means in Pkg's [compat]; `also` are
    others that will do.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    name: str
    uuid: str
    version: str
    also: list[str] = []

    def accepts(self, installed: str) -> bool:
        """Whether an installed version will do; one that is not known may."""
        return installed == "unknown" or any(
            _is_compatible(_numbers(installed), _numbers(version))
            for version in (self.version, *self.also)
        )


@dataclass(frozen=True)
class JuliaEnvironment:
    """One Julia and one project, and what a framework needs of them.

    `project` is a name: several frameworks may share one, such as `knet`. None is for a
    framework that needs no package. `julia` is the oldest Julia that will do.
    """

    framework: str
    project: str | None
    packages: Sequence[JuliaPackage]
    julia: str

    def problem(self) -> str | None:
        """Julia missing or too old, no project, or a project without a package."""
        problem = self.program_problem()
        folder = self.folder()
        if problem is not None or folder is None:
            return problem
        if not (folder / "Project.toml").is_file():
            return f"there is no Julia project in {folder}"
        installed = self.versions()
        for package in self.packages:
            if package.name not in installed:
                return f"the Julia project in {folder} has no package {package.name}"
            version = installed[package.name]
            if not package.accepts(version):
                return (
                    f"the Julia project in {folder} has {package.name} {version}, "
                    f"and {package.version} is needed"
                )
        return None

    def program_problem(self) -> str | None:
        """Julia missing or too old."""
        program = self.program()
        if shutil.which(program[0]) is None:
            return f"there is no program {program[0]!r}"
        version = julia_version(tuple(program))
        if version is None:
            return f"{shlex.join(program)} does not say which Julia it is"
        if _numbers(version) < _numbers(self.julia):
            return f"Julia {version} is too old, {self.julia} is needed"
        if julia_crashes(tuple(program)):
            return f"Julia {version} crashes on an exception, so nothing can run in it"
        return None

    def how_to_get(self) -> str:
        """First Julia itself, then the packages."""
        if self.program_problem() is None:
            return f"samestep install {self.framework}"
        own = "" if self.project is None else f" or {_variable(self, 'JULIA')}"
        return (
            f"install Julia {self.julia} or later, by juliaup for instance, and set "
            f"{PROGRAM}{own} to it if it is not the 'julia' on the path"
        )

    def versions(self) -> dict[str, str]:
        """The versions of the packages that this framework names, and of Julia."""
        found: dict[str, str] = {}
        folder = self.folder()
        if folder is not None:
            entries = _manifest(self._manifest_file(folder))
            for package in self.packages:
                if package.name in entries:
                    found[package.name] = str(entries[package.name].get("version", "unknown"))
        version = julia_version(tuple(self.program()))
        if version is not None:
            found["julia"] = version
        return found

    def command(self) -> list[str]:
        """Julia on the project, without the user's startup file."""
        folder = self.folder()
        project = [] if folder is None else [f"--project={folder}"]
        return [*self.program(), "--startup-file=no", "--history-file=no", *project]

    def variables(self, threads: int) -> dict[str, str]:
        """Threads, and a load path on which the user's own default project is not."""
        path = "@stdlib" if self.project is None else "@:@stdlib"
        return {"JULIA_NUM_THREADS": str(threads), "JULIA_LOAD_PATH": path}

    def fingerprint(self) -> str:
        """Versions, and every package of the manifest, which pins them all."""
        folder = self.folder()
        manifest = None if folder is None else self._manifest_file(folder)
        content = "" if manifest is None else manifest.read_text(encoding="utf-8", errors="replace")
        return repr((sorted(self.versions().items()), self.program(), str(folder), content))

    def files(self) -> Iterator[Path]:
        """Of Julia's own libraries, and of the project's packages."""
        return _files_below(self._places())

    def install_bytes(self) -> int | None:
        """The packages of the manifest, their artifacts and compiled caches, without Julia."""
        places = self._places()
        return bytes_of(_files_below(places[1:])) if places else None

    def _places(self) -> tuple[Path, ...]:
        """Of Julia's libraries, then of the packages; empty if Julia does not say."""
        folder = self.folder()
        entries = {} if folder is None else _manifest(self._manifest_file(folder))
        packages = tuple(f"{n}={entry['uuid']}" for n, entry in entries.items() if "uuid" in entry)
        return _ask_places(tuple(self.command()), self.variables(1)["JULIA_LOAD_PATH"], packages)

    def program(self) -> list[str]:
        """Julia's program and options: this project's own, or the one for all."""
        config = load_config()
        own = None if self.project is None else config.projects.get(self.project)
        text = (
            (self.project and os.environ.get(_variable(self, "JULIA")))
            or os.environ.get(PROGRAM)
            or (own and own.julia)
            or config.julia
            or "julia"
        )
        return _words(text)

    def folder(self) -> Path | None:
        """The folder of the project: the user's, or the one that `install` fills."""
        if self.project is None:
            return None
        own = load_config().projects.get(self.project)
        named = os.environ.get(_variable(self, "PROJECT")) or (own and own.folder)
        if named:
            return Path(named).expanduser().absolute()
        return user_data_path("samestep") / "julia" / self.project

    def _manifest_file(self, folder: Path) -> Path | None:
        """Since Julia 1.10.8 a project may keep a manifest for each Julia, read first."""
        major, minor, *_ = *_numbers(julia_version(tuple(self.program())) or ""), 0, 0
        own = f"Manifest-v{major}.{minor}.toml"
        for name in (f"Julia{own}", own, "JuliaManifest.toml", "Manifest.toml"):
            if (folder / name).is_file():
                return folder / name
        return None


def _words(text: str) -> list[str]:
    """A program with its options (`julia +1.10`), or a path, in which a space is a space.

    Workers start in a folder of their own, so a relative path is made absolute.
    """
    try:
        words = [text] if Path(text).expanduser().is_file() else shlex.split(text)
    except ValueError as error:
        raise BadInput(
            f"{PROGRAM}: {text}: is no command ({str(error).lower()}); write a path, or a program "
            "and its options"
        ) from None
    program, *options = words or ["julia"]
    if os.sep in program:
        program = str(Path(program).expanduser().absolute())
    return [program, *options]


@cache
def julia_version(program: tuple[str, ...]) -> str | None:
    """What a Julia says of itself, such as 1.10.8; None if it says nothing of the kind."""
    done = _ask(program, "--version")
    match = done and re.search(r"julia version (\d+\.\d+\.\d+\S*)", done.stdout)
    return match.group(1) if match else None


@cache
def julia_crashes(program: tuple[str, ...]) -> bool:
    """Whether a Julia dies of a signal when it should catch an exception.

    It does where its libunwind is not the one that it was built for: Debian 11's Julia on
    Debian 12 starts, and dies at the first one.
    """
    done = _ask(program, "--startup-file=no", "-e", "try; [1][rand(2:3)]; catch; end")
    return done is not None and done.returncode < 0


@cache
def _ask_places(
    command: tuple[str, ...], load_path: str, packages: tuple[str, ...]
) -> tuple[Path, ...]:
    """What PLACES prints of these packages; frameworks may share a project."""
    done = _ask(command, str(PLACES), *packages, load_path=load_path)
    if done is None or done.returncode != 0:
        return ()
    return tuple(map(Path, done.stdout.splitlines()))


def _files_below(places: Iterable[Path]) -> Iterator[Path]:
    """These files, and all those in these folders; artifacts hold links to their own files."""
    found = (path for place in places for path in (place, *place.rglob("*")))
    return iter({path.resolve() for path in found if path.is_file()})


def _ask(
    program: tuple[str, ...], *words: str, load_path: str = "@stdlib"
) -> subprocess.CompletedProcess[str] | None:
    """What a Julia answers; None if it cannot be started or takes too long."""
    try:
        return subprocess.run(
            [*program, *words],
            env=os.environ | {"JULIA_LOAD_PATH": load_path},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=VERSION_SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None


def _variable(environment: JuliaEnvironment, what: str) -> str:
    """`SAMESTEP_FLUX_CLASSIC_PROJECT` for the project `flux-classic`."""
    name = str(environment.project).upper().replace("-", "_")
    return f"SAMESTEP_{name}_{what}"


def _numbers(version: str) -> Version:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _is_compatible(installed: Version, wanted: Version) -> bool:
    """As in Pkg's [compat]: up to the next change of the leftmost number that is not 0."""
    fixed = 1 if wanted[:1] > (0,) else 2
    return installed >= wanted and installed[:fixed] == wanted[:fixed]


def _manifest(file: Path | None) -> dict[str, dict[str, Any]]:
    """Package -> its entry, of both formats that Pkg has written."""
    if file is None:
        return {}
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    packages: dict[str, Any] = content.get("deps", content)
    return {
        name: entries[0]
        for name, entries in packages.items()
        if isinstance(entries, list) and entries and isinstance(entries[0], dict)
    }
