"""The layer vocabulary: what a model is made of, its shapes, parameters and FLOPs.

Shapes leave out the batch dimension and are in canonical (row-major) layout.
"""

from dataclasses import dataclass
from math import prod
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from samestep.errors import BadInput

Shape = tuple[int, ...]
ActivationName = Literal["relu", "sigmoid", "tanh", "none"]

MAX_UNITS = 65_536
MAX_PARAMETERS = 2**28


class Layer(BaseModel):
    """Base of all layers: unknown keys are refused, values are not coerced."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Dense(Layer):
    """`activation(x @ kernel + bias)`; kernel (in, units), bias (units,)."""

    layer: Literal["dense"]
    units: Annotated[int, Field(ge=1, le=MAX_UNITS)]
    activation: ActivationName = "none"


class Flatten(Layer):
    """A row of any shape becomes a row of numbers, in row-major order."""

    layer: Literal["flatten"]


class Activation(Layer):
    """An elementwise function as a layer of its own."""

    layer: Literal["activation"]
    function: ActivationName


AnyLayer = Annotated[Dense | Flatten | Activation, Field(discriminator="layer")]


@dataclass(frozen=True)
class PlacedLayer:
    """A layer in its place in a model: what comes in, what goes out, what it learns.

    `name` is unique in the model (`dense_1`), and so are the parameters' names
    (`dense_1.kernel`). `flops` counts one row's forward pass, a multiply and an
    add as two.
    """

    name: str
    layer: Dense | Flatten | Activation
    input_shape: Shape
    output_shape: Shape
    parameters: dict[str, Shape]
    flops: int


def place_layers(layers: list[AnyLayer], input_shape: Shape, classes: int) -> list[PlacedLayer]:
    """Thread the shapes through the model; raise BadInput at the layer that does not fit.

    >>> mlp = [Dense(layer="dense", units=10), Dense(layer="dense", units=3)]
    >>> [placed.output_shape for placed in place_layers(mlp, (4,), classes=3)]
    [(10,), (3,)]
    """
    placed: list[PlacedLayer] = []
    counts: dict[str, int] = {}
    shape = input_shape
    for position, layer in enumerate(layers, start=1):
        counts[layer.layer] = counts.get(layer.layer, 0) + 1
        name = f"{layer.layer}_{counts[layer.layer]}"
        placed.append(_place(layer, name, position, shape))
        shape = placed[-1].output_shape
    _check_output(layers, shape, classes)
    parameters = sum(prod(s) for layer in placed for s in layer.parameters.values())
    if parameters > MAX_PARAMETERS:
        raise BadInput(
            f"model: {parameters:,} parameters are more than the {MAX_PARAMETERS:,} allowed; "
            "use fewer units"
        )
    return placed


def _place(
    layer: Dense | Flatten | Activation, name: str, position: int, shape: Shape
) -> PlacedLayer:
    match layer:
        case Dense(units=units):
            if len(shape) != 1:
                raise BadInput(
                    f"model[{position}] (dense): takes rows of numbers, but rows of shape {shape} "
                    'come in; put a layer = "flatten" before it'
                )
            parameters = {f"{name}.kernel": (shape[0], units), f"{name}.bias": (units,)}
            return PlacedLayer(name, layer, shape, (units,), parameters, 2 * shape[0] * units)
        case Flatten():
            return PlacedLayer(name, layer, shape, (prod(shape),), {}, 0)
        case Activation():
            return PlacedLayer(name, layer, shape, shape, {}, prod(shape))


def _check_output(layers: list[AnyLayer], shape: Shape, classes: int) -> None:
    position = len(layers)
    last = layers[-1]
    if shape != (classes,):
        raise BadInput(
            f"model[{position}] ({last.layer}): gives rows of shape {shape}, but the data has "
            f"{classes} classes; the last layer must give one number a class: units = {classes}"
        )


def parameter_shapes(placed: list[PlacedLayer]) -> dict[str, Shape]:
    """All parameters of a model, in the order of its layers."""
    return {name: shape for layer in placed for name, shape in layer.parameters.items()}
