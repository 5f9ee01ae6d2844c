"""Python frameworks run in the interpreter that samestep runs in."""

import os
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata, util

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


@dataclass(frozen=True)
class PythonEnvironment:
    """The running interpreter, and what one framework needs of it."""

    modules: Sequence[str]
    requires: Sequence[str]

    def problem(self) -> str | None:
        """The first module that cannot be imported here; nothing is imported to find out."""
        for module in self.modules:
            if not _importable(module):
                return f"no module {module!r}"
        return None

    def how_to_get(self) -> str:
        """The command that installs what is missing."""
        return shlex.join([sys.executable, "-m", "pip", "install", *self.requires])

    def versions(self) -> dict[str, str]:
        """Installed versions, by module (`sklearn`, not `scikit-learn`); nothing is imported."""
        return {module: _version(module) for module in self.modules}

    def command(self) -> list[str]:
        """This very interpreter."""
        return [sys.executable]

    def variables(self, threads: int) -> dict[str, str]:
        """Reproducible hashes, and output that is there when a worker dies."""
        return {"PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1"}

    def fingerprint(self) -> str:
        """Versions, and NumPy's, which every Python worker uses."""
        return repr((sorted(self.versions().items()), _version("numpy")))

    def install_bytes(self) -> int | None:
        """The packages that the framework names and all that they require, without the extras."""
        return _size_of(Requirement(text).name for text in self.requires)


def _importable(module: str) -> bool:
    # The topmost package alone: to look for `a.b`, find_spec would import `a`.
    return util.find_spec(module.partition(".")[0]) is not None


def _version(module: str) -> str:
    """The version of the distribution that a module comes from, whatever that one's name."""
    for distribution in _distributions().get(module.partition(".")[0], []):
        return metadata.version(distribution)
    return "not installed"


def _size_of(names: Iterable[str]) -> int | None:
    """The files of these distributions and of all that they require here."""
    waiting, seen, size = list(names), set(), 0
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in seen:
            continue
        seen.add(name)
        try:
            own_size, required = _distribution_size(name)
        except metadata.PackageNotFoundError:
            # What was installed by another name, such as tensorflow-cpu, is found by its module.
            waiting += _distributions().get(name, [])
            continue
        size += own_size
        waiting += required
    return size or None


@cache
def _distribution_size(name: str) -> tuple[int, list[str]]:
    """The bytes of one distribution, and what it requires; frameworks share most of theirs."""
    distribution = metadata.distribution(name)
    requirements = map(Requirement, distribution.requires or [])
    return (
        sum(_file_size(file.locate()) for file in distribution.files or []),
        [r.name for r in requirements if r.marker is None or r.marker.evaluate()],
    )


def _file_size(file: os.PathLike[str]) -> int:
    try:
        return os.stat(file).st_size
    except OSError:
        return 0


@cache
def _distributions() -> Mapping[str, list[str]]:
    return metadata.packages_distributions()
