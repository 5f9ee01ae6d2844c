"""Batch norm and layer norm: forward and backward."""

from dataclasses import dataclass

import numpy as np

from samestep.reference.arrays import Array, pairwise_sum


@dataclass(frozen=True)
class Norm:
    """What is normalized: over which axes, and with epsilon in the root or beside it."""

    axes: tuple[int, ...]
    epsilon: float
    beside_root: bool = False

    def root(self, centred: Array) -> Array:
        """The root that is differentiated."""
        variance = mean(centred**2, self.axes)
        return np.asarray(np.sqrt(variance if self.beside_root else variance + self.epsilon))

    def divisor(self, root: Array) -> Array:
        """What the centred values are divided by."""
        return root + self.epsilon if self.beside_root else root


def normalize(x: Array, norm: Norm) -> Array:
    """x with mean 0 and, but for epsilon, variance 1 over the axes."""
    centred = x - mean(x, norm.axes)
    return np.asarray(centred / norm.divisor(norm.root(centred)))


def normalize_slope(slope: Array, x: Array, norm: Norm) -> Array:
    """The derivative by x, through the mean and the variance too."""
    centred = x - mean(x, norm.axes)
    root = norm.root(centred)
    divisor = norm.divisor(root)
    normal = centred / divisor
    mean_slope = mean(slope, norm.axes)
    mean_product = mean(slope * normal, norm.axes)
    return np.asarray((slope - mean_slope) / divisor - normal * (mean_product / root))


def mean(x: Array, axes: tuple[int, ...]) -> Array:
    """The mean over the axes, which stay with a length of 1."""
    count = np.prod([x.shape[axis] for axis in axes])
    return np.expand_dims(pairwise_sum(x, axes) / count, axes)


def batch_axes(x: Array) -> tuple[int, ...]:
    """All axes but the channels'."""
    return tuple(range(x.ndim - 1))


def running_statistics(
    x: Array, running_mean: Array, running_variance: Array, momentum: float, biased: bool
) -> tuple[Array, Array]:
    """The running mean and variance after a batch."""
    axes = batch_axes(x)
    batch_mean = mean(x, axes)
    batch_variance = mean((x - batch_mean) ** 2, axes)
    if not biased:
        rows = x.size // x.shape[-1]
        batch_variance = batch_variance * (rows / (rows - 1))
    return (
        momentum * running_mean + (1 - momentum) * batch_mean.ravel(),
        momentum * running_variance + (1 - momentum) * batch_variance.ravel(),
    )
