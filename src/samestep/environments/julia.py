"""Julia frameworks run in a Julia of the user's choice, each with a project of its own."""

import os
import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from platformdirs import user_data_path
from pydantic import BaseModel, ConfigDict

from samestep.config import load_config

PROGRAM = "SAMESTEP_JULIA"
VERSION_SECONDS = 30.0

Version = tuple[int, ...]


class JuliaPackage(BaseModel):
    """A package that a framework needs: its registered name and UUID, and Pkg's version spec."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    name: str
    uuid: str
    version: str


@dataclass(frozen=True)
class JuliaEnvironment:
    """One Julia and one project, and what a framework needs of them.

    `project` is a name: several frameworks may share one, such as `knet`. None is for a
    framework that needs no package. `julia` is the oldest Julia that will do.
    """

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
        return None

    def how_to_get(self) -> str:
        """First Julia itself, then the packages."""
        if self.program_problem() is None:
            return f"samestep install {self.project}"
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
            entries = _manifest(folder)
            for package in self.packages:
                if package.name in entries:
                    found[package.name] = entries[package.name]
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
        manifest = None if folder is None else _manifest_file(folder)
        content = "" if manifest is None else manifest.read_text(encoding="utf-8", errors="replace")
        return repr((sorted(self.versions().items()), self.program(), str(folder), content))

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
        # A path with spaces is one word; anything else may carry options (`julia +1.10`).
        return [text] if Path(text).is_file() else shlex.split(text) or ["julia"]

    def folder(self) -> Path | None:
        """The folder of the project: the user's, or the one that `install` fills."""
        if self.project is None:
            return None
        own = load_config().projects.get(self.project)
        named = os.environ.get(_variable(self, "PROJECT")) or (own and own.folder)
        if named:
            return Path(named).expanduser()
        return user_data_path("samestep") / "julia" / self.project


@cache
def julia_version(program: tuple[str, ...]) -> str | None:
    """What a Julia says of itself, such as 1.10.8; None if it says nothing of the kind."""
    try:
        done = subprocess.run(
            [*program, "--version"],
            capture_output=True,
            text=True,
            timeout=VERSION_SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"julia version (\d+\.\d+\.\d+\S*)", done.stdout)
    return match.group(1) if match else None


def _variable(environment: JuliaEnvironment, what: str) -> str:
    """`SAMESTEP_FLUX_CLASSIC_PROJECT` for the project `flux-classic`."""
    name = str(environment.project).upper().replace("-", "_")
    return f"SAMESTEP_{name}_{what}"


def _numbers(version: str) -> Version:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _manifest_file(folder: Path) -> Path | None:
    for name in ("JuliaManifest.toml", "Manifest.toml"):
        if (folder / name).is_file():
            return folder / name
    # Since Julia 1.11 a project may keep one manifest for each Julia.
    return next(iter(sorted(folder.glob("Manifest-v*.toml"))), None)


def _manifest(folder: Path) -> dict[str, str]:
    """Package -> version, of both formats that Pkg has written."""
    file = _manifest_file(folder)
    if file is None:
        return {}
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    packages: dict[str, Any] = content.get("deps", content)
    return {
        name: str(entries[0].get("version", "unknown"))
        for name, entries in packages.items()
        if isinstance(entries, list) and entries and isinstance(entries[0], dict)
    }
