"""Python frameworks run in the interpreter that samestep runs in."""

import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata, util
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from samestep.environments.on_disk import bytes_of


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
        return sum(map(_size_of, self._distributions())) or None

    def files(self) -> Iterator[Path]:
        """Of the same packages."""
        for name in self._distributions():
            yield from _files_of(name)

    def _distributions(self) -> Iterator[str]:
        return _closure(Requirement(text).name for text in self.requires)


def _importable(module: str) -> bool:
    # The topmost package alone: to look for `a.b`, find_spec would import `a`.
    return util.find_spec(module.partition(".")[0]) is not None


def _version(module: str) -> str:
    """The version of the distribution that a module comes from, whatever that one's name."""
    for distribution in _distributions().get(module.partition(".")[0], []):
        return metadata.version(distribution)
    return "not installed"


def _closure(names: Iterable[str]) -> Iterator[str]:
    """The distributions of these names and all that they require here."""
    waiting, seen = list(names), set()
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in seen:
            continue
        seen.add(name)
        try:
            waiting += _required(name)
        except metadata.PackageNotFoundError:
            # What was installed by another name, such as tensorflow-cpu, is found by its module.
            waiting += _distributions().get(name, [])
            continue
        yield name


def _required(name: str) -> list[str]:
    requirements = map(Requirement, metadata.distribution(name).requires or [])
    return [r.name for r in requirements if r.marker is None or r.marker.evaluate()]


def _files_of(name: str) -> Iterator[Path]:
    for file in metadata.distribution(name).files or []:
        yield Path(str(file.locate()))


@cache
def _size_of(name: str) -> int:
    """The bytes of one distribution; frameworks share most of theirs."""
    return bytes_of(_files_of(name))


@cache
def _distributions() -> Mapping[str, list[str]]:
    return metadata.packages_distributions()
