"""The command that repeats a race, as far as it can be told from its result."""

import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from samestep.errors import BadInput
from samestep.experiment_check import validate_experiment
from samestep.experiment_file import load_experiment, shipped_experiments
from samestep.result import Result
from samestep.schedule import is_sequential

OWN_FILE = "EXPERIMENT.toml"
"""Stands for a file that is the reader's own to name."""


def repeating_command(result: Result) -> str:
    """The command line; an experiment that does not ship is called EXPERIMENT.toml."""
    settings = result.settings
    name, overrides = _experiment(result.experiment)
    words = ["samestep", "race" if settings.trials else "prove", name]
    words += ["-f", ",".join(result.frameworks)]
    for override in overrides:
        words += ["--set", override]
    if not settings.trials:
        return shlex.join(words)
    words += ["--threads", str(settings.threads)]
    if not is_sequential(result):
        words += ["--trials", str(settings.trials)]
    if settings.within is not None:
        words += ["--precision", f"{100 * settings.within:g}%"]
    if settings.budget_seconds is not None:
        words += ["--budget", f"{settings.budget_seconds:g}s"]
    if not settings.repeats:
        words.append("--no-repeats")
    if settings.epochs is not None:
        words += ["--epochs", str(settings.epochs)]
    if settings.curve_seeds:
        words += ["--curves", "--curve-seeds", str(settings.curve_seeds)]
    if settings.seed:
        words += ["--seed", str(settings.seed)]
    return shlex.join(words)


def _experiment(raced: Mapping[str, Any]) -> tuple[str, list[str]]:
    """A shipped experiment of that title, and the overrides that make it the one raced."""
    try:
        wanted = validate_experiment(dict(raced), where="result", folder=Path()).model_dump()
    except BadInput:
        return OWN_FILE, []
    for name in shipped_experiments():
        shipped = load_experiment(name).model_dump()
        if shipped["title"] != wanted["title"]:
            continue
        before, after = dict(_leaves(shipped)), dict(_leaves(wanted))
        changed = {key: value for key, value in after.items() if before.get(key) != value}
        overrides = [f"{key}={json.dumps(value)}" for key, value in changed.items()]
        try:
            if load_experiment(name, overrides).model_dump() == wanted:
                return name, overrides
        except BadInput:
            continue
    return OWN_FILE, []


def _leaves(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
