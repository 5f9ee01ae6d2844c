"""The user's own settings: where data lies, which Julia, and where its projects are."""

import os
import tomllib
from functools import cache
from pathlib import Path

from platformdirs import user_config_path
from pydantic import BaseModel, ConfigDict, ValidationError

from samestep.errors import BadInput, not_read

CONFIG = "SAMESTEP_CONFIG"


class ProjectConfig(BaseModel):
    """One Julia project: its folder, and the Julia that it is for."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    folder: str | None = None
    julia: str | None = None


class Config(BaseModel):
    """The whole file; every key may be left out."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    data: str | None = None
    """A folder that holds the files of data sets."""
    julia: str | None = None
    """The program, with its options if any: `julia +1.10`."""
    projects: dict[str, ProjectConfig] = {}
    """By name: `flux`, `flux-classic`, `knet`."""


def load_config() -> Config:
    """The settings; empty ones if there is no file. Raise BadInput in one sentence."""
    named = os.environ.get(CONFIG)
    path = Path(named) if named else user_config_path("samestep") / "config.toml"
    try:
        there = path.is_file()
    except OSError as error:
        raise not_read(path, error) from None
    if not there:
        if named:
            raise BadInput(f"{CONFIG}: there is no file {path}")
        return Config()
    return _read(path, path.stat().st_mtime_ns)


@cache
def _read(path: Path, modified: int) -> Config:
    """Read once per change of the file."""
    try:
        config = Config.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise not_read(path, error) from None
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(map(str, problem["loc"]))
        known = "data, julia, projects.NAME.folder and projects.NAME.julia"
        raise BadInput(f"{path}: {key}: {problem['msg'].lower()}; it holds {known}") from None
    except ValueError as error:
        raise BadInput(f"{path}: is not valid TOML: {error}") from None

    def placed(folder: str | None) -> str | None:
        # A folder is meant relative to the file that names it.
        return folder and str(path.absolute().parent / Path(folder).expanduser())

    projects = {
        name: project.model_copy(update={"folder": placed(project.folder)})
        for name, project in config.projects.items()
    }
    return config.model_copy(update={"data": placed(config.data), "projects": projects})
