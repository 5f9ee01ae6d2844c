"""The frameworks that can be found: each a folder with framework.toml, template and shim."""

import os
import tomllib
from dataclasses import dataclass, field
from importlib import metadata, resources, util
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from samestep.environments import Environment
from samestep.environments.julia import JuliaEnvironment, JuliaPackage
from samestep.environments.python import PythonEnvironment
from samestep.errors import BadInput, nearest, not_read
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
    learning_rate_schedules: list[str] | None = None
    last_batch: list[str] | None = None
    precision: list[str] | None = None


class Entry(BaseModel):
    """One framework in a framework.toml, whatever its language."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    title: Annotated[str, Field(min_length=1, max_length=80)]
    template: str
    options: dict[str, str | int | bool] = {}
    environment: dict[str, str] = {}
    supports: Supports = Supports()


class PythonEntry(Entry):
    """A Python framework: the modules that it imports, and what pip installs for them."""

    template: str = "script.py.j2"
    modules: list[str] = []
    requires: list[str] = []

    def place(self, name: str) -> Environment:
        """Where the framework of that name runs."""
        return PythonEnvironment(self.modules, self.requires)


class JuliaEntry(Entry):
    """A Julia framework: the oldest Julia for it, its project's name, and its packages."""

    template: str = "script.jl.j2"
    julia: Annotated[str, Field(pattern=r"^\d+\.\d+$")]
    project: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$", max_length=60)] | None = None
    packages: list[JuliaPackage] = []

    @model_validator(mode="after")
    def _packages_need_a_project(self) -> "JuliaEntry":
        if self.packages and self.project is None:
            raise ValueError("packages need a project: the name under which users point at one")
        return self

    def place(self, name: str) -> Environment:
        """Where the framework of that name runs."""
        return JuliaEnvironment(name, self.project, self.packages, self.julia)


class FrameworkFile(BaseModel):
    """A framework.toml: what one folder offers, under one or more names."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    shim: str


class PythonFile(FrameworkFile):
    """A framework.toml of Python frameworks."""

    language: Literal["python"]
    frameworks: Annotated[dict[FrameworkName, PythonEntry], Field(min_length=1)]


class JuliaFile(FrameworkFile):
    """A framework.toml of Julia frameworks."""

    language: Literal["julia"]
    frameworks: Annotated[dict[FrameworkName, JuliaEntry], Field(min_length=1)]


AnyFile = Annotated[PythonFile | JuliaFile, Field(discriminator="language")]
FILE: TypeAdapter[PythonFile | JuliaFile] = TypeAdapter(AnyFile)


@dataclass(frozen=True)
class Framework:
    """One target of code, proof and race, by its name on the command line."""

    name: str
    language: Literal["python", "julia"]
    folder: Path
    shim: Path
    entry: PythonEntry | JuliaEntry = field(repr=False)
    edits: tuple[tuple[str, str], ...] = ()
    """Texts of its scripts and what stands there instead: an unfairness that is planted."""

    @property
    def title(self) -> str:
        """The framework's name for people."""
        return self.entry.title

    @property
    def place(self) -> Environment:
        """Where it runs, and what is missing there."""
        return self.entry.place(self.name)

    @property
    def shipped(self) -> bool:
        """Whether it is samestep's own, and not a stranger's program."""
        return self.folder.is_relative_to(Path(__file__).parent)

    def refusal(self, experiment: Experiment) -> str | None:
        """Why this framework cannot express the experiment, or None if it can."""
        supports = self.entry.supports
        training = experiment.training
        wanted: list[tuple[str, set[str], list[str] | None]] = [
            ("layer", {layer.layer for layer in experiment.model}, supports.layers),
            ("activation", _activations(experiment), supports.activations),
            ("optimizer", {training.optimizer.name}, supports.optimizers),
            (
                "learning-rate schedule",
                {training.learning_rate_schedule.name},
                supports.learning_rate_schedules,
            ),
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
        content = FILE.validate_python(tomllib.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise not_read(file, error) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{file}: is not valid TOML: {error}") from None
    except ValidationError as error:
        problem = error.errors()[0]
        # pydantic puts the language, which says how the file is read, before every key.
        location = [part for part in problem["loc"] if part != "[key]"]
        key = ".".join(map(str, location[1:] or ["language"]))
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
        chosen = [framework for framework in found.values() if not framework.place.problem()]
        if not chosen:
            raise BadInput("no framework is installed; `samestep frameworks` says how to get one")
        return chosen
    chosen = [named_framework(name, found) for name in dict.fromkeys(names)]
    for framework in chosen:
        problem = framework.place.problem()
        if problem is not None:
            raise BadInput(
                f"{framework.name}: is not installed here ({problem}); "
                f"to get it: {framework.place.how_to_get()}"
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
