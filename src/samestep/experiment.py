"""What to train: an experiment, typed and validated, loaded from TOML."""

import tomllib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from samestep.errors import BadInput, nearest
from samestep.layers import AnyLayer, Epsilon, LayerKind

Precision = Literal["float32", "float64"]
Shuffle = Literal["each_epoch", "once", "never"]

Rate = Annotated[float, Field(gt=0, le=1e6)]
Beta = Annotated[float, Field(ge=0, lt=1)]
Rows = Annotated[int, Field(ge=1)]

MAX_FILE_BYTES = 1_000_000
MAX_STEP_EPOCHS = 200
"""A proof trains until the learning rate has changed, so that must happen before long."""


class Table(BaseModel):
    """A TOML table: unknown keys are refused, values are not coerced."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Data(Table):
    """Where the rows come from: a named data set, or a file with a label column."""

    WITH_TEST_PART: ClassVar[tuple[str, ...]] = ("fashion-mnist", "mnist")

    name: Literal["iris", "digits", "fashion-mnist", "mnist"] | None = None
    path: str | None = None
    label: str | None = None
    test: Annotated[
        Annotated[float, Field(gt=0, lt=1, strict=True)]
        | Annotated[int, Field(ge=1, strict=True)]
        | None,
        Field(validate_default=True),
    ] = None
    standardize: bool = False
    rows: Rows | None = None
    test_rows: Rows | None = None

    @property
    def has_test_part(self) -> bool:
        """Whether the data set comes with a test part of its own."""
        return self.name in self.WITH_TEST_PART

    @field_validator("test")
    @classmethod
    def _test_where_it_is_needed(
        cls, test: float | int | None, info: ValidationInfo
    ) -> float | int | None:
        name = info.data.get("name")
        source = name or info.data.get("path")
        if test is not None and name in cls.WITH_TEST_PART:
            raise ValueError(f"{name} has a test part of its own; leave it out")
        # Without a source, or with a wrong one, that is what is said.
        if test is None and source is not None and name not in cls.WITH_TEST_PART:
            raise ValueError("is missing; give the test part's share or its number of rows")
        return test

    @model_validator(mode="after")
    def _one_source(self) -> "Data":
        if (self.name is None) == (self.path is None):
            raise ValueError("give either name (a data set) or path (a file of your own)")
        if (self.path is None) != (self.label is None):
            raise ValueError("path and label (the label column) go together")
        return self


class Sgd(Table):
    """w <- w - learning_rate * g."""

    name: Literal["sgd"]
    learning_rate: Rate


class Momentum(Table):
    """v <- momentum * v + g, then w <- w - learning_rate * v (v starts at 0)."""

    name: Literal["momentum"]
    learning_rate: Rate
    momentum: Beta


class Adam(Table):
    """Adam with epsilon added to the root of the bias-corrected second moment.

    Source: Kingma and Ba 2015, Algorithm 1 (https://arxiv.org/abs/1412.6980).
    """

    name: Literal["adam"]
    learning_rate: Rate
    beta_1: Beta
    beta_2: Beta
    epsilon: Epsilon


class AdamW(Table):
    """Adam, and besides w <- w - learning_rate * weight_decay * w, for every parameter.

    The decay is decoupled from the gradient and multiplied by the scheduled learning rate.
    Source: Loshchilov and Hutter 2019, Algorithm 2 (https://arxiv.org/abs/1711.05101).
    """

    name: Literal["adamw"]
    learning_rate: Rate
    beta_1: Beta
    beta_2: Beta
    epsilon: Epsilon
    weight_decay: Annotated[float, Field(ge=0, le=1)]


class RmsProp(Table):
    """v <- decay * v + (1 - decay) * g^2, then w <- w - learning_rate * g / (sqrt(v) + epsilon).

    v starts at 0 and is not centred. Source: Tieleman and Hinton 2012, lecture 6.5.
    """

    name: Literal["rmsprop"]
    learning_rate: Rate
    decay: Beta
    epsilon: Epsilon


Optimizer = Annotated[Sgd | Momentum | Adam | AdamW | RmsProp, Field(discriminator="name")]
OPTIMIZERS: dict[str, type[Table]] = {
    "sgd": Sgd,
    "momentum": Momentum,
    "adam": Adam,
    "adamw": AdamW,
    "rmsprop": RmsProp,
}


class ConstantRate(Table):
    """The learning rate stays as it is."""

    name: Literal["constant"]


class StepRate(Table):
    """Every so many epochs the learning rate is multiplied by `factor`."""

    name: Literal["step"]
    every: Annotated[int, Field(ge=1, le=MAX_STEP_EPOCHS)]
    factor: Annotated[float, Field(gt=0, le=1)]


class CosineRate(Table):
    """The learning rate falls along half a cosine to `final`, which epoch epochs + 1 would have.

    Source: Loshchilov and Hutter 2017, eq. 5, one period (https://arxiv.org/abs/1608.03983).
    """

    name: Literal["cosine"]
    final: Annotated[float, Field(ge=0)]


LearningRateSchedule = Annotated[ConstantRate | StepRate | CosineRate, Field(discriminator="name")]
SCHEDULES: dict[str, type[Table]] = {
    "constant": ConstantRate,
    "step": StepRate,
    "cosine": CosineRate,
}


_KINDS: dict[tuple[str, ...], dict[str, type[Table]]] = {
    ("training", "optimizer"): OPTIMIZERS,
    ("training", "learning_rate_schedule"): SCHEDULES,
}
"""Tables whose `name` says which keys they have."""


class Training(Table):
    """How the model is trained: loss, optimizer, schedule, precision, seed.

    The learning rate changes between epochs alone, as its schedule says.
    """

    loss: Literal["cross_entropy"]
    optimizer: Optimizer
    learning_rate_schedule: LearningRateSchedule = ConstantRate(name="constant")
    batch_size: Rows
    epochs: Annotated[int, Field(ge=1, le=1_000_000)]
    shuffle: Shuffle
    last_batch: Literal["keep", "drop"]
    precision: Precision
    seed: Annotated[int, Field(ge=0, lt=2**32)]

    @model_validator(mode="after")
    def _final_rate_is_lower(self) -> "Training":
        schedule, rate = self.learning_rate_schedule, self.optimizer.learning_rate
        if isinstance(schedule, CosineRate) and schedule.final > rate:
            raise ValueError(
                f"learning_rate_schedule.final = {schedule.final} is more than the optimizer's "
                f"learning_rate = {rate}; a cosine schedule falls"
            )
        return self


ACCURACY_MARGIN = 0.005


class Experiment(Table):
    """One training run, complete: nothing in it is left to a framework's defaults."""

    title: Annotated[str, Field(min_length=1, max_length=200)]
    data: Data
    model: Annotated[list[AnyLayer], Field(min_length=1, max_length=200)]
    training: Training
    accuracy_margin: Annotated[float, Field(gt=0, lt=1)] = ACCURACY_MARGIN
    """Two test accuracies that differ by less are as good as equal."""


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
        raise BadInput(f"{name[:200]}: cannot be read ({error.strerror})") from None
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
        raise BadInput(f"{path}: cannot be read ({error.strerror})") from None
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
    kinds = _KINDS.get(tuple(parts[:-1]))
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
            return list(_KINDS["training", str(key)][table["name"]].model_fields)
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
