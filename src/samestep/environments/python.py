"""Python frameworks run in the interpreter that samestep runs in."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata, util


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


def _importable(module: str) -> bool:
    # The topmost package alone: to look for `a.b`, find_spec would import `a`.
    return util.find_spec(module.partition(".")[0]) is not None


def _version(module: str) -> str:
    """The version of the distribution that a module comes from, whatever that one's name."""
    for distribution in _distributions().get(module.partition(".")[0], []):
        return metadata.version(distribution)
    return "not installed"


@cache
def _distributions() -> Mapping[str, list[str]]:
    return metadata.packages_distributions()
