from itertools import pairwise
from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samestep.errors import BadInput
from samestep.layers import (
    Activation,
    AnyLayer,
    Dense,
    Flatten,
    parameter_shapes,
    place_layers,
)

UNITS = st.integers(1, 50)
SHAPE = st.lists(st.integers(1, 6), min_size=1, max_size=3).map(tuple)


def dense(units: int) -> Dense:
    return Dense(layer="dense", units=units)


def test_names_count_each_kind_from_1() -> None:
    layers: list[AnyLayer] = [
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
    layers: list[AnyLayer] = [Flatten(layer="flatten"), *map(dense, [*hidden, classes])]
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
