"""`samestep install`: get what a framework needs, by pip or by Julia's Pkg."""

import os
import shutil
import subprocess
import tempfile
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from samestep.catalogue import Framework
from samestep.environments.julia import JuliaEnvironment, JuliaPackage
from samestep.environments.python import PythonEnvironment
from samestep.errors import BadInput, RunFailed
from samestep.julia_source import literal

TAIL_LINES = 8


def install(framework: Framework) -> str:
    """Install what is missing and say where; raise RunFailed with the installer's last lines."""
    place = framework.place
    if place.problem() is None:
        return f"{framework.name}: is here already"
    if isinstance(place, PythonEnvironment):
        _run([*place.command(), "-m", "pip", "install", *place.requires], framework.name)
        return f"{framework.name}: installed for {place.command()[0]}"
    assert isinstance(place, JuliaEnvironment)
    folder = _install_project(framework.name, place)
    return f"{framework.name}: installed in {folder}"


def _install_project(name: str, place: JuliaEnvironment) -> Path:
    """Fill a project's folder; a new one comes into being whole or not at all."""
    folder = place.folder()
    program_problem = place.program_problem()
    if program_problem is not None or folder is None:
        raise BadInput(f"{name}: {program_problem}; to get it: {place.how_to_get()}")
    if (folder / "Project.toml").is_file():
        _add_packages(name, place, folder)
        return folder
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise BadInput(f"{folder}: holds something else; name an empty or a new folder")
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".draft-"))
    except OSError as error:
        raise BadInput(f"{folder}: cannot be written ({error.strerror})") from None
    try:
        _add_packages(name, place, draft)
        # An empty folder that the user named gives way.
        os.replace(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def _add_packages(name: str, place: JuliaEnvironment, folder: Path) -> None:
    specs = ", ".join(map(_spec, place.packages))
    code = f"using Pkg; Pkg.add([{specs}]); Pkg.precompile()"
    command = [*place.program(), "--startup-file=no", f"--project={folder}", "-e", code]
    _run(command, name, {"JULIA_LOAD_PATH": "@:@stdlib"})


def _spec(package: JuliaPackage) -> str:
    return (
        f"Pkg.PackageSpec(name = {literal(package.name)}, uuid = {literal(package.uuid)}, "
        f"version = {literal(package.version)})"
    )


def _run(command: Sequence[str], name: str, variables: dict[str, str] | None = None) -> None:
    """Run an installer with its output on the terminal."""
    last: deque[str] = deque(maxlen=TAIL_LINES)
    with subprocess.Popen(
        command,
        env=os.environ | (variables or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            if line.strip():
                last.append(line.strip())
    if process.returncode:
        said = " / ".join(last) or f"the installer ended with status {process.returncode}"
        raise RunFailed(f"{name}: could not be installed: {said}")
