"""What to train: an experiment, typed."""

from typing import Annotated, ClassVar, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from samestep.layers import AnyLayer, Epsilon

Precision = Literal["float32", "float64"]
Shuffle = Literal["each_epoch", "once", "never"]

Rate = Annotated[float, Field(gt=0, le=1e6)]
Beta = Annotated[float, Field(ge=0, lt=1)]
Rows = Annotated[int, Field(ge=1)]

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


KINDS: dict[tuple[str, ...], dict[str, type[Table]]] = {
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
