"""The frameworks that can be found: each a folder with framework.toml, template and shim."""

import os
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata, resources, util
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from samestep.errors import BadInput, nearest
from samestep.experiment import Experiment

ENTRY_POINTS = "samestep.frameworks"
SEARCH_PATH = "SAMESTEP_PATH"

FrameworkName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=60)]


class Supports(BaseModel):
    """What a framework can express; a key left out means everything."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    layers: list[str] | None = None
    activations: list[str] | None = None
    optimizers: list[str] | None = None
    last_batch: list[str] | None = None
    precision: list[str] | None = None


class Entry(BaseModel):
    """One framework in a framework.toml."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    title: Annotated[str, Field(min_length=1, max_length=80)]
    modules: list[str] = []
    requires: list[str] = []
    template: str = "script.py.j2"
    options: dict[str, str | int | bool] = {}
    environment: dict[str, str] = {}
    supports: Supports = Supports()


class FrameworkFile(BaseModel):
    """A framework.toml: what one folder offers, under one or more names."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    language: Literal["python"]
    shim: str
    frameworks: Annotated[dict[FrameworkName, Entry], Field(min_length=1)]


@dataclass(frozen=True)
class Framework:
    """One target of code, proof and race, by its name on the command line."""

    name: str
    language: str
    folder: Path
    shim: Path
    entry: Entry = field(repr=False)

    @property
    def title(self) -> str:
        """The framework's name for people."""
        return self.entry.title

    def missing(self) -> list[str]:
        """Modules that cannot be imported here; nothing is imported to find out."""
        return [module for module in self.entry.modules if not _importable(module)]

    def how_to_get(self) -> str:
        """The command that installs what is missing."""
        requirements = " ".join(f"'{requirement}'" for requirement in self.entry.requires)
        return f"{sys.executable} -m pip install {requirements}"

    def versions(self) -> dict[str, str]:
        """Installed versions, by module (`sklearn`, not `scikit-learn`); nothing is imported."""
        return {module: _version(module) for module in self.entry.modules}

    def refusal(self, experiment: Experiment) -> str | None:
        """Why this framework cannot express the experiment, or None if it can."""
        supports = self.entry.supports
        training = experiment.training
        wanted: list[tuple[str, set[str], list[str] | None]] = [
            ("layer", {layer.layer for layer in experiment.model}, supports.layers),
            ("activation", _activations(experiment), supports.activations),
            ("optimizer", {training.optimizer.name}, supports.optimizers),
            ("last_batch", {training.last_batch}, supports.last_batch),
            ("precision", {training.precision}, supports.precision),
        ]
        for what, names, known in wanted:
            if known is not None and not names <= set(known):
                return f"{what} {sorted(names - set(known))[0]!r} cannot be written in {self.title}"
        return None


def find_frameworks() -> dict[str, Framework]:
    """All frameworks: shipped, from entry points, and from the folders in SAMESTEP_PATH."""
    found: dict[str, Framework] = {}
    for folder in [*_shipped_folders(), *_entry_point_folders(), *_search_path_folders()]:
        for framework in load_folder(folder):
            if framework.name in found:
                raise BadInput(
                    f"{folder / 'framework.toml'}: a framework named {framework.name!r} is "
                    f"already in {found[framework.name].folder}; give this one another name"
                )
            found[framework.name] = framework
    return found


def load_folder(folder: Path) -> list[Framework]:
    """The frameworks that one folder offers; raise BadInput if its framework.toml is wrong."""
    file = folder / "framework.toml"
    try:
        content = FrameworkFile.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise BadInput(f"{file}: cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{file}: is not valid TOML: {error}") from None
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(str(part) for part in problem["loc"] if part != "[key]")
        raise BadInput(f"{file}: {key}: {problem['msg']}") from None
    for entry in content.frameworks.values():
        for name in (content.shim, entry.template):
            if Path(name).name != name or not (folder / name).is_file():
                raise BadInput(f"{file}: {name!r} is not a file in this folder")
    return [
        Framework(name, content.language, folder, folder / content.shim, entry)
        for name, entry in content.frameworks.items()
    ]


def choose_frameworks(names: list[str] | None) -> list[Framework]:
    """The named frameworks, which must be installed, or all installed ones."""
    found = find_frameworks()
    if names is None:
        chosen = [framework for framework in found.values() if not framework.missing()]
        if not chosen:
            raise BadInput("no framework is installed; `samestep frameworks` says how to get one")
        return chosen
    chosen = [named_framework(name, found) for name in dict.fromkeys(names)]
    for framework in chosen:
        missing = framework.missing()
        if missing:
            raise BadInput(
                f"{framework.name}: is not installed here (no module {missing[0]!r}); "
                f"to get it, run: {framework.how_to_get()}"
            )
    return chosen


def named_framework(name: str, found: dict[str, Framework] | None = None) -> Framework:
    """The framework of that name, installed or not; raise BadInput with the nearest name."""
    found = find_frameworks() if found is None else found
    if name not in found:
        raise BadInput(
            f"{name}: unknown framework{nearest(name, found)}; "
            "`samestep frameworks` lists what there is"
        )
    return found[name]


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


def _activations(experiment: Experiment) -> set[str]:
    names = {getattr(layer, "activation", None) for layer in experiment.model}
    names |= {getattr(layer, "function", None) for layer in experiment.model}
    return {name for name in names if name is not None}


def _shipped_folders() -> list[Path]:
    root = Path(str(resources.files("samestep"))) / "frameworks"
    return sorted(file.parent for file in root.glob("*/framework.toml"))


def _entry_point_folders() -> list[Path]:
    """An entry point names a package whose folder holds framework.toml."""
    folders = []
    for point in metadata.entry_points(group=ENTRY_POINTS):
        try:
            spec = util.find_spec(point.value)
        except (ImportError, ValueError):
            spec = None
        if spec is None or not spec.submodule_search_locations:
            raise BadInput(f"entry point {point.name!r}: there is no package {point.value!r}")
        folders.append(Path(next(iter(spec.submodule_search_locations))))
    return folders


def _search_path_folders() -> list[Path]:
    folders: list[Path] = []
    for text in filter(None, os.environ.get(SEARCH_PATH, "").split(os.pathsep)):
        root = Path(text)
        if not root.is_dir():
            raise BadInput(f"{SEARCH_PATH}: {root} is not a folder; it must hold framework folders")
        folders += sorted(file.parent for file in root.glob("*/framework.toml"))
    return folders
