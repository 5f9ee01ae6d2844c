"""Layers in their places in a model: shapes, parameters, FLOPs, and what does not fit.

Shapes leave out the batch dimension and are in canonical (row-major) layout.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod

from samestep.errors import BadInput
from samestep.layers import (
    Activation,
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Dense,
    Dropout,
    Flatten,
    LayerKind,
    LayerNorm,
    MaxPool2d,
)

Shape = tuple[int, ...]
Padding = tuple[tuple[int, int], tuple[int, int]]
"""Rows of zeros (above, below) and columns of zeros (left, right)."""

NO_PADDING: Padding = ((0, 0), (0, 0))
MAX_PARAMETERS = 2**28
MAX_VALUES = 2**28


@dataclass(frozen=True)
class PlacedLayer:
    """A layer in its place in a model: what comes in, what goes out, what it learns.

    `name` is unique in the model (`dense_1`), and so are the names of the parameters
    (`dense_1.kernel`) and of the `state`, what a step changes without a gradient
    (`batch_norm_1.mean`). `flops` counts one row's forward pass, a multiply and an add as two.
    """

    name: str
    layer: LayerKind
    input_shape: Shape
    output_shape: Shape
    parameters: dict[str, Shape] = field(default_factory=dict)
    flops: int = 0
    state: dict[str, Shape] = field(default_factory=dict)
    padding: Padding = NO_PADDING


def place_layers(
    layers: Sequence[LayerKind], input_shape: Shape, classes: int
) -> list[PlacedLayer]:
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
        placed.append(_place(layer, name, f"model[{position}] ({layer.layer})", shape))
        shape = placed[-1].output_shape
    _check_output(layers, shape, classes)
    _check_size(placed)
    return placed


def parameter_shapes(placed: list[PlacedLayer]) -> dict[str, Shape]:
    """All that is learned by gradients, in the order of the layers."""
    return {name: shape for layer in placed for name, shape in layer.parameters.items()}


def state_shapes(placed: list[PlacedLayer]) -> dict[str, Shape]:
    """All that a step changes without a gradient, in the order of the layers."""
    return {name: shape for layer in placed for name, shape in layer.state.items()}


def array_shapes(placed: list[PlacedLayer]) -> dict[str, Shape]:
    """Parameters and state, layer by layer: all that makes a model what it is."""
    return {
        name: shape for layer in placed for name, shape in (layer.parameters | layer.state).items()
    }


def _place(layer: LayerKind, name: str, where: str, shape: Shape) -> PlacedLayer:
    match layer:
        case Dense():
            return _place_dense(layer, name, where, shape)
        case Conv2d():
            return _place_conv2d(layer, name, where, shape)
        case MaxPool2d() | AvgPool2d():
            output = _windows(where, shape, layer.size, layer.stride)
            flops = prod(output) * prod(layer.size)
            return PlacedLayer(name, layer, shape, output, flops=flops)
        case BatchNorm():
            parameters = {f"{name}.scale": shape[-1:], f"{name}.bias": shape[-1:]}
            state = {f"{name}.mean": shape[-1:], f"{name}.variance": shape[-1:]}
            flops = 4 * prod(shape)
            return PlacedLayer(name, layer, shape, shape, parameters, flops, state)
        case LayerNorm():
            _check_rows_of_numbers(where, shape)
            parameters = {f"{name}.scale": shape, f"{name}.bias": shape}
            return PlacedLayer(name, layer, shape, shape, parameters, 8 * prod(shape))
        case Flatten():
            return PlacedLayer(name, layer, shape, (prod(shape),))
        case Activation() | Dropout():
            return PlacedLayer(name, layer, shape, shape, flops=prod(shape))


def _place_dense(layer: Dense, name: str, where: str, shape: Shape) -> PlacedLayer:
    _check_rows_of_numbers(where, shape)
    units = layer.units
    parameters: dict[str, Shape] = {f"{name}.kernel": (shape[0], units)}
    if layer.bias:
        parameters[f"{name}.bias"] = (units,)
    return PlacedLayer(name, layer, shape, (units,), parameters, 2 * shape[0] * units)


def _place_conv2d(layer: Conv2d, name: str, where: str, shape: Shape) -> PlacedLayer:
    padding = NO_PADDING
    if layer.padding == "same" and len(shape) == 3:
        rows, columns = (
            _same_padding(length, kernel, stride)
            for length, kernel, stride in zip(shape, layer.kernel, layer.stride, strict=False)
        )
        padding = (rows, columns)
    output = (*_windows(where, shape, layer.kernel, layer.stride, padding)[:2], layer.filters)
    parameters: dict[str, Shape] = {f"{name}.kernel": (*layer.kernel, shape[2], layer.filters)}
    if layer.bias:
        parameters[f"{name}.bias"] = (layer.filters,)
    flops = 2 * prod(output) * prod(layer.kernel) * shape[2]
    return PlacedLayer(name, layer, shape, output, parameters, flops, padding=padding)


def _same_padding(length: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after, so that ceil(length / stride) windows fit.

    >>> _same_padding(28, 5, 2), _same_padding(7, 3, 2), _same_padding(28, 1, 2)
    ((1, 2), (1, 1), (0, 0))
    """
    windows = -(-length // stride)
    total = max((windows - 1) * stride + kernel - length, 0)
    return total // 2, total - total // 2


def _windows(
    where: str,
    shape: Shape,
    window: tuple[int, int],
    stride: tuple[int, int],
    padding: Padding = NO_PADDING,
) -> Shape:
    """The shape that comes out when a window moves over images; channels stay."""
    if len(shape) != 3:
        raise BadInput(
            f"{where}: takes images (rows, columns, channels), but rows of shape {shape} come in; "
            "put it before the flatten, or use data that holds images"
        )
    lengths = [
        (length + sum(padded) - size) // step + 1
        for length, padded, size, step in zip(shape, padding, window, stride, strict=False)
    ]
    if min(lengths) < 1:
        raise BadInput(
            f"{where}: a window of {window[0]} x {window[1]} does not fit into the "
            f"{shape[0]} x {shape[1]} that come in; make it smaller"
        )
    return (*lengths, shape[2])


def _check_rows_of_numbers(where: str, shape: Shape) -> None:
    if len(shape) != 1:
        raise BadInput(
            f"{where}: takes rows of numbers, but rows of shape {shape} "
            'come in; put a layer = "flatten" before it'
        )


def _check_output(layers: Sequence[LayerKind], shape: Shape, classes: int) -> None:
    position = len(layers)
    last = layers[-1]
    if shape != (classes,):
        raise BadInput(
            f"model[{position}] ({last.layer}): gives rows of shape {shape}, but the data has "
            f"{classes} classes; the last layer must give one number a class: units = {classes}"
        )


def _check_size(placed: list[PlacedLayer]) -> None:
    parameters = sum(prod(s) for layer in placed for s in layer.parameters.values())
    if parameters > MAX_PARAMETERS:
        raise BadInput(
            f"model: {parameters:,} parameters are more than the {MAX_PARAMETERS:,} allowed; "
            "use fewer units"
        )
    for position, layer in enumerate(placed, start=1):
        if prod(layer.output_shape) > MAX_VALUES:
            raise BadInput(
                f"model[{position}] ({layer.layer.layer}): gives {prod(layer.output_shape):,} "
                f"values a row, more than the {MAX_VALUES:,} allowed; use fewer filters"
            )
