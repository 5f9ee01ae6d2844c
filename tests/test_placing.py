from itertools import pairwise
from math import prod
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samestep.errors import BadInput
from samestep.layers import (
    Activation,
    BatchNorm,
    Conv2d,
    Dense,
    Flatten,
    LayerKind,
    LayerNorm,
    MaxPool2d,
)
from samestep.placing import parameter_shapes, place_layers, state_shapes

UNITS = st.integers(1, 50)
SHAPE = st.lists(st.integers(1, 6), min_size=1, max_size=3).map(tuple)


def dense(units: int) -> Dense:
    return Dense(layer="dense", units=units)


def test_names_count_each_kind_from_1() -> None:
    layers: list[LayerKind] = [
        Flatten(layer="flatten"),
        dense(5),
        Activation(layer="activation", function="tanh"),
        dense(3),
    ]
    placed = place_layers(layers, (2, 2), classes=3)
    assert [p.name for p in placed] == ["flatten_1", "dense_1", "activation_1", "dense_2"]
    assert parameter_shapes(placed) == {
        "dense_1.kernel": (4, 5),
        "dense_1.bias": (5,),
        "dense_2.kernel": (5, 3),
        "dense_2.bias": (3,),
    }
    assert [p.flops for p in placed] == [0, 40, 5, 30]


@given(SHAPE, st.lists(UNITS, max_size=4), st.integers(2, 9))
def test_shapes_thread_through_any_mlp(
    shape: tuple[int, ...], hidden: list[int], classes: int
) -> None:
    layers: list[LayerKind] = [Flatten(layer="flatten"), *map(dense, [*hidden, classes])]
    placed = place_layers(layers, shape, classes)
    assert placed[0].input_shape == shape
    assert placed[-1].output_shape == (classes,)
    for before, after in pairwise(placed):
        assert before.output_shape == after.input_shape
    widths = [prod(shape), *hidden, classes]
    expected = sum(a * b + b for a, b in pairwise(widths))
    assert sum(map(prod, parameter_shapes(placed).values())) == expected


def test_dense_on_images_names_the_layer_and_what_came_in() -> None:
    with pytest.raises(BadInput) as caught:
        place_layers([dense(5), dense(3)], (8, 8, 1), classes=3)
    assert str(caught.value) == (
        "model[1] (dense): takes rows of numbers, but rows of shape (8, 8, 1) come in; "
        'put a layer = "flatten" before it'
    )


@given(UNITS, st.integers(2, 50))
def test_last_layer_must_give_one_number_a_class(units: int, classes: int) -> None:
    if units == classes:
        assert place_layers([dense(units)], (4,), classes)
        return
    with pytest.raises(BadInput, match=rf"model\[1\] \(dense\).*units = {classes}$"):
        place_layers([dense(units)], (4,), classes)


def test_images_without_a_dense_layer_do_not_fit() -> None:
    with pytest.raises(BadInput, match=r"model\[1\] \(flatten\): gives rows of shape \(64,\)"):
        place_layers([Flatten(layer="flatten")], (8, 8, 1), classes=10)


def test_a_model_too_large_for_memory_is_refused() -> None:
    with pytest.raises(BadInput, match="parameters are more than"):
        place_layers([dense(65_536), dense(65_536), dense(3)], (4,), classes=3)


def conv(**changes: Any) -> Conv2d:
    keys: dict[str, Any] = {"filters": 4, "kernel": 3, "stride": 1, "padding": "valid"}
    return Conv2d.model_validate({"layer": "conv2d", **keys, **changes})


def batch_norm() -> BatchNorm:
    return BatchNorm(layer="batch_norm", epsilon=1e-3, momentum=0.9)


def test_a_convolution_has_its_shapes_parameters_and_flops() -> None:
    layers = [conv(kernel=[3, 5]), Flatten(layer="flatten"), dense(2)]
    first = place_layers(layers, (8, 9, 2), classes=2)[0]
    assert first.output_shape == (6, 5, 4)
    assert first.parameters == {"conv2d_1.kernel": (3, 5, 2, 4), "conv2d_1.bias": (4,)}
    assert first.flops == 2 * (6 * 5 * 4) * (3 * 5 * 2)


@given(
    length=st.integers(1, 40),
    kernel=st.integers(1, 9),
    stride=st.integers(1, 5),
)
def test_same_padding_gives_a_window_every_stride(length: int, kernel: int, stride: int) -> None:
    layer = conv(kernel=kernel, stride=stride, padding="same")
    first = place_layers([layer, Flatten(layer="flatten"), dense(2)], (length, length, 1), 2)[0]
    rows = -(-length // stride)
    assert first.output_shape == (rows, rows, 4)
    (before, after), columns = first.padding
    assert columns == (before, after)
    assert after - before in (0, 1)
    # No more zeros than the last window needs.
    assert before + after == max((rows - 1) * stride + kernel - length, 0)


def test_pools_leave_out_what_fills_no_window() -> None:
    pool = MaxPool2d.model_validate({"layer": "max_pool2d", "size": 2, "stride": 2})
    placed = place_layers([pool, Flatten(layer="flatten"), dense(2)], (5, 7, 3), 2)
    assert placed[0].output_shape == (2, 3, 3)


def test_batch_norm_has_a_state_beside_its_parameters() -> None:
    model = [conv(bias=False), batch_norm(), Flatten(layer="flatten"), dense(2)]
    placed = place_layers(model, (8, 8, 1), 2)
    assert list(parameter_shapes(placed))[:3] == [
        "conv2d_1.kernel",
        "batch_norm_1.scale",
        "batch_norm_1.bias",
    ]
    assert state_shapes(placed) == {"batch_norm_1.mean": (4,), "batch_norm_1.variance": (4,)}


@pytest.mark.parametrize(
    ("layers", "sentence"),
    [
        (
            [Flatten(layer="flatten"), conv()],
            r"model\[2\] \(conv2d\): takes images .* rows of shape \(64,\)",
        ),
        ([conv(kernel=9)], r"model\[1\] \(conv2d\): a window of 9 x 9 does not fit into the 8 x 8"),
        (
            [LayerNorm(layer="layer_norm", epsilon=1e-3)],
            r"model\[1\] \(layer_norm\): takes rows of numbers",
        ),
    ],
)
def test_what_does_not_fit_is_named(layers: list[LayerKind], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        place_layers([*layers, Flatten(layer="flatten"), dense(3)], (8, 8, 1), 3)
