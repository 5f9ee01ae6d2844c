"""A document as an experiment, or one sentence about what is wrong with it."""

from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from samestep.errors import BadInput, nearest
from samestep.experiment import KINDS, Data, Experiment, Training
from samestep.layers import LayerKind


def validate_experiment(document: dict[str, Any], where: str, folder: Path) -> Experiment:
    """Turn a parsed document into an Experiment; a data path is taken relative to `folder`."""
    try:
        experiment = Experiment.model_validate(document)
    except ValidationError as error:
        raise BadInput(f"{where}: {_first_problem(error, document)}") from None
    if experiment.data.path is None:
        return experiment
    data = experiment.data.model_copy(update={"path": str(folder / experiment.data.path)})
    return experiment.model_copy(update={"data": data})


def _first_problem(error: ValidationError, document: dict[str, Any]) -> str:
    """The first error as `key: what is wrong; what to do`."""
    problems = error.errors()
    # A misspelt key causes both an unknown and a missing key; the unknown one is the cause.
    problem = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
    location = _without_tags(problem["loc"], document)
    key = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in location)
    key = key.removeprefix(".") or "experiment"
    value = problem["input"]
    context = problem.get("ctx", {})
    match problem["type"]:
        case "extra_forbidden":
            known = _known_keys(location, document)
            guess = nearest(str(location[-1]), known)
            return f"{key}: unknown key{guess}; known here: {', '.join(known)}"
        case "missing":
            return f"{key}: is missing; samestep leaves no value to a default, so write it out"
        case "union_tag_invalid":
            known = [str(tag) for tag in _tags(str(context["expected_tags"]))]
            tag_key = str(context["discriminator"]).strip("'")
            guess = nearest(str(context["tag"]), known)
            tag = _quoted(context["tag"])
            return f"{key}.{tag_key}: unknown {tag}{guess}; known: {', '.join(known)}"
        case "union_tag_not_found":
            tag_key = str(context["discriminator"]).strip("'")
            return f"{key}.{tag_key}: is missing; it says which kind this is"
        case "literal_error":
            known = _tags(str(context["expected"]))
            guess = nearest(str(value), known)
            return f"{key}: unknown {_quoted(value)}{guess}; known: {', '.join(known)}"
        case "value_error":
            return f"{key}: {context['error']}"
        case _:
            return f"{key}: {_quoted(value)} will not do; {_lower_first(problem['msg'])}"


def _without_tags(location: tuple[int | str, ...], document: Any) -> tuple[int | str, ...]:
    """Drop the names of union members, which pydantic puts into a location."""
    kept: list[int | str] = []
    inner = document
    for position, part in enumerate(location):
        in_list = isinstance(inner, list) and isinstance(part, int) and part < len(inner)
        if in_list or (isinstance(inner, dict) and part in inner):
            inner = inner[part]
        elif position < len(location) - 1 or not isinstance(inner, dict):
            continue
        kept.append(part)
    return tuple(kept)


def _known_keys(location: tuple[int | str, ...], document: dict[str, Any]) -> list[str]:
    table: Any = document
    for part in location[:-1]:
        table = table[part]
    match location[:-1]:
        case ():
            return list(Experiment.model_fields)
        case ("data",):
            return list(Data.model_fields)
        case ("training",):
            return list(Training.model_fields)
        case ("training", key):
            return list(KINDS["training", str(key)][table["name"]].model_fields)
        case _:
            layers = get_args(LayerKind)
            layer = {get_args(c.model_fields["layer"].annotation)[0]: c for c in layers}
            return list(layer[table["layer"]].model_fields)


def _tags(expected: str) -> list[str]:
    return [tag.strip(" '") for tag in expected.replace(" or ", ", ").split(",")]


def _quoted(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
