"""A model forward, in evaluation and in training, and backward."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from samestep.layers import (
    Activation,
    ActivationName,
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Dense,
    Dropout,
    Flatten,
    LayerNorm,
    MaxPool2d,
)
from samestep.placing import PlacedLayer
from samestep.reference import normalization as norm
from samestep.reference import windows
from samestep.reference.activations import activate, activation_slope
from samestep.reference.arrays import Array, Labels, Weights, all_but_last
from samestep.reference.form import EXACT, Form
from samestep.reference.gradients import Tally
from samestep.reference.loss import loss_and_slope

CHUNK_ROWS = 256
"""Evaluation goes by so many rows, for the patches of a convolution are many times an image."""

Masks = Mapping[str, Array]
"""What dropout layers multiply by in training, by their name; without a mask they do nothing."""

NO_MASKS: Masks = {}


@dataclass(frozen=True)
class Backward:
    """What one batch gives: its mean loss, gradients by parameter, and the state after it."""

    loss: float
    gradients: Weights
    rounding: dict[str, float]
    """How far rounding may move each gradient, if that was asked for."""
    state: Weights


def forward(layers: list[PlacedLayer], weights: Weights, x: Array, form: Form = EXACT) -> Array:
    """Logits (N, classes) of rows (N, ...), in evaluation."""
    chunks = [x[start : start + CHUNK_ROWS] for start in range(0, len(x), CHUNK_ROWS)]
    return np.concatenate([_evaluate(layers, weights, chunk, form) for chunk in chunks])


def loss_and_gradients(
    layers: list[PlacedLayer],
    weights: Weights,
    x: Array,
    y: Labels,
    form: Form = EXACT,
    masks: Masks = NO_MASKS,
    *,
    with_rounding: bool = False,
) -> Backward:
    """A batch forward and backward, in training."""
    inputs = [x]
    linear: list[Array] = []
    for placed in layers:
        z = _linear(placed, weights, inputs[-1], form=form, training=True, masks=masks)
        linear.append(z)
        inputs.append(activate(_activation(placed), z, form))
    loss, slope = loss_and_slope(inputs.pop(), y, form)
    tally = Tally(with_rounding)
    for placed, value, z in zip(layers[::-1], inputs[::-1], linear[::-1], strict=True):
        name = _activation(placed)
        if name != "none":
            slope = slope * activation_slope(name, z, form)
        slope = _slope(placed, weights, value, slope, tally, form, masks)
    state: Weights = {}
    for placed, value in zip(layers, inputs, strict=True):
        state |= _state_after(placed, weights, value, form)
    noted = tally.gradients
    ordered = {name: noted[name] for name in weights if name in noted}
    return Backward(loss, ordered, tally.rounding, state)


def _evaluate(layers: list[PlacedLayer], weights: Weights, x: Array, form: Form) -> Array:
    value = x
    for placed in layers:
        z = _linear(placed, weights, value, form=form, training=False, masks=NO_MASKS)
        value = activate(_activation(placed), z, form)
    return value


def _activation(placed: PlacedLayer) -> ActivationName:
    """The function that a layer ends in."""
    match placed.layer:
        case Dense(activation=name) | Conv2d(activation=name) | Activation(function=name):
            return name
        case _:
            return "none"


def _linear(
    placed: PlacedLayer, weights: Weights, x: Array, *, form: Form, training: bool, masks: Masks
) -> Array:
    """A layer's output before its activation."""
    name = placed.name
    match placed.layer:
        case Dense(bias=bias):
            z = x @ weights[f"{name}.kernel"]
            return z + weights[f"{name}.bias"] if bias else z
        case Conv2d(stride=stride, bias=bias):
            z = windows.convolve(x, weights[f"{name}.kernel"], stride, placed.padding)
            return z + weights[f"{name}.bias"] if bias else z
        case MaxPool2d(size=size, stride=stride):
            return windows.max_pool(x, size, stride)
        case AvgPool2d(size=size, stride=stride):
            return windows.avg_pool(x, size, stride)
        case BatchNorm(epsilon=epsilon):
            if training:
                normal = norm.normalize(x, norm.Norm(all_but_last(x), epsilon)).values
            else:
                root = np.sqrt(weights[f"{name}.variance"] + epsilon)
                normal = (x - weights[f"{name}.mean"]) / root
            return normal * weights[f"{name}.scale"] + weights[f"{name}.bias"]
        case LayerNorm(epsilon=epsilon):
            by_row = norm.Norm((1,), epsilon, form.epsilon_beside_root)
            normal = norm.normalize(x, by_row).values
            return normal * weights[f"{name}.scale"] + weights[f"{name}.bias"]
        case Dropout():
            return x * masks[name] if training and name in masks else x
        case Flatten():
            return x.reshape(len(x), -1)
        case Activation():
            return x


def _slope(
    placed: PlacedLayer,
    weights: Weights,
    x: Array,
    slope: Array,
    tally: Tally,
    form: Form,
    masks: Masks,
) -> Array:
    """The derivative by a layer's input from that by its linear output; notes the gradients."""
    name = placed.name
    match placed.layer:
        case Dense(bias=bias):
            kernel = weights[f"{name}.kernel"]
            tally.add_product(f"{name}.kernel", x.T @ slope, x, slope)
            if bias:
                tally.add_sum(f"{name}.bias", slope)
            return slope @ kernel.T
        case Conv2d(stride=stride, bias=bias):
            by_kernel, by_input = windows.convolution_slopes(
                slope, x, weights[f"{name}.kernel"], stride, placed.padding
            )
            tally.add_product(f"{name}.kernel", by_kernel, x, slope)
            if bias:
                tally.add_sum(f"{name}.bias", slope)
            return by_input
        case MaxPool2d(size=size, stride=stride):
            return windows.max_pool_slope(slope, x, size, stride, form.near_ties)
        case AvgPool2d(size=size, stride=stride):
            return windows.avg_pool_slope(slope, x, size, stride)
        case BatchNorm(epsilon=epsilon):
            by_batch = norm.Norm(all_but_last(x), epsilon)
            return _norm_slope(name, weights, x, slope, tally, by_batch)
        case LayerNorm(epsilon=epsilon):
            by_row = norm.Norm((1,), epsilon, form.epsilon_beside_root)
            return _norm_slope(name, weights, x, slope, tally, by_row)
        case Dropout():
            return slope * masks[name] if name in masks else slope
        case Flatten():
            return slope.reshape(x.shape)
        case Activation():
            return slope


def _norm_slope(
    name: str,
    weights: Weights,
    x: Array,
    slope: Array,
    tally: Tally,
    kind: norm.Norm,
) -> Array:
    normal = norm.normalize(x, kind)
    tally.add_sum(f"{name}.scale", slope * normal.values)
    tally.add_sum(f"{name}.bias", slope)
    return norm.normalize_slope(slope * weights[f"{name}.scale"], normal, kind)


def _state_after(placed: PlacedLayer, weights: Weights, x: Array, form: Form) -> Weights:
    name = placed.name
    match placed.layer:
        case BatchNorm(momentum=momentum):
            mean, variance = norm.running_statistics(
                x,
                weights[f"{name}.mean"],
                weights[f"{name}.variance"],
                momentum,
                form.biased_running_variance,
            )
            return {f"{name}.mean": mean, f"{name}.variance": variance}
        case _:
            return {}
