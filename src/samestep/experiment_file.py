"""Experiments in TOML files: found, read and overridden; checked before anyone sees them."""

import tomllib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from samestep.errors import BadInput, nearest, not_read
from samestep.experiment import KINDS, Experiment
from samestep.experiment_check import validate_experiment

MAX_FILE_BYTES = 1_000_000


def shipped_experiments() -> dict[str, Path]:
    """The experiments inside the package: name -> file."""
    folder = Path(str(resources.files("samestep"))) / "experiments"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def find_experiment(name: str) -> Path:
    """A shipped experiment's name or a path; raise BadInput if there is no such file."""
    shipped = shipped_experiments()
    if name in shipped:
        return shipped[name]
    path = Path(name)
    try:
        if path.is_file():
            return path
    except OSError as error:
        raise not_read(name[:200], error) from None
    if path.suffix == "" and "/" not in name:
        raise BadInput(
            f"{name}: neither a shipped experiment nor a file{nearest(name, list(shipped))}; "
            "`samestep experiments` lists what there is"
        )
    raise BadInput(f"{name}: there is no such file; give a shipped name or the path of a TOML file")


def load_experiment(name: str, overrides: Sequence[str] = (), *, small: bool = False) -> Experiment:
    """Read, override and validate an experiment; raise BadInput in one sentence.

    A file may hold a table `small`, laid out as the whole file is: what it says is said instead
    for a quick try.
    """
    path = find_experiment(name)
    document = _read_toml(path)
    smaller = document.pop("small", None)
    if small:
        if not isinstance(smaller, dict):
            raise BadInput(f"{path}: small: there is no such table, so there is no quick try of it")
        _merge(document, smaller)
    named = _data_path(document)
    for override in overrides:
        _apply_override(document, override)
    if named is not None and named == _data_path(document):
        _check_inside(named, path)
    return validate_experiment(document, where=str(path), folder=path.parent)


def _data_path(document: dict[str, Any]) -> str | None:
    data = document.get("data")
    path = data.get("path") if isinstance(data, dict) else None
    return path if isinstance(path, str) else None


def _check_inside(named: str, path: Path) -> None:
    """An experiment may come from a stranger: what it reads lies in its own folder."""
    try:
        inside = (path.parent / named).resolve().is_relative_to(path.parent.resolve())
    except (OSError, ValueError, RuntimeError):
        inside = False
    if not inside:
        raise BadInput(
            f"{path}: data.path: {named[:200]!r} leads out of the experiment's folder; put the "
            "data there, or name them yourself with --set data.path=FILE"
        )


def _merge(document: dict[str, Any], changes: dict[str, Any]) -> None:
    """Put the changes into the document, table by table."""
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(document.get(key), dict):
            _merge(document[key], value)
        else:
            document[key] = value


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise BadInput(
                f"{path}: larger than {MAX_FILE_BYTES:,} bytes; no experiment is so long"
            )
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise not_read(path, error) from None
    except UnicodeDecodeError:
        raise BadInput(f"{path}: is not text in UTF-8; an experiment is a TOML file") from None
    except (ValueError, RecursionError) as error:
        # A ValueError that is no TOMLDecodeError: a number of thousands of digits.
        raise BadInput(f"{path}: is not valid TOML: {error}") from None


def _apply_override(document: dict[str, Any], override: str) -> None:
    """Set one key, `training.epochs=5`, in the parsed document.

    A new `training.optimizer.name` keeps the keys that the new optimizer knows; so does a
    new learning-rate schedule.
    """
    key, equals, text = override.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        raise BadInput(f"--set {override}: write it as KEY=VALUE, such as training.epochs=5")
    table = document
    for part in parts[:-1]:
        table = _step_into(table, part, override)
    value = _parse_value(text.strip())
    if isinstance(table, list):
        table[_position(table, parts[-1], override)] = value
        return
    table[parts[-1]] = value
    kinds = KINDS.get(tuple(parts[:-1]))
    if kinds is not None and parts[-1] == "name" and isinstance(value, str) and value in kinds:
        for stale in set(table) - set(kinds[value].model_fields):
            del table[stale]


def _step_into(table: Any, part: str, override: str) -> Any:
    if isinstance(table, list):
        inner = table[_position(table, part, override)]
    else:
        inner = table.setdefault(part, {})
    if not isinstance(inner, dict | list):
        raise BadInput(f"--set {override}: {part} is a value, not a table")
    return inner


def _position(table: list[Any], part: str, override: str) -> int:
    """Layers are counted from 1, as in the messages: model.1.units."""
    if part.isdecimal() and 1 <= int(part) <= len(table):
        return int(part) - 1
    raise BadInput(f"--set {override}: {part} is not a layer's number from 1 to {len(table)}")


def _parse_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text
