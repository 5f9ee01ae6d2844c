"""Batch norm and layer norm: forward and backward."""

from dataclasses import dataclass

import numpy as np

from samestep.reference.arrays import Array, all_but_last, pairwise_sum


@dataclass(frozen=True)
class Norm:
    """What is normalized: over which axes, and with epsilon in the root or beside it."""

    axes: tuple[int, ...]
    epsilon: float
    beside_root: bool = False


@dataclass(frozen=True)
class Normalized:
    """What comes out, and the two numbers of each mean and variance that its slope needs."""

    values: Array
    root: Array
    """The root that is differentiated."""
    divisor: Array
    """What the centred values were divided by."""


def normalize(x: Array, norm: Norm) -> Normalized:
    """x with mean 0 and, but for epsilon, variance 1 over the axes."""
    centred = x - mean(x, norm.axes)
    variance = mean(centred**2, norm.axes)
    root = np.asarray(np.sqrt(variance if norm.beside_root else variance + norm.epsilon))
    divisor = root + norm.epsilon if norm.beside_root else root
    return Normalized(centred / divisor, root, divisor)


def normalize_slope(slope: Array, normal: Normalized, norm: Norm) -> Array:
    """The derivative by what was normalized, through the mean and the variance too."""
    centred_slope = (slope - mean(slope, norm.axes)) / normal.divisor
    mean_product = mean(slope * normal.values, norm.axes)
    return np.asarray(centred_slope - normal.values * (mean_product / normal.root))


def mean(x: Array, axes: tuple[int, ...]) -> Array:
    """The mean over the axes, which stay with a length of 1."""
    count = np.prod([x.shape[axis] for axis in axes])
    return np.expand_dims(pairwise_sum(x, axes) / count, axes)


def running_statistics(
    x: Array, running_mean: Array, running_variance: Array, momentum: float, biased: bool
) -> tuple[Array, Array]:
    """The running mean and variance after a batch."""
    axes = all_but_last(x)
    batch_mean = mean(x, axes)
    batch_variance = mean((x - batch_mean) ** 2, axes)
    if not biased:
        rows = x.size // x.shape[-1]
        batch_variance = batch_variance * (rows / (rows - 1))
    return (
        momentum * running_mean + (1 - momentum) * batch_mean.ravel(),
        momentum * running_variance + (1 - momentum) * batch_variance.ravel(),
    )
