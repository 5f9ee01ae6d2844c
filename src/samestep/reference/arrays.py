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
