"""Batch norm and layer norm: forward and backward."""

from dataclasses import dataclass

import numpy as np

from samestep.reference.arrays import Array


@dataclass(frozen=True)
class Norm:
    """What is normalized: over which axes, and with epsilon in the root or beside it."""

    axes: tuple[int, ...]
    epsilon: float
    beside_root: bool = False

    def root(self, x: Array) -> Array:
        """The root that is differentiated."""
        variance = x.var(axis=self.axes, keepdims=True)
        return np.asarray(np.sqrt(variance if self.beside_root else variance + self.epsilon))

    def divisor(self, x: Array) -> Array:
        """What the centred values are divided by."""
        return self.root(x) + self.epsilon if self.beside_root else self.root(x)


def normalize(x: Array, norm: Norm) -> Array:
    """x with mean 0 and, but for epsilon, variance 1 over the axes."""
    return np.asarray((x - x.mean(axis=norm.axes, keepdims=True)) / norm.divisor(x))


def normalize_slope(slope: Array, x: Array, norm: Norm) -> Array:
    """The derivative by x, through the mean and the variance too."""
    normal = normalize(x, norm)
    mean_slope = slope.mean(axis=norm.axes, keepdims=True)
    mean_product = (slope * normal).mean(axis=norm.axes, keepdims=True)
    return np.asarray((slope - mean_slope) / norm.divisor(x) - normal * mean_product / norm.root(x))


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
