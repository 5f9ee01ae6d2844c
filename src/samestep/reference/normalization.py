"""Batch norm and layer norm: forward and backward."""

import numpy as np

from samestep.reference.arrays import Array


def normalize(x: Array, axes: tuple[int, ...], epsilon: float) -> Array:
    """x with mean 0 and, but for epsilon, variance 1 over these axes."""
    centred = x - x.mean(axis=axes, keepdims=True)
    return np.asarray(centred / np.sqrt((centred**2).mean(axis=axes, keepdims=True) + epsilon))


def normalize_slope(slope: Array, x: Array, axes: tuple[int, ...], epsilon: float) -> Array:
    """The derivative by x, through the mean and the variance too."""
    normal = normalize(x, axes, epsilon)
    root = np.sqrt(x.var(axis=axes, keepdims=True) + epsilon)
    mean_slope = slope.mean(axis=axes, keepdims=True)
    mean_product = (slope * normal).mean(axis=axes, keepdims=True)
    return np.asarray((slope - mean_slope - normal * mean_product) / root)


def batch_axes(x: Array) -> tuple[int, ...]:
    """All axes but the channels'."""
    return tuple(range(x.ndim - 1))


def running_statistics(
    x: Array, mean: Array, variance: Array, momentum: float, biased: bool
) -> tuple[Array, Array]:
    """The running mean and variance after a batch."""
    axes = batch_axes(x)
    batch_variance = x.var(axis=axes, ddof=0 if biased else 1)
    return (
        momentum * mean + (1 - momentum) * x.mean(axis=axes),
        momentum * variance + (1 - momentum) * batch_variance,
    )
