"""Gradients by parameter, and how far rounding may move each."""

import numpy as np

from samestep.reference.arrays import Array, Weights, largest, pairwise_sum

ROUNDING = 1e-14
"""Of a gradient's terms, added up without their signs: so far may rounding move it.

It matters where the terms cancel. Batch norm takes any constant away, so that a bias before it
has no slope but rounding, and Adam divides even that by its own size. Added up one after
another, 100,352 terms (128 images of 28 times 28) moved such a gradient by 5e-15 of theirs.
"""


class Tally:
    """The gradients of a batch, noted layer by layer."""

    def __init__(self) -> None:
        self.gradients: Weights = {}
        self.rounding: dict[str, float] = {}

    def add_sum(self, name: str, terms: Array) -> None:
        """A gradient (channels,) that is the sum of terms (N, ..., channels)."""
        rows = tuple(range(terms.ndim - 1))
        self.gradients[name] = pairwise_sum(terms, rows)
        self.rounding[name] = ROUNDING * largest(pairwise_sum(np.abs(terms), rows))

    def add_product(self, name: str, gradient: Array, x: Array, slope: Array) -> None:
        """A kernel's gradient: the sum of products of x with the output's slope (N, ..., units)."""
        rows = tuple(range(slope.ndim - 1))
        self.gradients[name] = gradient
        self.rounding[name] = ROUNDING * largest(x) * largest(pairwise_sum(np.abs(slope), rows))
