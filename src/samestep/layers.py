"""The layer vocabulary: what a model is made of, and what a stranger's file may say of it.

Each docstring is the layer's one meaning, whatever a framework calls it or does by default.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

ActivationName = Literal["relu", "sigmoid", "tanh", "leaky_relu", "elu", "gelu", "none"]
"""`leaky_relu` has the slope 0.01 for all that is not above 0, `elu` falls to -1, and `gelu` is
the exact x * Phi(x) with the normal distribution function, not its tanh approximation."""

LEAKY_SLOPE = 0.01

MAX_UNITS = 65_536
MAX_WINDOW = 1024


def _as_pair(value: Any) -> Any:
    """A size for both directions is a pair of equal ones."""
    if isinstance(value, int) and not isinstance(value, bool):
        return (value, value)
    return tuple(value) if isinstance(value, list) else value


_Length = Annotated[int, Field(ge=1, le=MAX_WINDOW)]
Size = Annotated[tuple[_Length, _Length], BeforeValidator(_as_pair)]
"""Rows and columns of a window; one number stands for both."""

Units = Annotated[int, Field(ge=1, le=MAX_UNITS)]
Epsilon = Annotated[float, Field(gt=0, le=1)]


class Layer(BaseModel):
    """Base of all layers: unknown keys are refused, values are not coerced."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Dense(Layer):
    """`activation(x @ kernel + bias)`; kernel (in, units), bias (units,)."""

    layer: Literal["dense"]
    units: Units
    activation: ActivationName = "none"
    bias: bool = True


class Conv2d(Layer):
    """`activation(x * kernel + bias)`, a correlation: the kernel is not flipped.

    kernel (rows, columns, in, filters), bias (filters,). With padding "same" the output has
    ceil(length / stride) rows and columns, and zeros are added on both sides, of an odd number
    of them one more at the end (below, right), whatever the stride.
    """

    layer: Literal["conv2d"]
    filters: Units
    kernel: Size
    stride: Size
    padding: Literal["valid", "same"]
    activation: ActivationName = "none"
    bias: bool = True


class MaxPool2d(Layer):
    """The largest value in each window; what does not fill a window is left out."""

    layer: Literal["max_pool2d"]
    size: Size
    stride: Size


class AvgPool2d(Layer):
    """The mean of each window; what does not fill a window is left out."""

    layer: Literal["avg_pool2d"]
    size: Size
    stride: Size


class BatchNorm(Layer):
    """Each channel (of images) or feature by its mean and variance, then scale and bias.

    In training `(x - mean) / sqrt(variance + epsilon) * scale + bias`, with the biased variance
    over the batch's rows and places. Evaluation takes running values instead: they start at 0
    and 1, and a step makes them `momentum * running + (1 - momentum) * batch`, for which the
    batch's variance is the unbiased one (n - 1).
    Source: Ioffe and Szegedy 2015, Algorithms 1 and 2 (https://arxiv.org/abs/1502.03167).
    """

    layer: Literal["batch_norm"]
    epsilon: Epsilon
    momentum: Annotated[float, Field(ge=0, lt=1)]


class LayerNorm(Layer):
    """Each row by its own mean and biased variance, then scale and bias of each feature.

    `(x - mean) / sqrt(variance + epsilon) * scale + bias`, in training and evaluation alike.
    Source: Ba, Kiros and Hinton 2016 (https://arxiv.org/abs/1607.06450).
    """

    layer: Literal["layer_norm"]
    epsilon: Epsilon


class Dropout(Layer):
    """In training each value is 0 with probability `rate` and else divided by 1 - rate.

    Nothing happens in evaluation.
    """

    layer: Literal["dropout"]
    rate: Annotated[float, Field(ge=0, lt=1)]


class Flatten(Layer):
    """A row of any shape becomes a row of numbers, in row-major order."""

    layer: Literal["flatten"]


class Activation(Layer):
    """An elementwise function as a layer of its own."""

    layer: Literal["activation"]
    function: ActivationName


LayerKind = (
    Dense | Conv2d | MaxPool2d | AvgPool2d | BatchNorm | LayerNorm | Dropout | Flatten | Activation
)
AnyLayer = Annotated[LayerKind, Field(discriminator="layer")]
