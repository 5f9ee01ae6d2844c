"""The types that all of the reference works on."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Labels = NDArray[np.int64]
Weights = dict[str, Array]
"""Arrays by canonical name: parameters, and what is in a model's state."""


def largest(array: Array) -> float:
    """The largest absolute value, 0 of an empty array."""
    return float(np.abs(array).max(initial=0.0))


def largest_of(arrays: Weights) -> float:
    """The largest absolute value in any of them."""
    return max(largest(array) for array in arrays.values())


def all_but_last(x: Array) -> tuple[int, ...]:
    """All axes but the channels', which are last."""
    return tuple(range(x.ndim - 1))


def pairwise_sum(x: Array, axes: tuple[int, ...]) -> Array:
    """The sum over the axes, which are gone: halves are added to halves.

    NumPy does so only with numbers that lie side by side, and else adds one after another, which
    over the 100,352 places of 128 images loses three digits; Adam divides them by as little.
    """
    kept = [axis for axis in range(x.ndim) if axis not in axes]
    values = x.transpose(*axes, *kept).reshape(-1, *(x.shape[axis] for axis in kept))
    while len(values) > 1:
        half, odd = divmod(len(values), 2)
        sums = values[:half] + values[half : 2 * half]
        if odd:
            sums[0] += values[-1]
        values = sums
    return np.asarray(values[0])
