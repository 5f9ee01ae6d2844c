"""Gradients by parameter, and how far rounding may move each."""

from math import sqrt

import numpy as np

from samestep.reference.arrays import Array, Weights, all_but_last, largest, pairwise_sum

ROUNDING = 1e-14
"""Of a gradient's terms, added up without their signs: so far may rounding move it.

It matters where the terms cancel. Batch norm takes any constant away, so that a bias before it
has no slope but rounding, and Adam divides even that by its own size. Added up one after
another, 100,352 terms (128 images of 28 times 28) moved such a gradient by 5e-15 of theirs.
"""

UNIT_ROUNDOFF = float(np.finfo(np.float64).eps) / 2


class Tally:
    """The gradients of a batch, noted layer by layer; how far rounding moves them, if asked."""

    def __init__(self, with_rounding: bool = False) -> None:
        self.with_rounding = with_rounding
        self.gradients: Weights = {}
        self.rounding: dict[str, float] = {}

    def add_sum(self, name: str, terms: Array) -> None:
        """A gradient (channels,) that is the sum of terms (N, ..., channels)."""
        self.gradients[name] = pairwise_sum(terms, all_but_last(terms))
        self._note_rounding(name, terms)

    def add_product(self, name: str, gradient: Array, x: Array, slope: Array) -> None:
        """A kernel's gradient: the sum of products of x with the output's slope (N, ..., units)."""
        self.gradients[name] = gradient
        self._note_rounding(name, slope, times=x)

    def _note_rounding(self, name: str, terms: Array, times: Array | None = None) -> None:
        if not self.with_rounding:
            return
        reach = rounding_of_sum(terms.size // terms.shape[-1])
        reach *= largest(pairwise_sum(np.abs(terms), all_but_last(terms)))
        self.rounding[name] = reach if times is None else reach * largest(times)


def rounding_of_sum(count: int) -> float:
    """How far the order of so many terms may move their sum, in the sum of their sizes.

    Rounding errors that are independent grow with the root of the count: Higham and Mary, A New
    Approach to Probabilistic Rounding Error Analysis, SIAM J. Sci. Comput. 41 (2019).
    """
    return max(ROUNDING, UNIT_ROUNDOFF * sqrt(count))
